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
    """Makes the allocations of the first use."""
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


def start(start_proxy, address, mode):
    """Without a limit to bodies, which the bytes of `tcp` are not."""
    options = {"protocol": "tcp"} if mode == "tcp" else {"max_body": 0}
    return start_proxy(address, **options)


def report(what, size, growth):
    print(f"{what}: {size // MB} MB, the worker grew by {growth.kib} KiB")
    if "asan" not in growth.proxy.program:
        assert growth.kib < GROWTH


@pytest.mark.sampled(3)
@pytest.mark.core
@pytest.mark.parametrize("speed", ["fast", "slow"])
@pytest.mark.parametrize("mode", ["length", "chunked", "close", "tcp"])
def test_a_big_reply_arrives_unchanged(start_proxy, origin, pki, full, mode, speed):
    slow = speed == "slow"
    size = 20 * MB if slow and not full else sizes(full)
    proxy = start(start_proxy, origin.address, mode)
    warm_up(proxy, pki)
    options = {"receive_buffer": 8192} if slow else {}
    with Growth(proxy) as growth, Tls(proxy.port, pki, **options) as client:
        assert download(client, size, "length" if mode == "tcp" else mode, slow) == (
            size, filler_sha256(size))
    report(f"down, {mode}, {speed} client", size, growth)


@pytest.mark.parametrize("mode", ["length", "chunked", "tcp"])
def test_a_slow_backend_is_waited_for(start_proxy, origin, pki, full, mode):
    size, piece = (1000 * MB, 1000000) if full else (2 * MB, 50000)
    proxy = start(start_proxy, origin.address, mode)
    warm_up(proxy, pki)
    with Growth(proxy) as growth, Tls(proxy.port, pki) as client:
        assert download(client, f"{size}&pause=20&piece={piece}",
                        "length" if mode == "tcp" else mode) == (size, filler_sha256(size))
    report(f"down, {mode}, slow backend", size, growth)


def upload(client, size, chunked, pause=0):
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
        time.sleep(pause)
    if chunked:
        client.send(b"0\r\n\r\n")
    return json.loads(client.read_reply().body), digest.hexdigest()


@pytest.mark.sampled(4)
@pytest.mark.core
@pytest.mark.parametrize("speed", ["fast", "slow"])
@pytest.mark.parametrize("mode", ["length", "chunked", "tcp"])
def test_a_big_request_arrives_unchanged(start_proxy, origin, pki, full, mode, speed):
    slow = speed == "slow"
    size = 20 * MB if slow and not full else sizes(full)
    proxy = start(start_proxy, origin.address, mode)
    warm_up(proxy, pki)
    with Growth(proxy) as growth, Tls(proxy.port, pki) as client:
        seen, digest = upload(client, size, mode == "chunked", 0.01 if slow else 0)
    assert (seen["body_length"], seen["body_sha256"]) == (size, digest)
    report(f"up, {mode}, {speed} client", size, growth)


@pytest.mark.parametrize("mode", ["length", "tcp"])
def test_a_backend_that_reads_slowly_holds_the_client_back(start_proxy, backend, pki, full,
                                                           mode):
    size, piece = (1000 * MB, 1000000) if full else (8 * MB, 100000)
    seen = {}

    def script(talk):
        head = talk.read_head()
        part = talk.received[len(head):]
        digest, left = hashlib.sha256(part), size - len(part)
        while left > 0:
            time.sleep(0.01)
            part = talk.socket.recv(piece)
            if not part:
                return
            digest.update(part)
            left -= len(part)
        seen["sha256"] = digest.hexdigest()
        talk.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    proxy = start(start_proxy, backend(script).address, mode)
    with Growth(proxy) as growth, Tls(proxy.port, pki, timeout=120) as client:
        _, digest = upload(client, size, chunked=False)
    assert seen["sha256"] == digest
    report(f"up, {mode}, slow backend", size, growth)


def test_both_directions_at_once(proxy, pki):
    """The reply runs while the request is still being sent: neither waits for the other."""
    with Tls(proxy.port, pki) as client:
        client.send(get(f"/?size={5 * MB}&early=1", "Content-Length: 100", method="POST"))
        reply = client.read_reply()
    assert len(reply.body) == 5 * MB


def test_kept_alive_replies_reuse_freed_memory(proxy):
    """The kernel neither takes a reply's memory back nor maps it again for the next one."""
    clients = [Tls(proxy.port) for _ in range(64)]

    def round_of_replies():
        for client in clients:
            client.send(get("/?size=16384"))
        for client in clients:
            assert len(client.read_reply().body) == 16384

    for _ in range(5):
        round_of_replies()
    before = proxy.status()["workers"][0]["page_faults"]
    for _ in range(20):
        round_of_replies()
    faults = proxy.status()["workers"][0]["page_faults"] - before
    for client in clients:
        client.close()
    assert faults < 20 * len(clients) / 4
