"""A backend that plays a script: for what a well-meaning program would never send.

A script is called once per connection, in a thread of its own, with a Conversation:

    def script(talk):
        talk.read_request()
        talk.send(b"HTTP/1.1 200 OK\\r\\nContent-Length: 5\\r\\n\\r\\nhel")
        talk.reset()

A bytes object is short for: read a request, send this, close.

With `tls`, an ssl.SSLContext, the backend speaks TLS: its end is a close_notify, unless the script
said cut() or reset(). A handshake that fails is kept in `refused`.
"""
import re
import socket
import ssl
import threading

from . import secrets


class Conversation:
    def __init__(self, connection):
        self.socket = connection
        self.received = b""  # everything
        self._taken = 0

    def _more(self):
        try:
            some = self.socket.recv(65536)
        except OSError:
            return False
        self.received += some
        return bool(some)

    def read_head(self):
        """The next request's head, or b"" when the proxy has closed."""
        while b"\r\n\r\n" not in self.received[self._taken:]:
            if not self._more():
                return b""
        end = self.received.index(b"\r\n\r\n", self._taken) + 4
        head = self.received[self._taken:end]
        self._taken = end
        return head

    def read_request(self):
        """(head, body) of the next request; a chunked body as it came."""
        head = self.read_head()
        length = re.search(rb"\r\ncontent-length: *(\d+)", head, re.IGNORECASE)
        if length:
            return head, self.read(int(length.group(1)))
        if re.search(rb"\r\ntransfer-encoding: *chunked", head, re.IGNORECASE):
            return head, self.read_until(b"0\r\n\r\n")
        return head, b""

    def read(self, size):
        """Reads that many bytes; fewer when the proxy has closed."""
        while len(self.received) - self._taken < size and self._more():
            pass
        data = self.received[self._taken:self._taken + size]
        self._taken += len(data)
        return data

    def read_until(self, mark):
        while mark not in self.received[self._taken:] and self._more():
            pass
        at = self.received.find(mark, self._taken)
        end = at + len(mark) if at >= 0 else len(self.received)
        data = self.received[self._taken:end]
        self._taken = end
        return data

    def wait_for_end(self):
        """Reads on; True when the proxy closed in order, False when it reset."""
        while True:
            try:
                some = self.socket.recv(65536)
            except OSError:
                return False
            if not some:
                return True
            self.received += some

    def send(self, data):
        secrets.remember_message(data)
        try:
            self.socket.sendall(data)
        except OSError:
            return False
        return True

    def end(self):
        """FIN, behind a close_notify where there is TLS; reading goes on without it."""
        self._say_close_notify()
        self.socket.shutdown(socket.SHUT_WR)

    def close(self):
        self._say_close_notify()
        self.socket.close()

    def cut(self):
        """FIN without close_notify."""
        socket.socket(fileno=self.socket.detach()).close()

    def _say_close_notify(self):
        if not isinstance(self.socket, ssl.SSLSocket) or self.socket.fileno() < 0:
            return
        self.socket.setblocking(False)
        try:
            self.socket.unwrap()
        except (ssl.SSLError, OSError, ValueError):
            pass  # its answer is not waited for

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.socket.close()


def _short(reply):
    def script(talk):
        if talk.read_request()[0]:
            talk.send(reply)
    return script


class Backend:
    """`conversations` has one entry per connection, in order of arrival."""

    def __init__(self, script, host="127.0.0.1", port=0, tls=None):
        self.script = _short(script) if isinstance(script, bytes) else script
        self.conversations, self.errors, self._threads = [], [], []
        self.tls, self.refused = tls, []
        self.changed = threading.Condition()
        self.socket = socket.create_server((host, port), backlog=512)
        self.port = self.socket.getsockname()[1]
        self.address = f"{host}:{self.port}"
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def _accept(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            talk = Conversation(connection)
            with self.changed:
                self.conversations.append(talk)
                self.changed.notify_all()
            thread = threading.Thread(target=self._converse, args=(talk,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _converse(self, talk):
        try:
            if self.tls is not None:
                self._shake_hands(talk)
            self.script(talk)
        except OSError:
            pass
        except Exception as error:  # shown by the test, not lost in a thread
            self.errors.append(error)
        finally:
            talk.close()
            talk.done = True
            with self.changed:
                self.changed.notify_all()

    def _shake_hands(self, talk):
        try:
            talk.socket = self.tls.wrap_socket(
                talk.socket, server_side=True, suppress_ragged_eofs=False)
        except (ssl.SSLError, OSError) as error:
            self.refused.append(error)
            raise
        talk.alpn = talk.socket.selected_alpn_protocol()
        talk.certificate = talk.socket.getpeercert()
        talk.session_reused = talk.socket.session_reused

    def wait_for(self, condition, timeout=20):
        """Waits until condition(self), which is asked when a conversation begins or ends."""
        with self.changed:
            assert self.changed.wait_for(lambda: condition(self), timeout)

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        for talk in self.conversations:
            try:
                talk.socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        for thread in [self._accepting, *self._threads]:
            thread.join(10)
        assert not self.errors, self.errors
