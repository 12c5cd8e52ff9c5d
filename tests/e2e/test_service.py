"""The effects of a service's options on clients: limits, Expect, pipelining, logs,
certificates."""
import json
import random
import re

import pytest

from frame import strict
from frame.client import TLS12, TLS13, Tls, context, get, parse_replies
from frame.ports import free_port
from frame.wait import wait_until

pytestmark = pytest.mark.core

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
SECRET = "c2VjcmV0OnBhc3N3b3Jk"


def answer_all(talk):
    while talk.read_request()[0]:
        talk.send(OK)


def final(client):
    """The reply on a connection that ends with it, in order."""
    received, ended = client.read_to_end()
    reply, surplus = strict.read_reply(received)
    assert (surplus, ended) == (b"", "close_notify")
    assert reply.all(b"connection") == [b"close"] and reply.all(b"content-length")
    return reply


# --- limits --------------------------------------------------------------------------------------

LIMITS = {
    "max_head": "4k", "max_body": "1000b", "head_timeout": "300ms", "body_timeout": "300ms",
}


BEYOND = [
    (414, b"GET /" + b"a" * 5000),
    (431, get("/", "X: " + "x" * 5000)),
    (431, get("/", *[f"X{i}: y" for i in range(200)])),
    (413, get("/", "Content-Length: 1001", method="POST")),
    (413, get("/", "Transfer-Encoding: chunked", method="POST") + b"3e9\r\n" + b"x" * 1001),
    (413, get("/", "Content-Length: 9223372036854775807", method="POST")),
    (400, get("/", "Content-Length: 9223372036854775808", method="POST")),
    (417, get("/", "Expect: something", "Content-Length: 5", method="POST")),
    (408, b"GET / HTTP/1.1\r\nHo"),
    (408, get("/", "Content-Length: 10", method="POST") + b"only"),
    (408, get("/", "Transfer-Encoding: chunked", method="POST") + b"5\r\nhel"),
    (501, get("/", method="BREW")),
    (505, get("/", version="HTTP/2.0")),
]


def test_each_limit_has_its_status(start_proxy, backend):
    proxy = start_proxy(backend(answer_all).address, **LIMITS)
    for status, request in BEYOND:
        with Tls(proxy.port) as client:
            client.send(request)
            assert final(client).status == status, request[:80]


def test_a_client_that_does_not_read_is_given_up(start_proxy, origin):
    proxy = start_proxy(origin.address, body_timeout="300ms")
    client = Tls(proxy.port, receive_buffer=4096)
    client.send(get("/?size=30000000"))
    proxy.wait_for("end", reason="client_not_reading")
    client.close()


def test_idle_connections_end_in_order(start_proxy, backend):
    proxy = start_proxy(backend(answer_all).address, idle_timeout="3s")
    with Tls(proxy.port) as client:
        assert client.request(get("/")).status == 200
        assert client.read_to_end() == (b"", "close_notify")


def test_pipelining_is_bounded_and_the_last_reply_says_so(start_proxy, backend):
    proxy = start_proxy(backend(answer_all).address, max_pipelined=4)
    with Tls(proxy.port) as client:
        client.send(get("/") * 20)
        received, ended = client.read_to_end()
    count = received.count(b"HTTP/1.1 200 OK")
    replies, surplus = parse_replies(received, ("GET",) * count)
    assert 4 <= count <= 6 and surplus == b"" and ended == "close_notify"
    assert [reply.field("Connection") for reply in replies] == [None] * (count - 1) + ["close"]


def mixed_requests(draw):
    """Bytes of up to 12 requests and one that ends the connection; (method, status, length)."""
    sent, wanted = b"", []
    for _ in range(draw.randint(1, 12)):
        method, path = draw.choice(["GET", "GET", "HEAD", "POST", "DELETE"]), draw.choice(["/ok", "/no"])
        size, chunked = draw.randint(0, 3000), draw.choice(["", "&mode=chunked"])
        fields = {"POST": [f"Content-Length: {size}"]}.get(method, [])
        body = b"x" * size if fields else b""
        if method == "POST" and draw.random() < 0.5:
            fields, body = ["Transfer-Encoding: chunked"], b"5\r\nhello\r\n0\r\n\r\n"
        status = 404 if path == "/no" else 405 if method == "DELETE" else 200
        if status != 200:  # one that is refused keeps its connection only without a body
            fields, body = [], b""
        sent += get(f"{path}?size={size}{chunked}", *fields, method=method) + body
        wanted.append((method, status, size if status == 200 and method != "HEAD" else None))
    return sent + get("/ok?size=1", close=True), [*wanted, ("GET", 200, 1)]


def test_any_mix_of_pipelined_requests_is_answered_in_order(start_proxy, origin):
    """Passed on and refused, in pieces of any size, with and without an idle backend connection."""
    for keep in (0, 4):
        proxy = start_proxy(origin.address, paths="GET,HEAD,POST /ok", backend_keepalive=keep)
        for seed in range(20):
            draw = random.Random(seed)
            sent, wanted = mixed_requests(draw)
            with Tls(proxy.port) as client:
                while sent:
                    size = draw.choice([1, 40, 300, 5000, 100000])
                    client.send(sent[:size])
                    sent = sent[size:]
                received, ended = client.read_to_end()
            replies, surplus = parse_replies(received, [method for method, _, _ in wanted])
            assert [reply.status for reply in replies] == [status for _, status, _ in wanted], seed
            assert all(size is None or len(reply.body) == size
                       for reply, (_, _, size) in zip(replies, wanted)), seed
            assert surplus == b"" and ended == "close_notify", seed


# --- Expect: 100-continue ----------------------------------------------------------------------------


def test_expect_is_answered_once_the_backend_is_there(start_proxy, backend):
    def script(talk):
        talk.read_head()
        talk.send(b"HTTP/1.1 100 Continue\r\n\r\n")  # one of its own is swallowed
        talk.send(OK.replace(b"hello", talk.read(5)))

    it = backend(script)
    proxy = start_proxy(it.address)
    with Tls(proxy.port) as client:
        client.send(get("/", "Content-Length: 5", "Expect: 100-continue", method="POST"))
        assert client.receive() == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.send(b"12345")
        assert client.read_reply().body == b"12345"
    assert all(b"xpect" not in talk.received for talk in it.conversations)


def test_expect_before_a_dead_backend_is_a_502_alone(start_proxy):
    proxy = start_proxy(f"127.0.0.1:{free_port()}")
    with Tls(proxy.port) as client:
        client.send(get("/", "Content-Length: 5", "Expect: 100-continue", method="POST"))
        assert final(client).status == 502


@pytest.mark.parametrize("fields, version", [
    (["Content-Length: 0"], "HTTP/1.1"), ([], "HTTP/1.1"), (["Content-Length: 5"], "HTTP/1.0"),
], ids=str)
def test_no_100_where_nobody_waits_for_one(start_proxy, backend, fields, version):
    proxy = start_proxy(backend(answer_all).address)
    with Tls(proxy.port) as client:
        body = b"hello" if fields == ["Content-Length: 5"] else b""
        client.send(get("/", *fields, "Expect: 100-continue", "Connection: close",
                        method="POST", version=version) + body)
        assert client.read_to_end()[0].startswith(b"HTTP/1.1 200 ")


def test_a_body_that_is_already_there_needs_no_100(start_proxy, backend):
    proxy = start_proxy(backend(answer_all).address)
    with Tls(proxy.port) as client:
        client.send(get("/", "Expect: 100-continue", method="POST", body=b"hello"))
        received = client.receive()
        while not received.endswith(b"hello"):
            received += client.receive()
        assert received.count(b"HTTP/1.1 200 OK") == 1


# --- the access log ----------------------------------------------------------------------------------


def access_lines(folder, count):
    path = folder / "access"
    return wait_until(lambda: (lambda lines: lines if len(lines) >= count else None)(
        path.read_text().splitlines() if path.exists() else []), "the access log")


@pytest.mark.parametrize("form", ["text", "json"])
def test_the_access_log_tells_no_secret_and_quotes_the_rest(start_proxy, backend, tmp_path,
                                                            form):
    tmp_path.chmod(0o755)
    proxy = start_proxy(backend(answer_all).address, access_log=tmp_path / "access",
                        access_log_format=form)
    agent = 'User-Agent: a"b\\c\td\x85\xff'
    with Tls(proxy.port) as client:
        client.send(get("/a?b", f"Authorization: Basic {SECRET}", method="POST",
                        body=b"bodysecret").replace(
                            b"Host: localhost", b"Host: localhost\r\n" + agent.encode("latin-1")))
        client.read_reply()
        client.send(b"GET /bad\x01 HTTP/1.1\r\nAuthorization: Basic " + SECRET.encode())
        final(client)
    first, second = access_lines(tmp_path, 2)
    assert SECRET not in first + second and "bodysecret" not in first
    assert re.fullmatch(r"[ -~]*", first) and re.fullmatch(r"[ -~]*", second)
    if form == "json":
        first, second = json.loads(first), json.loads(second)
        assert (first["method"], first["target"], first["status"]) == ("POST", "/a?b", 200)
        assert first["agent"] == 'a"b\\c\td\x85\xff' and first["reason"] == "done"
        assert (first["in"], first["out"]) == (10, 5) and first["tls"].startswith("TLSv1.")
        assert (second["status"], second["reason"]) == (400, "bad_request")
    else:
        assert ' status=200 ' in first and ' target="/a?b" ' in first
        assert ' status=400 ' in second and ' reason=bad_request' in second


def test_a_websocket_is_in_the_access_log_when_it_ends(start_proxy, backend, tmp_path):
    def script(talk):
        talk.read_head()
        talk.send(b"HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello")
        if talk.read(3) == b"bad":
            talk.reset()

    tmp_path.chmod(0o755)
    proxy = start_proxy(backend(script).address, access_log=tmp_path / "access",
                        access_log_format="json", upgrade="websocket")
    for word, reason in ((b"bye", "done"), (b"bad", "backend_gone")):
        with Tls(proxy.port) as client:
            client.send(get("/ws", "Connection: Upgrade", "Upgrade: websocket"))
            while not client.receive().endswith(b"hello"):
                pass
            client.send(word)
            assert client.read_to_end() == (b"", "close_notify" if reason == "done" else "cut")
    lines = [json.loads(line) for line in access_lines(tmp_path, 2)]
    for line, reason in zip(lines, ("done", "backend_gone")):
        assert (line["status"], line["target"], line["reason"]) == (101, "/ws", reason)
        assert (line["in"], line["out"]) == (3, 5)


# --- who the client is, and which service it means -----------------------------------------------


def show_head(talk):
    while head := talk.read_head():
        talk.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(head), head))


def with_certificate(pki, pair=None, versions=(TLS12[0], TLS13[0])):
    it = context(pki, versions)
    if pair is not None:
        it.load_cert_chain(pair.cert, pair.key)
    return it


@pytest.mark.parametrize("versions", [TLS12, TLS13], ids=["tls1.2", "tls1.3"])
def test_a_verified_certificate_is_told_to_the_backend(start_proxy, backend, pki, versions):
    proxy = start_proxy(backend(show_head).address, verify="optional", ca=pki.root.leaf)
    forged = "X-Client-Cert-Verify: SUCCESS", "X_Client_Cert_Subject: CN=root"
    with Tls(proxy.port, tls=with_certificate(pki, pki.client, versions)) as client:
        head = client.request(get("/", *forged)).body
    assert head.count(b"X-Client-Cert-Verify: SUCCESS\r\n") == 1 and b"CN=root" not in head
    assert b"X-Client-Cert-SHA256: " + pki.client.fingerprint().encode() + b"\r\n" in head
    with Tls(proxy.port, tls=with_certificate(pki, None, versions)) as client:
        head = client.request(get("/", *forged)).body
    assert b"X-Client-Cert-Verify: NONE\r\n" in head and b"SUCCESS" not in head


@pytest.mark.parametrize("versions", [TLS12, TLS13], ids=["tls1.2", "tls1.3"])
def test_a_required_certificate_is_required(start_proxy, backend, pki, versions):
    it = backend(answer_all)
    proxy = start_proxy(it.address, verify="required", ca=pki.root.leaf)
    with pytest.raises(OSError):  # with TLS 1.3 only the first read shows it
        with Tls(proxy.port, tls=with_certificate(pki, None, versions)) as client:
            client.request(get("/"))
    assert not it.conversations
    with Tls(proxy.port, tls=with_certificate(pki, pki.client, versions)) as client:
        assert client.request(get("/")).status == 200


def test_sni_chooses_among_services_and_never_fails(start_proxy, backend, pki):
    one, two = backend(OK.replace(b"hello", b"first")), backend(OK.replace(b"hello", b"other"))
    port = free_port()
    start_proxy(one.address, accept=f"127.0.0.1:{port}", extra=f"""
[two]
accept = 127.0.0.1:{port}
connect = {two.address}
cert = {pki.rsa.cert}
key = {pki.rsa.key}
sni = two.example
sni = *.wild.example
""")
    loose = context()
    for name, body in (("localhost", b"first"), ("two.example", b"other"),
                       ("TWO.example", b"other"), ("a.wild.example", b"other"),
                       ("wild.example", b"first"), ("unknown.example", b"first"),
                       ("127.0.0.1", b"first"), (None, b"first")):
        with Tls(port, tls=loose, name=name) as client:
            assert client.request(get("/")).body == body, name


# --- protocol = tcp: a cut stays a cut --------------------------------------------------------------


@pytest.mark.parametrize("end", ["reset", "fin-without-close_notify"])
def test_a_client_that_vanishes_is_a_reset_for_a_tcp_backend(start_proxy, backend, end):
    seen = []

    def script(talk):
        talk.read(5)
        talk.send(b"seen")
        seen.append(talk.wait_for_end())

    proxy = start_proxy(backend(script).address, protocol="tcp")
    client = Tls(proxy.port)
    client.send(b"hello")
    assert client.receive() == b"seen"
    if end == "reset":
        client.reset()
    else:
        client.vanish()
    wait_until(lambda: seen, "the backend has noticed")
    assert seen == [False]


@pytest.mark.parametrize("go", [Tls.reset, Tls.vanish], ids=["reset", "fin"])
def test_a_vanished_client_ends_its_backend_request(start_proxy, backend, go):
    there, gone = [], []

    def script(talk):
        there.append(talk.read_head())
        gone.append(talk.wait_for_end())

    proxy = start_proxy(backend(script).address)
    client = Tls(proxy.port)
    client.send(get("/"))
    wait_until(lambda: there, "the request is there")
    go(client)
    wait_until(lambda: gone, "the backend is told")
    assert not proxy.complaints()
