"""The access log: one line per request, which says what the client got and always parses."""
import json
import re
import shlex
import socket
import threading

import pytest

from frame.client import TLS12, TLS13, Tls, context, get
from frame.ports import free_port
from frame.wait import wait_until
from frame.wire import Wire

OK = b"HTTP/1.1 200 OK\r\n"
FIVE = OK + b"Content-Length: 5\r\n\r\nhello"


def answer_all(talk):
    while talk.read_request()[0]:
        talk.send(FIVE)


def parse(line, form):
    if form == "json":
        return json.loads(line)
    time, *pairs = shlex.split(line)
    assert re.fullmatch(r"[0-9-]{10}T[0-9:.]{12}Z", time), line
    return dict(pair.split("=", 1) for pair in pairs)


def lines_of(folder, count, form="json"):
    path = folder / "access"
    lines = wait_until(lambda: (lambda all_: all_ if len(all_) >= count else None)(
        path.read_text().splitlines() if path.exists() else []), f"{count} lines of the access log")
    assert len(lines) == count, lines
    return [parse(line, form) for line in lines]


@pytest.fixture
def logging(start_proxy, tmp_path):
    """Starts a proxy with an access log; lines(count) waits for so many lines."""
    tmp_path.chmod(0o755)

    def start(connect, form="json", **options):
        proxy = start_proxy(connect, access_log=tmp_path / "access", access_log_format=form,
                            **options)
        proxy.lines = lambda count: lines_of(tmp_path, count, form)
        return proxy
    return start


@pytest.mark.core
@pytest.mark.parametrize("form", ["text", "json"])
def test_nothing_a_client_sends_pushes_the_facts_out(logging, backend, form):
    proxy = logging(backend(answer_all).address, form)
    agents = [b"\xff" * 660, b'"' * 5000, b"\\" * 3000, b"a b=c d=\"e " * 500, b"\t" * 4000]
    with Tls(proxy.port) as client:
        for agent in agents:
            target = b"/" + b"%" * 3000
            client.request(get("/").replace(
                b"Host:", b"User-Agent: " + agent + b"\r\nHost:").replace(b"/ ", target + b" ", 1))
    for line in proxy.lines(len(agents)):
        assert str(line["status"]) == "200" and line["reason"] == "done", line
        assert str(line["out"]) == "5" and line["target"].startswith("/%%%%"), line


@pytest.mark.sampled(3)
@pytest.mark.core
@pytest.mark.parametrize("versions", [TLS12, TLS13], ids=["tls1.2", "tls1.3"])
@pytest.mark.parametrize("close", [True, False], ids=["close", "keep-alive"])
@pytest.mark.parametrize("size", [300_000, 30_000_000])
def test_a_client_that_leaves_is_not_said_to_have_got_the_reply(
        logging, backend, versions, close, size):
    def script(talk):
        talk.read_request()
        talk.send(OK + b"Content-Length: %d\r\n\r\n" % size + b"x" * size)
        talk.wait_for_end()

    it = backend(script)
    proxy = logging(it.address, max_body=0)
    client = Tls(proxy.port, tls=context(versions=versions), receive_buffer=4096)
    client.send(get("/", close=close))
    client.receive()
    if size < 1_000_000:  # all of it is in hand; the exchange is over
        it.wait_for(lambda _: all(getattr(talk, "done", 0) for talk in it.conversations))
    client.reset()
    (line,) = proxy.lines(1)
    assert line["reason"] in ("client_gone", "client_reset") and line["status"] == 200
    assert 0 < line["out"] < size * 0.9


@pytest.mark.core
@pytest.mark.parametrize("version", [TLS12, TLS13], ids=["tls1.2", "tls1.3"])
def test_a_client_that_leaves_right_after_its_reply_has_got_it(logging, backend, version):
    """As curl does: our close_notify and FIN, which it does not await, are no part of the reply."""
    proxy = logging(backend(answer_all).address)
    for _ in range(3):
        with Wire(proxy.port, version) as client:
            client.send(get("/"))
            reply = b""
            while not reply.endswith(b"hello"):
                reply += client.receive()
            client.raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)  # in one segment
            client.close_notify()
            client.fin()
    for line in proxy.lines(3):
        assert (line["reason"], line["out"], line["status"]) == ("done", 5, 200)


def test_a_line_waits_until_a_slow_reader_has_it_all(logging, backend, tmp_path):
    size = 300_000

    def script(talk):
        talk.read_request()
        talk.send(OK + b"Content-Length: %d\r\n\r\n" % size + b"x" * size)
        talk.wait_for_end()

    it = backend(script)
    proxy = logging(it.address)
    with Tls(proxy.port, receive_buffer=4096) as client:
        client.send(get("/"))
        client.receive()
        it.wait_for(lambda _: all(getattr(talk, "done", 0) for talk in it.conversations))
        assert not (tmp_path / "access").read_text(), "told before it is known"
        client.send(get("/last", close=True))
        client.read_to_end()
    first, last = proxy.lines(2)
    assert (first["target"], first["reason"], first["out"]) == ("/", "done", size)
    assert (last["target"], last["reason"], last["out"]) == ("/last", "done", size)


def test_our_own_replies_are_lines_like_others(logging, backend):
    proxy = logging(f"127.0.0.1:{free_port()}")
    with Tls(proxy.port) as client:
        client.send(get("/", close=True))
        reply, _ = client.read_to_end()
    with Tls(proxy.port) as client:
        client.send(b"GET / HTTP/1.1\r\n\r\n")
        refused, _ = client.read_to_end()
    own, head = proxy.lines(2)
    assert (own["status"], own["reason"]) == (502, "backend_refused")
    assert own["out"] == len(reply.split(b"\r\n\r\n", 1)[1])
    assert (head["status"], head["reason"], head["id"]) == (400, "bad_request", "")
    assert head["out"] == len(refused.split(b"\r\n\r\n", 1)[1])
    assert (head["method"], head["version"], head["backend_ms"]) == ("", "", None)


def test_times_and_tls_are_told(logging, backend, pki):
    go = threading.Event()

    def script(talk):
        talk.read_request()
        go.wait(20)
        talk.send(FIVE)

    proxy = logging(backend(script).address, verify="optional", ca=pki.root.leaf)
    it = context(pki, TLS13)
    it.load_cert_chain(pki.client.cert, pki.client.key)
    with Tls(proxy.port, tls=it) as client:
        client.send(get("/"))
        threading.Timer(0.3, go.set).start()
        client.read_reply()
    (line,) = proxy.lines(1)
    assert 290 <= line["first_byte_ms"] <= line["ms"]
    assert 290 <= line["backend_ms"] <= line["ms"]
    assert (line["tls"], line["version"]) == ("TLSv1.3", "1.1")
    assert line["cipher"].startswith("TLS_") and line["group"] == "X25519"
    assert line["sni"] == "localhost" and "CN" in line["cert"]


@pytest.mark.core
@pytest.mark.parametrize("forwarded", ["on", "off"])
def test_a_request_has_one_id_here_and_at_the_backend(logging, backend, forwarded):
    heads = []

    def script(talk):
        while head := talk.read_request()[0]:
            heads.append(re.findall(rb"(?i)\r\nx-request-id: (.*)\r\n", head))
            talk.send(FIVE)

    proxy = logging(backend(script).address, forwarded=forwarded)
    with Tls(proxy.port) as client:
        client.request(get("/"))
        client.request(get("/", "X-Request-Id: call-0123.45_6"))
        client.request(get("/", "X-Request-Id: <script>"))
    made, taken, replaced = [line["id"] for line in proxy.lines(3)]
    assert re.fullmatch("[0-9a-f]{32}", made) and re.fullmatch("[0-9a-f]{32}", replaced)
    assert taken == "call-0123.45_6" and made != replaced
    if forwarded == "on":
        assert heads == [[made.encode()], [taken.encode()], [replaced.encode()]]
    else:
        assert heads == [[], [taken.encode()], [b"<script>"]]


@pytest.mark.core
def test_a_sample_leaves_out_only_what_went_well(logging, backend):
    """The sum of `sample` is the number of requests, and the rest is counted."""
    def script(talk):
        while (head := talk.read_request()[0]):
            status = b"500 No" if b"/bad" in head else b"200 OK"
            talk.send(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n")

    proxy = logging(backend(script).address, access_log_sample=4)
    with Tls(proxy.port) as client:
        for path in ["/"] * 8 + ["/bad"] * 3 + ["/"] * 4:
            client.request(get(path))
        client.send(b"GET / HTTP/1.1\r\n\r\n")
        client.read_to_end()
    lines = proxy.lines(3 + 3 + 1)
    assert [(line["status"], line["sample"]) for line in lines] == [
        (200, 4), (200, 4), (500, 1), (500, 1), (500, 1), (200, 4), (400, 1)]
    assert sum(line["sample"] for line in lines) == 16
    assert proxy.status()["counters"]["requests_not_logged"] == 9
