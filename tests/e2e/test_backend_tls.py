"""TLS to the backend (`connect = tls:...`): who is believed to be the backend, and that a cut stays
a cut."""
import hashlib
import re
import socket
import ssl
import threading

import pytest

from frame.client import Tls, get
from frame.origin import filler
from frame.pki import CLIENT
from frame.ports import free_port
from frame.wait import wait_until

pytestmark = pytest.mark.core

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


def server(pair, minimum=ssl.TLSVersion.TLSv1_2, maximum=ssl.TLSVersion.TLSv1_3, clients=None):
    """A context of the backend's; `clients`: whose certificates it requires."""
    it = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    it.set_ciphers("ALL:@SECLEVEL=0")
    it.minimum_version, it.maximum_version = minimum, maximum
    it.load_cert_chain(pair.cert, pair.key)
    if clients is not None:
        it.verify_mode = ssl.CERT_REQUIRED
        it.load_verify_locations(clients)
    return it


def serve(talk):
    """Answers whatever it is asked, for as long as it is asked."""
    while talk.read_request()[0]:
        talk.send(OK)


@pytest.fixture
def start(start_proxy, backend, pki):
    """start(script, pair, option=value...): (proxy, backend), which is verified by its name."""
    def it(script=serve, pair=None, tls=None, **options):
        one = backend(script, tls=tls or server(pair or pki.rsa))
        connect = options.pop("connect", "tls:{}").format(one.address, one.port)
        options = {"backend_ca": pki.root.leaf, "backend_name": "localhost",
                   "connect_timeout": "30s", **options}  # the backend's handshake is in it
        return start_proxy(connect, **options), one

    return it


def ask(proxy, path="/"):
    with Tls(proxy.port) as client:
        return client.request(get(path, close=True))


def status_and_reason(proxy):
    """(status, what the log says of the backend) of a request that has to fail."""
    status = ask(proxy).status
    return status, proxy.wait_for("backend_failed")


# --- who is believed ---------------------------------------------------------------------------


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_verified_backend_serves(start, pki, version):
    names = []
    tls = server(pki.rsa, version, version)
    tls.sni_callback = lambda _, name, __: names.append(name)
    tls.set_alpn_protocols(["h2", "http/1.1"])
    proxy, one = start(tls=tls)
    assert ask(proxy).body == b"hello"
    assert names == ["localhost"]
    assert one.conversations[0].alpn == "http/1.1"
    assert not proxy.complaints()
    counters = proxy.status()["counters"]
    assert (counters["backend_handshakes"], counters["backend_handshakes_failed"]) == (1, 0)


def test_the_host_of_connect_is_the_name(start, pki):
    names = []
    tls = server(pki.rsa)
    tls.sni_callback = lambda _, name, __: names.append(name)
    proxy, one = start(tls=tls, backend_name=None, connect="tls:localhost:{1}")
    assert ask(proxy).status == 200
    assert names == ["localhost"]


def test_an_address_is_looked_for_among_addresses_and_sends_no_name(start, pki):
    names = []
    pair = pki.leaf("by_address", san=["IP:127.0.0.1"])
    tls = server(pair)
    tls.sni_callback = lambda _, name, __: names.append(name)
    proxy, _ = start(tls=tls, backend_name=None)
    assert ask(proxy).status == 200
    assert names == [None]


REFUSED = {
    "wrong_name": r"is for elsewhere\.example, not for localhost: write backend_name",
    "expired": r"\(localhost\) expired on 2021-01-01",
    "not_yet": r"is not valid before 2090-01-01",
    "client": r"not acceptable: .*purpose",
    "rsa1024": r"not acceptable: .*key too (small|weak)",
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_backend_that_cannot_prove_itself_gets_no_request(start, pki, kind):
    proxy, one = start(pair=getattr(pki, kind))
    status, failed = status_and_reason(proxy)
    assert (status, failed["reason"]) == (502, "backend_tls")
    assert re.search(REFUSED[kind], failed["detail"]), failed["detail"]
    assert not any(talk.received for talk in one.conversations)
    counters = proxy.status()["counters"]
    assert (counters["backend_handshakes"], counters["backend_handshakes_failed"]) == (0, 1)


def test_a_backend_of_an_unknown_ca_is_refused(start, pki, tmp_path):
    other = pki.leaf("another_root", issuer=None, cn="Another Root", san=[],
                     extensions="basicConstraints=critical,CA:TRUE\n")
    proxy, one = start(backend_ca=other.leaf)
    status, failed = status_and_reason(proxy)
    assert (status, failed["reason"]) == (502, "backend_tls")
    assert "has an issuer that backend_ca does not have" in failed["detail"]
    assert not any(talk.received for talk in one.conversations)


def test_without_a_ca_the_systems_is_asked(start, pki):
    proxy, _ = start(backend_ca=None)
    status, failed = status_and_reason(proxy)
    assert (status, failed["reason"]) == (502, "backend_tls")


def test_a_self_signed_backend_is_refused_and_then_pinned(start, pki):
    pair = pki.leaf("alone", issuer=None, cn="xenserver")
    proxy, _ = start(pair=pair)
    status, failed = status_and_reason(proxy)
    assert status == 502
    assert f"is self-signed: compare its SHA-256 with the backend, then write backend_pins = " \
           f"{pair.fingerprint()}" in failed["detail"]
    for pin in (pair.fingerprint(), pair.leaf):
        proxy.write_config(backend_ca=None, backend_pins=pin)
        proxy.reload()
        assert ask(proxy).status == 200
    proxy.write_config(backend_pins=pki.rsa.fingerprint())
    proxy.reload()
    assert ask(proxy).status == 502
    assert "is none of backend_pins" in proxy.wait_for("backend_failed", count=2)["detail"]


def test_a_pin_counts_beside_an_issuer(start, pki):
    proxy, _ = start(backend_pins=pki.rsa.fingerprint())
    assert ask(proxy).status == 200
    proxy.write_config(backend_name="elsewhere.example")
    proxy.reload()
    assert ask(proxy).status == 502


def test_an_expired_certificate_does_not_pass_by_its_pin(start, pki):
    pair = pki.leaf("old_and_alone", issuer=None, start="20200101000000Z", end="20210101000000Z")
    proxy, _ = start(pair=pair, backend_ca=None, backend_pins=pair.fingerprint())
    status, failed = status_and_reason(proxy)
    assert status == 502 and "expired on 2021-01-01" in failed["detail"]


def test_verification_that_is_off_is_told(start, pki):
    proxy, _ = start(pair=pki.expired, backend_ca=None, backend_verify="off")
    assert ask(proxy).status == 200
    assert proxy.wait_for("finding", id="backend-not-verified")["level"] == "warning"
    said = proxy.command("check", "-c", proxy.config)
    assert "backend_verify = off" in " ".join((said.stdout + said.stderr).split())


def test_a_backend_of_tls_1_1_is_refused(start, pki):
    tls = server(pki.rsa, ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1)
    proxy, _ = start(tls=tls)
    status, failed = status_and_reason(proxy)
    assert (status, failed["reason"]) == (502, "backend_tls")
    assert "nothing newer than TLS 1.1" in failed["detail"]


def test_a_backend_without_tls_is_refused(start_proxy, backend):
    def script(talk):
        talk.read(1)
        talk.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    proxy = start_proxy(f"tls:{backend(script).address}")
    status, failed = status_and_reason(proxy)
    assert (status, failed["reason"]) == (502, "backend_tls")
    assert "does not speak TLS on that port" in failed["detail"]


def test_a_backend_that_does_not_answer_the_handshake_times_out(start_proxy, backend):
    silent = threading.Event()
    proxy = start_proxy(f"tls:{backend(lambda talk: silent.wait(60)).address}",
                        connect_timeout="300ms")
    try:
        status, failed = status_and_reason(proxy)
    finally:
        silent.set()
    assert (status, failed["reason"]) == (504, "backend_timeout")
    assert failed["detail"] == "TLS: no handshake within connect_timeout"


def test_a_backend_that_closes_in_the_handshake_is_one_that_refuses(start_proxy, backend):
    proxy = start_proxy(f"tls:{backend(lambda talk: talk.read(1)).address}")
    status, failed = status_and_reason(proxy)
    assert (status, failed["reason"]) == (502, "backend_tls")


def test_the_next_backend_serves_where_one_cannot_prove_itself(start, start_proxy, backend, pki):
    bad, good = (backend(serve, tls=server(pair)) for pair in (pki.expired, pki.rsa))
    proxy = start_proxy([f"tls:{bad.address}", f"tls:{good.address}"],
                        backend_ca=pki.root.leaf, backend_name="localhost")
    assert ask(proxy).status == 200
    down = proxy.wait_for("backend_marked_down")
    assert "expired on 2021-01-01" in down["detail"]


def test_plain_and_tls_backends_stand_side_by_side(start_proxy, backend, pki):
    plain, safe = backend(serve), backend(serve, tls=server(pki.rsa))
    proxy = start_proxy([plain.address, f"tls:{safe.address}"], balance="roundrobin",
                        backend_ca=pki.root.leaf, backend_name="localhost")
    assert [ask(proxy).status for _ in range(4)] == [200] * 4
    assert len(plain.conversations) == len(safe.conversations) == 2
    (service,) = proxy.status()["services"]
    assert service["connect"] == [plain.address, f"tls:{safe.address}"]
    assert [(one["address"], one["tls"]) for one in service["backends"]] == [
        (plain.address, False), (safe.address, True)]
    for command in ("status", "backend"):
        said = proxy.command(command, "-c", str(proxy.config), check=0).stdout
        assert f"tls:{safe.address}" in said and f"tls:{plain.address}" not in said, said
    proxy.command("backend", "-c", str(proxy.config), f"tls:{safe.address}", "drain", check=0)
    assert [one["drained"] for one in proxy.status()["services"][0]["backends"]] == [False, True]


# --- our own certificate ------------------------------------------------------------------------


@pytest.mark.sampled(5)
@pytest.mark.parametrize("signer", ["on", "off"])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("key", ["rsa:2048", "P-256", "P-384", "ED25519"])
def test_a_client_certificate_is_shown_to_who_asks(start, pki, signer, version, key):
    name = f"shown_{key.replace(':', '_')}"
    pair = pki.leaf(name, key=key, cn="the proxy", san=[], extensions=CLIENT)
    tls = server(pki.rsa, version, version, clients=pki.root.leaf)
    proxy, one = start(tls=tls, signer=signer, backend_cert=pair.cert, backend_key=pair.key)
    if (signer, version, key) == ("on", ssl.TLSVersion.TLSv1_2, "ED25519"):
        # The client signs its whole handshake, too long for the signer; nothing waits for it.
        assert [ask(proxy).status for _ in range(3)] == [502] * 3
        return
    assert ask(proxy).status == 200
    assert one.conversations[0].certificate["subject"] == ((("commonName", "the proxy"),),)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_certificate_that_is_asked_for_and_not_there_is_told(start, pki, version):
    tls = server(pki.rsa, version, version, clients=pki.root.leaf)
    proxy, _ = start(tls=tls)
    status, failed = status_and_reason(proxy)
    assert status == 502
    assert "backend_cert" in failed["detail"]


# --- ends ----------------------------------------------------------------------------------------


PARTS = {
    "length": b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
    "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    "close": b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello",
}


@pytest.mark.parametrize("how", ["cut", "reset"])
@pytest.mark.parametrize("framing", PARTS)
def test_a_reply_without_its_end_looks_cut(start, framing, how):
    arrived = threading.Event()

    def script(talk):
        talk.read_head()
        talk.send(PARTS[framing])
        arrived.wait(20)
        getattr(talk, how)()

    proxy, _ = start(script)
    with Tls(proxy.port) as client:
        client.send(get("/"))
        data = b""
        while b"hello" not in data:
            data += client.receive()
        arrived.set()
        assert client.read_to_end()[1] != "close_notify"
    assert proxy.wait_for("backend_failed")["reason"] == "backend_gone"


def test_close_notify_is_the_end_of_a_reply_without_length(start):
    def script(talk):
        talk.read_head()
        talk.send(PARTS["close"])

    proxy, _ = start(script)
    with Tls(proxy.port) as client:
        client.send(get("/", close=True))
        data, end = client.read_to_end()
    assert b"hello" in data
    assert end == "close_notify"
    assert not proxy.complaints()


@pytest.mark.parametrize("how, end", [("close", "close_notify"), ("cut", "cut"), ("reset", "cut")])
def test_a_tunnel_passes_the_kind_of_end_on(start, how, end):
    def script(talk):
        talk.read(5)
        talk.send(b"world")
        getattr(talk, how)()

    proxy, _ = start(script, protocol="tcp")
    with Tls(proxy.port) as client:
        client.send(b"hello")
        data, ended = client.read_to_end()
    assert ended == end or (end == "cut" and ended == "reset")
    if how != "reset":
        assert data == b"world"


def test_a_tunnels_client_ends_in_order(start):
    ended = {}

    def script(talk):
        ended["data"] = talk.read(5)
        try:
            ended["rest"] = talk.socket.recv(10)
        except ssl.SSLError as error:
            ended["rest"] = error
        talk.send(b"bye")

    proxy, one = start(script, protocol="tcp")
    with Tls(proxy.port) as client:
        client.send(b"hello")
        client.tls.setblocking(False)
        with pytest.raises(ssl.SSLWantReadError):
            client.tls.unwrap()
        one.wait_for(lambda it: it.conversations and getattr(it.conversations[0], "done", False))
    assert ended == {"data": b"hello", "rest": b""}


def test_a_backend_that_speaks_first_is_heard_at_once(start):
    def script(talk):
        talk.send(b"220 hello\r\n")
        talk.read_until(b"\n")

    proxy, _ = start(script, protocol="tcp")
    with Tls(proxy.port) as client:
        assert client.receive() == b"220 hello\r\n"
        client.send(b"quit\n")
        assert client.read_to_end()[1] == "close_notify"


def test_a_websocket_goes_through(start):
    def script(talk):
        talk.read_head()
        talk.send(b"HTTP/1.1 101 Over\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nfirst")
        talk.send(talk.read(6).upper())

    proxy, _ = start(script, upgrade="websocket")
    with Tls(proxy.port) as client:
        client.send(get("/", "Connection: Upgrade", "Upgrade: websocket"))
        client.send(b"second")
        data, end = client.read_to_end()
    assert data.endswith(b"firstSECOND")
    assert end == "close_notify"


# --- connections that stay ------------------------------------------------------------------------


def test_an_idle_connection_serves_the_next_request(start):
    proxy, one = start(backend_keepalive=4)
    assert [ask(proxy).status for _ in range(5)] == [200] * 5
    assert len(one.conversations) == 1
    counters = proxy.status()["counters"]
    assert (counters["backend_handshakes"], counters["backend_reuses"]) == (1, 4)


def test_a_connection_that_is_given_up_says_close_notify(start):
    ends = []

    def script(talk):
        while talk.read_request()[0]:
            talk.send(OK)
        try:
            ends.append(talk.socket.recv(1))
        except (ssl.SSLError, OSError) as error:
            ends.append(error)

    proxy, one = start(script)
    assert ask(proxy).status == 200
    one.wait_for(lambda it: getattr(it.conversations[0], "done", False))
    assert ends == [b""]


@pytest.mark.parametrize("pair, state", [("rsa", "passing"), ("expired", "failing")])
def test_a_health_check_shakes_hands_too(start, pki, pair, state):
    proxy, _ = start(pair=getattr(pki, pair), health="GET /", health_interval="100ms")
    if state == "failing":
        assert "expired on" in proxy.wait_for("backend_check_failing")["detail"]
    else:
        wait_until(lambda: proxy.status()["counters"]["health_checks"] >= 3, "three checks")
        assert proxy.status()["counters"]["health_failures"] == 0


def test_a_new_ca_counts_at_the_next_connection(start, pki, tmp_path):
    ca = tmp_path / "backend_ca.pem"
    other = pki.leaf("yet_another_root", issuer=None, cn="Yet Another Root", san=[],
                     extensions="basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign\n")
    ca.write_text(pki.root.leaf.read_text())
    proxy, one = start(backend_ca=ca, backend_keepalive=4)
    assert ask(proxy).status == 200
    ca.write_text(other.leaf.read_text())
    proxy.reload()
    assert ask(proxy).status == 502
    ca.write_text(other.leaf.read_text() + pki.root.leaf.read_text())
    proxy.reload()
    assert ask(proxy).status == 200
    assert len(one.conversations) == 3


def test_the_proxy_header_comes_before_tls(start_proxy, backend, pki):
    headers = []
    tls = server(pki.rsa)

    def script(talk):
        header = b""
        while not header.endswith(b"\r\n"):
            header += talk.socket.recv(1)
        headers.append(header)
        talk.socket = tls.wrap_socket(talk.socket, server_side=True)
        serve(talk)

    proxy = start_proxy(f"tls:{backend(script).address}", send_proxy="v1",
                        backend_ca=pki.root.leaf, backend_name="localhost")
    assert ask(proxy).status == 200
    assert re.fullmatch(rb"PROXY TCP4 127\.0\.0\.1 127\.0\.0\.1 \d+ %d\r\n" % proxy.port, headers[0])


# --- much ------------------------------------------------------------------------------------------


def test_a_hundred_megabytes_wait_for_a_slow_reader(start):
    size = 100 * 1000 * 1000
    body = filler(size)

    def script(talk):
        talk.read_head()
        talk.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        for at in range(0, size, 1 << 20):
            talk.send(body[at:at + (1 << 20)])

    proxy, _ = start(script)
    before = proxy.rss()
    with Tls(proxy.port, receive_buffer=65536) as client:
        client.send(get("/", close=True))
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.receive(1024)
        digest = hashlib.sha256(head.split(b"\r\n\r\n", 1)[1])
        while some := client.receive(1 << 20):
            digest.update(some)
    assert digest.digest() == hashlib.sha256(body).digest()
    assert proxy.rss() - before < 20 * 1024 or proxy.sanitized


def test_a_large_upload_arrives_whole(start):
    size = 30 * 1000 * 1000
    body = filler(size)
    digests = []

    def script(talk):
        talk.read_head()
        early = talk.received.split(b"\r\n\r\n", 1)[1]
        digest, left = hashlib.sha256(early), size - len(early)
        while left > 0:
            some = talk.socket.recv(1 << 16)
            digest.update(some)
            left -= len(some)
        digests.append(digest.digest())
        talk.send(OK)

    proxy, _ = start(script, max_body=0)
    with Tls(proxy.port) as client:
        client.send(get("/", f"Content-Length: {size}", method="POST", close=True))
        for at in range(0, size, 1 << 20):
            client.send(body[at:at + (1 << 20)])
        assert client.read_reply("POST").status == 200
    assert digests == [hashlib.sha256(body).digest()]


# --- what is told beforehand -------------------------------------------------------------------------


@pytest.mark.parametrize("content, told", [
    ("", "is empty"),
    ("no certificate\n", "there is no certificate in the file; name a PEM file with the issuers of "
                         "the backends' certificates"),
    ("-----BEGIN CERTIFICATE-----\nAAAA\n", "certificate 1 of the file cannot be read"),
])
def test_a_ca_file_that_is_none_is_refused(start, tmp_path, content, told):
    proxy, _ = start()
    ca = tmp_path / "bad.pem"
    ca.write_text(content)
    proxy.write_config(backend_ca=ca)
    for command in ("check", "reload"):
        done = proxy.command(command, "-c", proxy.config)
        assert done.returncode != 0
        said = " ".join((done.stdout + done.stderr).split())
        assert "backend_ca" in said and told in said
    assert ask(proxy).status == 200


def test_a_ca_that_has_expired_is_told(start, pki):
    old = pki.leaf("old_root", issuer=None, cn="Old Root", san=[],
                   extensions="basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign\n",
                   start="20200101000000Z", end="20210101000000Z")
    proxy, _ = start()
    proxy.write_config(backend_ca=old.leaf)
    done = proxy.command("check", "-c", proxy.config)
    said = " ".join((done.stdout + done.stderr).split())
    assert "the CA Old Root expired on 2021-01-01" in said
    assert "backends with a certificate of this CA are refused" in said


def test_openssl_s_server_is_a_backend(start_proxy, pki, tmp_path):
    import subprocess
    port = free_port()
    process = subprocess.Popen(
        ["openssl", "s_server", "-quiet", "-accept", str(port), "-cert", pki.rsa.leaf, "-key",
         pki.rsa.key, "-cert_chain", pki.intermediate.leaf, "-www"],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0, "it listens")
        proxy = start_proxy(f"tls:127.0.0.1:{port}", backend_ca=pki.root.leaf,
                            backend_name="localhost")
        with Tls(proxy.port) as client:
            client.send(get("/", close=True, version="HTTP/1.0"))
            data, _ = client.read_to_end()
        assert data.startswith(b"HTTP/1.") and b"200" in data[:16]
    finally:
        process.kill()
        process.wait()
