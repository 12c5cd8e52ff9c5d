"""A program that stands where wlbproxy's file was, and is of another version.

other_version.py MODE PROGRAM ARGUMENT...: `added` and `missing` start the real one and change
what the two masters say to each other (proxy/ipc/handover.h); the others are successors that fail.
"""
import os
import select
import signal
import socket
import struct
import sys

HELLO, SOCKETS, TICKET_KEY, READY, SERVING, REFUSED, ALIVE, YOURS, TAKEN = range(1, 10)
PROGRAM_FIELD, LIFETIME, KEY_NATIVE = 2, 4, 9
NEEDED = {TICKET_KEY: range(6, 11), READY: (3,)}  # of what is sent; the rest may be missing


def fields(message):
    at = 2
    while at < len(message):
        number, length = struct.unpack_from("<HI", message, at)
        yield number, message[at + 6:at + 6 + length]
        at += 6 + length


def changed(mode, message):
    """The messages that a version with more, or less, would send in its place."""
    kind = struct.unpack_from("<H", message)[0]
    if mode == "missing":
        kept = [(n, v) for n, v in fields(message) if n in NEEDED.get(kind, ())]
        return [message[:2] + b"".join(struct.pack("<HI", n, len(v)) + v for n, v in kept)]
    more = struct.pack("<HI", 4711, 5) + b"later"
    return [struct.pack("<H", 4712) + more, message + more]


def relay(mode, old, new):
    """Between the two, until one has gone."""
    others = {old: new, new: old}
    while True:
        for one in select.select(list(others), [], [])[0]:
            other = others[one]
            message, fds, _, _ = socket.recv_fds(one, 65536, 253)
            if not message:
                return
            messages = changed(mode, message)
            for each in messages:
                if fds and each is messages[-1]:
                    socket.send_fds(other, [each], fds)
                else:
                    other.send(each)
            for fd in fds:
                os.close(fd)


def be_between(mode, old, program, arguments):
    new, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    if os.fork() == 0:
        theirs.close()
        try:
            relay(mode, old, new)
        except OSError:
            pass
        os._exit(0)
    old.close()
    os.dup2(theirs.fileno(), 3)
    os.execv(program, [program, *arguments])


def say(old, kind):
    old.send(struct.pack("<H", kind))


def await_message(old, kind):
    while struct.unpack_from("<H", socket.recv_fds(old, 65536, 253)[0])[0] != kind:
        pass


def fail(mode, old):
    if mode == "silent":
        signal.pause()
    say(old, HELLO)
    if mode == "dies-after-hello":
        sys.exit(3)
    await_message(old, READY)
    if mode == "hangs-before-it-serves":
        signal.pause()
    if mode == "refuses":
        old.send(struct.pack("<HHI", REFUSED, 5, 9) + b"no reason")
        sys.exit(2)
    say(old, SERVING)
    if mode == "serves-and-does-not":
        signal.pause()
    if mode == "dies-after-serving":
        sys.exit(3)
    while not select.select([old], [], [], 0.2)[0]:
        say(old, ALIVE)
    await_message(old, YOURS)
    assert mode == "dies-instead-of-taking", mode


def main():
    mode, program, *arguments = sys.argv[1:]
    old = socket.socket(fileno=3)
    if mode in ("added", "missing"):
        be_between(mode, old, program, arguments)
    fail(mode, old)


main()
