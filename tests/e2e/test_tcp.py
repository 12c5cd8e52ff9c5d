"""protocol = tcp: bytes in, bytes out, as stunnel does."""
import hashlib
import threading

import pytest

from frame.client import Tls, get
from frame.origin import filler
from frame.ports import free_port
from frame.wait import wait_until

pytestmark = pytest.mark.core


def test_http_passes_through_as_it_is(start_proxy, origin, pki):
    proxy = start_proxy(origin.address, protocol="tcp")
    with Tls(proxy.port, pki) as client:
        for size in (0, 10, 100000):
            assert client.request(get(f"/?size={size}")).body == filler(size)


def test_the_backends_end_is_a_close_notify(start_proxy, backend, pki):
    proxy = start_proxy(backend(b"hello").address, protocol="tcp")
    with Tls(proxy.port, pki) as client:
        client.send(get("/"))
        assert client.read_to_end() == (b"hello", "close_notify")


def test_a_backend_that_speaks_first_is_heard(start_proxy, backend, pki):
    def script(talk):
        talk.send(b"220 hello\r\n")
        talk.read_until(b"\n")
        talk.send(b"bye\r\n")

    proxy = start_proxy(backend(script).address, protocol="tcp")
    with Tls(proxy.port, pki) as client:
        assert client.receive() == b"220 hello\r\n"
        client.send(b"quit\n")
        assert client.read_to_end() == (b"bye\r\n", "close_notify")


def test_a_reset_by_the_backend_looks_cut(start_proxy, backend, pki):
    def script(talk):
        talk.read_head()
        talk.send(b"half of it")
        talk.reset()

    proxy = start_proxy(backend(script).address, protocol="tcp")
    with Tls(proxy.port, pki) as client:
        client.send(get("/"))
        assert client.read_to_end()[1] != "close_notify"


def test_the_clients_close_notify_is_a_half_close(start_proxy, backend, pki):
    received = {}

    def script(talk):
        received["in_order"] = talk.wait_for_end()
        talk.send(b"you sent %d" % len(talk.received))

    proxy = start_proxy(backend(script).address, protocol="tcp")
    with Tls(proxy.port, pki) as client:
        client.send(b"x" * 100000)
        client.tls.setblocking(True)
        client.tls.settimeout(20)
        # unwrap() sends close_notify and waits for theirs; what comes before it is lost to
        # Python, so only the backend's view is judged here.
        try:
            client.tls.unwrap()
        except OSError:
            pass
    assert received.get("in_order") is True


def test_the_log_says_which_backend_failed_and_how(start_proxy, backend):
    def resets(talk):
        talk.read(1)
        talk.reset()

    for address, detail in ((backend(resets).address, "Connection reset by peer"),
                            (f"127.0.0.1:{free_port()}", "Connection refused")):
        proxy = start_proxy(address, protocol="tcp")
        with Tls(proxy.port) as client:
            client.send(b"x")
            assert client.read_to_end() == (b"", "cut")
        failed = proxy.wait_for("backend_failed")
        assert (failed["backend"], failed["detail"]) == (address, detail)


@pytest.mark.parametrize("how", ["close_notify", "fin", "reset"])
def test_how_the_client_ends_after_the_backend_is_told_to_it(start_proxy, backend, how):
    ends = []

    def script(talk):
        talk.send(b"no more from me")
        talk.end()
        ends.append((talk.wait_for_end(), talk.received))

    proxy = start_proxy(backend(script).address, protocol="tcp")
    with Tls(proxy.port) as client:
        assert client.read_to_end() == (b"no more from me", "close_notify")
        client.send(b"more from me")
        {"close_notify": lambda: client.tls.unwrap().close(),
         "fin": client.vanish, "reset": client.reset}[how]()
    wait_until(lambda: ends, "the backend is told")
    assert ends[0][0] == (how == "close_notify")
    if how != "reset":
        reason = "done" if how == "close_notify" else "client_gone"
        proxy.wait_for("end", reason=reason, state="tunnel")


def test_a_silent_tunnel_is_cut_for_both(start_proxy, backend):
    ends = []
    proxy = start_proxy(backend(lambda talk: ends.append(talk.wait_for_end())).address,
                        protocol="tcp", response_timeout="300ms")
    with Tls(proxy.port) as client:
        assert client.read_to_end() == (b"", "cut")
    wait_until(lambda: ends, "the backend is told")
    assert ends == [False]


def test_megabytes_both_ways(start_proxy, backend, pki, full):
    size = 200_000_000 if full else 20_000_000
    block = bytes(range(256)) * 1024
    sums = {}

    def script(talk):
        def send():
            sent = hashlib.sha256()
            for at in range(0, size, len(block)):
                part = block[:size - at]
                sent.update(part)
                talk.send(part)
            sums["down"] = sent.hexdigest()

        def receive():
            digest, left = hashlib.sha256(), size
            while left > 0:
                some = talk.socket.recv(262144)
                if not some:
                    break
                digest.update(some)
                left -= len(some)
            sums["up"] = digest.hexdigest()

        sender = threading.Thread(target=send)
        sender.start()
        receive()
        sender.join()

    peer = backend(script)
    proxy = start_proxy(peer.address, protocol="tcp")
    with Tls(proxy.port, pki) as client:
        sent, got, left, out = hashlib.sha256(), hashlib.sha256(), size, size
        client.tls.settimeout(60)
        # One thread: an SSLSocket must not be used by two at once.
        while left > 0 or out > 0:
            if out > 0:
                part = block[:out]
                client.send(part)
                sent.update(part)
                out -= len(part)
            if left > 0:
                some = client.receive(min(left, 262144))
                assert some, "the reply ended early"
                got.update(some)
                left -= len(some)
    peer.wait_for(lambda one: getattr(one.conversations[0], "done", False))
    assert sums == {"up": sent.hexdigest(), "down": got.hexdigest()}
