"""The PROXY protocol in (`proxy_protocol`, `trusted`) and out (`send_proxy`), and the fields of
proxies in front (`forwarded = append`)."""
import ipaddress
import shutil
import socket
import struct
import subprocess

import pytest

from frame.client import Tls, context, get
from frame.ports import free_port
from frame.wait import wait_until

pytestmark = pytest.mark.core

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
V1 = b"PROXY TCP4 192.0.2.7 192.0.2.8 1234 443\r\n"
V1_SIX = b"PROXY TCP6 2001:db8::7 ::1 1234 443\r\n"


def v2(source="192.0.2.7", command=1, tlvs=b""):
    address = ipaddress.ip_address(source).packed
    body = address + address + struct.pack(">HH", 1234, 443) + tlvs
    family = 0x11 if len(address) == 4 else 0x21
    return SIGNATURE + struct.pack(">BBH", 0x20 | command, family, len(body)) + body


class Heads:
    """A backend that keeps the heads it is sent, and where each connection begins."""

    def __init__(self, backend):
        self.heads, self.prefaces = [], []
        self.backend = backend(self.script)
        self.address = self.backend.address

    def script(self, talk):
        while head := talk.read_head():
            self.heads.append(head)
            talk.send(OK)

    def field(self, name, index=-1):
        lines = self.heads[index].decode("latin-1").split("\r\n")[1:]
        return [line.split(": ", 1)[1] for line in lines
                if line.lower().startswith(name.lower() + ":")]


@pytest.fixture
def heads(backend):
    return Heads(backend)


def ask(proxy, preface=b"", source=None):
    with Tls(proxy.port, preface=preface, source=source) as client:
        return client.request(get("/", close=True)).status


# --- in ------------------------------------------------------------------------------------


@pytest.mark.parametrize("header, told", [
    (V1, "192.0.2.7"), (V1_SIX, "2001:db8::7"), (v2(), "192.0.2.7"),
    (v2("2001:db8::7", tlvs=b"\xee\0\3abc"), "2001:db8::7"),
    (v2(command=0), "127.0.0.1"), (b"PROXY UNKNOWN\r\n", "127.0.0.1"),
])
def test_the_client_is_whom_the_header_names(start_proxy, heads, header, told):
    proxy = start_proxy(heads.address, proxy_protocol="any", trusted="127.0.0.1")
    assert ask(proxy, header) == 200
    assert heads.field("X-Forwarded-For") == [told]


def test_a_header_may_come_byte_by_byte(start_proxy, heads):
    proxy = start_proxy(heads.address, proxy_protocol="any", trusted="127.0.0.0/8")
    for header in (V1, v2(tlvs=b"\xee\0\3abc")):
        with socket.create_connection(("127.0.0.1", proxy.port), 30) as raw:
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for i in range(len(header)):
                raw.sendall(header[i:i + 1])
            with context().wrap_socket(raw, server_hostname="localhost") as tls:
                tls.sendall(get("/", close=True))
                assert tls.recv(100).startswith(b"HTTP/1.1 200")
        assert heads.field("X-Forwarded-For") == ["192.0.2.7"]


def test_allow_and_deny_are_about_the_client(start_proxy, heads):
    proxy = start_proxy(heads.address, proxy_protocol="v1", trusted="127.0.0.1",
                        deny="192.0.2.7")
    with pytest.raises(OSError):
        ask(proxy, V1)
    assert proxy.wait_for("refused", reason="denied")["peer"].startswith("192.0.2.7:")
    assert ask(proxy, V1_SIX) == 200


def test_an_untrusted_address_speaks_for_itself(start_proxy, heads):
    proxy = start_proxy(heads.address, proxy_protocol="any", trusted="127.0.0.2")
    assert ask(proxy) == 200
    assert heads.field("X-Forwarded-For") == ["127.0.0.1"]
    for header in (V1, v2()):
        with pytest.raises(OSError):
            ask(proxy, header)
    assert ask(proxy, V1, source="127.0.0.2") == 200
    assert heads.field("X-Forwarded-For") == ["192.0.2.7"]


@pytest.mark.sampled(2)
@pytest.mark.parametrize("version, preface", [
    ("any", b"\x16\x03\x01"), ("any", b"GET / HTTP/1.1\r\n"), ("v1", v2()), ("v2", V1),
    ("v1", b"PROXY TCP4 1.2.3.4 1.2.3.4 1 99999\r\n"),
    ("v1", b"PROXY TCP4 " + b"1" * 200),
    ("v2", SIGNATURE + b"\x21\x11\x00\x02ab"),
    ("v2", v2(tlvs=b"\x03\0\4abcd")),
], ids=["tls", "http", "v2", "v1", "bad-port", "long", "short", "checksum"])
def test_a_trusted_one_has_to_begin_so(start_proxy, heads, version, preface):
    proxy = start_proxy(heads.address, proxy_protocol=version, trusted="127.0.0.1")
    with socket.create_connection(("127.0.0.1", proxy.port), 30) as raw:
        raw.sendall(preface)
        raw.settimeout(30)
        try:
            assert raw.recv(100) == b""
        except ConnectionResetError:
            pass
    line = proxy.wait_for("refused", reason="proxy_header")
    assert line["peer"].startswith("127.0.0.1:") and line["detail"]
    assert proxy.status()["ends"]["proxy_header"] == 1
    assert ask(proxy, V1 if version != "v2" else v2()) == 200


def test_a_silent_one_is_closed_in_time_and_a_health_check_is_no_news(start_proxy, heads):
    proxy = start_proxy(heads.address, proxy_protocol="any", trusted="127.0.0.1",
                        handshake_timeout="3s")
    socket.create_connection(("127.0.0.1", proxy.port), 30).close()
    with socket.create_connection(("127.0.0.1", proxy.port), 30) as raw:
        raw.sendall(b"PROXY TC")
        assert raw.recv(10) == b""
    proxy.wait_for("refused", reason="handshake_timeout")
    with socket.create_connection(("127.0.0.1", proxy.port), 30) as raw:
        raw.sendall(b"PROXY TC")
        raw.shutdown(socket.SHUT_WR)
        assert raw.recv(10) == b""
    proxy.wait_for("refused", reason="client_gone")
    assert len(proxy.events("refused")) == 2
    wait_until(lambda: proxy.status()["counters"]["connections"] == 0)


def test_one_that_waits_is_served_after_a_reload_by_what_is_new(start_proxy, heads, pki):
    proxy = start_proxy(heads.address, proxy_protocol="any", trusted=["127.0.0.1", "::/0"],
                        handshake_timeout="1m")  # a reload may take long on a busy machine
    with socket.create_connection(("127.0.0.1", proxy.port), 30) as raw:
        raw.sendall(V1[:9])
        wait_until(lambda: proxy.status()["counters"]["accepted"] >= 1)
        pki.other.install(proxy.cert, proxy.key)
        proxy.reload()  # the reload tries the service, without a header
        raw.sendall(V1[9:])
        with context().wrap_socket(raw, server_hostname="localhost") as tls:
            assert tls.getpeercert(binary_form=True) == pki.other.der()
            tls.sendall(get("/", close=True))
            assert tls.recv(100).startswith(b"HTTP/1.1 200")
    wait_until(lambda: len(proxy.status()["generations"]) == 1)


def test_one_that_waits_is_served_by_a_process_that_drains(start_proxy, heads):
    proxy = start_proxy(heads.address, proxy_protocol="any", trusted="127.0.0.1")
    with socket.create_connection(("127.0.0.1", proxy.port), 30) as raw:
        raw.sendall(V1[:9])
        wait_until(lambda: proxy.status()["counters"]["accepted"] >= 1)
        proxy.process.terminate()
        proxy.wait_for("draining")
        raw.sendall(V1[9:])
        with context().wrap_socket(raw, server_hostname="localhost") as tls:
            tls.sendall(get("/", close=True))
            assert tls.recv(100).startswith(b"HTTP/1.1 200")
    proxy.process.wait(30)


@pytest.mark.parametrize("options, why", [
    ({"proxy_protocol": "any"}, "proxy_protocol needs trusted"),
    ({"forwarded": "append"}, "forwarded = append needs trusted"),
    ({"trusted": "10.0.0.1"}, "trusted has no effect"),
    ({"trusted": "10.0.0.1/8", "proxy_protocol": "v1"}, "10.0.0.1/8"),
])
def test_contradicting_arguments_are_refused(start_proxy, heads, options, why):
    proxy = start_proxy(heads.address)
    proxy.write_config(**options)
    done = proxy.command("check", "-c", proxy.config, check=1)
    assert why in " ".join((done.stdout + done.stderr).split())


# --- out -----------------------------------------------------------------------------------


def read_v2(talk):
    head = talk.read(16)
    assert head[:12] == SIGNATURE and head[12] == 0x21
    (length,) = struct.unpack(">H", head[14:])
    body = talk.read(length)
    size = 4 if head[13] == 0x11 else 16
    source = str(ipaddress.ip_address(body[:size]))
    port, local = struct.unpack(">HH", body[2 * size:2 * size + 4])
    tlvs, rest = {}, body[2 * size + 4:]
    while rest:
        kind, n = struct.unpack(">BH", rest[:3])
        tlvs[kind], rest = rest[3:3 + n], rest[3 + n:]
    return source, port, local, tlvs


def tls_tlvs(value):
    tlvs, rest = {}, value[5:]
    while rest:
        kind, n = struct.unpack(">BH", rest[:3])
        tlvs[kind], rest = rest[3:3 + n], rest[3 + n:]
    return value[0], struct.unpack(">I", value[1:5])[0], tlvs


@pytest.mark.parametrize("keepalive", [0, 10])
def test_each_client_has_connections_of_its_own(start_proxy, backend, keepalive):
    told = []

    def script(talk):
        told.append(talk.read_until(b"\r\n"))
        while talk.read_head():
            told.append("request")
            talk.send(OK)

    proxy = start_proxy(backend(script).address, send_proxy="v1", backend_keepalive=keepalive,
                        backend_keepalive_post="on")
    with Tls(proxy.port) as one, Tls(proxy.port, source="127.0.0.3") as two:
        ports = one.tls.getsockname()[1], two.tls.getsockname()[1]
        for client in (one, two, one, two):
            assert client.request(get("/")).status == 200
    lines = [line for line in told if line != "request"]
    assert told.count("request") == 4
    for source, port in zip(("127.0.0.1", "127.0.0.3"), ports):
        wanted = f"PROXY TCP4 {source} 127.0.0.1 {port} {proxy.port}\r\n".encode()
        assert wanted in lines
    assert len(lines) == 2, "a bound connection serves its client again"


def test_version_2_tells_of_tls(start_proxy, backend, pki):
    seen = []

    def script(talk):
        seen.append(read_v2(talk))
        while talk.read_head():
            talk.send(OK)

    proxy = start_proxy(backend(script).address, send_proxy="v2", verify="optional",
                        ca=pki.root.leaf)
    assert ask(proxy) == 200
    source, _, local, tlvs = seen[-1]
    bits, verify, facts = tls_tlvs(tlvs[0x20])
    assert (source, local, bits) == ("127.0.0.1", proxy.port, 1) and verify != 0
    assert facts[0x21] == b"TLSv1.3" and facts[0x23].startswith(b"TLS_")
    assert tlvs[0x02] == b"localhost" and 0x03 in tlvs
    it = context(pki)
    it.load_cert_chain(pki.client.cert, pki.client.key)
    with Tls(proxy.port, tls=it) as client:
        assert client.request(get("/", close=True)).status == 200
    bits, verify, facts = tls_tlvs(seen[-1][3][0x20])
    assert (bits, verify) == (7, 0) and facts[0x22] == b"localhost"


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_a_tunnel_begins_with_it(start_proxy, backend, version):
    seen = []

    def script(talk):
        seen.append(read_v2(talk)[0] if version == "v2" else talk.read_until(b"\r\n"))
        talk.send(b"220 welcome\r\n")
        talk.send(talk.read_until(b"\n").upper())

    proxy = start_proxy(backend(script).address, protocol="tcp", send_proxy=version)
    with Tls(proxy.port) as client:
        data = b""
        while not data.endswith(b"\r\n"):
            data += client.receive()
        assert data == b"220 welcome\r\n"  # the server speaks first
        client.send(b"hello\n")
        assert client.receive() == b"HELLO\n"
    assert "127.0.0.1" in str(seen[0])


def test_stunnels_protocol_proxy_is_migrated(start_proxy, wlbproxy, backend, pki, tmp_path):
    lines = []

    def script(talk):
        lines.append(talk.read_until(b"\r\n"))
        talk.send(b"hello")

    it = backend(script)
    port = free_port()
    config = tmp_path / "stunnel.conf"
    pki.rsa.install(tmp_path / "cert.pem", tmp_path / "key.pem")
    config.write_text(f"foreground = yes\npid =\n[x]\naccept = 127.0.0.1:{port}\n"
                      f"connect = {it.address}\ncert = {tmp_path}/cert.pem\n"
                      f"key = {tmp_path}/key.pem\nprotocol = proxy\n")
    stunnel = subprocess.Popen(["stunnel", config], stderr=subprocess.DEVNULL)

    def greeted(at):
        try:
            with Tls(at) as client:
                lines.append(client.tls.getsockname()[1])
                return client.receive() == b"hello"
        except OSError:
            lines.clear()
            return False

    try:
        wait_until(lambda: greeted(port))
    finally:
        stunnel.terminate()
        stunnel.wait()
    done = subprocess.run([wlbproxy, "migrate", config], capture_output=True, text=True)
    assert "\nsend_proxy = v1\n" in done.stdout
    proxy = start_proxy(it.address, protocol="tcp", send_proxy="v1")
    assert greeted(proxy.port)

    def pattern(line, source, at):
        return line.replace(str(source).encode(), b"SOURCE").replace(str(at).encode(), b"PORT")

    told = [line for line in lines if isinstance(line, bytes)]
    sources = [line for line in lines if isinstance(line, int)]
    assert pattern(told[0], sources[0], port) == pattern(told[1], sources[1], proxy.port)


def test_a_clients_facts_are_passed_on(start_proxy, backend):
    seen = []

    def script(talk):
        seen.append(read_v2(talk)[0])
        while talk.read_head():
            talk.send(OK)

    proxy = start_proxy(backend(script).address, proxy_protocol="any", trusted="127.0.0.1",
                        send_proxy="v2")
    assert ask(proxy, V1) == ask(proxy, v2("2001:db8::9")) == 200
    assert seen == ["192.0.2.7", "2001:db8::9"]


# --- fields --------------------------------------------------------------------------------

SAID = ["X-Forwarded-For: 198.51.100.1", "X-Forwarded-For: 198.51.100.2", "Forwarded: for=a",
        "X-Forwarded-Proto: http", "X-Forwarded-Host: shop.example", "X-Real-IP: 198.51.100.1"]


def say(proxy, source="127.0.0.1"):
    head = "\r\n".join(["GET / HTTP/1.1", "Host: wlb", *SAID, "Connection: close", "", ""])
    with Tls(proxy.port, source=source) as client:
        client.send(head.encode())
        assert client.read_to_end()[0].startswith(b"HTTP/1.1 200")


def test_fields_of_a_trusted_proxy_are_added_to(start_proxy, heads):
    proxy = start_proxy(heads.address, forwarded="append", trusted="127.0.0.1")
    say(proxy)
    assert heads.field("X-Forwarded-For") == ["198.51.100.1, 198.51.100.2, 127.0.0.1"]
    assert heads.field("Forwarded") == ['for=a, for=127.0.0.1;host="wlb";proto=https']
    assert heads.field("X-Forwarded-Proto") == ["http"]
    assert heads.field("X-Forwarded-Host") == ["shop.example"]
    assert not heads.field("X-Real-IP"), "a proxy passes it on from its client, unseen"
    say(proxy, "127.0.0.2")
    assert heads.field("X-Forwarded-For") == ["127.0.0.2"]
    assert heads.field("X-Forwarded-Proto") == ["https"] and not heads.field("X-Real-IP")


# --- beside HAProxy ------------------------------------------------------------------------


@pytest.mark.skipif(shutil.which("haproxy") is None and shutil.which("/usr/sbin/haproxy") is None,
                    reason="no haproxy")
@pytest.mark.parametrize("into, out", [("send-proxy", "v1"), ("send-proxy-v2-ssl-cn", "v2")])
def test_between_two_haproxies(start_proxy, heads, tmp_path, into, out):
    front, behind = free_port(), free_port()
    proxy = start_proxy(f"127.0.0.1:{behind}", proxy_protocol="any", trusted="127.0.0.1",
                        send_proxy=out)
    config = tmp_path / "haproxy.cfg"
    config.write_text(f"""defaults
    timeout connect 5s
    timeout client 30s
    timeout server 30s
listen front
    mode tcp
    bind 127.0.0.1:{front}
    server wlbproxy 127.0.0.1:{proxy.port} {into}
listen behind
    mode http
    bind 127.0.0.1:{behind} accept-proxy
    http-request set-header X-Seen %[src]
    server backend {heads.address}
""")
    haproxy = subprocess.Popen(["/usr/sbin/haproxy", "-db", "-f", config],
                               stderr=subprocess.DEVNULL)
    try:
        def served():
            try:
                with Tls(front, source="127.0.0.9") as client:
                    return client.request(get("/", close=True)).status == 200
            except OSError:
                return False

        wait_until(served)
        assert heads.field("X-Seen") == ["127.0.0.9"]
    finally:
        haproxy.kill()
        haproxy.wait()
