"""Big transfers both ways: the bytes are the same, and memory does not grow."""
import hashlib
import json
import threading
import time

import pytest

from frame.client import Tls, get
from frame.origin import filler_sha256

MB = 1000000
GROWTH = 4096  # KiB a worker may grow by, whatever passes through it


def sizes(full):
    return 1000 * MB if full else 60 * MB


class Growth:
    """The largest RSS of the worker while a transfer runs, above what it was before."""

    def __init__(self, proxy):
        self.proxy, self.start, self.peak, self.over = proxy, 0, 0, threading.Event()

    def _watch(self):
        pid = self.proxy.workers()[0]
        self.peak = self.start = self.proxy.rss(pid)
        while not self.over.wait(0.02):
            self.peak = max(self.peak, self.proxy.rss(pid))

    def __enter__(self):
        self.thread = threading.Thread(target=self._watch)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()

    @property
    def kib(self):
        return self.peak - self.start


def warm_up(proxy, pki):
    """What is allocated once, at the first use."""
    for _ in range(2):
        with Tls(proxy.port, pki) as client:
            client.request(get("/?size=3000000"))


def download(client, size, mode, slow=False):
    client.send(get(f"/?size={size}&mode={mode}", close=True))
    digest, got, head = hashlib.sha256(), 0, b""
    while b"\r\n\r\n" not in head:
        head += client.receive()
    head, body = head.split(b"\r\n\r\n", 1)
    while True:
        digest.update(body)
        got += len(body)
        if slow and got % (4 * MB) < 65536:
            time.sleep(0.05)
        body = client.receive(262144)
        if not body:
            return got, digest.hexdigest()


@pytest.mark.core
@pytest.mark.parametrize("speed", ["fast", "slow"])
@pytest.mark.parametrize("mode", ["length", "chunked", "close"])
def test_a_big_reply_arrives_unchanged(proxy, pki, full, mode, speed):
    size = sizes(full) if speed == "fast" else 20 * MB
    warm_up(proxy, pki)
    options = {"receive_buffer": 8192} if speed == "slow" else {}
    with Growth(proxy) as growth, Tls(proxy.port, pki, **options) as client:
        assert download(client, size, mode, speed == "slow") == (size, filler_sha256(size))
    if "asan" not in proxy.program:
        assert growth.kib < GROWTH


@pytest.mark.parametrize("mode", ["length", "chunked"])
def test_a_slow_backend_is_waited_for(proxy, pki, mode):
    size = 2 * MB
    with Tls(proxy.port, pki) as client:
        assert download(client, f"{size}&pause=20&piece=50000", mode) == (
            size, filler_sha256(size))


def upload(client, size, chunked):
    block = bytes(range(256)) * 1024
    digest = hashlib.sha256()
    framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {size}"
    client.send(get("/echo", framing, method="POST"))
    left = size
    while left > 0:
        part = block[:left]
        digest.update(part)
        client.send(b"%x\r\n%s\r\n" % (len(part), part) if chunked else part)
        left -= len(part)
    if chunked:
        client.send(b"0\r\n\r\n")
    return json.loads(client.read_reply().body), digest.hexdigest()


@pytest.mark.core
@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_a_big_request_arrives_unchanged(start_proxy, origin, pki, full, chunked):
    size = sizes(full)
    proxy = start_proxy(origin.address, max_body=0)
    warm_up(proxy, pki)
    with Growth(proxy) as growth, Tls(proxy.port, pki) as client:
        seen, digest = upload(client, size, chunked)
    assert (seen["body_length"], seen["body_sha256"]) == (size, digest)
    if "asan" not in proxy.program:
        assert growth.kib < GROWTH


def test_a_backend_that_reads_slowly_holds_the_client_back(start_proxy, backend, pki):
    size = 8 * MB
    seen = {}

    def script(talk):
        head = talk.read_head()
        part = talk.received[len(head):]
        digest, left = hashlib.sha256(part), size - len(part)
        while left > 0:
            time.sleep(0.01)
            part = talk.socket.recv(100000)
            if not part:
                return
            digest.update(part)
            left -= len(part)
        seen["sha256"] = digest.hexdigest()
        talk.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    proxy = start_proxy(backend(script).address, max_body=0)
    with Growth(proxy) as growth, Tls(proxy.port, pki) as client:
        _, digest = upload(client, size, chunked=False)
    assert seen["sha256"] == digest
    if "asan" not in proxy.program:
        assert growth.kib < GROWTH


def test_both_directions_at_once(proxy, pki):
    """The reply runs while the request is still being sent: neither waits for the other."""
    with Tls(proxy.port, pki) as client:
        client.send(get(f"/?size={5 * MB}&early=1", "Content-Length: 100", method="POST"))
        reply = client.read_reply()
    assert len(reply.body) == 5 * MB
