"""The clients of the proxy: some behave, others attack.

Each is a function that is called again and again in a thread of its own; an exception
counts against the proxy. A client that behaves must never see an error; an attacker
raises only when the proxy treats it wrongly.
"""
import hashlib
import random
import socket
import ssl
import struct

from frame.client import TLS12, TLS13, Tls, context, get
from frame.origin import filler_sha256

HELLO = bytes.fromhex("16030100")  # how a ClientHello begins


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def await_end(connection, timeout=60):
    """The proxy must end it: by its deadlines, not by ours."""
    connection.settimeout(timeout)
    try:
        while connection.recv(65536):
            pass
    except TimeoutError:
        raise
    except OSError:
        pass  # a reset is an end, too
    connection.close()


class Clients:
    def __init__(self, port, pki):
        self.port, self.pki = port, pki
        self.tls13, self.tls12 = context(pki, TLS13), context(pki, TLS12)
        self.xapi_tls = context(pki, TLS12, ciphers="ECDHE-RSA-AES256-GCM-SHA384",
                                curve="secp384r1")
        self.kept = None

    def _checked(self, reply, size):
        assert reply.status == 200, f"status {reply.status}"
        assert hashlib.sha256(reply.body).hexdigest() == filler_sha256(size), "another body"

    def small(self):
        with Tls(self.port, tls=self.tls13) as client:
            self._checked(client.request(get("/?size=2000", close=True)), 2000)

    def xapi(self):
        body = b"<soap>" + b"x" * 500 + b"</soap>"
        request = get("/?size=30000", method="POST", body=body, close=True)
        with Tls(self.port, tls=self.xapi_tls) as client:
            client.send(request)
            data, end = client.read_to_end()
        assert end == "close_notify", end
        assert data.startswith(b"HTTP/1.1 200 "), data[:100]
        assert hashlib.sha256(data.split(b"\r\n\r\n", 1)[1]).hexdigest() == filler_sha256(30000)

    def large(self):
        size = random.randrange(200_000, 2_000_000)
        mode = random.choice(["length", "chunked", "close"])
        with Tls(self.port, tls=self.tls12) as client:
            client.send(get(f"/?size={size}&mode={mode}", close=True))
            data, end = client.read_to_end()
        assert end == "close_notify", end
        assert hashlib.sha256(data.split(b"\r\n\r\n", 1)[1]).hexdigest() == filler_sha256(size)

    def kept_alive(self):
        client = Tls(self.port, tls=self.tls13)
        with client:
            for _ in range(random.randrange(1, 50)):
                reply = client.request(get("/?size=5000"))
                self._checked(reply, 5000)
                if (reply.field("Connection") or "") == "close":
                    return


class Attackers:
    def __init__(self, port):
        self.port, self.tls = port, context()

    def _raw(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def silent(self):
        await_end(self._raw())

    def half_hello(self):
        raw = self._raw()
        raw.sendall(HELLO + b"\x01\x00\x01")
        await_end(raw)

    def garbage(self):
        raw = self._raw()
        try:
            raw.sendall(random.randbytes(random.randrange(1, 3000)))
            await_end(raw)
        except OSError as error:
            if isinstance(error, TimeoutError):
                raise

    def vanishing(self):
        client = Tls(self.port, tls=self.tls)
        client.send(get("/?size=100000&pause=1"))
        client.receive(100)
        client.reset()

    def slow_head(self):
        client = Tls(self.port, tls=self.tls)
        client.send(b"GET / HTTP/1.1\r\nHost: localh")
        data, _ = client.read_to_end()
        client.close()
        assert data.startswith(b"HTTP/1.1 408 "), data[:60]

    def slow_body(self):
        client = Tls(self.port, tls=self.tls)
        client.send(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nx")
        data, _ = client.read_to_end()
        client.close()
        assert data.startswith(b"HTTP/1.1 408 "), data[:60]

    def not_reading(self):
        client = Tls(self.port, tls=self.tls, receive_buffer=4096, timeout=60)
        client.send(get("/?size=8000000") * 8)
        end = client.raw
        ssl_socket = client.tls
        ssl_socket.settimeout(None)
        wait_for_reset(ssl_socket)
        end.close()
        client.close()

    def cut_reply(self):
        """The backend dies in the middle: that must be seen."""
        mode = random.choice(["length", "chunked", "close"])
        how = random.choice(["", "&reset=1"])
        close = random.choice([True, False])
        client = Tls(self.port, tls=self.tls)
        client.send(get(f"/?size=50000&mode={mode}&cut={random.randrange(1, 50000)}{how}",
                        close=close))
        data, end = client.read_to_end()
        client.close()
        refused = data.startswith(b"HTTP/1.1 502 ")
        whole = mode == "close" and not how  # such a reply has no other end
        assert refused or whole or end != "close_notify", (mode, how, end, data[:80])

    def nonsense(self):
        client = Tls(self.port, tls=self.tls)
        client.send(random.choice([
            b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"GET / HTTP/1.1\nHost: a\n\n", b"\x00\x01\x02\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n"]))
        data, _ = client.read_to_end()
        client.close()
        assert data.startswith(b"HTTP/1.1 400 "), data[:60]

    def plain(self):
        raw = self._raw()
        raw.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await_end(raw)


def wait_for_reset(connection):
    """Never reads; returns when the proxy has given up."""
    import select
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLHUP | select.POLLERR)
    assert poll.poll(60000), "a client that never reads is still there after a minute"
    try:
        connection.close()
    except (OSError, ssl.SSLError):
        pass
