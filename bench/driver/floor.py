"""The floor: what an operation costs at the least, however it is programmed.

The kernel's part: the same bytes through bench/relay.c, which knows neither TLS nor HTTP. It
stands between the client and a wlbproxy, so that it carries exactly the bytes of that scenario,
and its CPU is measured as a server's is. Arithmetic's part: what bench/handshake_floor.c prints,
one handshake in memory, by the fastest that this machine can.
"""
import re


def arithmetic(text):
    """{(handshake, number at a time): us}: the fastest of all blocks that were printed."""
    figures, columns = {}, []
    for line in text.splitlines():
        if line.startswith("server CPU per handshake"):
            columns = [int(n) for n in re.findall(r"x(\d+)", line)]
            continue
        values = re.search(r"((?:\s+[\d.]+)+)$", line)
        if not columns or not values:
            continue
        name = line[:values.start()].strip()
        for at_once, us in zip(columns, map(float, values.group(1).split())):
            key = (name, at_once)
            figures[key] = min(us, figures.get(key, us))
    return figures


def of_handshake(figures, name, at_once):
    """The one that was measured with the most at a time, not more than `at_once`."""
    found = {n: us for (handshake, n), us in figures.items() if handshake == name}
    if not found:
        return None
    return min(us for n, us in found.items() if n <= at_once)
