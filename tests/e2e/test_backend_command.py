"""`wlbproxy backend`: the table, draining and enabling, and what outlives what."""
import json
import os
import signal
import socket
import threading

import pytest

from frame.client import Tls, get
from frame.wait import wait_until

pytestmark = pytest.mark.core
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"


@pytest.fixture
def two(backend):
    return [backend(OK + b"first"), backend(OK + b"other")]


def begin(start_proxy, two, **options):
    return start_proxy([it.address for it in two],
                       **{"balance": "roundrobin", "name": "wlb.example.com", **options})


def backend_of(proxy, *words, check=0):
    return proxy.command("backend", *words, "-c", proxy.config, check=check)


def table(proxy):
    return {one["address"]: one for one in json.loads(backend_of(proxy, "--json").stdout)["backends"]}


def bodies(proxy, count=4):
    with Tls(proxy.port) as client:
        return [client.request(get("/")).body for _ in range(count)]


def test_a_drained_backend_gets_no_new_requests(start_proxy, two):
    proxy = begin(start_proxy, two, workers=2)
    said = backend_of(proxy, "wlb", two[0].address, "drain").stdout
    assert f"[wlb] {two[0].address} is drained: it gets no new requests" in said
    wait_until(lambda: all(  # it is told, and no answer is waited for
        one["state"] == "drained" for worker in proxy.status()["workers"]
        for one in worker["backends"][:1]), "every worker knows")
    for _ in range(4):
        assert bodies(proxy) == [b"other"] * 4
    one = table(proxy)[two[0].address]
    assert (one["state"], one["drained"], one["up"], one["active"]) == ("drained", True, True, 0)
    assert "since" in one
    assert "is drained already" in backend_of(proxy, two[0].address, "drain").stdout
    said = backend_of(proxy, two[0].address, "enable").stdout
    assert "is enabled: it gets requests again" in said
    wait_until(lambda: b"first" in bodies(proxy), "it gets requests")
    assert proxy.events("backend_drained", backend=two[0].address)
    assert proxy.events("backend_enabled", backend=two[0].address)


def test_requests_of_a_drained_backend_end_in_their_time(start_proxy, backend):
    go = threading.Event()

    def slowly(talk):
        if talk.read_head():
            talk.send(OK + b"fi")
            go.wait(20)
            talk.send(b"rst")

    backends = [backend(slowly), backend(OK + b"other")]
    proxy = start_proxy([it.address for it in backends])
    with Tls(proxy.port) as client:
        client.send(get("/"))
        backends[0].wait_for(lambda it: it.conversations)
        backend_of(proxy, backends[0].address, "drain")
        assert bodies(proxy) == [b"other"] * 4
        assert table(proxy)[backends[0].address]["active"] == 1
        go.set()
        assert client.read_reply().body == b"first"
    wait_until(lambda: table(proxy)[backends[0].address]["active"] == 0, "it is drained")


def test_reloads_workers_and_upgrades_keep_it(start_proxy, two):
    proxy = begin(start_proxy, two)
    backend_of(proxy, two[0].address, "drain")
    proxy.write_config(max_body="1m")
    proxy.reload()
    assert bodies(proxy) == [b"other"] * 4
    os.kill(proxy.workers()[0], signal.SIGKILL)
    proxy.wait_for("worker_up", count=2)
    assert bodies(proxy) == [b"other"] * 4
    since = table(proxy)[two[0].address]["since"]
    proxy.write_config(connect=[two[1].address])
    proxy.reload()
    assert proxy.events("backend_drain_forgotten", backend=two[0].address)
    proxy.write_config(connect=[it.address for it in two])
    proxy.reload()
    assert set(bodies(proxy)) == {b"first", b"other"}
    assert since


def test_the_last_one_is_drained_with_a_warning(start_proxy, two):
    proxy = begin(start_proxy, two)
    assert "warning" not in backend_of(proxy, two[0].address, "drain").stdout
    said = backend_of(proxy, two[1].address, "drain").stdout
    assert "warning: no backend of this service is left" in " ".join(said.split())
    with Tls(proxy.port) as client:
        assert client.request(get("/")).status == 503


def test_the_table_fits_and_says_why(start_proxy, two):
    proxy = begin(start_proxy, two, health="GET /", health_status="204")
    proxy.wait_for("backend_check_failing", count=2)
    text = backend_of(proxy).stdout
    assert text.startswith("SERVICE  ADDRESS") and text.count("\n    status 200\n") == 2
    assert text.count("failing") == 2
    backend_of(proxy, "wlb", two[0].address, "drain")
    lines = backend_of(proxy, "wlb").stdout.splitlines()
    assert "drained" in lines[1] and two[0].address in lines[1]
    assert "DRAINED" in proxy.command("status", "-c", proxy.config, check=0).stdout


@pytest.mark.sampled(3)
@pytest.mark.parametrize("words, told", [
    (["wbl", "drain"], "there is no service 'wbl'; did you mean 'wlb'?"),
    (["wlb", "drain"], "service wlb has 2 backends: name one by its address"),
    (["drain"], "service wlb has 2 backends: name one by its address"),
    (["127.0.0.1:1", "drain"], "there is no backend '127.0.0.1:1'"),
    (["127.0.0.1:1"], "what is to become of 127.0.0.1:1? drain or enable"),
    (["wlb", "drian"], "'drian' is neither drain nor enable"),
    (["wlb", "127.0.0.1:1", "127.0.0.1:2", "drain"], "'127.0.0.1:2' is too much"),
    (["nobody"], "there is no service 'nobody'"),
])
def test_faults_are_told_in_words(start_proxy, two, words, told):
    proxy = begin(start_proxy, two)
    error = backend_of(proxy, *words, check=2).stderr
    assert told in " ".join(error.split()), error


def test_the_control_socket_says_what_it_needs(start_proxy, two):
    proxy = begin(start_proxy, two)
    for question, told in [
            ({"request": "backend"}, 'backend needs "action": drain or enable'),
            ({"request": "backend", "action": "drain", "service": 5, "address": {}},
             "service wlb has 2 backends: name one by its address")]:
        with socket.socket(socket.AF_UNIX) as asking:
            asking.connect(str(proxy.control))
            asking.sendall(json.dumps(question).encode() + b"\n")
            answer = b""
            while some := asking.recv(65536):
                answer += some
        assert json.loads(answer)["error"] == told
