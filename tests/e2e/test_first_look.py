"""Six broken set-ups, and the one command that says what is wrong and what to do."""
import contextlib
import socket

import pytest

from frame.client import Tls, get
from frame.ports import free_port
from frame.wait import wait_until


def said_by(proxy, command, check=None):
    done = proxy.command(command, "-c", proxy.config, check=check)
    return " ".join((done.stdout + done.stderr).split())


def test_an_expired_certificate(start_proxy, origin, pki):
    proxy = start_proxy(origin.address, pki.expired)
    said = said_by(proxy, "check", check=1)
    assert "expired on 2021-01-01" in said and "wlbproxy cert request" in said, said


def test_a_wrong_chain(start_proxy, origin, pki, tmp_path):
    """An intermediate that signed something else."""
    other = pki.leaf("other_ca", issuer=None, cn="Other CA", san=[])
    proxy = start_proxy(origin.address)
    proxy.cert.write_bytes(pki.rsa.leaf.read_bytes() + other.leaf.read_bytes())
    said = said_by(proxy, "check")
    assert "certificate 2 (Other CA) did not issue any of those before it" in said, said
    assert "the issuer of localhost is not in the file (CN=Test Intermediate" in said, said
    assert "wlbproxy cert install" in said, said


def test_a_name_that_does_not_match(start_proxy, origin):
    proxy = start_proxy(origin.address, name="wlb.example.com")
    said = said_by(proxy, "check", check=1)
    assert "the certificate is for localhost, not for wlb.example.com" in said, said
    assert "REFUSES IT" in said and "wlbproxy cert " in said, said


def test_a_backend_that_is_down(start_proxy):
    proxy = start_proxy(f"127.0.0.1:{free_port()}")
    with Tls(proxy.port) as client:
        assert client.request(get("/", close=True)).status == 502
    said = said_by(proxy, "status", check=0)
    assert f"{proxy.options['connect']}: DOWN Connection refused" in said, said


def test_a_proxy_that_is_full(start_proxy, origin):
    proxy = start_proxy(origin.address, max_connections=2, max_connections_per_source=0)
    with contextlib.ExitStack() as held:
        for _ in range(3):
            held.enter_context(socket.create_connection(("127.0.0.1", proxy.port)))
        wait_until(lambda: proxy.status()["workers"][0]["connections"] == 2, "it is full")
        said = said_by(proxy, "status", check=0)
    assert "FULL worker 0 has max_connections (2) clients" in said, said
    assert "raise max_connections" in said and proxy.events("max_connections_reached")


def test_a_client_that_is_denied(start_proxy, origin):
    """The log has the address, and the table of ends the reason by its option's name."""
    proxy = start_proxy(origin.address, deny="127.0.0.1")
    with pytest.raises(OSError):
        with Tls(proxy.port):
            pass
    refused = proxy.wait_for("refused", reason="denied")
    assert refused["peer"].startswith("127.0.0.1:")
    assert "how connections ended denied" in said_by(proxy, "status", check=0)
