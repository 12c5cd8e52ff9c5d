"""A handshake that is under way at a reload: it never shows the old certificate."""
import socket
import ssl

import pytest

from frame.client import TLS12, TLS13, context
from frame.wait import wait_until

pytestmark = pytest.mark.core


class Halting:
    """A TLS client that goes on a flight, or a few bytes, at a time."""

    def __init__(self, port, **options):
        self.socket = socket.create_connection(("127.0.0.1", port), 20)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context(**options).wrap_bio(
            self.incoming, self.outgoing, server_hostname="localhost")

    def flight(self):
        """Returns the bytes that the client has to send now."""
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            pass
        return self.outgoing.read()

    def hear(self):
        data = self.socket.recv(65536)
        assert data
        self.incoming.write(data)

    def finish(self):
        """The certificate's DER bytes."""
        while True:
            try:
                self.tls.do_handshake()
                self.socket.sendall(self.outgoing.read())
                return self.tls.getpeercert(binary_form=True)
            except ssl.SSLWantReadError:
                self.socket.sendall(self.outgoing.read())
                self.hear()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


def heard(proxy, count=1):
    wait_until(lambda: proxy.status()["counters"]["accepted"] >= count)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("versions", [TLS12, TLS13], ids=["1.2", "1.3"])
@pytest.mark.parametrize("part", [1, 5, 60, -1])
def test_a_client_within_its_hello(start_proxy, origin, pki, versions, part):
    proxy = start_proxy(origin.address, xenserver="off")
    with Halting(proxy.port, versions=versions) as client:
        hello = client.flight()
        client.socket.sendall(hello[:part])
        heard(proxy)
        pki.ec.install(proxy.cert, proxy.key)  # another kind of key: nothing old fits
        proxy.hup()
        pki.other.install(proxy.cert, proxy.key)
        proxy.hup()
        client.socket.sendall(hello[part:])
        assert client.finish() == pki.other.der()


def test_a_client_that_was_asked_for_another_hello(start_proxy, origin, pki):
    """HelloRetryRequest (RFC 8446 section 4.1.4): the certificate comes after the second."""
    proxy = start_proxy(origin.address, groups="P-384", xenserver="off")
    with Halting(proxy.port, versions=TLS13) as client:
        client.socket.sendall(client.flight())
        client.hear()
        second = client.flight()
        assert second[5 if second[0] == 22 else 11] == 1  # a ClientHello, after any CCS
        pki.ec.install(proxy.cert, proxy.key)
        proxy.hup()
        client.socket.sendall(second)
        assert client.finish() == pki.ec.der()


def test_a_name_that_chooses_another_service(start_proxy, origin, pki):
    proxy = start_proxy(origin.address)
    named = pki.folder / "named"
    named.mkdir(exist_ok=True)
    cert, key = named / "server.pem", named / "server.key"
    pki.rsa3072.install(cert, key)
    proxy.extra = (f"[named]\naccept = 127.0.0.1:{proxy.port}\nconnect = {origin.address}\n"
                   f"sni = localhost\ncert = {cert}\nkey = {key}\n")
    proxy.write_config()
    proxy.hup()
    with Halting(proxy.port, versions=TLS13) as client:
        hello = client.flight()
        client.socket.sendall(hello[:-1])
        heard(proxy)
        pki.other.install(cert, key)
        proxy.hup()
        client.socket.sendall(hello[-1:])
        assert client.finish() == pki.other.der()
