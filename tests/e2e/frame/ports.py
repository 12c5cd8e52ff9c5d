"""Ports that are nobody's: kept until the test is over, whoever else runs beside it.

A port is bound here and does not listen, so who connects is refused, the kernel gives it to
no connection and to no other bind(); the program under test, with SO_REUSEADDR as every
server has it, may listen there all the same.
"""
import socket

_kept = []


def free_port():
    """The port is kept at every IPv4 address: a test may listen on 127.0.0.2 and on 0.0.0.0 too."""
    keeper = socket.socket()
    keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    keeper.bind(("0.0.0.0", 0))
    _kept.append(keeper)
    return keeper.getsockname()[1]


def give_back():
    """All of them: those who listened there have ended."""
    while _kept:
        _kept.pop().close()
