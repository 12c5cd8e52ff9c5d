"""Requests that come while something else is under way: at the start, at the end."""
import os
import shutil
import signal
import socket
import subprocess
import sys

import pytest

from frame import strace
from frame.client import Tls
from frame.namespace import needs_namespace
from frame.ports import free_port
from frame.processes import gone
from frame.strace import Injection
from frame.wait import wait_until

pytestmark = pytest.mark.core

HALF = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab"


def listens(port):
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def test_a_reload_ends_where_the_drain_begins(start_proxy, origin):
    """Nobody waits in the backlog of a process that takes nobody any more."""
    proxy = start_proxy(origin.address, drain_timeout="2s")
    late = free_port()
    with Tls(proxy.port) as client:
        client.send(HALF)
        proxy.write_config(accept=[f"127.0.0.1:{proxy.port}", f"127.0.0.1:{late}"])
        proxy.signal(signal.SIGHUP)
        proxy.signal(signal.SIGTERM)
        proxy.wait_for("drain_ended")
        assert not listens(late) and not listens(proxy.port)
    assert proxy.wait_exit() == 0
    assert not proxy.events("reloaded")


@pytest.mark.skipif(not strace.is_possible(), reason="needs strace and its rights")
def test_the_end_waits_for_no_disk(start_proxy, origin):
    proxy = start_proxy(origin.address)
    with Injection(proxy.pid, "openat:delay_enter=60000000", path=proxy.key) as tracer:
        proxy.signal(signal.SIGHUP)
        wait_until(lambda: any("RELOADING=1" in one for one in proxy.read_notifications()))
        proxy.signal(signal.SIGTERM)
        proxy.wait_for("exit_with_blocked_task")
        tracer.process.kill()  # it would hold on to the thread
        assert proxy.wait_exit() == 0


HOLDS_A_PORT = """
import socket, sys
open("/proc/self/comm", "w").write('a" x="b')
with socket.create_server(("127.0.0.1", 0)) as held:
    print(held.getsockname()[1], flush=True)
    sys.stdin.read()
"""


def test_a_name_of_another_process_makes_no_field_of_the_log(start_proxy, origin):
    with subprocess.Popen([sys.executable, "-c", HOLDS_A_PORT], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True) as owner:
        port = int(owner.stdout.readline())
        proxy = start_proxy(origin.address, ready=False, accept=f"127.0.0.1:{port}")
        waits = proxy.wait_for("waiting_for_port")
        owner.stdin.close()
    assert 'held by a" x="b (pid' in waits["reason"] and "x" not in waits, waits
    proxy.wait_for("started")


def test_requests_during_the_start_follow_it(start_proxy, origin, pki, tmp_path):
    """The files have been read, and change before the first generation serves."""
    fresh, log, moved = pki.other, tmp_path / "log", tmp_path / "log.1"
    with socket.create_server(("127.0.0.1", 0)) as port_owner:
        proxy = start_proxy(origin.address, ready=False, log=log,
                            accept=f"127.0.0.1:{port_owner.getsockname()[1]}")
        wait_until(lambda: log.exists() and "event=waiting_for_port" in log.read_text())
        fresh.install(proxy.cert, proxy.key)
        log.rename(moved)
        proxy.signal(signal.SIGHUP)
        proxy.signal(signal.SIGUSR1)
        port = port_owner.getsockname()[1]
    wait_until(lambda: "event=started" in moved.read_text(), timeout=60)
    wait_until(lambda: log.exists() and "generation=2" in log.read_text())
    with Tls(port) as client:
        assert client.certificate() == fresh.der()


def test_a_reload_during_an_upgrade_is_the_successors_too(start_proxy, origin, pki):
    """It may have read the files before they changed."""
    fresh = pki.other
    with socket.socket() as extra:  # not inherited: the successor waits for it
        extra.bind(("127.0.0.1", 0))
        port = extra.getsockname()[1]
        proxy = start_proxy(origin.address)
        proxy.write_config(accept=[f"127.0.0.1:{proxy.port}", f"127.0.0.1:{port}"])
        extra.listen()
        proxy.signal(signal.SIGUSR2)
        proxy.wait_for("waiting_for_port")
        fresh.install(proxy.cert, proxy.key)
        proxy.write_config(accept=f"127.0.0.1:{proxy.port}")
        proxy.signal(signal.SIGHUP)
    successor = int(proxy.wait_for("upgraded")["successor"])
    try:
        def is_fresh():
            with Tls(proxy.port) as client:
                return client.certificate() == fresh.der()
        wait_until(is_fresh)
        wait_until(lambda: proxy.command("status", "-c", proxy.config).returncode == 0)
        wait_until(lambda: proxy.status()["pid"] == successor)
    finally:
        os.kill(successor, signal.SIGTERM)
        wait_until(lambda: gone(successor))


def test_a_reload_waits_for_an_upgrade_that_fails(start_proxy, origin, pki, wlbproxy, tmp_path):
    own = tmp_path / "wlbproxy"
    shutil.copy(wlbproxy, own)
    proxy = start_proxy(origin.address, program=own)
    own.unlink()
    own.write_text(f"#!/bin/sh\nread line <{tmp_path}/end\nexit 3\n")
    own.chmod(0o755)
    os.mkfifo(tmp_path / "end")
    # Open both ways: the successor may be given up before it opens its end.
    with open(tmp_path / "end", "r+b", buffering=0) as end:
        proxy.signal(signal.SIGUSR2)
        proxy.wait_for("upgrading")
        pki.other.install(proxy.cert, proxy.key)
        proxy.signal(signal.SIGHUP)
        end.write(b"now\n")
        proxy.wait_for("reloaded", generation=2)
    order = [one["event"] for one in proxy.events()
             if one["event"] in ("upgrade_failed", "reloaded")]
    assert order == ["upgrade_failed", "reloaded"]
    with Tls(proxy.port) as client:
        assert client.certificate() == pki.other.der()


def test_the_first_term_after_an_upgrade_is_not_the_second(start_proxy, origin):
    """A predecessor that drains may finish its clients; a second signal stops it."""
    proxy = start_proxy(origin.address)
    with Tls(proxy.port) as client, Tls(proxy.port) as other:
        client.send(HALF)
        other.send(HALF)
        proxy.wait_for("state", to="exchange", count=2)
        proxy.signal(signal.SIGUSR2)
        successor = int(proxy.wait_for("upgraded")["successor"])
        try:
            proxy.wait_for("draining", who="worker 0")
            proxy.signal(signal.SIGTERM)
            proxy.wait_for("draining_already")
            client.send(b"cde")
            assert client.read_reply().status == 200
            proxy.signal(signal.SIGTERM)
            proxy.wait_for("stopping_now")
            assert proxy.wait_exit() == 0
        finally:
            os.kill(successor, signal.SIGTERM)
            wait_until(lambda: gone(successor))


def test_term_during_an_upgrade_ends_the_successor_too(start_proxy, origin):
    with socket.create_server(("127.0.0.1", 0)) as extra:
        port = extra.getsockname()[1]
        proxy = start_proxy(origin.address)
        proxy.write_config(accept=[f"127.0.0.1:{proxy.port}", f"127.0.0.1:{port}"])
        proxy.signal(signal.SIGUSR2)
        successor = int(proxy.wait_for("upgrading")["successor"])
        proxy.wait_for("waiting_for_port")
        proxy.signal(signal.SIGTERM)
        assert proxy.wait_exit() == 0
    try:
        wait_until(lambda: gone(successor))
        assert not listens(proxy.port)
    finally:
        if not gone(successor):
            os.kill(successor, signal.SIGTERM)
            wait_until(lambda: gone(successor))


@needs_namespace
def test_process_1_of_a_container_is_not_replaced(start_proxy, origin):
    """Its successor would end with it."""
    proxy = start_proxy(origin.address, wrapper=("unshare", "--pid", "--fork", "--kill-child", "--mount-proc"))
    (master,) = proxy.children()  # unshare's child
    assert proxy.events("starting", pid=1)
    os.kill(master, signal.SIGUSR2)
    proxy.wait_for("upgrade_refused")
    assert proxy.status()["pid"] == 1
    os.kill(master, signal.SIGTERM)
    assert proxy.wait_exit() == 0
