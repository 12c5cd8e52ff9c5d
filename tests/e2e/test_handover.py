"""Handovers: ports that move, programs that are replaced, the control socket."""
import os
import shutil
import signal
import socket
import subprocess

import pytest

from frame.callers import Callers
from frame.client import Tls, get
from frame.ports import free_port
from frame import strace
from frame.processes import gone
from frame.strace import Injection
from frame.wait import wait_until

pytestmark = pytest.mark.core


def works(port):
    with Tls(port) as client:
        return client.request(get("/", close=True)).status == 200


def test_a_port_that_is_given_up_resets_nobody(start_proxy, origin, full):
    """Clients in the old socket's backlog when it closes are served, not reset."""
    proxy = start_proxy(origin.address, workers=2, log_level="info")
    ports = [proxy.port, free_port()]
    with Callers(ports) as callers:
        for i in range(100 if full else 12):
            proxy.write_config(accept=f"127.0.0.1:{ports[(i + 1) % 2]}")
            proxy.hup()
            wait_until(lambda: len(proxy.status()["generations"]) <= 3)
    print(callers.outcomes)
    assert set(callers.outcomes) <= {"served", "refused"}, callers.outcomes
    assert callers.outcomes["served"] > 0


def test_the_backlog_of_a_port_that_goes_is_let_in(start_proxy, origin):
    """The clients have connected, and the worker has not looked yet."""
    proxy = start_proxy(origin.address)
    (worker,), old = proxy.workers(), proxy.port
    os.kill(worker, signal.SIGSTOP)
    early = [socket.create_connection(("127.0.0.1", old), 20) for _ in range(20)]
    proxy.write_config(accept=f"127.0.0.1:{free_port()}")
    proxy.signal(signal.SIGHUP)
    os.kill(worker, signal.SIGCONT)
    proxy.wait_for("reloaded", generation=2)
    for one in early:
        one.settimeout(20)
        one.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert one.recv(4096).startswith(b"HTTP/1.1 400")  # plain HTTP, told in words
        one.close()


@pytest.mark.parametrize("pair", ["ec", "expired"])
def test_an_upgrade_does_not_bring_in_what_a_reload_refuses(proxy, pki, pair):
    """The successor has nothing to compare it with: the predecessor judges."""
    getattr(pki, pair).install(proxy.cert, proxy.key)
    proxy.signal(signal.SIGUSR2)
    refused = proxy.wait_for("upgrade_refused")
    assert str(proxy.cert) in refused["reason"] and "--force" in refused["text"]
    proxy.wait_for("reload_refused")
    assert works(proxy.port) and not proxy.events("upgrading")
    pki.other.install(proxy.cert, proxy.key)
    proxy.signal(signal.SIGUSR2)
    successor = int(proxy.wait_for("upgraded")["successor"])
    assert proxy.wait_exit() == 0 and works(proxy.port)
    os.kill(successor, signal.SIGTERM)
    wait_until(lambda: gone(successor))


def test_an_upgrade_under_load_loses_nothing(start_proxy, origin):
    proxy = start_proxy(origin.address, workers=2, log_level="info")
    with Callers([proxy.port]) as callers:
        wait_until(lambda: callers.outcomes.get("served", 0) > 20)
        proxy.signal(signal.SIGUSR2)
        successor = int(proxy.wait_for("upgraded")["successor"])
        before = callers.outcomes["served"]
        wait_until(lambda: callers.outcomes["served"] > before + 50)
        assert proxy.wait_exit() == 0
        assert proxy.status()["pid"] == successor
    os.kill(successor, signal.SIGTERM)
    wait_until(lambda: gone(successor))
    assert set(callers.outcomes) == {"served"}


@pytest.mark.skipif(not strace.is_possible(), reason="needs strace")
def test_the_control_socket_is_the_successors_whoever_is_slow(start_proxy, origin):
    """The predecessor removes its own, or none."""
    without_leaks = {"ASAN_OPTIONS": "detect_leaks=0"}  # it cannot work under ptrace
    proxy = start_proxy(origin.address, environment=without_leaks)
    with Injection(proxy.pid, "rename:delay_enter=500000", "unlink:delay_enter=2000000",
                   path=proxy.control):
        proxy.signal(signal.SIGUSR2)
        successor = int(proxy.wait_for("upgraded")["successor"])
        assert proxy.wait_exit() == 0
    try:
        assert proxy.status()["pid"] == successor
    finally:
        os.kill(successor, signal.SIGTERM)
        wait_until(lambda: gone(successor))


def test_an_upgrade_takes_the_binary_that_is_there_now(start_proxy, origin, wlbproxy,
                                                       tmp_path):
    own = tmp_path / "wlbproxy"
    shutil.copy(wlbproxy, own)
    proxy = start_proxy(origin.address, program=own)
    shutil.copy(wlbproxy, tmp_path / "fresh")
    inode = (tmp_path / "fresh").stat().st_ino
    (tmp_path / "fresh").rename(own)
    os.kill(proxy.workers()[0], signal.SIGKILL)  # its replacement is still the old binary
    proxy.wait_for("worker_up", count=2)
    assert works(proxy.port)
    assert os.stat(f"/proc/{proxy.workers()[0]}/exe").st_ino != inode
    proxy.signal(signal.SIGUSR2)
    successor = int(proxy.wait_for("upgraded")["successor"])
    try:
        assert os.stat(f"/proc/{successor}/exe").st_ino == inode
        assert works(proxy.port)
    finally:
        os.kill(successor, signal.SIGTERM)
        wait_until(lambda: gone(successor))


def test_an_upgrade_with_more_sockets_than_a_channel_holds(start_proxy, origin, wlbproxy,
                                                           tmp_path):
    """The successor is slow to take them."""
    own = tmp_path / "wlbproxy"
    shutil.copy(wlbproxy, own)
    proxy = start_proxy(origin.address, program=own)
    hosts = [f"127.0.{4 + i // 200}.{1 + i % 200}" for i in range(300)]
    proxy.extra = "".join(
        f"[more{i}]\nconnect = {origin.address}\ncert = {proxy.cert}\nkey = {proxy.key}\n"
        + "".join(f"accept = {host}:{proxy.port}\n" for host in hosts[i:i + 60])
        for i in range(0, 300, 60))
    proxy.write_config()
    proxy.reload()
    own.unlink()
    own.write_text(f'#!/bin/sh\nsleep 1\nexec {wlbproxy} "$@"\n')
    own.chmod(0o755)
    proxy.signal(signal.SIGUSR2)
    successor = int(proxy.wait_for("upgraded")["successor"])
    try:
        assert proxy.wait_exit() == 0
        for host in (hosts[0], hosts[-1]):
            with Tls(proxy.port, host=host) as client:
                assert client.request(get("/")).status == 200
    finally:
        os.kill(successor, signal.SIGTERM)
        wait_until(lambda: gone(successor))


def test_an_upgrade_to_a_binary_that_does_not_run_changes_nothing(start_proxy, origin,
                                                                  wlbproxy, tmp_path):
    own = tmp_path / "wlbproxy"
    shutil.copy(wlbproxy, own)
    proxy = start_proxy(origin.address, program=own)
    own.unlink()
    for content in (b"not a program", b"#!/bin/sh\nexit 3\n"):
        count = len(proxy.events("upgrade_failed"))
        own.write_bytes(content)
        own.chmod(0o755)
        proxy.signal(signal.SIGUSR2)
        proxy.wait_for("upgrade_failed", count=count + 1)
        assert works(proxy.port)
        own.unlink()
    proxy.hup()


def test_a_second_one_does_not_take_the_control_socket(start_proxy, origin):
    first = start_proxy(origin.address)
    second = start_proxy(origin.address, control=first.control)
    assert f"pid {first.pid}" in second.wait_for("no_control_socket")["reason"]
    assert first.status()["pid"] == first.pid
    assert second.stop() is None
    assert first.status()["pid"] == first.pid


def test_a_control_socket_that_is_replaced_is_made(start_proxy, origin, tmp_path):
    """A successor that was killed while it took over leaves a socket nobody listens on."""
    proxy = start_proxy(origin.address)
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "dead"))
        os.rename(tmp_path / "dead", proxy.control)
    assert "replaced" in proxy.wait_for("no_control_socket")["reason"]
    proxy.wait_for("control_listens")
    assert proxy.status()["pid"] == proxy.pid


def test_a_control_socket_that_is_missing_is_made(start_proxy, origin, tmp_path):
    """Its folder comes later than the proxy, or its path is removed by somebody."""
    folder = tmp_path / "late" / "run"
    proxy = start_proxy(origin.address, control=folder / "control")
    assert "folder" in proxy.wait_for("no_control_socket")["reason"]
    folder.parent.mkdir()
    proxy.wait_for("control_listens")
    assert proxy.status()["pid"] == proxy.pid
    (folder / "control").unlink()
    proxy.wait_for("control_listens", count=2)
    assert proxy.status()["pid"] == proxy.pid
    proxy.reload()


def test_the_control_socket_of_a_dead_one_is_taken_over(start_proxy, origin):
    first = start_proxy(origin.address)
    first.expect_exit = -signal.SIGKILL
    first.signal(signal.SIGKILL)
    first.wait_exit()
    second = start_proxy(origin.address, control=first.control)
    assert second.status()["pid"] == second.pid


def test_a_worker_gets_nothing_of_our_environment(start_proxy, origin):
    proxy = start_proxy(origin.address, environment={"SECRET": "xyzzy"})
    with open(f"/proc/{proxy.workers()[0]}/environ", "rb") as environment:
        text = environment.read()
    assert b"SECRET" not in text and b"NOTIFY_SOCKET" not in text and b"HOME" not in text


def test_relative_paths_are_told_in_full(wlbproxy, start_proxy, origin):
    proxy = start_proxy(origin.address)
    proxy.stop()
    with open(proxy.folder / "log2", "ab") as log:
        process = subprocess.Popen([wlbproxy, "run", "-c", "wlbproxy.conf"],
                                   cwd=proxy.folder, stderr=log, stdin=subprocess.DEVNULL)
    try:
        wait_until(lambda: proxy.command("status", "-c", proxy.config).returncode == 0)
        assert proxy.status()["config"] == str(proxy.config)
    finally:
        process.terminate()
        assert process.wait(30) == 0


def test_the_watchdog_is_fed_while_all_workers_answer(start_proxy, origin):
    proxy = start_proxy(origin.address, environment={"WATCHDOG_USEC": "200000"})

    def fed():
        return sum("WATCHDOG=1" in note for note in proxy.read_notifications())

    before = fed()
    wait_until(lambda: fed() > before + 5)
    os.kill(proxy.workers()[0], signal.SIGSTOP)
    proxy.wait_for("worker_killed")  # after that it was not fed for a while
    killed = fed()
    wait_until(lambda: fed() > killed + 5)


@pytest.mark.long
def test_a_successor_that_never_serves_is_given_up(start_proxy, origin, wlbproxy, tmp_path):
    own = tmp_path / "wlbproxy"
    shutil.copy(wlbproxy, own)
    proxy = start_proxy(origin.address, program=own)
    own.unlink()
    own.write_bytes(b"#!/bin/sh\nexec sleep 1000\n")
    own.chmod(0o755)
    proxy.signal(signal.SIGUSR2)
    proxy.wait_for("upgrade_failed", timeout=90)
    assert works(proxy.port)
