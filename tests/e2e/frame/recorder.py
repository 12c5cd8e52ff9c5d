"""A backend that reads strictly, remembers what it read, and answers each request once."""
import socket

from . import strict
from .backend import Backend

REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s"
REFUSAL = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class Recorder:
    """`timeout`: seconds after which an unfinished request is answered by 400."""

    def __init__(self, timeout=None):
        self.timeout = timeout
        self.backend = Backend(self._converse)
        self.address, self.port = self.backend.address, self.backend.port
        self._seen = 0

    def _read(self, talk):
        """The next request, or None when no more will come."""
        while True:
            rest = talk.received[talk.used:]
            try:
                message, surplus = strict.read_request(rest)
                talk.used = len(talk.received) - len(surplus)
                return message
            except strict.Ambiguous as error:
                talk.complaint = str(error)
                return None
            except strict.Incomplete:
                some = talk.socket.recv(65536)
                if not some:
                    return None
                talk.received += some

    def _converse(self, talk):
        talk.used, talk.complaint, talk.requests = 0, None, []
        talk.socket.settimeout(self.timeout)
        try:
            while (message := self._read(talk)) is not None:
                talk.requests.append(message)
                target = message.start.split(b" ")[1][:200]
                body = b"" if message.method == b"HEAD" else target
                talk.send(REPLY % (len(target), body))
        except TimeoutError:
            pass
        talk.send(REFUSAL)
        talk.end()
        talk.wait_for_end()

    def settle(self):
        """The conversations since the last time, all of them over."""
        backend = self.backend
        with socket.create_connection(("127.0.0.1", self.port)) as last:
            last.sendall(b"\0")  # accepted after all that came before it
            while last.recv(65536):
                pass
        backend.wait_for(lambda _: all(
            getattr(talk, "done", False) for talk in backend.conversations[self._seen:]))
        new = backend.conversations[self._seen:]
        self._seen += len(new)
        return [talk for talk in new if talk.received != b"\0"]

    def close(self):
        self.backend.close()
