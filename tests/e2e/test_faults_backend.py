"""Backends that refuse, die, stall or talk nonsense: what the client gets to see."""
import select
import socket
import threading

import pytest

from frame.backend import Backend
from frame.client import Tls, get
from frame.wait import wait_until

BODY = b"hello, world"
REPLIES = {
    "length": b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n" + BODY,
    "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
               b"5\r\nhello\r\n7\r\n, world\r\n0\r\n\r\n",
    "close": b"HTTP/1.1 200 OK\r\n\r\n" + BODY,
    "old": b"HTTP/1.0 200 OK\r\nContent-Type: text/xml\r\n\r\n" + BODY,
}


def ask(port, request):
    with Tls(port) as client:
        client.send(request)
        return client.read_to_end()


def is_own(data, *statuses):
    return any(data.startswith(b"HTTP/1.1 %d " % status) for status in statuses)


def ask_and_stay(port, request):
    """As ask(), but a reply of the proxy's own leaves the connection open: it is enough."""
    data = b""
    with Tls(port) as client:
        client.send(request)
        try:
            while some := client.receive():
                data += some
                if is_own(data, 502) and data.endswith(b".\n"):
                    break
        except OSError:
            return data, "cut"
    return data, "close_notify"


def check_cut(data, end, reply, cut, framing, was_reset):
    """The reply died after `cut` bytes: it must look so, whatever came before."""
    head = reply.index(b"\r\n\r\n") + 4
    if framing in ("close", "old") and cut >= head and not was_reset:
        assert end == "close_notify"  # its end is the end: nobody can tell
        assert data.endswith(reply[head:cut])
        return
    assert cut < len(reply)
    if is_own(data, 502):
        assert end == "close_notify"
    else:
        assert cut >= head and end != "close_notify", (cut, end, data)
        body = data.split(b"\r\n\r\n", 1)[1]
        assert BODY.startswith(body) or b"\r\n" in body


@pytest.mark.parametrize("how", ["end", "reset"])
@pytest.mark.parametrize("framing", sorted(REPLIES))
def test_a_backend_that_dies_after_any_byte_is_seen(start_proxy, backend, framing, how):
    reply = REPLIES[framing]
    plan = {}

    def script(talk):
        head, _ = talk.read_request()
        if not head:
            return
        talk.send(reply[:plan["cut"]])
        if how == "reset":
            talk.reset()

    proxy = start_proxy(backend(script).address)
    for close in (True, False) if framing in ("length", "chunked") else (True,):
        for cut in range(len(reply)):
            plan["cut"] = cut
            way = ask if close else ask_and_stay
            data, end = way(proxy.port, get("/", close=close))
            check_cut(data, end, reply, cut, framing, how == "reset")
    assert proxy.status()["ok"]


@pytest.mark.parametrize("framing", sorted(REPLIES))
def test_a_reply_byte_by_byte_is_the_same_reply(start_proxy, backend, framing):
    def script(talk):
        talk.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if talk.read_request()[0]:
            for byte in REPLIES[framing]:
                talk.send(bytes([byte]))

    proxy = start_proxy(backend(script).address)
    data, end = ask(proxy.port, get("/", close=True))
    assert is_own(data, 200) and data.endswith(b"\r\n\r\n" + BODY) and end == "close_notify"


def test_a_backend_that_refuses_is_502_and_found_again(start_proxy):
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
        proxy = start_proxy(f"127.0.0.1:{port}")
        data, end = ask(proxy.port, get("/", close=True))
        assert is_own(data, 502) and end == "close_notify"
        reserved.listen()
        client = Tls(proxy.port)
        client.send(get("/", close=True))
        talk, _ = reserved.accept()
        with talk, client:
            talk.recv(65536)
            talk.sendall(REPLIES["length"])
            data, end = client.read_to_end()
        assert data.endswith(BODY) and end == "close_notify"


def test_a_backend_that_never_answers_is_504(start_proxy, backend):
    origin = backend(lambda talk: (talk.read_request(), talk.wait_for_end()))
    proxy = start_proxy(origin.address, response_timeout="300ms")
    data, end = ask(proxy.port, get("/", close=True))
    assert is_own(data, 504) and end == "close_notify"


def test_a_backend_that_never_reads_is_reset(start_proxy, backend):
    """Or the kernel would go on offering it what we could not send, for minutes."""
    told = []

    def script(talk):
        over = select.poll()
        over.register(talk.socket.fileno(), select.POLLHUP | select.POLLERR)
        told.append(over.poll(20000))

    proxy = start_proxy(backend(script).address, response_timeout="500ms")
    with Tls(proxy.port) as client:
        client.send(get("/", method="POST", body=bytes(8_000_000)))
        data, end = client.read_to_end()
    assert data.startswith(b"HTTP/1.1 504 ") and end == "close_notify"
    wait_until(lambda: told, "the backend's end", 30)
    assert told[0], "it is not told that it is over"


def test_a_backend_that_stops_within_its_reply_is_cut_off(start_proxy, backend):
    def script(talk):
        talk.read_request()
        talk.send(b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nhello")
        talk.wait_for_end()

    proxy = start_proxy(backend(script).address, response_timeout="300ms")
    data, end = ask(proxy.port, get("/", close=True))
    assert data.endswith(b"\r\n\r\nhello") and end != "close_notify"


def test_a_backend_that_trickles_is_not_cut_off(start_proxy, backend):
    """response_timeout is for silence, not for the whole."""
    step = threading.Semaphore(0)

    def script(talk):
        talk.read_request()
        talk.send(b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n")
        for byte in BODY:
            step.acquire(timeout=20)
            talk.send(bytes([byte]))

    proxy = start_proxy(backend(script).address, response_timeout="30s")
    with Tls(proxy.port) as client:
        client.send(get("/", close=True))
        data = b""
        while not data.endswith(b"\r\n\r\n"):
            data += client.receive()
        for at in range(len(BODY)):
            step.release()
            assert client.receive() == BODY[at:at + 1]


NONSENSE = {
    "garbage": b"\x16\x03\x01\x02\x00\x01" * 50,
    "nothing but line ends": b"\r\n" * 200,
    "no status": b"HTTP/1.1 OK\r\n\r\n",
    "a head without an end": b"HTTP/1.1 200 OK\r\n" + b"X-Y: " + b"z" * 200_000,
    "fields without an end": b"HTTP/1.1 200 OK\r\n" + b"X-Y: z\r\n" * 20_000,
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    "both framings": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
    "101 unasked": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
    "a bad chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
}


@pytest.mark.parametrize("kind", sorted(NONSENSE))
def test_nonsense_is_502_or_a_visible_cut(start_proxy, backend, kind):
    proxy = start_proxy(backend(NONSENSE[kind]).address)
    data, end = ask(proxy.port, get("/", close=True))
    assert is_own(data, 502) or end != "close_notify", (data[:200], end)
    assert ask(proxy.port, b"nonsense\r\n\r\n")[0].startswith(b"HTTP/1.1 400 ")


def test_interim_replies_without_end_are_ended(start_proxy, backend):
    """1xx for ever: neither an answer nor silence."""
    def script(talk):
        talk.read_request()
        while talk.send(b"HTTP/1.1 102 Processing\r\n\r\n" * 1000):
            pass

    proxy = start_proxy(backend(script).address, response_timeout="1s")
    data, end = ask(proxy.port, get("/", close=True))
    assert is_own(data, 502, 504) and end == "close_notify"
    assert proxy.rss() < 64 * 1024


def test_a_client_that_vanishes_aborts_the_backend_request(start_proxy, backend):
    ends = []

    def script(talk):
        talk.read_request()
        ends.append(talk.wait_for_end())

    proxy = start_proxy(backend(script).address)
    for leave in (lambda client: client.reset(), lambda client: client.raw.close(),
                  lambda client: client.raw_detach().shutdown(socket.SHUT_RDWR)):
        seen = len(ends)
        client = Tls(proxy.port)
        client.send(get("/"))
        wait_until(lambda: proxy.status()["workers"][0]["counters"]["requests"] > seen)
        leave(client)
        client.tls.close()
        wait_until(lambda: len(ends) > seen, "the backend sees it")


def test_an_answer_before_the_request_is_done_arrives(start_proxy, backend):
    def script(talk):
        talk.read_head()
        talk.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")
        talk.wait_for_end()

    proxy = start_proxy(backend(script).address)
    with Tls(proxy.port) as client:
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 5000)
        data, end = client.read_to_end()
    assert is_own(data, 413) and data.endswith(b"no") and end == "close_notify"


def test_one_bad_backend_connection_leaves_the_others_alone(start_proxy, backend):
    """While some replies die, a large one on another connection comes whole."""
    release = threading.Event()

    def script(talk):
        head, _ = talk.read_request()
        if b"/large" in head:
            talk.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 500_000)
            release.wait(30)
            talk.send(b"x" * 500_000)
        elif head:
            talk.send(b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nhello")
            talk.reset()

    proxy = start_proxy(backend(script).address)
    with Tls(proxy.port) as large:
        large.send(get("/large", close=True))
        for _ in range(50):
            assert ask(proxy.port, get("/", close=True))[1] != "close_notify"
        release.set()
        data, end = large.read_to_end()
    assert data.endswith(b"x" * 1_000_000) and end == "close_notify"


def test_two_backends_the_dead_one_costs_nobody_a_request(start_proxy, backend):
    dead = Backend(b"")
    alive = backend(lambda talk: talk.read_request()[0] and talk.send(REPLIES["length"]))
    proxy = start_proxy([dead.address, alive.address])
    dead.close()
    for _ in range(5):
        assert ask(proxy.port, get("/", close=True))[0].endswith(BODY)


def ticks(pid):
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


@pytest.mark.parametrize("how", ["reset", "end"])
def test_a_dead_backend_behind_a_slow_reader_costs_no_cpu(start_proxy, backend, how):
    """The bytes it sent before it died wait; its death must not be reported again and again."""
    body, died = b"x" * 8_000_000, threading.Event()

    def script(talk):
        talk.read_request()
        talk.socket.settimeout(1)
        talk.send(b"HTTP/1.1 200 OK\r\nContent-Length: 8000001\r\n\r\n" + body)
        if how == "reset":
            talk.reset()
        else:
            talk.close()
        died.set()

    proxy = start_proxy(backend(script).address, body_timeout="60s")
    (worker,) = proxy.workers()
    with Tls(proxy.port, receive_buffer=4096) as client:
        client.send(get("/"))
        assert died.wait(20)
        before = ticks(worker)
        threading.Event().wait(1.5)
        assert ticks(worker) - before < 60, "it runs all the time"
        data, end = client.read_to_end()
    assert end != "close_notify" and len(data) > 1000
