"""Clients that vanish, stall, dribble or never read; and that nobody else notices."""
import fcntl
import os
import pathlib
import select
import socket
import ssl
import struct
import tempfile
import termios
import threading

import pytest

from frame.client import TLS12, TLS13, Tls, context, get
from frame.origin import filler
from frame.wait import wait_until

REQUEST = b"POST /?size=100 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello"


def counters(proxy):
    return proxy.status()["workers"][0]["counters"]


def wait_until_alone(proxy):
    wait_until(lambda: counters(proxy)["connections"] == 0, "all connections have gone", 30)


def works(port):
    with Tls(port) as client:
        return client.request(get("/", close=True)).status == 200


@pytest.mark.parametrize("how", ["reset", "fin", "close_notify"])
def test_a_client_may_leave_after_any_byte_of_its_request(proxy, how):
    for size in range(len(REQUEST) + 1):
        client = Tls(proxy.port)
        client.send(REQUEST[:size])
        if how == "reset":
            client.reset()
        elif how == "fin":
            client.raw_detach().shutdown(socket.SHUT_WR)
        else:
            try:
                client.tls.unwrap()
            except (ssl.SSLError, OSError):
                pass
            client.close()
    wait_until_alone(proxy)
    assert works(proxy.port)


def test_a_client_that_stalls_after_any_byte_meets_a_deadline(start_proxy, origin):
    # Long enough an idle_timeout for what a busy machine puts between handshake and request.
    proxy = start_proxy(origin.address, head_timeout="500ms", body_timeout="500ms",
                        idle_timeout="5s", handshake_timeout="60s", linger_timeout="200ms")
    head = REQUEST.index(b"\r\n\r\n") + 4
    clients = []
    for size in range(len(REQUEST)):
        clients.append(Tls(proxy.port))
        clients[-1].send(REQUEST[:size])
    for size, client in enumerate(clients):
        data, end = client.read_to_end()
        client.close()
        assert end == "close_notify", (size, end)
        if size == 0:
            assert data == b""
        else:
            assert data.startswith(b"HTTP/1.1 408 "), (size < head, data)
    wait_until_alone(proxy)
    assert works(proxy.port)


@pytest.mark.parametrize("tls", [TLS12, TLS13], ids=["tls1.2", "tls1.3"])
def test_a_record_for_each_byte_is_the_same_request(proxy, tls):
    with Tls(proxy.port, tls=context(versions=tls)) as client:
        for byte in REQUEST:
            client.send(bytes([byte]))
        reply = client.read_reply()
    assert reply.status == 200 and reply.body == filler(100)


@pytest.mark.parametrize("tls", [TLS12, TLS13], ids=["tls1.2", "tls1.3"])
def test_a_segment_for_each_byte_is_the_same_connection(proxy, tls):
    """Every byte from the ClientHello to the end of the request is a segment of its own."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    side = context(versions=tls).wrap_bio(incoming, outgoing, server_hostname="localhost")
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=30) as raw:
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def run(step):
            while True:
                try:
                    result = step()
                except ssl.SSLWantReadError:
                    result = None
                for byte in outgoing.read():
                    raw.sendall(bytes([byte]))
                if result is not None:
                    return result
                incoming.write(raw.recv(65536))

        run(lambda: side.do_handshake() or True)
        run(lambda: side.write(get("/?size=5000", close=True)))
        data = b""
        while not data.endswith(b"</Filler>"):
            data += run(lambda: side.read(65536))
    assert data.endswith(filler(5000))


def test_a_half_closed_client_still_gets_its_answer(proxy):
    with Tls(proxy.port) as client:
        client.send(get("/?size=50000&delay=200"))
        try:
            client.tls.unwrap()
        except ssl.SSLError as error:  # application data after close_notify
            assert "APPLICATION_DATA" in str(error).upper()
        while socket.socket.recv(client.tls, 65536):  # or the kernel would reset
            pass
    wait_until_alone(proxy)
    assert proxy.status()["workers"][0]["ends"].get("done", 0) >= 1


def sent_and_acknowledged(raw):
    return fcntl.ioctl(raw.fileno(), termios.TIOCOUTQ, b"\0\0\0\0") == b"\0\0\0\0"


def unread(port, client):
    """Bytes that the server has received from this client and not read."""
    ends = [f":{end:04X}" for end in (port, client.tls.getsockname()[1])]
    with open("/proc/net/tcp") as table:
        for fields in map(str.split, table):
            if fields[1].endswith(ends[0]) and fields[2].endswith(ends[1]):
                return int(fields[4].split(":")[1], 16)
    raise AssertionError("no such connection")


def has_stopped_reading(proxy, client):
    before = unread(proxy.port, client)
    for _ in range(2):
        proxy.status()  # the worker has gone round
    return 0 < before == unread(proxy.port, client)


def begin_upload_nobody_reads(start_proxy, folder):
    """An upload that has come to a halt: (proxy, client, backend's end of it)."""
    path = folder / "backend.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.settimeout(20)
        listener.bind(str(path))
        path.chmod(0o777)  # the workers are somebody else
        listener.listen()
        proxy = start_proxy(f"unix:{path}")
        # TLS 1.2: a ticket nobody reads would turn the end into a reset.
        client = Tls(proxy.port, tls=context(versions=TLS12))
        client.send(get("/", "Content-Length: 8000000", method="POST"))
        reader, _ = listener.accept()
    reader.settimeout(20)
    while not has_stopped_reading(proxy, client):  # the buffers on the way are full
        client.send(bytes(16000))
        wait_until(lambda: sent_and_acknowledged(client.tls), "all is on the other side")
    return proxy, client, reader


def ended_by(backend):
    """Without reading what it sent before."""
    over = select.poll()
    over.register(backend.fileno(), select.POLLRDHUP)
    return bool(over.poll(20000))


def test_a_client_that_vanishes_while_its_upload_is_held_up_is_noticed(start_proxy):
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        proxy, client, backend = begin_upload_nobody_reads(start_proxy, pathlib.Path(folder))
    with backend:
        client.vanish()
        assert ended_by(backend)
    assert proxy.wait_for("end", reason="client_gone")
    wait_until_alone(proxy)


def test_a_vanished_client_with_requests_in_waiting_is_noticed(start_proxy, backend):
    over = threading.Event()

    def script(talk):
        talk.read_request()
        talk.wait_for_end()
        over.set()

    proxy = start_proxy(backend(script).address)
    client = Tls(proxy.port, tls=context(versions=TLS12))
    client.send(get("/"))
    wait_until(lambda: counters(proxy)["requests"] == 1, "the request is there")
    client.send(get("/again", f"X: {'y' * 900}") * 60)
    client.vanish()
    assert over.wait(20), "the backend goes on working for nobody"
    wait_until_alone(proxy)


def test_a_slow_reader_is_served_as_long_as_it_reads(start_proxy, origin):
    """All it takes may come out of kernel buffers: that counts as reading."""
    proxy = start_proxy(origin.address, body_timeout="3s", min_rate=0)
    size, pace = 6_000_000, threading.Event()
    with Tls(proxy.port, receive_buffer=4096) as client:
        client.send(get(f"/?size={size}", close=True))
        data = b""
        for _ in range(20):  # three times body_timeout
            data += client.tls.recv(65536)
            pace.wait(0.5)
        rest, end = client.read_to_end()
    assert end == "close_notify"
    assert (data + rest).endswith(filler(size)[-100_000:])


@pytest.mark.parametrize("fault, reason", [("", "client_not_reading"),
                                           ("&cut=1500000", "backend_gone")])
def test_a_client_that_never_reads_is_reset(start_proxy, origin, fault, reason):
    """A close alone would leave it to the kernel, which offers the rest for minutes."""
    proxy = start_proxy(origin.address, body_timeout="1s", linger_timeout="300ms")
    with Tls(proxy.port, receive_buffer=4096) as client:
        client.send(get(f"/?size=30000000{fault}"))
        over = select.poll()
        over.register(client.tls.fileno(), select.POLLHUP | select.POLLERR)
        assert over.poll(20000), "it is not told that it is over"
    assert proxy.wait_for("end", reason=reason)
    wait_until_alone(proxy)
    assert works(proxy.port)


def test_pipelining_without_reading_is_bounded(start_proxy, origin):
    proxy = start_proxy(origin.address, body_timeout="1s")
    assert works(proxy.port)
    before = proxy.rss()
    with Tls(proxy.port, receive_buffer=4096, timeout=1) as client:
        sent = 0
        with pytest.raises((TimeoutError, ConnectionError, ssl.SSLError)):
            while sent < 200_000_000:
                client.send(get("/?size=20000") * 500)
                sent += 1
        wait_until_alone(proxy)
    assert proxy.rss() < before + 4096
    assert works(proxy.port)


def test_vanishing_in_the_handshake_costs_nobody_anything(proxy):
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    side = context().wrap_bio(incoming, outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        side.do_handshake()
    hello = outgoing.read()
    for size in range(0, len(hello) + 1, 7):
        for abrupt in (True, False):
            raw = socket.create_connection(("127.0.0.1", proxy.port))
            raw.sendall(hello[:size])
            if abrupt:
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raw.close()
    wait_until_alone(proxy)
    assert works(proxy.port)
    assert not proxy.complaints()
