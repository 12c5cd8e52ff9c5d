"""Facts about a process from /proc."""


def field(pid, name):
    """The words behind `name` in its status."""
    with open(f"/proc/{pid}/status") as status:
        return next(line.split(":", 1)[1].split() for line in status
                    if line.startswith(name + ":"))


def gone(pid):
    try:
        return field(pid, "State")[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):  # before the open, before the read
        return True
