"""A TLS client that shows what came over the wire and how the connection ended."""
import http.client
import io
import socket
import ssl

from . import secrets


def context(pki=None, versions=(ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3),
            ciphers=None, curve=None):
    """Verifies against the test root; without pki it takes any certificate."""
    it = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    it.options &= ~getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)  # a cut must be seen
    it.minimum_version, it.maximum_version = versions
    if pki is None:
        it.check_hostname, it.verify_mode = False, ssl.CERT_NONE
    else:
        it.load_verify_locations(pki.root.leaf)
    if ciphers:
        it.set_ciphers(ciphers)
    if curve:
        it.set_ecdh_curve(curve)
    return it


TLS12 = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2)
TLS13 = (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_3)


class Reply:
    def __init__(self, status, fields, body, head):
        self.status, self.fields, self.body, self.head = status, fields, body, head

    def field(self, name):
        """The only value of that field, or None."""
        values = self.all(name)
        assert len(values) <= 1, f"{name} is there {len(values)} times"
        return values[0] if values else None

    def all(self, name):
        return [value for one, value in self.fields if one.lower() == name.lower()]


class _Bytes:
    """Stands in for the socket of http.client."""

    def __init__(self, data):
        self.data = data

    def makefile(self, *_):
        return io.BytesIO(self.data)


def parse_replies(data, methods=("GET",)):
    """Replies to requests with these methods, and the bytes left over."""
    replies = []
    for method in methods:
        reply, used = _parse_one(data, method)
        replies.append(reply)
        data = data[used:]
    return replies, data


def _parse_one(data, method):
    end = data.index(b"\r\n\r\n") + 4
    stream = io.BytesIO(data)
    source = _Bytes(data)
    source.makefile = lambda *_: stream
    stream.close = lambda: None
    reply = http.client.HTTPResponse(source, method=method)
    reply.begin()
    body = reply.read()
    fields = [(name.strip().decode("latin-1"), value.strip().decode("latin-1"))
              for name, value in (line.split(b":", 1)
                                  for line in data[:end].split(b"\r\n")[1:] if b":" in line)]
    return Reply(reply.status, fields, body, data[:end]), stream.tell()


class Tls:
    """One TLS connection, behind the bytes of `preface`. close() leaves no descriptor behind."""

    def __init__(self, port, pki=None, tls=None, host="127.0.0.1", name="localhost",
                 timeout=30, receive_buffer=None, session=None, source=None, preface=b""):
        self.raw = socket.socket()
        if source:
            self.raw.bind((source, 0))
        if receive_buffer:
            self.raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.raw.settimeout(timeout)
        self.raw.connect((host, port))
        self.raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.raw.sendall(preface)
        try:
            self.tls = (tls or context(pki)).wrap_socket(
                self.raw, server_hostname=name, suppress_ragged_eofs=False, session=session)
        except BaseException:
            self.raw.close()
            raise
        self.buffered = b""

    def send(self, data):
        secrets.remember_message(data)
        self.tls.sendall(data)

    def receive(self, size=65536):
        """Some bytes; b"" after close_notify. Any other end is an exception."""
        if self.buffered:
            data, self.buffered = self.buffered[:size], self.buffered[size:]
            return data
        return self.tls.recv(size)

    def read_to_end(self, size=65536):
        """(bytes, how it ended): 'close_notify', 'cut' (FIN without it) or 'reset'."""
        data = [self.buffered]
        self.buffered = b""
        while True:
            try:
                some = self.tls.recv(size)
            except (ssl.SSLEOFError, ssl.SSLError):
                return b"".join(data), "cut"
            except ConnectionResetError:
                return b"".join(data), "reset"
            if not some:
                return b"".join(data), "close_notify"
            data.append(some)

    def read_reply(self, method="GET"):
        """One reply on a connection that stays open: with Content-Length or chunked."""
        data = b""
        while True:
            some = self.receive()
            assert some, f"the connection ended within a reply: {data[:500]!r}"
            data += some
            if b"\r\n\r\n" not in data:
                continue
            try:
                (reply,), self.buffered = parse_replies(data, (method,))
            except (http.client.IncompleteRead, ValueError):
                continue
            if reply.status >= 200:
                length = reply.field("Content-Length")
                if method == "HEAD" or length is None or len(reply.body) == int(length):
                    return reply

    def request(self, data, method="GET"):
        self.send(data)
        return self.read_reply(method)

    def certificate(self):
        return self.tls.getpeercert(binary_form=True)

    def reset(self):
        """Goes without a word: RST."""
        self.raw_detach().close()

    def raw_detach(self):
        raw = socket.socket(fileno=self.tls.detach())
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        return raw

    def vanish(self):
        """Goes as a killed process does: FIN without close_notify."""
        socket.socket(fileno=self.tls.detach()).close()

    def close(self):
        self.tls.close()
        self.raw.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def get(path="/", *fields, close=False, version="HTTP/1.1", method="GET", body=None):
    """The bytes of a request."""
    head = [f"{method} {path} {version}", "Host: localhost", *fields]
    if body is not None and not any("ransfer-" in field for field in fields):
        head.append(f"Content-Length: {len(body)}")
    if close:
        head.append("Connection: close")
    return "\r\n".join([*head, "", ""]).encode() + (body or b"")
