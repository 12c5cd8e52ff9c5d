"""Floods: who attacks meets a deadline or a limit; who behaves is served meanwhile."""
import shutil
import socket
import ssl
import subprocess
import time

import pytest

from frame.client import TLS12, TLS13, Tls, context, get
from frame.wait import wait_until

MANY = 500
# Deadlines of requests; handshakes may take as long as a busy machine needs.
DEADLINES = {"handshake_timeout": "60s", "head_timeout": "2s", "body_timeout": "2s",
             "idle_timeout": "2s", "linger_timeout": "300ms"}


def counters(proxy):
    return proxy.status()["workers"][0]["counters"]


def ends(proxy):
    return proxy.status()["workers"][0]["ends"]


def works(port, **options):
    with Tls(port, **options) as client:
        return client.request(get("/", close=True)).status == 200


def client_hello():
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    side = context().wrap_bio(incoming, outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        side.do_handshake()
    return outgoing.read()


def many_clients(port, count, first, source="127.0.0.1"):
    """Connections that have said that much."""
    connections = []
    for _ in range(count):
        connections.append(socket.create_connection(
            ("127.0.0.1", port), timeout=30, source_address=(source, 0)))
        if first:
            connections[-1].sendall(first)
    return connections


def close_all(connections):
    for one in connections:
        one.close()


def wait_until_alone(proxy):
    wait_until(lambda: counters(proxy)["connections"] == 0, "all connections have gone", 60)


@pytest.mark.parametrize("said", ["nothing", "half a hello", "a hello"])
def test_half_open_handshakes_end_by_their_deadline(start_proxy, origin, full, said):
    # Long enough for a client that means it, behind all of them, on a busy machine.
    proxy = start_proxy(origin.address, handshake_rate=0, handshake_timeout="15s")
    hello = client_hello()
    first = {"nothing": b"", "half a hello": hello[:len(hello) // 2], "a hello": hello}[said]
    assert works(proxy.port)
    count = 5000 if full else MANY
    before = proxy.rss()
    attackers = many_clients(proxy.port, count, first)
    for _ in range(10):
        assert works(proxy.port)
    assert proxy.rss() - before < count * 64 + 4096
    wait_until_alone(proxy)
    close_all(attackers)
    assert ends(proxy)["handshake_timeout"] + ends(proxy).get("handshake_shed", 0) == count


def test_handshakes_beyond_the_limit_make_room(start_proxy, origin):
    """The oldest silent ones go, nobody who speaks waits."""
    proxy = start_proxy(origin.address, max_handshakes=50)
    attackers = many_clients(proxy.port, 200, b"")
    assert works(proxy.port)
    assert counters(proxy)["handshakes_in_progress"] <= 50
    assert counters(proxy)["handshakes_shed"] >= 150
    close_all(attackers)
    wait_until_alone(proxy)


def test_many_clients_that_stall_after_their_hello_keep_nobody_waiting(start_proxy, origin):
    """Clients behind all of them, in the backlog, do not wait either."""
    proxy = start_proxy(origin.address, max_handshakes=50, handshake_timeout="1m")
    attackers = many_clients(proxy.port, 800, client_hello(), source="127.0.0.2")
    assert works(proxy.port, timeout=40)  # with three seconds each it took 48
    close_all(attackers)
    wait_until_alone(proxy)
    assert works(proxy.port)


@pytest.mark.parametrize("said", ["half a hello", "a hello"])
def test_an_idle_client_costs_nobody_an_error(start_proxy, origin, full, said):
    """Not even who comes from the same address, and more often than its rate."""
    proxy = start_proxy(origin.address, handshake_rate=5, handshake_timeout="1m")
    hello = client_hello()
    attackers = many_clients(proxy.port, 2500 if full else 700,
                      hello if said == "a hello" else hello[:len(hello) // 2])
    for _ in range(60):
        assert works(proxy.port)
    close_all(attackers)


def test_a_single_handshake_of_a_source_is_not_shed(start_proxy, origin):
    """Although it is the oldest of all, and not quick."""
    proxy = start_proxy(origin.address, max_handshakes=50, handshake_timeout="1m")
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=30) as slow:
        attackers = many_clients(proxy.port, 200, b"", source="127.0.0.2")
        wait_until(lambda: counters(proxy)["handshakes_shed"] >= 150, "room is made")
        with context().wrap_socket(slow, server_hostname="localhost") as client:
            client.sendall(get("/", close=True))
            assert client.recv(12) == b"HTTP/1.1 200"
    close_all(attackers)


def test_connections_of_one_source_are_bounded(start_proxy, origin):
    proxy = start_proxy(origin.address, max_connections_per_source=20)
    of_one_source = many_clients(proxy.port, 30, b"", source="127.0.0.9")
    wait_until(lambda: ends(proxy).get("too_many_connections", 0) == 10)
    assert works(proxy.port)
    close_all(of_one_source)


def test_clients_of_a_full_worker_wait_in_the_backlog_and_it_is_told_once(start_proxy, origin):
    proxy = start_proxy(origin.address, max_connections=10, max_connections_per_source=0)
    inside = [Tls(proxy.port) for _ in range(10)]
    for one in inside:
        one.send(b"GET / HTTP/1.1\r\nHost: a\r\n")
    proxy.wait_for("max_connections_reached")
    outside = many_clients(proxy.port, 20, b"")
    assert counters(proxy)["accepted"] == 10
    inside[0].send(b"\r\n")
    assert inside[0].read_reply().status == 200
    for one in inside:
        one.close()
    wait_until(lambda: counters(proxy)["accepted"] >= 20)
    close_all(outside)
    assert works(proxy.port)
    assert len(proxy.events("max_connections_reached")) == 1


def test_the_longest_idle_client_makes_room_for_a_new_one(start_proxy, origin):
    proxy = start_proxy(origin.address, max_connections=10, idle_timeout="1h")
    idle = [Tls(proxy.port) for _ in range(5)]
    for one in idle:
        assert one.request(get("/")).status == 200
    others = [Tls(proxy.port, source="127.0.0.2") for _ in range(5)]
    for one in others:
        assert one.request(get("/")).status == 200
    with Tls(proxy.port, source="127.0.0.3") as fresh:
        assert fresh.request(get("/")).status == 200
        assert idle[0].read_to_end() == (b"", "close_notify")
        for one in idle[1:] + others:
            assert one.request(get("/")).status == 200
    wait_until(lambda: ends(proxy).get("made_room") == 1)
    close_all(idle + others)


RECORDS = {
    "compatibility records": b"\x14\x03\x03\x00\x01\x01",
    "warnings": b"\x15\x03\x01\x00\x02\x01\x5a",
    "empty handshake records": b"\x16\x03\x01\x00\x00",
    "empty data records": b"\x17\x03\x03\x00\x00",
}


@pytest.mark.parametrize("after_hello", [False, True])
@pytest.mark.parametrize("kind", sorted(RECORDS))
def test_records_that_carry_nothing_end_the_handshake(start_proxy, origin, kind, after_hello):
    proxy = start_proxy(origin.address)
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=30) as raw:
        if after_hello:
            raw.sendall(client_hello())
        try:
            for _ in range(100):
                raw.sendall(RECORDS[kind] * 1000)
            while raw.recv(65536):
                pass
        except ConnectionError:
            pass
    wait_until_alone(proxy)
    assert works(proxy.port)
    assert proxy.events("end")[0]["reason"] in ("tls_flood", "handshake_failed", "probe",
                                                "client_reset", "client_gone")


def s_client(port, *options, typed=b""):
    return subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", *options],
        input=typed, capture_output=True, timeout=60)


def update_keys(port, count):
    """Returns how many KeyUpdates s_client could send, one after the other."""
    with subprocess.Popen(
            ["openssl", "s_client", "-tls1_3", "-connect", f"127.0.0.1:{port}"],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as it:
        try:
            for sent in range(count):
                it.stdin.write(b"k\n")
                it.stdin.flush()
                while b"KEYUPDATE" not in (line := it.stderr.readline()):
                    if not line:
                        return sent
        except BrokenPipeError:
            return sent
        finally:
            it.kill()
    return count


def test_a_flood_of_key_updates_ends_the_connection(start_proxy, origin):
    proxy = start_proxy(origin.address)
    update_keys(proxy.port, 200)
    assert proxy.wait_for("end", reason="tls_flood")
    assert works(proxy.port)


def test_some_key_updates_are_fine(proxy):
    assert update_keys(proxy.port, 10) == 10
    wait_until_alone(proxy)
    assert not proxy.events("end", reason="tls_flood")


def test_renegotiation_is_refused_however_often_it_is_asked(start_proxy, origin):
    proxy = start_proxy(origin.address)
    for _ in range(5):
        s_client(proxy.port, "-tls1_2", typed=b"R\n" * 200)
    wait_until_alone(proxy)
    assert counters(proxy)["handshakes_full"] + counters(proxy)["handshakes_resumed"] == 5
    assert works(proxy.port)


@pytest.mark.parametrize("tls", [TLS12, TLS13], ids=["tls1.2", "tls1.3"])
def test_slow_heads_and_bodies_end_by_their_deadline(start_proxy, origin, tls):
    proxy = start_proxy(origin.address, **DEADLINES)
    with_head = context(versions=tls)
    attackers = []
    for index in range(60):
        attackers.append(Tls(proxy.port, tls=with_head))
        attackers[-1].send(b"GET / HTTP/1.1\r\nHost: a\r\nX-" if index % 2 else
                           b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n1")
    assert works(proxy.port)
    for one in attackers:
        data, end = one.read_to_end()
        assert data.startswith(b"HTTP/1.1 408 ") and end == "close_notify"
        one.close()
    wait_until_alone(proxy)
    assert ends(proxy)["head_timeout"] == 30 and ends(proxy)["body_timeout"] == 30


def test_idle_connections_cost_little(start_proxy, origin, full):
    count = 8000 if full else 500
    proxy = start_proxy(origin.address, idle_timeout="60s", max_connections_per_source=0)
    assert works(proxy.port)
    before = proxy.rss()
    idle = []
    for _ in range(count if count < 900 else 900):
        idle.append(Tls(proxy.port))
        assert idle[-1].request(get("/")).status == 200
    each = (proxy.rss() - before) / len(idle)
    assert each < 64, f"{each:.1f} KiB for an idle connection"
    for one in idle:
        one.close()
    wait_until_alone(proxy)


def test_memory_comes_back_after_a_flood(start_proxy, origin):
    proxy = start_proxy(origin.address, **DEADLINES)
    assert works(proxy.port)
    before = proxy.rss()
    attackers = many_clients(proxy.port, 900, client_hello()[:100])
    wait_until(lambda: counters(proxy)["handshakes_in_progress"] >= 900)
    most = proxy.rss()
    close_all(attackers)
    wait_until_alone(proxy)
    wait_until(lambda: proxy.rss() < before + (most - before) // 2, "memory is given back")


SLOW = {"heads": ["-H", "-i", "3"], "bodies": ["-B", "-i", "3", "-s", "8192", "-x", "10"],
        "readers": ["-X", "-w", "10", "-y", "20", "-n", "5", "-z", "32", "-k", "3"]}


def p99(port, count=200):
    times = []
    for _ in range(count):
        began = time.monotonic()
        assert works(port)
        times.append(time.monotonic() - began)
    return sorted(times)[int(count * 0.99) - 1]


@pytest.mark.long
@pytest.mark.skipif(shutil.which("slowhttptest") is None, reason="needs slowhttptest")
@pytest.mark.parametrize("kind", sorted(SLOW))
def test_slowhttptest_with_4000_connections(start_proxy, origin, kind, record_property):
    proxy = start_proxy(origin.address, workers=2, log_level="info", head_timeout="10s",
                        body_timeout="10s", idle_timeout="10s")
    quiet, before = p99(proxy.port), sum(map(proxy.rss, proxy.workers()))
    path = "?size=400000" if kind == "readers" else ""
    with subprocess.Popen(
            ["slowhttptest", *SLOW[kind], "-c", "4000", "-r", "1000", "-l", "30",
             "-u", f"https://127.0.0.1:{proxy.port}/{path}"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as attack:
        wait_until(lambda: sum(one["connections"] for one in proxy.status()["workers"]) > 100)
        busy, most = [], 0
        while attack.poll() is None:
            busy.append(p99(proxy.port, 100))
            most = max(most, sum(map(proxy.rss, proxy.workers())) - before)
    record_property("p99 quiet, under attack (ms)", f"{quiet * 1e3:.1f} {max(busy) * 1e3:.1f}")
    record_property("memory of the attackers (KiB)", most)
    assert most < 4000 * 256
    wait_until(lambda: sum(one["connections"] for one in proxy.status()["workers"]) == 0,
               "attackers end by their deadlines", 60)
    assert works(proxy.port)
