"""A TLS client whose close_notify, FIN and reset are three different things."""
import fcntl
import socket
import ssl
import termios

from .client import context
from .wait import wait_until


class Wire:
    """TLS over a socket, one step at a time; nothing is read that nobody asks for."""

    def __init__(self, port, versions, read_tickets=True):
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.side = context(versions=versions).wrap_bio(
            self.incoming, self.outgoing, server_hostname="localhost")
        self.raw = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.early = b""  # came with the tickets
        self._run(self.side.do_handshake)
        if versions[0] == ssl.TLSVersion.TLSv1_3:
            if read_tickets:
                self._read_tickets()
            else:
                self.raw.recv(1, socket.MSG_PEEK)  # they are there, and stay there

    def _push(self):
        self.raw.sendall(self.outgoing.read())

    def _run(self, step):
        while True:
            try:
                result = step()
                self._push()
                return result
            except ssl.SSLWantReadError:
                self._push()
                some = self.raw.recv(65536)
                if not some:
                    self.incoming.write_eof()
                self.incoming.write(some)

    def _read_tickets(self):
        """All that the server sent: it sends no more before it is asked something."""
        self.incoming.write(self.raw.recv(65536))
        while True:
            try:
                some = self.side.read(65536)
            except ssl.SSLWantReadError:
                return
            if not some:  # close_notify came with them, too
                return
            self.early += some

    def send(self, data):
        for at in range(0, len(data), 16000):
            self.side.write(data[at:at + 16000])
            self._push()

    def receive(self, size=65536):
        if self.early:
            data, self.early = self.early, b""
            return data
        return self._run(lambda: self.side.read(size))

    def read_to_end(self):
        """(bytes, 'close_notify', 'cut' or 'reset')."""
        data = []
        while True:
            try:
                some = self.receive()
            except ssl.SSLZeroReturnError:
                return b"".join(data), "close_notify"
            except ssl.SSLError:
                return b"".join(data), "cut"
            except ConnectionError:
                return b"".join(data), "reset"
            if not some:
                return b"".join(data), "close_notify"
            data.append(some)

    def close_notify(self):
        try:
            self.side.unwrap()
        except ssl.SSLError:  # it is said; the other side's is not there yet
            pass
        self._push()

    def fin(self):
        self.raw.shutdown(socket.SHUT_WR)

    def wait_until_acknowledged(self):
        """The other side's kernel has all that was sent: a reset takes nothing back."""
        wait_until(lambda: fcntl.ioctl(self.raw.fileno(), termios.TIOCOUTQ, bytes(4)) == bytes(4),
                   "all is acknowledged")

    def reset(self):
        self.wait_until_acknowledged()
        self.raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.raw.close()

    def close(self):
        """As a process that ends: a FIN, or a reset where something was not read."""
        self.raw.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
