"""Names in `connect`: they need not resolve at start, and what they resolve to may change.

Each proxy has an /etc/hosts of its own.
"""
import os
import signal

import pytest

from frame.backend import Backend
from frame.client import Tls, get
from frame.namespace import needs_namespace
from frame.ports import free_port
from frame.wait import wait_until

pytestmark = needs_namespace
FIVE = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
NAME = "wlb.test"


class Hosts:
    """An /etc/hosts that only what was started with its wrapper() sees."""

    def __init__(self, folder):
        self.file = folder / "hosts"
        self.write()

    def write(self, *addresses):
        # The file is written in place, because a mount shows the file, not its name.
        self.file.write_text("127.0.0.1 localhost\n" +
                             "".join(f"{address} {NAME}\n" for address in addresses))

    def wrapper(self):
        script = f'mount --bind "{self.file}" /etc/hosts && exec "$@"'
        return ["unshare", "--mount", "sh", "-c", script, "sh"]


@pytest.fixture
def hosts(tmp_path):
    return Hosts(tmp_path)


@pytest.fixture
def pair(backend):
    """Two backends that differ in their address alone."""
    port = free_port()
    first = backend(lambda talk: serve(talk, b"first"), port=port)
    second = Backend(lambda talk: serve(talk, b"other"), host="127.0.0.2", port=port)
    yield first, second
    second.close()


def serve(talk, body):
    while talk.read_request()[0]:
        talk.send(FIVE + body)


def body(client):
    return client.request(get("/")).body


def test_a_changed_address_is_used_and_no_connection_ends(start_proxy, hosts, pair):
    hosts.write("127.0.0.1")
    proxy = start_proxy(f"{NAME}:{pair[0].port}", wrapper=hosts.wrapper(), workers=2,
                        resolve_interval="200ms", backend_keepalive=4)
    with Tls(proxy.port) as client:
        assert body(client) == b"first"
        hosts.write("127.0.0.2")
        wait_until(lambda: body(client) == b"other", "the new address is used")
    assert proxy.status()["generation"] == 1
    (event,) = proxy.events("addresses_changed")
    assert event["addresses"] == f"127.0.0.2:{pair[0].port}"


def test_a_worker_that_takes_anothers_place_knows_the_new_address(start_proxy, hosts, pair):
    hosts.write("127.0.0.1")
    proxy = start_proxy(f"{NAME}:{pair[0].port}", wrapper=hosts.wrapper(),
                        resolve_interval="200ms")
    hosts.write("127.0.0.2")
    proxy.wait_for("addresses_changed")
    (worker,) = proxy.workers()
    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: proxy.workers() not in ([], [worker]), "it is replaced")
    with Tls(proxy.port) as client:
        wait_until(lambda: body(client) == b"other", "the new address is used")


def test_a_name_that_does_not_resolve_at_start_is_a_warning(start_proxy, hosts, pair):
    proxy = start_proxy(f"{NAME}:{pair[0].port}", wrapper=hosts.wrapper(),
                        resolve_interval="200ms")
    with Tls(proxy.port) as client:
        assert client.request(get("/")).status == 503
    assert [event["id"] for event in proxy.events("finding") if event["level"] == "warning"] == [
        "name-not-resolved"]
    hosts.write("127.0.0.1")
    proxy.wait_for("name_resolved")
    with Tls(proxy.port) as client:
        wait_until(lambda: client.request(get("/")).status == 200, "the backend is found")


def test_a_name_that_is_lost_keeps_its_addresses(start_proxy, hosts, pair):
    hosts.write("127.0.0.1")
    proxy = start_proxy(f"{NAME}:{pair[0].port}", wrapper=hosts.wrapper(),
                        resolve_interval="100ms")
    hosts.write()
    proxy.wait_for("name_not_resolved")
    with Tls(proxy.port) as client:
        assert body(client) == b"first"
    hosts.write("127.0.0.1")
    proxy.wait_for("name_resolved")
    assert len(proxy.events("name_not_resolved")) == 1
    assert not proxy.events("addresses_changed")


def test_a_reload_looks_at_names_again(start_proxy, hosts, pair):
    hosts.write("127.0.0.1")
    proxy = start_proxy(f"{NAME}:{pair[0].port}", wrapper=hosts.wrapper(),
                        resolve_interval="1h")
    with Tls(proxy.port) as client:
        assert body(client) == b"first"
        hosts.write("127.0.0.2")
        proxy.reload()
        wait_until(lambda: body(client) == b"other", "the new address is used")
    assert proxy.status()["generation"] == 1


def test_a_reload_keeps_the_addresses_of_a_name_that_is_lost(start_proxy, hosts, pair, pki):
    """A certificate is renewed while no name server answers."""
    hosts.write("127.0.0.1")
    proxy = start_proxy(f"{NAME}:{pair[0].port}", wrapper=hosts.wrapper(),
                        resolve_interval="1h")
    hosts.write()
    pki.other.install(proxy.cert, proxy.key)
    proxy.reload()
    assert proxy.status()["generation"] == 2
    with Tls(proxy.port) as client:
        assert client.certificate() == pki.other.der()
        assert body(client) == b"first"
