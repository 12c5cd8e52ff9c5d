"""`cert check` and `cert show` on what operators really have: see bad_inputs.py."""
import json
import re
import subprocess

import pytest

from frame.wait import TIMEOUT

pytestmark = [pytest.mark.xdist_group("bad inputs"), pytest.mark.lengthy]

# "error:0A00018F:SSL routines::ee key too small": the fact must be in words.
OPENSSL_CODE = re.compile(r"error:[0-9A-Fa-f]{8}")
PROMPT = re.compile(r"pass ?phrase for|Enter .*(password|PEM)", re.IGNORECASE)


def run(wlbproxy, *arguments):
    """Without a terminal to ask on."""
    return subprocess.run([wlbproxy, "cert", *map(str, arguments)], capture_output=True,
                          stdin=subprocess.DEVNULL, timeout=TIMEOUT, text=True,
                          start_new_session=True)


def check(wlbproxy, row, *more):
    key = ["--key", row.key] if row.key else []
    return run(wlbproxy, "check", *key, *row.arguments, *more, *row.files)


def complaints_about(wlbproxy, row):
    done = check(wlbproxy, row, "--json")
    told = check(wlbproxy, row)
    if done.returncode not in (0, 1) or done.stderr or told.returncode != done.returncode:
        yield f"exit {done.returncode} and {told.returncode}: {done.stderr} {told.stderr}"
        return
    findings = json.loads(done.stdout)["findings"]
    ids = {finding["id"] for finding in findings}
    if row.finding not in ids:
        yield f"wants {row.finding}, has {sorted(ids)}"
    if (done.returncode == 0) != row.good:
        yield f"exit {done.returncode}"
    for finding in findings:
        text = " ".join(str(value) for value in finding.values())
        if OPENSSL_CODE.search(text) or PROMPT.search(text):
            yield f"{finding['id']} says: {text}"
        if finding["severity"] == "refused" and not (finding["why"] and finding["remedy"]):
            yield f"{finding['id']} has no why or no remedy"
    # Paths cannot be broken.
    paths = [str(path) for path in (*row.files, row.key, *row.arguments) if path]
    long = [line for line in told.stdout.splitlines() if len(line) > 79 and " " in line.strip()
            and not any(path in line for path in paths)]
    if long:
        yield f"longer than 79 columns: {long}"


def test_each_bad_input_gives_its_finding(wlbproxy, bad_rows):
    assert len(bad_rows) >= 60
    assert len({row.name for row in bad_rows}) == len(bad_rows)
    wrong = {row.name: list(complaints_about(wlbproxy, row)) for row in bad_rows}
    assert {name: why for name, why in wrong.items() if why} == {}


def test_show_tells_what_each_is(wlbproxy, bad_rows, full):
    """Nothing crashes, prompts or speaks in codes; the JSON is JSON.

    Without --full the text is shown of each third: it is made of what the JSON is made of."""
    rows = {}  # of each file one: many have the same key
    for row in bad_rows:
        password = row.arguments if "--password-file" in row.arguments else ()
        rows.update({(*password, path): row for path in [*row.files, row.key] if path})
    for i, (arguments, row) in enumerate(rows.items()):
        done = run(wlbproxy, "show", "--json", *arguments)
        assert done.returncode in (0, 1) and not done.stderr, (row.name, done.stderr)
        assert json.loads(done.stdout)["ok"] == (done.returncode == 0), row.name
        texts = [done.stdout]
        if full or i % 3 == 0:
            told = run(wlbproxy, "show", *arguments)
            assert told.returncode == done.returncode and not told.stderr, (row.name, told.stderr)
            texts.append(told.stdout)
        for text in texts:
            assert not OPENSSL_CODE.search(text) and not PROMPT.search(text), row.name
