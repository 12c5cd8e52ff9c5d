"""Health checks: which backends get requests while some of them hang, lie, flap or answer 500."""
import os
import signal
import socket
import tempfile
import threading

import pytest

from frame.client import Tls, get
from frame.ports import free_port
from frame.wait import wait_until

pytestmark = pytest.mark.core
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
CHECKED = {"health": "GET /well", "health_interval": "100ms", "health_timeout": "3s",
           "health_rise": 2, "health_fall": 2, "balance": "roundrobin"}


class Patient:
    """A backend whose requests are answered with its name, and whose checks as told."""

    def __init__(self, backend, name, check=OK + b"well."):
        self.name, self.check = name, check
        self.checks = self.requests = self.open = self.most_open = 0
        self.lock = threading.Lock()
        self.backend = backend(self.converse)
        self.address = self.backend.address

    def converse(self, talk):
        head = talk.read_head()
        if b" /well " not in head:
            self.requests += bool(head)
            talk.send(OK + self.name)
            return
        assert b"\r\nHost: " in head and b"\r\nConnection: close\r\n" in head, head
        with self.lock:
            self.checks += 1
            self.open += 1
            self.most_open = max(self.most_open, self.open)
        try:
            check = self.check(self.checks) if callable(self.check) else self.check
            if check is None:
                talk.wait_for_end()
            elif check:
                talk.send(check)
                talk.wait_for_end()
        finally:
            with self.lock:
                self.open -= 1


@pytest.fixture
def patients(backend):
    return [Patient(backend, b"first"), Patient(backend, b"other")]


def begin(start_proxy, patients, **options):
    return start_proxy([it.address for it in patients], **{**CHECKED, **options})


def ask(proxy):
    with Tls(proxy.port) as client:
        return client.request(get("/"))


UNWELL = {
    "hangs": None,
    "answers 500": b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n",
    "answers 404": b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n",
    "accepts and closes": b"",
    "half a status line": b"HTTP/1.1 2",
    "200 with garbage": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    "not HTTP": b"220 mail ESMTP\r\n",
    "a head without an end": b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000,
    "a body without an end": b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhello",
    "interim replies without an end": b"HTTP/1.1 100 Continue\r\n\r\n" * 10_000,
}


@pytest.mark.sampled(3)
@pytest.mark.parametrize("how", UNWELL)
def test_an_unwell_backend_gets_no_request(start_proxy, patients, how):
    patients[0].check = UNWELL[how]
    proxy = begin(start_proxy, patients)
    proxy.wait_for("backend_check_failing", backend=patients[0].address)
    wait_until(lambda: patients[1].checks, "the other one is checked")
    before = patients[0].requests
    for _ in range(10):
        assert ask(proxy).body == b"other"
    assert patients[0].requests == before
    counters = proxy.status()["counters"]
    assert counters["health_checks"] > counters["health_failures"] > 0


def test_a_slow_backend_is_no_unwell_one(start_proxy, patients):
    def slowly(talk):
        if b" /well " in talk.read_head():
            patients[0].checks += 1
            for byte in OK + b"well.":
                talk.send(bytes([byte]))
        else:
            talk.send(OK + b"first")

    patients[0].backend.script = slowly
    proxy = begin(start_proxy, patients, health_timeout="10s")
    wait_until(lambda: patients[0].checks >= 3, "checks go on")
    assert {ask(proxy).body, ask(proxy).body} == {b"first", b"other"}
    assert not proxy.events("backend_check_failing")


def test_a_backend_that_is_well_again_serves_again(start_proxy, patients):
    patients[0].check = UNWELL["answers 500"]
    proxy = begin(start_proxy, patients)
    proxy.wait_for("backend_check_failing", detail="status 500")
    patients[0].check = OK + b"well."
    proxy.wait_for("backend_check_passing", backend=patients[0].address)
    assert {ask(proxy).body, ask(proxy).body} == {b"first", b"other"}


def test_a_flapping_backend_is_not_marked_back_and_forth(start_proxy, patients):
    patients[0].check = lambda n: UNWELL["answers 500"] if n % 2 == 0 else OK + b"well."
    proxy = begin(start_proxy, patients)
    wait_until(lambda: patients[0].checks >= 12, "it has flapped")
    assert {ask(proxy).body, ask(proxy).body} == {b"first", b"other"}
    assert not proxy.events("backend_check_failing")


def test_with_none_left_503_comes_at_once(start_proxy, patients):
    for patient in patients:
        patient.check = UNWELL["answers 500"]
    proxy = begin(start_proxy, patients)
    proxy.wait_for("backend_check_failing", count=2)
    reply = ask(proxy)
    assert reply.status == 503 and not any(it.requests for it in patients)
    patients[1].check = OK + b"well."
    proxy.wait_for("backend_check_passing")
    assert ask(proxy).body == b"other"


def test_one_connection_at_a_time_and_checks_spread(start_proxy, patients):
    """Of a backend that hangs for longer than the interval."""
    patients[0].check = None
    begin(start_proxy, patients, health_timeout="300ms", health_interval="100ms")
    wait_until(lambda: patients[0].checks >= 5, "checks go on")
    assert patients[0].most_open <= 2  # one, and one whose end it has not seen yet


def test_a_reload_marks_nobody_up(start_proxy, patients):
    patients[0].check = UNWELL["answers 500"]
    proxy = begin(start_proxy, patients, health_interval="1s")
    proxy.wait_for("backend_check_failing")
    for size in range(5):
        proxy.write_config(max_body=f"{size + 1}m")
        proxy.hup()
        assert [ask(proxy).body for _ in range(3)] == [b"other"] * 3
    assert len(proxy.events("backend_check_failing")) == 1
    assert not proxy.events("backend_check_passing")
    proxy.write_config(health="off", health_interval=None)
    proxy.hup()
    assert {ask(proxy).body, ask(proxy).body} == {b"first", b"other"}


def test_a_new_worker_knows_soon(start_proxy, patients):
    patients[0].check = UNWELL["answers 500"]
    proxy = begin(start_proxy, patients, health_interval="30s")
    proxy.wait_for("backend_check_failing")
    os.kill(proxy.workers()[0], signal.SIGKILL)
    proxy.wait_for("backend_check_failing", count=2)
    assert [ask(proxy).body for _ in range(3)] == [b"other"] * 3
    proxy.expect_exit = 0


def test_a_tcp_service_is_checked_by_connect_and_by_request(start_proxy, patients):
    port = free_port()
    proxy = start_proxy([f"127.0.0.1:{port}", patients[1].address], protocol="tcp",
                        **{**CHECKED, "health": "connect"})
    proxy.wait_for("backend_check_failing", backend=f"127.0.0.1:{port}")
    assert ask(proxy).body == b"other"
    proxy.write_config(health="GET /well")
    patients[1].check = UNWELL["answers 500"]
    proxy.hup()
    proxy.wait_for("backend_check_failing", backend=patients[1].address)
    with Tls(proxy.port) as client:
        client.send(get("/"))
        assert client.read_to_end()[0] == b""
    assert patients[1].requests == 1


def test_a_backend_behind_a_unix_socket_is_checked(start_proxy, patients):
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listener:
        path = f"{folder}/backend.sock"
        listener.settimeout(20)
        listener.bind(path)
        for one in (folder, path):
            os.chmod(one, 0o777)  # the workers are somebody else
        listener.listen()
        proxy = start_proxy([f"unix:{path}", patients[1].address],
                            **{**CHECKED, "name": "wlb.example.com"})
        talk, _ = listener.accept()
        with talk:
            head = talk.recv(65536)
            talk.sendall(UNWELL["answers 500"])
        proxy.wait_for("backend_check_failing", backend=f"unix:{path}")
        assert b"\r\nHost: wlb.example.com\r\n" in head
        assert ask(proxy).body == b"other"


@pytest.mark.parametrize("version, header", [
    ("v1", b"PROXY UNKNOWN\r\n"),
    ("v2", b"\r\n\r\n\x00\r\nQUIT\n\x20\x00")])
def test_a_check_says_that_it_speaks_for_nobody(start_proxy, backend, version, header):
    seen = []

    def script(talk):
        seen.append(talk.read_until(b"close\r\n\r\n"))
        talk.send(OK + b"well.")

    proxy = start_proxy(backend(script).address, send_proxy=version, **CHECKED)
    wait_until(lambda: len(seen) > 1, "it is checked")
    assert seen[0].startswith(header) and b"GET /well HTTP/1.1\r\n" in seen[0]
    assert not proxy.events("backend_check_failing")


def test_a_backend_that_is_back_starts_slowly(start_proxy, patients):
    patients[0].check = UNWELL["answers 500"]
    proxy = begin(start_proxy, patients, slow_start="1h")
    proxy.wait_for("backend_check_failing")
    patients[0].check = OK + b"well."
    proxy.wait_for("backend_check_passing")
    before = patients[0].requests
    bodies = [ask(proxy).body for _ in range(40)]
    assert 0 < patients[0].requests - before < 10, bodies
