"""Every-day HTTP through real clients: curl, openssl, gnutls-cli, Python."""
import hashlib
import json
import shutil
import socket
import subprocess

import pytest

from frame.client import TLS12, TLS13, Tls, context, get, parse_replies
from frame.origin import Origin, filler

pytestmark = pytest.mark.core


def echo_of(reply):
    """The request as the backend received it, fields as a dict of lists by lower-case name."""
    seen = json.loads(reply.body)
    fields = {}
    for name, value in seen["fields"]:
        fields.setdefault(name.lower(), []).append(value)
    return seen, fields


def run(*command, stdin=b"", timeout=60):
    if shutil.which(command[0]) is None:
        pytest.fail(f"{command[0]} is not installed", pytrace=False)
    return subprocess.run(list(map(str, command)), input=stdin, capture_output=True,
                          timeout=timeout)


# --- requests ------------------------------------------------------------------------------


def test_a_get_is_answered(proxy, pki):
    with Tls(proxy.port, pki) as client:
        reply = client.request(get("/?size=5000"))
    assert reply.status == 200
    assert reply.body == filler(5000)
    assert reply.field("Content-Length") == "5000"


def test_a_clients_bytes_reach_the_backend_unchanged(proxy, pki):
    body = b"<soap/>" * 100
    with Tls(proxy.port, pki) as client:
        reply = client.request(get(
            "/echo?a=b%20c&d", 'SOAPAction: "http://x/Y"', "Authorization: Basic d2xiOng=",
            "Content-Type: text/xml; charset=utf-8", method="POST", body=body))
    seen, fields = echo_of(reply)
    assert (seen["method"], seen["target"]) == ("POST", "/echo?a=b%20c&d")
    assert fields["soapaction"] == ['"http://x/Y"']
    assert fields["authorization"] == ["Basic d2xiOng="]
    assert fields["content-type"] == ["text/xml; charset=utf-8"]
    assert fields["host"] == ["localhost"]
    assert fields["content-length"] == [str(len(body))]
    assert seen["body_sha256"] == hashlib.sha256(body).hexdigest()


def test_only_we_tell_the_backend_its_client(proxy, pki):
    with Tls(proxy.port, pki) as client:
        reply = client.request(get("/echo", "X-Forwarded-For: 6.6.6.6", "X-Forwarded-Proto: x",
                                   "X-Forwarded-Host: x", "Forwarded: for=6.6.6.6"))
    _, fields = echo_of(reply)
    assert fields["x-forwarded-for"] == ["127.0.0.1"]
    assert fields["x-forwarded-proto"] == ["https"]
    assert fields["x-forwarded-host"] == ["localhost"]
    assert len(fields["forwarded"]) == 1 and "6.6.6.6" not in fields["forwarded"][0]


def test_clients_in_turn_are_each_told_by_their_own_address(proxy, pki):
    with Tls(proxy.port, pki, source="127.0.0.5") as five, \
            Tls(proxy.port, pki, source="127.0.0.6") as six:
        for client, address in ((five, "127.0.0.5"), (six, "127.0.0.6")) * 2:
            _, fields = echo_of(client.request(get("/echo")))
            assert fields["x-forwarded-for"] == [address]


def test_hop_by_hop_fields_stay_here(proxy, pki):
    with Tls(proxy.port, pki) as client:
        reply = client.request(get("/echo", "Connection: keep-alive, X-Mine", "X-Mine: 1",
                                   "Keep-Alive: timeout=5", "TE: trailers",
                                   "Proxy-Connection: keep-alive"))
    _, fields = echo_of(reply)
    assert not {"x-mine", "keep-alive", "te", "proxy-connection"} & set(fields)


def test_requests_follow_each_other_on_one_connection(proxy, pki):
    with Tls(proxy.port, pki) as client:
        for size in (0, 1, 100, 70000, 3):
            assert client.request(get(f"/?size={size}")).body == filler(size)


def test_pipelined_requests_are_answered_in_order(proxy, pki):
    sizes = (3, 20000, 0, 7, 50)
    with Tls(proxy.port, pki) as client:
        client.send(b"".join(get(f"/?size={size}", close=size == 50) for size in sizes))
        data, end = client.read_to_end()
    replies, rest = parse_replies(data, ["GET"] * len(sizes))
    assert [len(reply.body) for reply in replies] == list(sizes)
    assert (rest, end) == (b"", "close_notify")


@pytest.mark.parametrize("step", [1, 7, 100])
def test_a_request_in_small_pieces_is_the_same(proxy, pki, step):
    request = get("/echo", method="POST", body=b"0123456789" * 5)
    with Tls(proxy.port, pki) as client:
        for at in range(0, len(request), step):
            client.send(request[at:at + step])
        seen, _ = echo_of(client.read_reply())
    assert seen["body_length"] == 50


def test_a_chunked_request_arrives_whole(proxy, pki):
    chunks = b"".join(b"%x\r\n%s\r\n" % (n, b"x" * n) for n in (1, 15, 16, 4095)) + b"0\r\n\r\n"
    with Tls(proxy.port, pki) as client:
        reply = client.request(get("/echo", "Transfer-Encoding: chunked", method="POST",
                                   body=chunks))
        seen, _ = echo_of(reply)
        assert seen["body_length"] == 1 + 15 + 16 + 4095
        assert client.request(get("/?size=3")).body == filler(3)


def test_expect_100_continue_is_answered_once(proxy, pki):
    with Tls(proxy.port, pki) as client:
        client.send(get("/echo", "Expect: 100-continue", "Content-Length: 5", method="POST"))
        assert client.receive().startswith(b"HTTP/1.1 100 ")
        client.send(b"hello")
        seen, _ = echo_of(client.read_reply())
    assert seen["body_sha256"] == hashlib.sha256(b"hello").hexdigest()


# --- replies -------------------------------------------------------------------------------


def test_a_head_request_has_no_body_and_the_connection_goes_on(proxy, pki):
    with Tls(proxy.port, pki) as client:
        reply = client.request(get("/?size=5000", method="HEAD"), "HEAD")
        assert (reply.field("Content-Length"), reply.body) == ("5000", b"")
        assert client.request(get("/?size=3")).body == filler(3)


@pytest.mark.parametrize("status", [204, 304])
def test_a_reply_without_body_ends_at_its_head(proxy, pki, status):
    with Tls(proxy.port, pki) as client:
        reply = client.request(get(f"/?status={status}"))
        assert (reply.status, reply.body) == (status, b"")
        assert client.request(get("/?size=3")).body == filler(3)


@pytest.mark.parametrize("status", [201, 301, 401, 403, 404, 500, 503])
def test_the_backends_status_is_passed_on(proxy, pki, status):
    with Tls(proxy.port, pki) as client:
        reply = client.request(get(f"/?status={status}&size=10"))
    assert (reply.status, reply.body) == (status, filler(10))
    if status == 401:
        assert reply.field("WWW-Authenticate") == 'Basic realm="wlb"'


@pytest.mark.parametrize("mode", ["length", "chunked", "close"])
@pytest.mark.parametrize("closing", [False, True], ids=["keep-alive", "close"])
def test_a_reply_arrives_whole_however_it_is_framed(proxy, pki, mode, closing):
    with Tls(proxy.port, pki) as client:
        client.send(get(f"/?size=300000&mode={mode}", close=closing))
        if closing:
            data, end = client.read_to_end()
            (reply,), rest = parse_replies(data)
            assert (rest, end) == (b"", "close_notify")
            assert reply.field("Transfer-Encoding") is None
        else:
            reply = client.read_reply()
    assert reply.body == filler(300000)


def test_an_http_1_0_client_gets_a_reply_it_understands(proxy, pki):
    with Tls(proxy.port, pki) as client:
        client.send(get("/?size=1000&mode=chunked", version="HTTP/1.0"))
        data, end = client.read_to_end()
    (reply,), _ = parse_replies(data)
    assert reply.field("Transfer-Encoding") is None
    assert (reply.body, end) == (filler(1000), "close_notify")


def test_a_cut_reply_looks_cut(proxy, pki):
    for mode in ("length", "chunked", "close&reset=1"):
        with Tls(proxy.port, pki) as client:
            client.send(get(f"/?size=100000&cut=50000&mode={mode}", close=True))
            data, end = client.read_to_end()
        assert end != "close_notify", mode
        assert len(data) < 100000


def test_interim_replies_are_swallowed(proxy, pki):
    for status in (100, 102, 103):
        with Tls(proxy.port, pki) as client:
            client.send(get(f"/?size=10&first={status}", close=True))
            data, _ = client.read_to_end()
        assert data.startswith(b"HTTP/1.1 200 ")


# --- our own replies -------------------------------------------------------------------------


def test_a_dead_backend_is_a_502_with_a_length(start_proxy, pki):
    from frame.ports import free_port
    address = f"127.0.0.1:{free_port()}"
    proxy = start_proxy(address)
    with Tls(proxy.port, pki) as client:
        client.send(get("/", close=True))
        data, end = client.read_to_end()
    (reply,), rest = parse_replies(data)
    assert (reply.status, rest, end) == (502, b"", "close_notify")
    assert int(reply.field("Content-Length")) == len(reply.body)
    assert proxy.wait_for("backend_failed")["backend"] == address


def test_a_silent_backend_is_a_504(start_proxy, origin, pki):
    proxy = start_proxy(origin.address, response_timeout="500ms")
    with Tls(proxy.port, pki) as client:
        client.send(get("/?silent=1", close=True))
        data, _ = client.read_to_end()
    assert data.startswith(b"HTTP/1.1 504 ")


@pytest.mark.parametrize("request_, status, reason", [
    (b"nonsense\r\n\r\n", 400, "bad_request"),
    (b"GET / HTTP/1.1\r\n\r\n", 400, "bad_request"),
    (get("/", "Content-Length: 3", "Transfer-Encoding: chunked"), 400, "bad_request"),
    (get("/", "X: " + "x" * 40000), 431, "head_too_large"),
    (get("/", "Content-Length: 999999999", method="POST"), 413, "body_too_large"),
], ids=["nonsense", "no host", "two framings", "long head", "long body"])
def test_a_bad_request_is_refused_in_words(proxy, origin, pki, request_, status, reason):
    with Tls(proxy.port, pki) as client:
        client.send(request_)
        data, end = client.read_to_end()
    (reply,), rest = parse_replies(data)
    assert (reply.status, rest) == (status, b"")
    assert end == "close_notify"
    assert origin.stats()["requests"] == 0
    logged = proxy.wait_for("end", reason=reason)
    assert reason == "body_too_large" or logged["detail"] == reply.body.decode().strip()


def test_plain_http_on_the_tls_port_is_told_so(proxy):
    with socket.create_connection(("127.0.0.1", proxy.port)) as plain:
        plain.sendall(get("/"))
        data = b""
        while some := plain.recv(4096):
            data += some
    assert data.startswith(b"HTTP/1.1 400 ") and b"https" in data.lower()


@pytest.mark.parametrize("header", [
    b"PROXY TCP4 192.0.2.1 192.0.2.2 5000 443\r\n",
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + bytes(12)], ids=["v1", "v2"])
def test_a_proxy_protocol_header_is_named_as_such(proxy, header):
    with socket.create_connection(("127.0.0.1", proxy.port)) as plain:
        plain.sendall(header)
        while plain.recv(4096):
            pass
    assert "PROXY protocol" in proxy.wait_for("end", reason="handshake_failed")["cause"]
    assert proxy.status()["tls"]["failures"]["proxy-protocol"] == 1


def test_a_line_of_http_09_is_refused_at_once(proxy, pki):
    with Tls(proxy.port, pki) as client:
        client.send(b"GET /\r\n")
        data, end = client.read_to_end()
    assert data.startswith(b"HTTP/1.1 400 ") and end == "close_notify"


# --- clients ---------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [[], ["--tls-max", "1.2"], ["--http1.0"], ["--compressed"],
                                     ["--tlsv1.3"]])
def test_curl(proxy, pki, options):
    done = run("curl", "-sS", "--fail", "--cacert", pki.root.leaf, *options, "-d", "<x/>",
               f"https://localhost:{proxy.port}/?size=100000&mode=chunked")
    assert done.returncode == 0, done.stderr
    assert done.stdout == filler(100000)


def test_curl_uploads_with_expect(proxy, pki):
    body = b"x" * 3000000
    done = run("curl", "-sS", "--fail", "--cacert", pki.root.leaf, "-H", "Expect: 100-continue",
               "--data-binary", "@-", f"https://localhost:{proxy.port}/echo", stdin=body)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["body_sha256"] == hashlib.sha256(body).hexdigest()


@pytest.mark.sampled(4)
@pytest.mark.parametrize("options", [
    ["-tls1_2"], ["-tls1_3"], ["-tls1_2", "-groups", "P-384"], ["-tls1_3", "-groups", "P-384"],
    ["-tls1_2", "-groups", "P-256"], ["-groups", "X25519"],
    ["-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256"],
    ["-tls1_2", "-cipher", "ECDHE-RSA-CHACHA20-POLY1305"],
    ["-ciphersuites", "TLS_AES_128_GCM_SHA256"], ["-nbio"], ["-split_send_frag", "512"],
    ["-no_ticket"], ["-alpn", "http/1.1"], ["-noservername"],
    ["-bugs"], ["-legacy_server_connect"],
], ids=" ".join)
def test_openssl_s_client(proxy, pki, options):
    done = run("openssl", "s_client", "-connect", f"127.0.0.1:{proxy.port}", "-CAfile",
               pki.root.leaf, "-verify_return_error", "-verify_hostname", "localhost",
               "-quiet", "-ign_eof", *options, stdin=get("/?size=1000", close=True))
    assert filler(1000) in done.stdout, done.stderr


@pytest.mark.parametrize("options", [
    ["-tls1_1", "-cipher", "DEFAULT:@SECLEVEL=0"], ["-tls1_2", "-cipher", "AES128-SHA"],
    ["-tls1_2", "-cipher", "ECDHE-RSA-AES128-SHA"], ["-groups", "P-521"],
], ids=" ".join)
def test_openssl_s_client_is_refused_what_is_too_weak(proxy, options):
    done = run("openssl", "s_client", "-connect", f"127.0.0.1:{proxy.port}", *options)
    assert done.returncode != 0


@pytest.mark.parametrize("version", ["VERS-TLS1.2", "VERS-TLS1.3"])
def test_gnutls_cli(proxy, pki, version):
    done = run("gnutls-cli", "--x509cafile", pki.root.leaf, "--sni-hostname", "localhost",
               "--verify-hostname", "localhost", "--priority",
               f"NORMAL:-VERS-ALL:+{version}", "-p", proxy.port, "127.0.0.1", "--logfile",
               "/dev/null", stdin=get("/?size=1000", close=True))
    assert filler(1000) in done.stdout, (done.stdout[-500:], done.stderr)


@pytest.mark.parametrize("versions", [TLS12, TLS13], ids=["1.2", "1.3"])
def test_a_session_is_resumed(proxy, pki, versions):
    tls = context(pki, versions)
    with Tls(proxy.port, tls=tls) as client:
        client.request(get("/?size=3"))
        session = client.tls.session
    with Tls(proxy.port, tls=tls, session=session) as client:
        assert client.tls.session_reused
        assert client.request(get("/?size=3")).body == filler(3)


def test_alpn_is_http_1_1(proxy, pki):
    tls = context(pki)
    tls.set_alpn_protocols(["h2", "http/1.1"])
    with Tls(proxy.port, tls=tls) as client:
        assert client.tls.selected_alpn_protocol() == "http/1.1"


# --- backends --------------------------------------------------------------------------------


def test_a_unix_socket_backend(start_proxy, pki):
    import os
    import tempfile
    program = os.environ.get("ORIGIN") or os.path.join(
        os.path.dirname(__file__), "../../build/origin")
    with tempfile.TemporaryDirectory() as folder, Origin(
            program, unix=f"{folder}/origin.sock") as origin:
        os.chmod(folder, 0o755)  # the workers are somebody else
        os.chmod(f"{folder}/origin.sock", 0o777)
        proxy = start_proxy(origin.address)
        with Tls(proxy.port, pki) as client:
            assert client.request(get("/?size=70000")).body == filler(70000)


def test_the_second_backend_answers_when_the_first_is_down(start_proxy, origin, pki):
    from frame.ports import free_port
    proxy = start_proxy([f"127.0.0.1:{free_port()}", origin.address])
    for _ in range(3):
        with Tls(proxy.port, pki) as client:
            assert client.request(get("/?size=10")).body == filler(10)


def test_idle_backend_connections_are_used_again(start_proxy, origin, pki):
    proxy = start_proxy(origin.address, backend_keepalive=4)
    with Tls(proxy.port, pki) as client:
        for _ in range(10):
            client.request(get("/?size=10"))
    assert origin.stats()["connections"] == 1


def test_an_abandoned_request_is_abandoned_at_the_backend_too(proxy, origin, pki):
    from frame.wait import wait_until
    client = Tls(proxy.port, pki)
    client.send(get("/?silent=1"))
    wait_until(lambda: origin.stats()["requests"] >= 1, "the request is there")
    client.reset()
    wait_until(lambda: origin.stats()["peer_ended"] + origin.stats()["vanished"] >= 1,
               "the backend is told")
