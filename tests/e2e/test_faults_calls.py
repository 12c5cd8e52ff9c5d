"""System calls that fail in a running proxy (strace -e inject), one kind at a time.

The service survives, loses at most the connections concerned, and is whole again when the
fault is over.
"""
import os
import re
import signal
import socket
import ssl
import subprocess
import time
import urllib.request

import pytest

from frame import strace
from frame.client import Tls, context, get
from frame.ports import free_port
from frame.wait import wait_until

pytestmark = pytest.mark.skipif(not strace.is_possible(), reason="needs strace and its rights")

TURNS = 12


def outcome(port):
    """200, 502, ... or None when the connection was lost."""
    try:
        with Tls(port, timeout=20) as client:
            return client.request(get("/", close=True)).status
    except TimeoutError:
        raise
    except (OSError, AssertionError):
        return None


def client_hello():
    outgoing = ssl.MemoryBIO()
    side = context().wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="localhost")
    try:
        side.do_handshake()
    except ssl.SSLWantReadError:
        return outgoing.read()


def works(port):
    return outcome(port) == 200


NOTHING_LOST = [
    "accept4:error=EMFILE", "accept4:error=ENFILE", "accept4:error=ENOBUFS",
    "accept4:error=ENOMEM", "accept4:error=ECONNABORTED", "accept4:error=EINTR",
    "accept4:error=EPERM", "accept4:error=EPROTO", "recvfrom:error=EINTR",
    "recvfrom:error=EAGAIN", "sendto:error=EINTR", "sendto:error=EAGAIN",
    "epoll_wait:error=EINTR", "setsockopt:error=ENOMEM", "close:error=EINTR",
    "close:error=EIO", "brk:error=ENOMEM", "getrandom:error=EINTR",
]


@pytest.mark.parametrize("fault", NOTHING_LOST)
def test_a_worker_loses_nothing(proxy, fault):
    workers = proxy.workers()
    with strace.Injection(workers[0], f"{fault}:when=2+3"):
        assert [outcome(proxy.port) for _ in range(TURNS)] == [200] * TURNS
    assert works(proxy.port) and proxy.workers() == workers


ONE_LOST = [
    "recvfrom:error=ECONNRESET", "recvfrom:error=ENOMEM", "recvfrom:error=EIO",
    "sendto:error=EPIPE", "sendto:error=ENOBUFS", "socket:error=EMFILE",
    "socket:error=ENOMEM", "connect:error=EADDRNOTAVAIL", "connect:error=ENOMEM",
    "getsockopt:error=ENOMEM",
]


@pytest.mark.parametrize("fault", ONE_LOST)
def test_a_worker_loses_the_connection_concerned(start_proxy, origin, fault):
    proxy = start_proxy(origin.address, response_timeout="5s")
    workers = proxy.workers()
    with strace.Injection(workers[0], f"{fault}:when=5+7") as injection:
        outcomes = [outcome(proxy.port) for _ in range(TURNS)]
        failed = TURNS - outcomes.count(200)
        assert failed <= injection.count(), injection.output()
    assert works(proxy.port) and proxy.workers() == workers


def test_out_of_epoll_memory_ends_a_worker_at_most(proxy):
    (worker,) = proxy.workers()
    with strace.Injection(worker, "epoll_ctl:error=ENOMEM:when=2"):
        outcomes = [outcome(proxy.port) for _ in range(TURNS)]
    assert outcomes.count(200) >= TURNS - 1
    wait_until(lambda: len(proxy.workers()) == 1)
    assert works(proxy.port)


def test_out_of_descriptors_nobody_spins_and_the_log_is_quiet(proxy):
    (worker,) = proxy.workers()
    with strace.Injection(worker, "accept4:error=EMFILE") as injection:
        with socket.create_connection(("127.0.0.1", proxy.port)):
            wait_until(lambda: injection.calls("accept4") >= 5)
        tries = injection.calls("accept4")
    counters = proxy.status()["workers"][0]["counters"]
    assert counters["accept_errors"] >= tries - 1
    assert len(proxy.events("accept_failed")) <= 2
    assert works(proxy.port)


@pytest.mark.parametrize("fault", [
    "recvfrom:error=ENOMEM", "recvfrom:error=EIO", "sendto:error=ENOBUFS", "sendto:error=ENOMEM",
    "sendto:error=EPIPE"])
def test_an_error_of_one_call_parts_no_worker_from_the_signer(proxy, fault):
    """The worker would wait for the next signer, and no handshake would ever be signed."""
    signer, workers = proxy.signer(), proxy.workers()
    with strace.Injection(signer, f"{fault}:when=1..3") as injection:
        assert outcome(proxy.port) == 200
        assert injection.count() >= 1
    assert works(proxy.port)
    assert (proxy.signer(), proxy.workers()) == (signer, workers)


@pytest.mark.parametrize("kind, fault, calls, seconds", [
    ("signer", "sendto:error=ENOBUFS", 100, 0.09), ("signer", "recvfrom:error=ENOMEM", 100, 0.09),
    ("worker", "sendto:error=ENOBUFS", 10, 0.15), ("worker", "accept4:error=EPERM", 200, 0.2)])
def test_an_error_that_lasts_makes_nobody_spin(proxy, kind, fault, calls, seconds):
    pid = proxy.signer() if kind == "signer" else proxy.workers()[0]
    call = fault.split(":")[0]
    with strace.Injection(pid, fault) as injection, socket.create_connection(
            ("127.0.0.1", proxy.port)) as client:
        began = time.monotonic()
        client.sendall(client_hello())
        wait_until(lambda: injection.calls(call) >= calls)
        assert time.monotonic() - began >= seconds * injection.calls(call) / calls
    wait_until(lambda: works(proxy.port))


def limit_descriptors(pid, limit):
    """Of a process that runs. Root is not allowed to in a container; its own account is."""
    status = open(f"/proc/{pid}/status").read()
    user, group = (int(re.search(rf"{name}:\s+(\d+)", status).group(1)) for name in ("Uid", "Gid"))
    subprocess.run(["prlimit", "--pid", str(pid), f"--nofile={limit}:"], check=True, timeout=30,
                   user=user, group=group, extra_groups=[])


def test_a_worker_that_lost_the_signer_gets_another_channel(proxy):
    """The signer is there all the time, so that no other one comes."""
    signer, workers = proxy.signer(), proxy.workers()
    with strace.Injection(signer, "recvfrom:retval=0:when=1"):
        assert works(proxy.port)
    assert proxy.events("signer_gone")
    assert (proxy.signer(), proxy.workers()) == (signer, workers)


def test_channels_that_end_again_and_again_make_nobody_spin(proxy):
    signer, workers = proxy.signer(), proxy.workers()
    with strace.Injection(signer, "recvfrom:retval=0") as injection, socket.create_connection(
            ("127.0.0.1", proxy.port)) as client:
        began = time.monotonic()
        client.sendall(client_hello())
        proxy.wait_for("signer_gone", count=3)
        assert time.monotonic() - began >= 0.9 * (injection.count() - 1)
    wait_until(lambda: works(proxy.port))
    assert (proxy.signer(), proxy.workers()) == (signer, workers)


def has_missed_a_channel(proxy):
    return any("descriptor" in event["text"] for event in proxy.events("signer_gone"))


def test_a_worker_that_got_no_descriptor_for_the_signer_asks_for_it_again(proxy):
    (worker,) = proxy.workers()
    limit = open(f"/proc/{worker}/limits").read().split("Max open files")[1].split()[0]
    with Tls(proxy.port) as client:
        assert client.request(get("/")).status == 200
        limit_descriptors(worker, 3)
        os.kill(proxy.signer(), signal.SIGKILL)
        wait_until(lambda: has_missed_a_channel(proxy))
        limit_descriptors(worker, limit)
        assert works(proxy.port)
        assert client.request(get("/")).status == 200
    assert proxy.workers() == [worker]


def test_a_worker_that_never_gets_a_descriptor_for_the_signer_is_replaced(proxy):
    (worker,) = proxy.workers()
    limit_descriptors(worker, 3)
    os.kill(proxy.signer(), signal.SIGKILL)
    assert "no descriptor" in proxy.wait_for("worker_killed")["reason"]
    assert works(proxy.port) and worker not in proxy.workers()


def test_a_worker_whose_signer_got_no_descriptor_for_it_gets_another_signer(proxy):
    signer, (worker,) = proxy.signer(), proxy.workers()
    limit_descriptors(signer, 3)
    os.kill(worker, signal.SIGKILL)
    proxy.wait_for("signer_died")
    assert works(proxy.port)


def admin_answers(port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=20) as reply:
            return reply.status == 200
    except OSError:
        return False


def test_an_admin_process_that_got_no_descriptor_is_replaced(start_proxy, origin):
    port = free_port()
    proxy = start_proxy(origin.address, admin=f"127.0.0.1:{port}")
    (admin,) = wait_until(lambda: proxy.events("admin_up") and proxy.children("admin"))
    limit_descriptors(admin, 3)
    proxy.write_config(admin_allow="127.0.0.0/8")
    proxy.reload()
    proxy.wait_for("admin_died")
    wait_until(lambda: admin_answers(port))


def test_an_admin_process_that_can_accept_nobody_does_not_spin(start_proxy, origin):
    port = free_port()
    proxy = start_proxy(origin.address, admin=f"127.0.0.1:{port}")
    (admin,) = wait_until(lambda: proxy.events("admin_up") and proxy.children("admin"))
    with strace.Injection(admin, "accept4:error=EMFILE") as injection:
        with socket.create_connection(("127.0.0.1", port)):
            began = time.monotonic()
            wait_until(lambda: injection.calls("accept4") >= 20)
            assert time.monotonic() - began >= 0.009 * (injection.calls("accept4") - 1)
    wait_until(lambda: admin_answers(port))


RELOAD_REFUSED = ["memfd_create:error=EMFILE:when=1", "memfd_create:error=ENOMEM:when=1",
                  "ftruncate:error=ENOSPC:when=1", "openat:error=EMFILE", "openat:error=EIO"]


@pytest.mark.parametrize("fault", RELOAD_REFUSED)
def test_a_reload_that_fails_changes_nothing(proxy, pki, fault):
    workers = proxy.workers()
    pki.other.install(proxy.cert, proxy.key)
    with strace.Injection(proxy.pid, fault):
        proxy.reload(check=1)
        with Tls(proxy.port) as client:
            assert client.certificate() == pki.rsa.der()
    proxy.reload()
    with Tls(proxy.port) as client:
        assert client.certificate() == pki.other.der()
    assert proxy.workers() == workers


@pytest.mark.parametrize("fault", [
    "sendmsg:error=ENOBUFS", "sendmsg:error=ENOMEM", "sendmsg:error=EINTR",
    "sendmsg:error=ETOOMANYREFS", "recvmsg:error=ENOMEM", "recvmsg:error=EINTR",
    "epoll_wait:error=EINTR", "epoll_ctl:error=EIO", "epoll_ctl:error=ENOSYS"])
def test_a_short_shortage_between_the_processes_is_no_end(proxy, pki, fault):
    workers = proxy.workers()
    pki.other.install(proxy.cert, proxy.key)
    with strace.Injection(proxy.pid, f"{fault}:when=1+2", follow=False):
        proxy.hup()
        with Tls(proxy.port) as client:
            assert client.certificate() == pki.other.der()
    assert proxy.workers() == workers


@pytest.mark.parametrize("fault", ["socketpair:error=EMFILE", "socketpair:error=ENOMEM",
                                   "clone,clone3,vfork:error=EAGAIN",
                                   "clone,clone3,vfork:error=ENOMEM"])
def test_a_worker_that_cannot_be_started_is_tried_again(start_proxy, origin, fault):
    proxy = start_proxy(origin.address, workers=1)
    (worker,) = proxy.workers()
    with strace.Injection(proxy.pid, f"{fault}:when=1..3", follow=False):
        os.kill(worker, signal.SIGKILL)
        proxy.wait_for("worker_not_started", count=3)
        assert works(proxy.port)  # waited in the backlog
    assert proxy.process.poll() is None


def test_a_control_socket_without_descriptors_does_not_spin(proxy):
    with strace.Injection(proxy.pid, "accept4:error=EMFILE:when=1..3", follow=False):
        assert proxy.status()["ok"]  # after the shortage


@pytest.mark.long
def test_a_reload_that_nobody_takes_ends_with_words(proxy):
    with strace.Injection(proxy.pid, "accept4:error=EMFILE", follow=False):
        done = proxy.command("reload", "-c", proxy.config, check=2, timeout=300)
    assert "no answer from wlbproxy within 120 s" in " ".join(done.stderr.split())


@pytest.mark.long
def test_a_reload_does_not_wait_for_ever_for_a_worker_that_cannot_start(
        start_proxy, origin, pki):
    proxy = start_proxy(origin.address, workers=2)
    first, second = proxy.workers()
    pki.other.install(proxy.cert, proxy.key)
    with strace.Injection(proxy.pid, "clone,clone3,vfork:error=EAGAIN", follow=False):
        os.kill(first, signal.SIGKILL)
        proxy.wait_for("worker_not_started")
        said = proxy.command("reload", "-c", proxy.config, check=1, timeout=120)
        assert "does not come up" in said.stdout + said.stderr
        assert second in proxy.workers()
        with Tls(proxy.port) as client:
            assert client.certificate() == pki.rsa.der()
    proxy.reload()
    with Tls(proxy.port) as client:
        assert client.certificate() == pki.other.der()


@pytest.mark.parametrize("fault", ["rt_sigtimedwait:error=ENOSYS", "rt_sigtimedwait:error=EINTR",
                                   "rt_sigtimedwait:error=EAGAIN"])
def test_signals_come_by_another_way(proxy, fault):
    with strace.Injection(proxy.pid, fault, follow=False):
        proxy.hup()
    proxy.hup()


def test_a_signal_that_cannot_be_had_is_waited_for_in_peace(proxy):
    with strace.Injection(proxy.pid, "rt_sigtimedwait:error=EAGAIN", "read:error=EAGAIN",
                          "clock_nanosleep", follow=False) as injection:
        proxy.signal(signal.SIGUSR1)
        wait_until(lambda: injection.calls("rt_sigtimedwait") >= 20)
        assert injection.calls("clock_nanosleep") >= 15
    proxy.wait_for("logs_reopened")


def test_the_manager_hears_of_a_reload_at_the_second_attempt(start_proxy, origin):
    """It waits for READY=1; every other message is not sent at first."""
    proxy = start_proxy(origin.address)
    # A reload opens no other socket. sendmsg() is not for it alone.
    with strace.Injection(proxy.pid, "socket:error=ENOBUFS:when=1+2", follow=False) as fault:
        for _ in range(3):
            proxy.hup()
        assert fault.count() >= 6
