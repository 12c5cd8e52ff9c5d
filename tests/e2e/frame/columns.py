"""Checks output for people: 80 columns, and no heading without a text."""
import re

COLUMNS = 80


def _is_too_wide(line):
    """A word that nobody may break, like a path, stands alone behind its heading."""
    longest = max(line.split(), key=len, default="")
    return len(line) > COLUMNS and not (
        len(longest) > COLUMNS // 2 and len(line) - len(longest) <= COLUMNS // 2)


def _indent(line):
    return len(line) - len(line.lstrip())


def _is_empty_heading(line, rest):
    """Nothing follows, or after a gap what does not stand below it."""
    if not line.rstrip().endswith(":"):
        return False
    below = next((one for one in rest if one.strip()), None)
    return line != line.rstrip() or below is None or (
        not rest[0].strip() and _indent(below) <= _indent(line))


def faults(text):
    """Sentences; none for a good text."""
    # Without what a sanitizer says of itself: "==1234==HINT: ...".
    lines = [line for line in text.split("\n") if not re.match(r"==\d+==", line)]
    for i, line in enumerate(lines):
        if _is_too_wide(line):
            yield f"{len(line)} columns: {line}"
        elif _is_empty_heading(line, lines[i + 1:]):
            yield f"an empty heading: {line}"
        elif line != line.rstrip():
            yield f"blanks at the end: {line}"


def check(arguments, *texts):
    found = [fault for text in texts for fault in faults(text)]
    assert not found, (arguments, found)
