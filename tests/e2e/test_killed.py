"""Any process is killed at any moment: only its own connections notice."""
import collections
import os
import random
import signal
import threading
import time

from frame.callers import Callers
from frame.client import Tls, get
from frame.ports import free_port
from frame.processes import gone
from frame.wait import wait_until
from test_service_manager import passing


def socket_of(proxy, client):
    """The inode of the other end of a client's connection; None: nobody has it yet."""
    local = f"{client.getsockname()[1]:04X}"
    with open("/proc/net/tcp") as table:
        for row in table:
            fields = row.split()
            if fields[2].endswith(":" + local) and fields[1].endswith(f":{proxy.port:04X}"):
                return fields[9]
    return None


def has_socket(pid, inode):
    try:
        return any(os.readlink(f"/proc/{pid}/fd/{fd}") == f"socket:[{inode}]"
                   for fd in os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return False  # it has ended


class Clients:
    """Clients that keep their connections, and know whose they are.

    `seen` counts: "served" requests; connections that ended "with their worker"; all other
    outcomes are losses.
    """

    def __init__(self, proxy, count=8):
        self.proxy, self.over, self.seen = proxy, threading.Event(), collections.Counter()
        self.killed = {}  # worker: when
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self._live) for _ in range(count)]

    def _count(self, what):
        with self.lock:
            self.seen[what] += 1

    def _owner(self, client, workers):
        inode = socket_of(self.proxy, client.tls)
        return next((pid for pid in workers if has_socket(pid, inode)), None)

    def _is_excused(self, owner, since):
        if owner is not None:
            return owner in self.killed
        return any(when >= since for when in self.killed.values())

    def _one(self):
        owner, since = None, time.monotonic()
        try:
            with Tls(self.proxy.port) as client:
                owner = self._owner(client, self.proxy.workers())
                for _ in range(random.randrange(1, 200)):
                    assert client.request(get("/?size=3000")).status == 200
                    self._count("served")
        except Exception as error:  # whatever a client meets is counted
            if self._is_excused(owner, since - 1):
                self._count("with their worker")
            else:
                self._count(repr(error))

    def _live(self):
        while not self.over.is_set():
            self._one()

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join()


def kill_one(proxy, clients, turn):
    kind = ("worker", "signer", "admin")[turn % 3]
    victim = random.choice(wait_until(lambda: proxy.children(kind)))
    if kind == "worker":
        clients.killed[victim] = time.monotonic()
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: gone(victim))


def test_a_killed_process_takes_only_its_own_connections_along(start_proxy, origin, full):
    proxy = start_proxy(origin.address, workers=2, log_level="info", handshake_timeout="30s",
                        admin=f"127.0.0.1:{free_port()}")
    proxy.wait_for("admin_up")
    with Clients(proxy) as clients:
        for turn in range(201 if full else 9):
            time.sleep(random.uniform(0, 0.3))  # the moment is the point
            kill_one(proxy, clients, turn)
        before = clients.seen["served"]
        wait_until(lambda: clients.seen["served"] > before + 50)
    print(dict(clients.seen))
    assert set(clients.seen) <= {"served", "with their worker"}, clients.seen
    wait_until(lambda: len(proxy.workers()) == 2)


def test_a_killed_master_costs_no_connection(start_proxy, origin, full):
    """As under its unit: the manager keeps the listening socket, and starts the next master with it;
    the workers of the one before serve what they have to its end."""
    proxy = start_proxy(origin.address, workers=2, environment={"FDSTORE": "16"})
    port, kept = proxy.port, proxy.kept
    orphans = set()
    with Callers([port]) as callers:
        for _ in range(40 if full else 3):
            before = callers.outcomes.get("served", 0)
            wait_until(lambda: callers.outcomes.get("served", 0) > before + 5)
            time.sleep(random.uniform(0, 0.3))  # the moment is the point
            orphans.update(proxy.children())
            proxy.expect_exit = -signal.SIGKILL
            proxy.signal(signal.SIGKILL)
            proxy.wait_exit()
            proxy = start_proxy(origin.address, workers=2, accept=f"127.0.0.1:{port}",
                                **passing(*kept))
    assert set(callers.outcomes) == {"served"}, callers.outcomes
    wait_until(lambda: all(gone(pid) for pid in orphans))
