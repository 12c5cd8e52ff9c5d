#!/usr/bin/env python3
"""The shape of the code in figures: a thermometer, not a goal. Any tree can be measured:
shape.py [FOLDER...]. Needs Universal Ctags."""
import collections
import pathlib
import re
import subprocess
import sys

INNER = re.compile(r"_(parts|private|state|internal|inner|io)\.h$")
NO_CODE = re.compile(  # comments, characters, texts
    r"/\*.*?\*/|//[^\n]*|'(?:\\.|[^'\\])+'|" r'"(?:\\.|[^"\\\n])*"', re.S)
NO_FUNCTION = re.compile(r"(?:\.|->|\b(?:struct|union|enum)\s+)\s*\w+")


def functions(files):
    """(name, file, length, is_static) of each function that is defined."""
    done = subprocess.run(
        ["ctags", "-L", "-", "--languages=C", "--kinds-C=f", "--fields=+nef", "-f", "-"],
        input="\n".join(map(str, files)), capture_output=True, text=True, check=True)
    for line in done.stdout.splitlines():
        name, path, *rest = line.split("\t")
        fields = dict(part.split(":", 1) for part in rest if ":" in part)
        if name.startswith("__anon") or "end" not in fields:
            continue
        length = int(fields["end"]) - int(fields["line"]) + 1
        is_static = "file" in fields or rest[-1].endswith("file:") or \
            rest[0].startswith("/^static ")
        yield name, path, length, is_static


def names_used(text):
    """Counts each name in the code that may be a function's: not in a comment or a text, not as a
    field of a struct and not as a struct's own name."""
    return collections.Counter(
        re.findall(r"\w+", NO_FUNCTION.sub(" ", NO_CODE.sub(" ", text))))


def circles(calls):
    """Groups of files that call each other (Tarjan's strongly connected components)."""
    index, low, stack, found = {}, {}, [], []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in calls.get(node, ()):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            group = []
            while not group or group[-1] != node:
                group.append(stack.pop())
            if len(group) > 1:
                found.append(sorted(group))

    sys.setrecursionlimit(10000)
    for node in sorted(calls):
        if node not in index:
            visit(node)
    return found


def flags(declared):
    """The number of booleans, or bit-fields of one bit, in the declaration of a field."""
    if re.match(r"\s*(?:bool|_Bool)\b[^(*]*$", declared):
        return declared.count(",") + 1
    return len(re.findall(r":\s*1\b", declared))


def booleans(files):
    """(count, struct, lines) of the largest structs."""
    rows = []
    for path in files:
        text = re.sub(r"/\*.*?\*/", "", path.read_text(errors="replace"), flags=re.S)
        for match in re.finditer(r"\bstruct (\w+) \{\n(.*?)\n\}", text, re.S):
            body = match.group(2)
            count = sum(flags(declared) for declared in body.split(";"))
            rows.append((body.count(";"), match.group(1), count))
    return sorted(rows, reverse=True)[:5]


def main():
    folders = [pathlib.Path(one) for one in sys.argv[1:] or ("config", "certstore", "proxy")]
    files = sorted(path for folder in folders for path in folder.rglob("*.[ch]"))
    sources = [path for path in files if path.suffix == ".c"]
    texts = {str(path): path.read_text(errors="replace") for path in files}
    lines = sum(text.count("\n") for text in texts.values())
    by_folder = collections.Counter(), collections.Counter()
    for path in files:
        by_folder[0][str(path.parent)] += 1
        by_folder[1][str(path.parent)] += texts[str(path)].count("\n")
    for folder in sorted(by_folder[0]):
        print(f"{folder:24} {by_folder[0][folder]:4} files {by_folder[1][folder]:6} lines")
    defined = list(functions(sources))
    lengths = sorted((length, name) for name, _, length, _ in defined)
    words = {str(path): names_used(texts[str(path)]) for path in sources}
    static = [(name, path) for name, path, _, is_static in defined if is_static]
    once = sum(words[path][name] == 2 for name, path in static)
    home = {name: path for name, path, _, is_static in defined if not is_static}
    own = set(static)  # a static function hides another file's of the same name
    users = {name: [other for other in words
                    if other != path and words[other][name] and (name, other) not in own]
             for name, path in home.items()}
    calls = collections.defaultdict(set)
    for name, path in home.items():
        for other in users[name]:
            calls[other].add(path)
    groups = circles(calls)
    print(f"functions per 1,000 lines      {1000 * len(defined) / lines:.0f}")
    print(f"function length                median {lengths[len(lengths) // 2][0]}, "
          f"longest {lengths[-1][0]} ({lengths[-1][1]})")
    print(f"statics used once              {100 * once / max(1, len(static)):.0f} %")
    print(f"externals of one other file    "
          f"{100 * sum(len(u) == 1 for u in users.values()) / max(1, len(users)):.0f} %")
    alone = {name for name, used in users.items() if not used}
    tested = collections.Counter()
    for path in pathlib.Path("tests").rglob("*.[ch]"):
        tested += names_used(path.read_text(errors="replace"))
    print(f"externals of no other file     {len(alone)}, of which tests call "
          f"{sum(name in tested for name in alone)}")
    uncalled = sorted(name for name in alone if name not in tested)
    if len(uncalled) <= 20:  # more: it is a library
        print("".join(f"    {name}\n" for name in uncalled), end="")
    print(f"call circles                   {len(groups)}")
    for group in groups:
        print("    " + " ".join(group))
    print(f"inner headers                  "
          f"{sum(bool(INNER.search(str(path))) for path in files)}")
    for size, name, count in booleans(files):
        print(f"struct {name:24} {size} fields, {count} booleans")


if __name__ == "__main__":
    main()
