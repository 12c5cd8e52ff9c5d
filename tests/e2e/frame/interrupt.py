"""One command, killed or failing at each of its system calls: see calls() and at()."""
import collections
import re

# Nothing that is on a disk changes between two of these, or by one of them.
IDLE = {"brk", "mmap", "munmap", "mprotect", "madvise", "futex", "getpid", "geteuid",
        "getegid"}
# Calls that change files.
CHANGING = {"write", "fsync", "fchown", "fchmod", "chmod", "mkdir", "rename", "symlink",
            "unlink", "rmdir", "flock", "mkdirat", "renameat", "symlinkat", "linkat",
            "unlinkat"}
# Calls that take a path or a descriptor, so that a disk can make them fail.
ON_FILES = CHANGING | {"openat", "read", "readlink", "readlinkat", "newfstatat", "access",
                       "getdents64", "close"}


def tracer(*options, output="/dev/null"):
    return ("strace", "-f", "-o", str(output), *options)


def own_lines(trace):
    """Of the command itself, not of its helpers."""
    lines = trace.read_text().splitlines()
    return [line for line in lines if line.split()[0] == lines[0].split()[0]]


def calls(run, trace):
    """[(name, nth of that name)] of one run of the command; run(wrapper) runs it.

    From execve() to exit_group(): whatever the order, each can be named to strace, which
    counts for each process by itself.
    """
    run(tracer(output=trace))
    counts, found = collections.Counter(), []
    for line in own_lines(trace):
        call = re.match(r"\d+ +(\w+)\(", line)
        if call:
            counts[call.group(1)] += 1
            found.append((call.group(1), counts[call.group(1)]))
    assert found[0] == ("execve", 1) and found[-1][0] == "exit_group", found
    return found[1:-1]


def at(name, nth, what):
    """The wrapper for a run in which `what` happens instead of that call."""
    return tracer("-e", f"trace={name}", "-e", f"inject={name}:{what}:when={nth}")


def kill_at(name, nth):
    return at(name, nth, "signal=SIGKILL")


def evenly(todo, most):
    """Chooses at most that many of them, evenly spread."""
    count = min(most, len(todo))
    return [todo[(2 * i + 1) * len(todo) // (2 * count)] for i in range(count)]


def a_part(todo, full, most):
    """All with --full; else so many of those that change files, and a third of it of others."""
    changing = [one for one in todo if one[0] in CHANGING]
    others = [one for one in todo if one[0] not in CHANGING | IDLE]
    wanted = {*evenly(changing, most), *evenly(others, -(-most // 3))}
    return [one for one in todo if full or one in wanted]


def after_start(todo):
    """The calls of wlbproxy itself, after those of the loader and the libraries."""
    return todo[todo.index(("prctl", 1)):]
