"""The corpora of tests/corpus, and a way to put any bytes through a TLS port."""
import os
import re
import socket
import ssl

from .client import context

FOLDER = os.path.join(os.path.dirname(__file__), "../../corpus")
ESCAPE = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|([rnt\\])|\{(\d+):)")
LETTERS = {"r": b"\r", "n": b"\n", "t": b"\t", "\\": b"\\"}


class Payload:
    """`verdicts` has one entry for each message, see the head of the file."""

    def __init__(self, verdicts, name, data):
        self.context, _, rest = verdicts.partition(":") if verdicts[0].isupper() else (
            "", "", verdicts)
        self.verdicts, self.name, self.data = rest.split(","), name, data


def _unescape(text, at=0, repeated=False):
    """(bytes, where it stopped): at the end, or behind the } of a repetition."""
    out = bytearray()
    while at < len(text):
        if repeated and text[at] == "}":
            return bytes(out), at + 1
        found = ESCAPE.match(text, at)
        if not found:
            out += text[at].encode("latin-1")
            at += 1
        elif found.group(3):
            part, at = _unescape(text, found.end(), repeated=True)
            out += part * int(found.group(3))
        else:
            letter = found.group(2)
            out += LETTERS[letter] if letter else bytes([int(found.group(1), 16)])
            at = found.end()
    return bytes(out), at


def load(name):
    """The payloads of tests/corpus/NAME.txt."""
    with open(os.path.join(FOLDER, f"{name}.txt"), encoding="latin-1", newline="\n") as lines:
        for line in lines:
            if line.strip() and not line.startswith("#"):
                verdicts, title, text = line.rstrip("\n").split("\t", 2)
                yield Payload(verdicts, title, _unescape(text)[0])


class _Wire:
    """TLS over a socket with both halves in our hands, so that one may end first."""

    def __init__(self, port, tls):
        self.socket = socket.create_connection(("127.0.0.1", port), 30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = tls.wrap_bio(self.incoming, self.outgoing, server_hostname="localhost")

    def flush(self):
        self.socket.sendall(self.outgoing.read())

    def fill(self):
        data = self.socket.recv(65536)
        self.incoming.write(data) if data else self.incoming.write_eof()

    def until_done(self, step):
        while True:
            try:
                return step()
            except ssl.SSLWantReadError:
                self.flush()
                self.fill()
            finally:
                self.flush()

    def read(self):
        """Some bytes; b"" after close_notify."""
        try:
            return self.until_done(lambda: self.tls.read(65536))
        except ssl.SSLZeroReturnError:
            return b""

    def end(self):
        try:
            self.tls.unwrap()
        except ssl.SSLWantReadError:
            pass  # our close_notify is written, theirs comes in its time
        self.flush()


def converse(port, data, tls=None, until=None):
    """Sends `data` and a close_notify, at once or when until(received) is true; reads on.

    (bytes, how it ended): as Tls.read_to_end() says it.
    """
    wire = _Wire(port, tls or context())
    received = b""
    try:
        wire.until_done(wire.tls.do_handshake)
        try:
            wire.tls.write(data)
            wire.flush()
            if until is None:
                wire.end()
        except (BrokenPipeError, ConnectionResetError):
            pass  # refused before it was all there
        while some := wire.read():
            received += some
            if until is not None and until(received):
                until = None
                wire.end()
        return received, "close_notify"
    except (ssl.SSLEOFError, ssl.SSLError):
        return received, "cut"
    except (ConnectionResetError, BrokenPipeError):
        return received, "reset"
    finally:
        wire.socket.close()
