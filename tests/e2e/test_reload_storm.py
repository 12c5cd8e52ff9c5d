"""Thousands of reloads: nothing fails, nothing leaks, nothing old is shown."""
import contextlib
import hashlib
import json
import os
import subprocess
import threading

import pytest

from frame.client import Tls, get
from frame.origin import filler_sha256
from frame.wait import wait_until

GIGABYTE = 1000000000
RSS_GROWTH = 2048  # KiB, of all processes together, from the 100th reload to the last


class Clients(threading.Thread):
    """`clients` of the load generator at a time, a connection for each request."""

    def __init__(self, program, port, clients):
        super().__init__(daemon=True)
        self.command = [program, "--port", str(port), "--concurrency", str(clients), "--tls",
                        "1.2", "--warmup", "0", "--duration", "5000"]
        self.over, self.operations, self.errors, self.slowest = threading.Event(), 0, [], 0

    def run(self):
        while not self.over.is_set():
            done = subprocess.run(self.command, capture_output=True, text=True)
            if not done.stdout.endswith("}\n"):
                self.errors.append((done.returncode, done.stderr))
                return
            result = json.loads(done.stdout.splitlines()[-1])
            self.operations += result["operations"]
            self.slowest = max(self.slowest, result["max_us"])
            if result["errors"]:
                self.errors.append(result)

    def finish(self):
        self.over.set()
        self.join()


class Download(threading.Thread):
    """A big reply, read at leisure while the proxy reloads."""

    def __init__(self, port, size, pace):
        super().__init__(daemon=True)
        self.port, self.size, self.pace = port, size, pace
        self.result = None
        self.hurry = threading.Event()

    def run(self):
        digest, got = hashlib.sha256(), 0
        with Tls(self.port, timeout=120) as client:
            client.send(get(f"/?size={self.size}", close=True))
            head = b""
            while b"\r\n\r\n" not in head:
                head += client.receive()
            part = head.split(b"\r\n\r\n", 1)[1]
            while got + len(part) < self.size and (more := client.receive(262144)):
                digest.update(part)
                got += len(part)
                part = more
                if got % 50 < 10:
                    self.hurry.wait(self.pace)
            digest.update(part)
            got += len(part)
        self.result = (got, digest.hexdigest())


def shown(port):
    with Tls(port) as client:
        return client.certificate()


class Footprint:
    """Descriptors and memory of the master and its workers."""

    def __init__(self, proxy):
        self.pids = [proxy.pid, *sorted(proxy.workers())]
        self.descriptors = [proxy.descriptors(pid) for pid in self.pids]
        self.rss = [proxy.rss(pid) for pid in self.pids]

    def __str__(self):
        return f"descriptors {self.descriptors}, KiB {self.rss} = {sum(self.rss)}"


@contextlib.contextmanager
def idle_clients(port, count):
    clients = [Tls(port, timeout=60) for _ in range(count)]
    try:
        for one in clients:
            assert one.request(get("/")).status == 200
        yield clients
    finally:
        for one in clients:
            one.close()


def quiet(proxy, clients):
    """Until nobody but these is connected, and nobody else's generation is alive."""
    wait_until(lambda: proxy.status()["counters"]["connections"] == clients, timeout=30)


def reload_many(proxy, pairs, rounds, looks, marks):
    """Alternates the pairs; looks at what is shown after each success."""
    ders = [pair.der() for pair in pairs]
    for i in range(1, rounds + 1):
        pair = i % 2
        pairs[pair].install(proxy.cert, proxy.key)
        proxy.hup(60)
        proxy.notifications.clear()
        for _ in range(looks):
            assert shown(proxy.port) == ders[pair], f"the old certificate after reload {i}"
        if i in marks:
            print(f"after reload {i}: {Footprint(proxy)}")


@pytest.mark.long
@pytest.mark.parametrize("crypto", ["openssl", "auto"])
def test_two_thousand_reloads_under_load(start_proxy, load, origin, pki, crypto):
    """Issue 2, Show 3."""
    rounds = int(os.environ.get("WLBPROXY_RELOADS", "2000"))
    proxy = start_proxy(origin.address, workers=2, log_level="warning", crypto=crypto,
                        idle_timeout="2h")
    transfer = Download(proxy.port, GIGABYTE, rounds * 0.0001)
    with idle_clients(proxy.port, 100) as idle:
        many_clients = Clients(load, proxy.port, 32)
        many_clients.start()
        transfer.start()
        reload_many(proxy, (pki.rsa, pki.other), 100, 4, ())
        before = Footprint(proxy)
        reload_many(proxy, (pki.rsa, pki.other), rounds - 100, 4, range(200, rounds, 200))
        last = Footprint(proxy)
        many_clients.finish()
        transfer.hurry.set()
        transfer.join()
        for one in idle:
            assert one.request(get("/")).status == 200
        quiet(proxy, 100)
        print(f"{proxy.status()['crypto']}; 100th: {before}; last: {last}; "
              f"at rest: {Footprint(proxy)}")
    print(f"{many_clients.operations} requests, {len(many_clients.errors)} failed, "
          f"the slowest took {many_clients.slowest / 1000:.0f} ms")
    assert many_clients.errors == [] and many_clients.operations > rounds
    assert transfer.result == (GIGABYTE, filler_sha256(GIGABYTE))
    assert proxy.status()["generation"] == rounds + 1
    assert proxy.events("worker_died") == []


@pytest.mark.long
def test_ten_thousand_reloads_keep_descriptors_and_memory(start_proxy, origin, pki):
    rounds = int(os.environ.get("WLBPROXY_RELOADS", "10000"))
    proxy = start_proxy(origin.address, workers=2, log_level="warning")
    reload_many(proxy, (pki.rsa, pki.other), 100, 1, ())
    quiet(proxy, 0)
    before = Footprint(proxy)
    reload_many(proxy, (pki.rsa, pki.other), rounds - 100, 0, range(1000, rounds, 1000))
    quiet(proxy, 0)
    last = Footprint(proxy)
    print(f"100th: {before}; last: {last}")
    assert last.descriptors == before.descriptors
    assert sum(last.rss) - sum(before.rss) < RSS_GROWTH
