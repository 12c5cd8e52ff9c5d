"""A worker in somebody else's hands says what he likes: nobody but its clients is hurt."""
import contextlib
import ctypes
import os
import pathlib
import re
import signal
import socket
import struct
import threading

import pytest

from frame.client import Tls, get
from frame.wait import wait_until

pytestmark = pytest.mark.core

PIDFD_GETFD, LOG, CHANNEL = 438, 2, 3


def message_number(name):
    """As channel.h numbers them, from 1."""
    header = pathlib.Path(__file__).parents[2] / "proxy" / "ipc" / "channel.h"
    body = header.read_text().split("enum message_type {")[1].split("};")[0]
    return 1 + re.findall(r"^ +MESSAGE_(\w+)", body, re.MULTILINE).index(name)


HELLO, READY, REFUSED, COMMITTED, PONG, STATS, STATUS = map(message_number, (
    "HELLO", "READY", "REFUSED", "COMMITTED", "PONG", "STATS", "STATUS"))


def taken(pid, fd=CHANNEL):
    """A copy of another process's socket."""
    pidfd = os.pidfd_open(pid)
    libc = ctypes.CDLL(None, use_errno=True)
    copy = libc.syscall(PIDFD_GETFD, pidfd, fd, 0)
    os.close(pidfd)
    if copy < 0:
        pytest.skip(f"pidfd_getfd: {os.strerror(ctypes.get_errno())}")
    return socket.socket(fileno=copy)


def message(kind, number=0, body=b""):
    return struct.pack("<II", kind, number) + body


def say(channel, words):
    """The worker's end does not block: when it is full, it is said again."""
    with contextlib.suppress(BlockingIOError):
        channel.send(words)


def text(words):
    return struct.pack("<Q", len(words) + 1) + words + b"\0"


def works(port):
    with Tls(port) as client:
        return client.request(get("/", close=True)).status == 200


@pytest.mark.parametrize("words", [
    b"", b"\xff" * 100, message(0), message(REFUSED, 0, text(b"\x1b[2J\n")),
    message(HELLO, 0, text(b"again")), message(HELLO), message(STATS, 1, b"A" * 100000),
    message(REFUSED, 7, text(b"x") * 3000)],
    ids=["empty", "random", "no-type", "cannot-work", "hello-again", "bad-hello", "huge",
         "unknown-type"])
def test_nonsense_ends_the_worker_that_speaks_it(start_proxy, origin, words):
    proxy = start_proxy(origin.address)
    (worker,), before = proxy.workers(), proxy.descriptors(proxy.pid)
    with taken(worker) as channel:
        channel.send(words)
        proxy.wait_for("worker_up", count=2)
    assert proxy.workers() != [worker] and works(proxy.port)
    wait_until(lambda: proxy.descriptors(proxy.pid) == before)
    assert "\x1b" not in proxy.log_text()


def serves(proxy, pair):
    try:
        with Tls(proxy.port) as client:
            return client.certificate() == pair.der()
    except OSError:
        return False


@pytest.mark.sampled(4)
@pytest.mark.parametrize("words", [
    message(PONG, 0, b"\xff" * 8), message(PONG), message(STATS, 1, b"A" * 50000),
    message(COMMITTED, 1), message(COMMITTED, 9), message(READY, 1), message(READY, 9),
    message(REFUSED, 1, text(b"no")), message(STATUS, 1, b"x" * 100)],
    ids=["pong", "empty-pong", "stats", "committed", "committed-9", "ready", "ready-9",
         "refused", "status"])
def test_many_words_hold_up_nobody(start_proxy, origin, pki, words):
    proxy = start_proxy(origin.address)
    over = threading.Event()

    def flood(channel):
        try:
            while not over.is_set():
                say(channel, words)
        except ConnectionError:
            pass  # its message has ended it

    pki.other.install(proxy.cert, proxy.key)
    with taken(proxy.workers()[0]) as channel:
        thread = threading.Thread(target=flood, args=(channel,))
        thread.start()
        try:
            assert proxy.status()["ok"]
            proxy.reload(check=None)  # not confirmed, if the worker is just being replaced
            wait_until(lambda: serves(proxy, pki.other))
        finally:
            over.set()
            thread.join()
    assert proxy.rss(proxy.pid) < 64 * 1024


@pytest.mark.parametrize("words", [message(PONG, 0, b"\0" * 8), message(COMMITTED, 1)],
                         ids=["pong", "committed"])
def test_a_worker_that_says_more_than_asked_is_replaced(start_proxy, origin, words):
    """A worker's messages cost the master only so much; answers that were asked for are free."""
    proxy = start_proxy(origin.address)
    for _ in range(60):  # each is a question
        assert proxy.status()["workers"][0]["answers"]
    assert not proxy.events("worker_killed")
    with taken(proxy.workers()[0]) as channel:
        with pytest.raises(ConnectionError):
            while True:
                say(channel, words)
    proxy.wait_for("worker_killed", reason="sends more messages than it was asked for")
    proxy.wait_for("worker_up", count=2)
    assert works(proxy.port)


def masters_end(proxy):
    """The master's end of the only channel there is; its log is younger."""
    for fd in sorted(map(int, os.listdir(f"/proc/{proxy.pid}/fd"))):
        if os.readlink(f"/proc/{proxy.pid}/fd/{fd}").startswith("socket:"):
            one = taken(proxy.pid, fd)
            if one.family == socket.AF_UNIX and one.type == socket.SOCK_SEQPACKET:
                return one
            one.close()
    raise AssertionError("no channel")


def test_a_worker_that_talks_and_does_not_listen(start_proxy, origin):
    proxy = start_proxy(origin.address, signer="off")
    (worker,) = proxy.workers()
    os.kill(worker, signal.SIGSTOP)
    with taken(worker) as channel, masters_end(proxy) as full:
        with pytest.raises(BlockingIOError):
            while True:
                full.send(message(STATUS))

        def is_killed():
            try:
                channel.send(message(PONG, 0, b"\0" * 8))
            except OSError:
                pass
            return proxy.events("worker_killed", reason="does not take its messages")

        wait_until(is_killed)
    proxy.wait_for("worker_up", count=2)
    assert works(proxy.port)


FORGED = b"2026-11-30T07:00:00.000Z error master: event=forged \x1b[2J\xc2\x9b conn=1"


def forged_lines(proxy):
    return [line for line in proxy.log_text().splitlines() if "event=forged" in line]


@pytest.mark.parametrize("words", [
    b"\x01a\n" + FORGED, FORGED, b"first\n" + FORGED, b"\x01" + FORGED + b"\n" + FORGED,
    b"\x7f\n" + FORGED + b"\n\0"], ids=["event", "raw", "second", "two", "odd"])
def test_no_line_of_the_log_is_the_masters_but_its_own(start_proxy, origin, words):
    proxy = start_proxy(origin.address)
    (worker,) = proxy.workers()
    with taken(worker, LOG) as log:
        log.send(words)
    for line in wait_until(lambda: forged_lines(proxy)):
        assert " error worker 0: " in line[:50] and line.isprintable() and line.isascii()
    assert proxy.workers() == [worker] and works(proxy.port)


def test_no_line_of_the_access_log_is_one_of_the_log(start_proxy, origin):
    proxy = start_proxy(origin.address, access_log="stderr")
    with taken(proxy.workers()[0], LOG) as log:
        log.send(b"\x05" + FORGED + b"\n{\"forged\": \"\x1b\"}\n")
    wait_until(lambda: '{"forged": " "}' in proxy.log_text())
    assert not forged_lines(proxy) and "\x1b" not in proxy.log_text()
    assert works(proxy.port)
    wait_until(lambda: " conn=1 " in proxy.log_text())


@pytest.mark.parametrize("words", [b"\x03event=x", b"\n" * 60000,
                                   b"\x05" + b"{}\n" * 20000, b"\x05"],
                         ids=["lines", "raw", "access", "empty"])
def test_what_a_flood_of_lines_costs_is_bounded(start_proxy, origin, words):
    """Also on the disk; who floods is neither waited for nor ended."""
    proxy = start_proxy(origin.address, access_log="stderr")
    (worker,) = proxy.workers()
    over, sent = threading.Event(), [0, 0]

    def flood(log):
        while not over.is_set():
            try:
                log.send(words)
                sent[0] += 1
            except BlockingIOError:
                sent[1] += 1

    with taken(worker, LOG) as log:
        thread = threading.Thread(target=flood, args=(log,))
        thread.start()
        try:
            proxy.wait_for("log_flood", process="worker 0")
            wait_until(lambda: sent[1] > 0)
            assert proxy.status()["ok"] and works(proxy.port)
        finally:
            over.set()
            thread.join()
    assert proxy.workers() == [worker] and works(proxy.port)


def test_the_log_has_its_room_whatever_the_system_allows(start_proxy, origin):
    """1 MiB, which the kernel doubles; for a master that may exceed the limit."""
    proxy = start_proxy(origin.address)
    status = pathlib.Path(f"/proc/{proxy.pid}/status").read_text()
    if not int(re.search(r"CapEff:\s+(\w+)", status)[1], 16) >> 12 & 1:  # CAP_NET_ADMIN
        pytest.skip("the master lacks CAP_NET_ADMIN")
    with taken(proxy.workers()[0], LOG) as log:
        assert log.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) == 2 << 20


def test_the_log_is_no_file_of_a_worker(start_proxy, origin):
    proxy = start_proxy(origin.address, access_log="stderr")
    for pid in proxy.workers():
        for fd in os.listdir(f"/proc/{pid}/fd"):
            where = os.readlink(f"/proc/{pid}/fd/{fd}")
            assert not where.startswith("/") or where == "/dev/null", where
        limits = pathlib.Path(f"/proc/{pid}/limits").read_text()
        assert re.search(r"Max file size +0 +0", limits) or proxy.sanitized
