"""Backends that are bad, slow, cut off, early or odd: what each kind of client sees.

One proxy and one backend serve a whole table: the request's path says what the backend does.
A visible cut is an end without close_notify; see frame/client.py for how that is noticed.
"""
import itertools
import re
import socket
import threading
import time

import pytest

from frame import strict
from frame.backend import Backend
from frame.client import TLS12, TLS13, Tls, context, get
from frame.ports import free_port
from frame.wait import wait_until

OK = b"HTTP/1.1 200 OK\r\n"
FIVE = OK + b"Content-Length: 5\r\n\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


def piecewise(talk, data):
    for i in range(len(data)):
        talk.send(data[i:i + 1])


# the bytes that the backend sends once it has the request, then the end
WHOLE = {
    "length": FIVE + b"hello",
    "chunked": CHUNKED + b"2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nX-Sum: 1\r\n\r\n",
    "to-the-end": OK + b"\r\nhello",
    "1.0": b"HTTP/1.0 200 OK\r\n\r\nhello",
    "interim-first": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 X\r\nA: b\r\n\r\n" + FIVE
                     + b"hello",
    "keep-alive-1.0": b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\n"
                      b"hello",
}
REFUSED = {
    "nothing": b"",
    "half-a-status-line": b"HTTP/1.1 2",
    "half-a-head": FIVE[:-2],
    "interim-only": b"HTTP/1.1 100 Continue\r\n\r\n",
    "two-lengths": OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    "length-and-coding": OK + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "line-feeds": FIVE.replace(b"\r\n", b"\n") + b"hello",
    "unasked-101": b"HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    "ssh": b"SSH-2.0-OpenSSH_9.2\r\n",
    "http-0.9": b"<html>hello</html>",
    "huge-head": OK + b"X: " + b"x" * 40000 + b"\r\n\r\n",
    "endless-interims": b"HTTP/1.1 102 X\r\n\r\n" * 40,
    "gzip-coding": OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
}
CUT = {
    "short-length": FIVE + b"hel",
    "short-chunk": CHUNKED + b"5\r\nhel",
    "no-last-chunk": CHUNKED + b"5\r\nhello\r\n",
    "no-trailer-end": CHUNKED + b"5\r\nhello\r\n0\r\n",
    "bad-chunk": CHUNKED + b"5\r\nhello\r\nxyz\r\n",
}
BODIES = {"length": b"hello", "crlf": b"hello", "another-reply": b"hello", "chunked": b"hello",
          "204-chunked": b"", "204-length": b"", "304": b"", "large": b"x" * 300_000}
SURPLUS = {  # a whole reply, and what comes behind its end
    "length": (FIVE + b"hello", b"more"),
    "crlf": (FIVE + b"hello", b"\r\n"),
    "another-reply": (FIVE + b"hello", FIVE + b"smugg"),
    "chunked": (CHUNKED + b"5\r\nhello\r\n0\r\n\r\n", b"0\r\n\r\n"),
    "204-chunked": (b"HTTP/1.1 204 X\r\nTransfer-Encoding: chunked\r\n\r\n", b"0\r\n\r\n"),
    "204-length": (b"HTTP/1.1 204 X\r\nContent-Length: 5\r\n\r\n", b"hello"),
    "304": (b"HTTP/1.1 304 X\r\n\r\n", b"hello"),
    "large": (OK + b"Content-Length: 300000\r\n\r\n" + BODIES["large"], b"more"),
}
ENDS = {"fin": lambda talk: talk.end(), "reset": lambda talk: talk.reset(),
        "stay": lambda talk: talk.wait_for_end()}
CLIENTS = {
    "keep-alive": {"version": "HTTP/1.1"},
    "close": {"version": "HTTP/1.1", "close": True},
    "1.0": {"version": "HTTP/1.0"},
    "head": {"version": "HTTP/1.1", "method": "HEAD"},
}


def play(talk):
    """The path is /KIND/NAME/END: what to send and how to end."""
    head, _ = talk.read_request()
    if head:
        kind, name, end = head.split(b" ")[1].decode().strip("/").split("/")
        data = {"whole": WHOLE, "refused": REFUSED, "cut": CUT}[kind][name]
        if kind == "whole" and head.startswith(b"HEAD "):
            data = data[:data.index(b"\r\n\r\n", data.index(b" 200 ")) + 4]
        if end == "bytes":
            piecewise(talk, data)
        else:
            talk.send(data)
        ENDS.get(end, ENDS["fin"])(talk)


def read_one(client, head):
    """(bytes, how it ended): 'open' where a whole reply came and nothing ended."""
    received = b""
    while True:
        try:
            strict.read_reply(received, head, ended=False)
            return received, "open"
        except strict.Incomplete:
            try:
                some = client.receive()
            except (OSError, EOFError):
                return received, "cut"
            if not some:
                return received, "close_notify"
            received += some


def visit(proxy, path, client, tls):
    """Returns what that client gets: (Message or None, how the connection ended)."""
    how = CLIENTS[client]
    with Tls(proxy.port, tls=tls) as it:
        it.send(get(path, **how))
        stays = client in ("keep-alive", "head")
        received, end = read_one(it, client == "head") if stays else it.read_to_end()
    if not received:
        return None, end
    try:
        reply, surplus = strict.read_reply(received, client == "head")
    except strict.Incomplete:
        return None, end
    assert surplus == b""
    return reply, end


@pytest.fixture(params=[TLS12, TLS13], ids=["tls1.2", "tls1.3"])
def tls(request):
    return context(versions=request.param)


@pytest.fixture
def stage(start_proxy, backend):
    return start_proxy(backend(play).address, log_level="info")


@pytest.mark.core
def test_a_whole_reply_arrives_whole_however_it_comes(stage, tls):
    for name, client, end in itertools.product(WHOLE, CLIENTS, ("fin", "bytes", "stay")):
        if end == "stay" and name in ("to-the-end", "1.0") and client != "head":
            continue
        reply, ended = visit(stage, f"/whole/{name}/{end}", client, tls)
        where = (name, client, end)
        assert reply.status == 200, where
        assert reply.body == (b"" if client == "head" else b"hello"), where
        assert ended in ("open", "close_notify"), where
        if client in ("close", "1.0"):
            assert ended == "close_notify", where
            assert not reply.all(b"transfer-encoding"), where


@pytest.mark.core
def test_an_invalid_reply_is_a_502_with_a_length(stage, tls):
    for name, client, end in itertools.product(REFUSED, CLIENTS, ("fin", "reset", "bytes")):
        if end == "bytes" and len(REFUSED[name]) > 1000:
            continue
        reply, ended = visit(stage, f"/refused/{name}/{end}", client, tls)
        assert reply.status == 502, (name, client, end)
        assert reply.all(b"content-length") and ended in ("open", "close_notify")


@pytest.mark.core
def test_a_cut_reply_looks_cut_to_everybody(stage, tls):
    for name, client, end in itertools.product(CUT, CLIENTS, ("fin", "reset", "bytes")):
        reply, ended = visit(stage, f"/cut/{name}/{end}", client, tls)
        where = (name, client, end, ended)
        if client == "head":
            assert reply.status in (200, 502), where
        elif reply is not None and not reply.until_the_end:
            assert reply.status == 502, where
        else:
            assert ended == "cut", where


def test_a_reset_is_never_the_end_of_a_reply_without_length(stage, tls):
    for client in ("keep-alive", "close", "1.0"):
        reply, ended = visit(stage, "/whole/to-the-end/reset", client, tls)
        assert ended == "cut" or reply.status == 502


@pytest.mark.core
@pytest.mark.parametrize("keepalive", [0, 4])
def test_bytes_behind_a_reply_cost_their_connection_not_the_reply(
        start_proxy, backend, tls, keepalive):
    """However they are cut into segments; the next request is answered by its own reply."""
    def script(talk):
        head, _ = talk.read_request()
        name, cut = head.split(b" ")[1].decode().strip("/").split("/")
        reply, surplus = SURPLUS[name]
        if cut == "whole":
            talk.send(reply + surplus)
        elif cut == "behind":
            talk.send(reply)
            talk.send(surplus)
        elif cut == "before":
            talk.send(reply[:-1])
            talk.send(reply[-1:] + surplus)
        talk.wait_for_end()

    it = backend(script)
    proxy = start_proxy(it.address, backend_keepalive=keepalive)
    with Tls(proxy.port, tls=tls) as client:
        for name, cut in itertools.product(SURPLUS, ("whole", "behind", "before")):
            reply = client.request(get(f"/{name}/{cut}"))
            assert reply.body == BODIES[name], (name, cut)
            assert reply.status == int(SURPLUS[name][0][9:12]), (name, cut)
            it.wait_for(lambda _: all(getattr(talk, "done", 0) for talk in it.conversations))
    assert len(it.conversations) == 3 * len(SURPLUS)
    small = [name for name in SURPLUS if name != "large"]
    sizes = [str(len(SURPLUS[name][1])) for name in small for _ in ("whole", "before")]
    told = [event["bytes"] for event in proxy.events("surplus_discarded", level="warning")]
    assert not [size for size in set(sizes) if told.count(size) < sizes.count(size)], told


def test_our_own_error_costs_a_client_no_connection(stage, tls):
    with Tls(stage.port, tls=tls) as client:
        for _ in range(5):
            assert client.request(get("/refused/two-lengths/fin")).status == 502
            assert client.request(get("/refused/two-lengths/fin", method="POST", body=b"x")).status == 502
            assert client.request(get("/whole/length/bytes")).body == b"hello"
    assert stage.status()["counters"]["accepted"] == 1


# --- slow ones ---------------------------------------------------------------------------------


def silent(talk):
    talk.read_request()
    talk.wait_for_end()


def stalls(talk):
    talk.read_request()
    talk.send(FIVE + b"hel")
    talk.wait_for_end()


def test_a_silent_backend_is_a_504_and_is_left(start_proxy, backend, tls):
    it = backend(silent)
    proxy = start_proxy(it.address, response_timeout="300ms")
    for client in CLIENTS:
        reply, ended = visit(proxy, "/", client, tls)
        assert reply.status == 504 and ended in ("open", "close_notify"), client
    it.wait_for(lambda _: all(getattr(talk, "done", 0) for talk in it.conversations))


def test_a_backend_that_stalls_in_its_reply_is_a_cut(start_proxy, backend, tls):
    proxy = start_proxy(backend(stalls).address, response_timeout="300ms")
    for client in ("keep-alive", "close", "1.0"):
        assert visit(proxy, "/", client, tls) == (None, "cut"), client


def test_a_reply_before_the_request_is_whole_ends_the_connection(start_proxy, backend, tls):
    def early(talk):
        talk.read_head()
        talk.send(FIVE + b"early")
        talk.wait_for_end()

    proxy = start_proxy(backend(early).address)
    for fields in (["Content-Length: 100"], ["Transfer-Encoding: chunked"]):
        with Tls(proxy.port, tls=tls) as client:
            client.send(get("/", *fields, method="POST"))
            received, ended = client.read_to_end()
        reply, surplus = strict.read_reply(received)
        assert (reply.body, surplus, ended) == (b"early", b"", "close_notify")
        assert reply.all(b"connection") == [b"close"]


# --- the pool of idle connections ----------------------------------------------------------------


def keeping(talk, requests, then):
    """Answers that many requests, reads one more, and then does `then`."""
    for _ in range(requests):
        if not talk.read_request()[0]:
            return
        talk.send(FIVE + b"hello")
    if talk.read_request()[0]:
        then(talk)


@pytest.mark.parametrize("end", ["fin", "reset"])
def test_a_get_that_met_a_closing_connection_is_sent_once_more(start_proxy, backend, end):
    it = backend(lambda talk: keeping(talk, 1, ENDS[end]))
    proxy = start_proxy(it.address, backend_keepalive=4)
    with Tls(proxy.port) as client:
        for _ in range(5):
            assert client.request(get("/")).body == b"hello"
    assert not proxy.complaints()


def test_a_post_is_never_sent_twice(start_proxy, backend):
    posts = []

    def count_and_end(talk):
        posts.append(talk)
        talk.end()

    it = backend(lambda talk: keeping(talk, 1, count_and_end))
    proxy = start_proxy(it.address, backend_keepalive=4, backend_keepalive_post="on")
    with Tls(proxy.port) as client:
        assert client.request(get("/", method="POST", body=b"once")).status == 200
        assert client.request(get("/", method="POST", body=b"once")).status == 502
    assert len(posts) == 1 and len(it.conversations) == 1


def test_a_request_is_sent_twice_at_most(start_proxy, backend):
    first = threading.Event()

    def once(talk):
        if not first.is_set():
            first.set()
            keeping(talk, 1, lambda talk: talk.end())
        elif talk.read_request()[0]:
            talk.end()

    it = backend(once)
    proxy = start_proxy(it.address, backend_keepalive=4)
    with Tls(proxy.port) as client:
        assert client.request(get("/")).status == 200
        assert client.request(get("/")).status == 502
    assert len(it.conversations) == 2


@pytest.mark.parametrize("poison", [
    b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison", b"x", b"\r\n"], ids=repr)
def test_bytes_from_an_idle_connection_poison_nothing(start_proxy, backend, poison):
    said = threading.Semaphore(0)

    def speak_out_of_turn(talk):
        head, _ = talk.read_request()
        body = head.split(b" ")[1]
        talk.send(OK + b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        wait_until(lambda: client_has.acquire(blocking=False), "the client has its reply")
        talk.send(poison)
        said.release()
        talk.wait_for_end()

    client_has = threading.Semaphore(0)
    proxy = start_proxy(backend(speak_out_of_turn).address, backend_keepalive=4)
    with Tls(proxy.port) as client:
        for i in range(4):
            assert client.request(get(f"/{i}")).body == b"/%d" % i
            client_has.release()
            assert said.acquire(timeout=20)


def test_a_post_uses_no_connection_that_may_just_be_closing(start_proxy, backend):
    it = backend(lambda talk: keeping(talk, 1, lambda talk: talk.end()))
    proxy = start_proxy(it.address, backend_keepalive=4)
    with Tls(proxy.port) as client:
        for _ in range(10):
            assert client.request(get("/", method="POST", body=b"once")).status == 200
    assert len(it.conversations) == 10


# --- identities ------------------------------------------------------------------------------------


def ntlm(talk):
    """A client that has authenticated is served by name for as long as the connection lasts."""
    user = b""
    while head := talk.read_request()[0]:
        offered = re.search(rb"Authorization: NTLM (\S+)", head)
        if user:
            talk.send(OK + b"Content-Length: %d\r\n\r\n%s" % (len(user), user))
        elif offered and offered.group(1).startswith(b"final-"):
            user = offered.group(1)[len(b"final-"):]
            talk.send(OK + b"Content-Length: %d\r\n\r\n%s" % (len(user), user))
        else:
            challenge = b"NTLM challenge" if offered else b"NTLM"
            talk.send(b"HTTP/1.1 401 No\r\nContent-Length: 0\r\nWWW-Authenticate: "
                      + challenge + b"\r\n\r\n")


@pytest.mark.parametrize("keepalive", [0, 4])
def test_nobody_is_served_as_the_user_before(start_proxy, backend, tls, keepalive):
    proxy = start_proxy(backend(ntlm).address, backend_keepalive=keepalive)
    clients = {user: Tls(proxy.port, tls=tls) for user in (b"alice", b"bob")}
    with clients[b"alice"], clients[b"bob"]:
        for user, client in clients.items():
            assert client.request(get("/")).status == 401
            assert client.request(get("/", "Authorization: NTLM hello")).status == 401
            reply = client.request(get("/", f"Authorization: NTLM final-{user.decode()}"))
            assert (reply.status, reply.body) == (200, user)
        for user, client in clients.items():
            assert client.request(get("/")).body == user
            assert client.request(get("/", method="POST", body=b"x")).body == user
        with Tls(proxy.port, tls=tls) as third:
            assert third.request(get("/")).status == 401


# --- several backends ------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_accepting_backend_that_dies_is_passed_over_by_the_next(start_proxy, backend, method):
    dying, other = backend(lambda talk: talk.read_request()), backend(FIVE + b"hello")
    proxy = start_proxy([dying.address, other.address])
    with Tls(proxy.port) as client:
        first = client.request(get("/", method=method)).status
        assert first == (502 if method == "POST" else 200), "a POST is not sent twice"
    for _ in range(10):
        with Tls(proxy.port) as client:
            assert client.request(get("/", method=method)).status == 200
    assert len(dying.conversations) == 1


def backend_log(proxy):
    return [event["event"] for event in proxy.events()
            if event["event"].startswith("backend_marked")]


def test_a_backend_that_stays_down_is_told_once_and_once_when_it_is_back(start_proxy, backend):
    """`localhost` is such a pair where the service does not listen on [::1]."""
    port = free_port()
    other = backend(FIVE + b"hello")
    proxy = start_proxy([f"127.0.0.1:{port}", other.address], backend_retry_after="50ms")

    def attempts():
        with Tls(proxy.port) as client:
            assert client.request(get("/")).status == 200
        return proxy.status()["counters"]["backend_connects"] - len(other.conversations)

    wait_until(lambda: attempts() >= 5, "it was tried again")
    assert backend_log(proxy) == ["backend_marked_down"]
    late = Backend(FIVE + b"early", port=port)
    try:
        wait_until(lambda: attempts() and len(late.conversations) > 2, "it is used again")
    finally:
        late.close()
    assert backend_log(proxy)[:2] == ["backend_marked_down", "backend_marked_up"]


def test_a_black_hole_costs_no_request_once_it_is_known(start_proxy, backend):
    """Its backlog is full and nobody takes anything out: no answer within connect_timeout."""
    other = backend(FIVE + b"hello")
    with socket.create_server(("127.0.0.1", 0), backlog=0) as hole, \
            socket.create_connection(hole.getsockname()):
        proxy = start_proxy(["127.0.0.1:%d" % hole.getsockname()[1], other.address],
                            connect_timeout="5s", backend_retry_after="100ms")
        started = time.monotonic()
        count = 0
        while time.monotonic() - started < 2 or count < 20:
            with Tls(proxy.port) as client:
                assert client.request(get("/")).status == 200
            count += 1
        log = proxy.events()
    assert backend_log(proxy) == ["backend_marked_down"]
    waits = [int(event["ms"]) for event in log if event["event"] == "end"]
    assert sum(ms >= 4900 for ms in waits) <= 1, waits


@pytest.mark.parametrize("balance, expected", [
    ("first", [12, 0, 0]), ("roundrobin", [6, 6, 0]), ("leastconn", [6, 6, 0])])
def test_balance_says_who_serves(start_proxy, backend, balance, expected):
    backends = [backend(FIVE + b"hello") for _ in range(3)]
    proxy = start_proxy([backends[0].address, backends[1].address,
                         f"{backends[2].address} backup"], balance=balance)
    with Tls(proxy.port) as client:
        for _ in range(12):
            assert client.request(get("/")).status == 200
    assert [len(it.conversations) for it in backends] == expected


def test_a_source_stays_with_its_backend(start_proxy, backend):
    backends = [backend(FIVE + b"hello") for _ in range(3)]
    proxy = start_proxy([it.address for it in backends], balance="source")
    for _ in range(6):
        with Tls(proxy.port) as client:
            assert client.request(get("/")).status == 200
    assert sorted(len(it.conversations) for it in backends) == [0, 0, 6]


def test_a_backup_takes_over_and_status_shows_it(start_proxy, backend):
    backup = backend(FIVE + b"hello")
    proxy = start_proxy([f"127.0.0.1:{free_port()} weight=5", f"{backup.address} backup"],
                        balance="roundrobin")
    with Tls(proxy.port) as client:
        assert client.request(get("/")).status == 200
    down, spare = proxy.status()["workers"][0]["backends"]
    assert (down["up"], down["weight"], down["backup"]) == (False, 5, False)
    assert (spare["up"], spare["weight"], spare["backup"]) == (True, 1, True)
    text = proxy.command("status", "-c", proxy.config, check=0).stdout
    assert ": DOWN, weight 5\n" in text and f"{backup.address}: no complaint, backup\n" in text


def test_all_backends_down_is_told_and_the_first_to_return_is_used(start_proxy, backend):
    ports = [free_port(), free_port()]
    proxy = start_proxy([f"127.0.0.1:{port}" for port in ports], backend_retry_after="100ms")
    with Tls(proxy.port) as client:
        assert client.request(get("/")).status in (502, 503)
    with socket.create_server(("127.0.0.1", ports[1])) as late:
        with Tls(proxy.port) as client:
            client.send(get("/"))
            talk, _ = late.accept()
            with talk:
                talk.recv(65536)
                talk.sendall(FIVE + b"hello")
                assert client.read_reply().body == b"hello"


# --- upgrades ----------------------------------------------------------------------------------------

WEBSOCKET = get("/", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
SWITCHED = b"HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"


def echo(talk):
    head = talk.read_head()
    talk.send((SWITCHED if b"\r\nUpgrade: websocket\r\n" in head else FIVE) + b"hello")
    while data := talk.read(4):
        talk.send(data.upper())


def receive_exactly(client, size):
    data = b""
    while len(data) < size:
        some = client.receive()
        assert some
        data += some
    return data


@pytest.mark.core
def test_a_websocket_is_a_tunnel_both_ways_to_its_end(start_proxy, backend, tls):
    proxy = start_proxy(backend(echo).address, upgrade="websocket")
    with Tls(proxy.port, tls=tls) as client:
        client.send(WEBSOCKET + b"ahead")  # bytes before the 101 wait for it
        received = receive_exactly(client, len(SWITCHED))
        while not received.endswith(b"helloAHEA"):
            received += client.receive()
        assert received.startswith(b"HTTP/1.1 101 ")
        client.send(b"rest")
        assert receive_exactly(client, 4) == b"DRES"


def test_without_the_option_an_upgrade_is_an_ordinary_request(start_proxy, backend, tls):
    proxy = start_proxy(backend(echo).address)
    with Tls(proxy.port, tls=tls) as client:
        reply = client.request(WEBSOCKET)
    assert (reply.status, reply.body) == (200, b"hello")


def test_a_refused_upgrade_leaves_http(start_proxy, backend):
    def refuse(talk):
        for _ in range(2):
            talk.read_head()
            talk.send(b"HTTP/1.1 426 X\r\nContent-Length: 2\r\n\r\nno")

    proxy = start_proxy(backend(refuse).address, upgrade="websocket")
    with Tls(proxy.port) as client:
        client.send(WEBSOCKET + get("/next"))
        assert client.read_reply().status == 426
        assert client.read_reply().status == 426
