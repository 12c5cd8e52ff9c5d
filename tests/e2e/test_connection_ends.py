"""The meaning of each end of a connection: close_notify, FIN and reset."""
import fcntl
import pathlib
import socket
import tempfile
import termios
import threading

import pytest

from frame.client import TLS12, TLS13, get
from frame.wait import wait_until
from frame.wire import Wire

pytestmark = pytest.mark.core

HOW = ["close_notify", "close_notify+fin", "fin", "close_notify+reset", "reset",
       "close_notify+close", "close"]
TICKETS = [(TLS12, True), (TLS13, True), (TLS13, False)]  # False: they stay unread
WAYS = [(*tls, how) for tls in TICKETS for how in HOW]

WEBSOCKET = get("/ws", "Connection: Upgrade", "Upgrade: websocket",
                "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
SWITCHING = (b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
             b"Upgrade: websocket\r\n\r\n")


def pattern(size):
    return bytes(range(251)) * (size // 251 + 1)


def end_of_client(client, how):
    """Returns whether that is a clean end."""
    if how.startswith("close_notify"):
        client.close_notify()
    if how.endswith("fin"):
        client.fin()
    elif how.endswith("reset"):
        client.reset()
    elif how.endswith("close"):
        client.wait_until_acknowledged()
        client.close()
    return how.startswith("close_notify")


class Case:
    """One connection through a tunnel: a backend that reads when it may, and what it saw."""

    def __init__(self):
        self.connected, self.may_read, self.over = (threading.Event() for _ in range(3))
        self.seen = []

    def expect(self, data, clean, what):
        self.may_read.set()
        wait_until(lambda: self.seen, f"{what}: the backend is told of the end")
        self.over.set()
        in_order, received = self.seen[0]
        assert (len(received), received == data, in_order) == (len(data), True, clean), what


class Tunnel:
    """A tcp or websocket service, and its backend."""

    def __init__(self, start_proxy, backend, kind):
        self.kind, self.case = kind, None

        def script(talk):
            case = self.case
            if kind == "websocket":
                talk.read_head()
                talk.send(SWITCHING)
                talk.received = b""
            case.connected.set()
            assert case.may_read.wait(30)
            case.seen.append((talk.wait_for_end(), talk.received))
            assert case.over.wait(30)

        how = {"protocol": "tcp"} if kind == "tcp" else {"upgrade": "websocket"}
        self.proxy = start_proxy(backend(script).address, **how)

    def client(self, tls, tickets):
        self.case = Case()
        client = Wire(self.proxy.port, tls, tickets)
        if self.kind == "websocket":
            client.send(WEBSOCKET)
            if tickets:
                assert b" 101 " in client.receive()
        assert self.case.connected.wait(20)
        return client


@pytest.mark.parametrize("kind", ["tcp", "websocket"])
def test_all_that_came_before_the_clients_end_is_delivered(start_proxy, backend, kind):
    """3,000,000 bytes and an end: a backend that reads gets them all, and that end."""
    tunnel, data = Tunnel(start_proxy, backend, kind), pattern(3_000_000)
    for tls, tickets, how in WAYS:
        with tunnel.client(tls, tickets) as client:
            tunnel.case.may_read.set()
            client.send(data)
            tunnel.case.expect(data, end_of_client(client, how), (tls[0].name, tickets, how))


def test_it_is_delivered_to_a_backend_that_reads_later(start_proxy, backend):
    """The bytes that a reset or a close would discard are still in the proxy's kernel."""
    tunnel, data = Tunnel(start_proxy, backend, "tcp"), pattern(300_000)
    for tls, tickets, how in WAYS:
        with tunnel.client(tls, tickets) as client:
            client.send(data)
            client.wait_until_acknowledged()
            clean = end_of_client(client, how)
            tunnel.proxy.status()  # the worker has gone round
            tunnel.case.expect(data, clean, (tls[0].name, tickets, how))


def accept_all_but_the_first(listener):
    listener.accept()[0].close()
    one, _ = listener.accept()
    with one:
        received = b""
        while some := one.recv(65536):
            received += some
    return received


def test_it_is_delivered_to_a_backend_that_accepts_later(start_proxy):
    """The proxy has paused its client, and its buffer is full, when the end comes."""
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listener:
        pathlib.Path(folder).chmod(0o755)
        path = pathlib.Path(folder) / "backend.sock"
        listener.bind(str(path))
        path.chmod(0o777)
        listener.listen(0)
        listener.settimeout(20)
        proxy = start_proxy(f"unix:{path}", protocol="tcp", connect_timeout="20s")
        for tls, tickets, how in WAYS:
            with socket.socket(socket.AF_UNIX) as many_clients:
                many_clients.connect(str(path))  # the backlog is full
                with Wire(proxy.port, tls, tickets) as client:
                    whole = how.endswith(("notify", "fin"))  # else all must be acknowledged
                    data = pattern(1_000_000 if whole and tickets else 30_000)
                    client.send(data)
                    end_of_client(client, how)
                    proxy.status()
                    assert accept_all_but_the_first(listener) == data, (tls[0].name, tickets, how)


@pytest.mark.parametrize("kind", ["tcp", "websocket"])
def test_all_that_came_before_the_backends_end_is_delivered(start_proxy, backend, kind):
    """The client reads only after its backend has gone."""
    data, ends, told = pattern(3_000_000), [], threading.Event()

    def script(talk):
        if kind == "websocket":
            talk.read_head()
            talk.send(SWITCHING)
        talk.send(data)
        wait_until(lambda: unsent(talk.socket) == 0, "all is acknowledged")
        if ends[-1] == "reset":
            talk.reset()
        talk.socket.close()
        told.set()

    how = {"protocol": "tcp"} if kind == "tcp" else {"upgrade": "websocket"}
    proxy = start_proxy(backend(script).address, **how)
    for tls in (TLS12, TLS13):
        for end, expected in (("fin", "close_notify"), ("reset", "cut")):
            ends.append(end)
            told.clear()
            with Wire(proxy.port, tls) as client:
                received = b""
                if kind == "websocket":
                    client.send(WEBSOCKET)
                    while b"\r\n\r\n" not in received:
                        received += client.receive()
                    received = received.partition(b"\r\n\r\n")[2]
                rest, seen = client.read_to_end()
            assert (len(received + rest), received + rest == data, seen) == (
                len(data), True, expected), (tls, end)


def unsent(one):
    return int.from_bytes(fcntl.ioctl(one.fileno(), termios.TIOCOUTQ, bytes(4)), "little")


def test_both_may_end_at_once(start_proxy, backend):
    data, cases = pattern(200_000), []

    def script(talk):
        case = cases[-1]
        talk.send(b"all I have to say")
        talk.end()
        assert case.may_read.wait(20)
        case.seen.append((talk.wait_for_end(), talk.received))

    proxy = start_proxy(backend(script).address, protocol="tcp")
    for tls, tickets, how in WAYS:
        if not how.startswith("close_notify") or how.endswith("reset"):
            continue
        cases.append(Case())
        with Wire(proxy.port, tls, tickets) as client:
            client.send(data)
            client.wait_until_acknowledged()
            end_of_client(client, how)
            cases[-1].expect(data, True, (tls[0].name, tickets, how))
        proxy.wait_for("end", reason="done", count=len(cases))


def test_a_backend_that_talks_before_it_reads_gets_all_of_a_client_that_has_gone(start_proxy,
                                                                                  backend):
    """Its own bytes have nowhere to go, and must not hold up what is to be delivered to it."""
    data, seen = pattern(300_000), []

    def script(talk):
        talk.send(pattern(400_000))
        seen.append((talk.wait_for_end(), talk.received))

    proxy = start_proxy(backend(script).address, protocol="tcp")
    for count, tls in enumerate((TLS12, TLS13), 1):
        with Wire(proxy.port, tls) as client:
            client.send(data)
            client.reset()
            wait_until(lambda: len(seen) == count, "the backend is told of the end")
        assert seen[-1] == (False, data)


# --- half-closed tunnels -------------------------------------------------------------------

def test_a_silent_client_does_not_keep_what_the_backend_has_ended(start_proxy, backend):
    ends = []

    def script(talk):
        talk.send(b"bye")
        talk.end()
        ends.append(talk.wait_for_end())

    proxy = start_proxy(backend(script).address, protocol="tcp", half_closed_timeout="300ms",
                        linger_timeout="300ms")
    for count, tls in enumerate((TLS12, TLS13), 1):
        with Wire(proxy.port, tls) as client:
            assert client.read_to_end() == (b"bye", "close_notify")
            assert proxy.wait_for("end", reason="silent_tunnel", state="tunnel", count=count)
        wait_until(lambda: len(ends) == count, "the backend is told")
    assert ends == [False, False]


def test_a_silent_backend_does_not_keep_what_the_client_has_ended(start_proxy, backend):
    over, ends = threading.Event(), []

    def script(talk):
        ends.append(talk.wait_for_end())
        assert over.wait(20)

    proxy = start_proxy(backend(script).address, protocol="tcp", half_closed_timeout="300ms",
                        linger_timeout="300ms")
    hows = ["close_notify", "close_notify+fin", "close_notify+close"]
    for count, how in enumerate(hows, 1):
        with Wire(proxy.port, TLS13) as client:
            client.send(b"all I have to say")
            end_of_client(client, how)
            assert proxy.wait_for("end", reason="silent_tunnel", state="tunnel", count=count)
    over.set()
    assert ends == [True] * len(hows)


def test_half_closed_is_not_over_while_bytes_come(start_proxy, backend):
    pace = threading.Event()

    def script(talk):
        talk.wait_for_end()
        for _ in range(12):  # three times half_closed_timeout
            talk.send(b"x")
            pace.wait(1)

    proxy = start_proxy(backend(script).address, protocol="tcp", half_closed_timeout="4s")
    with Wire(proxy.port, TLS13) as client:
        client.send(b"go on")
        client.close_notify()
        while client.raw.recv(65536):
            pass
        assert proxy.wait_for("end", reason="done")


# --- long waits ------------------------------------------------------------------------------

def has_keepalive_timer(port, peer):
    """Whether the kernel lists a keepalive timer for the socket with these ends."""
    ends = [f":{end:04X}" for end in (port, peer)]
    with open("/proc/net/tcp") as table:
        return any(fields[1].endswith(ends[0]) and fields[2].endswith(ends[1]) and
                   fields[5].startswith("02:") for fields in map(str.split, table))


def test_the_kernel_asks_after_silent_peers_on_both_sides(start_proxy, backend):
    over, peers = threading.Event(), []

    def script(talk):
        peers.append(talk.socket.getpeername()[1])
        assert over.wait(30)

    it = backend(script)
    proxy = start_proxy(it.address, protocol="tcp")
    with Wire(proxy.port, TLS13) as client:
        wait_until(lambda: peers, "the backend is connected")
        port = client.raw.getsockname()[1]
        wait_until(lambda: has_keepalive_timer(proxy.port, port), "keepalive towards the client")
        wait_until(lambda: has_keepalive_timer(peers[0], it.port), "and towards the backend")
    over.set()


# --- http ------------------------------------------------------------------------------------

def silent_backend(backend):
    """It takes a request, does not answer, and tells when it is let go."""
    let_go = []

    def script(talk):
        talk.read_request()
        talk.wait_for_end()
        let_go.append(True)

    return backend(script), let_go


def test_a_client_that_leaves_politely_before_the_reply_is_gone(start_proxy, backend):
    it, let_go = silent_backend(backend)
    proxy = start_proxy(it.address)
    count = 0
    for tls, tickets in TICKETS:
        for how in ("fin", "close"):
            count += 1
            with Wire(proxy.port, tls, tickets) as client:
                client.send(get("/slow"))
                it.wait_for(lambda one: len(one.conversations) == count)
                end_of_client(client, "close_notify+" + how)
                wait_until(lambda: len(let_go) == count, "the backend is let go")
                assert proxy.wait_for("end", state="exchange", count=count)["reason"] in (
                    "client_gone", "client_reset")


def test_requests_in_waiting_do_not_keep_a_client_that_left_politely(start_proxy, backend):
    it, let_go = silent_backend(backend)
    proxy = start_proxy(it.address)
    for count, tls in enumerate((TLS12, TLS13), 1):
        with Wire(proxy.port, tls) as client:
            client.send(get("/slow"))
            it.wait_for(lambda one: len(one.conversations) == count)
            client.send(get("/again", f"X: {'y' * 900}") * 60)  # more than is read ahead
            end_of_client(client, "close_notify+fin")
            wait_until(lambda: len(let_go) == count, "the backend is let go")
        assert proxy.wait_for("end", reason="client_gone", count=count)


def test_close_notify_alone_is_a_half_close(start_proxy, backend):
    answer, reply = threading.Event(), b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

    def script(talk):
        talk.read_request()
        assert answer.wait(20)
        talk.send(reply)

    it = backend(script)
    proxy = start_proxy(it.address)
    for count, tls in enumerate((TLS12, TLS13), 1):
        answer.clear()
        with Wire(proxy.port, tls) as client:
            client.send(get("/slow"))
            client.close_notify()
            it.wait_for(lambda one: len(one.conversations) == count)
            proxy.status()
            answer.set()
            size = 0
            while some := client.raw.recv(65536):
                size += len(some)
            assert size > len(reply)
        assert proxy.wait_for("end", reason="done", count=count)


def test_a_reply_that_has_begun_is_delivered_after_a_polite_end(start_proxy, origin):
    """The client may only have shut down its half."""
    proxy = start_proxy(origin.address)
    size = 3_000_000
    for count, tls in enumerate((TLS12, TLS13), 1):
        with Wire(proxy.port, tls) as client:
            client.send(get(f"/?size={size}"))
            total = len(client.receive()) + client.incoming.pending
            client.close_notify()
            client.fin()
            while some := client.raw.recv(65536):
                total += len(some)
            assert total > size
        assert proxy.wait_for("end", reason="done", count=count)
