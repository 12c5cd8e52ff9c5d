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
    verdicts = proxy.status()["xenserver"]  # the status page has them
    assert verdicts and {one["address"] for one in verdicts} == {"wlb.example.com"}
    assert not any(one["accepted"] for one in verdicts), verdicts


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


@pytest.mark.parametrize("rules, rule, text", [
    ({"deny": ["192.0.2.0/24", "127.0.0.0/8"]}, "deny = 127.0.0.0/8",
     'has "deny = 127.0.0.0/8": to let it in, change that line, then wlbproxy reload'),
    ({"allow": ["192.0.2.0/24", "10.0.0.0/8"]}, "allow",
     'no allow has it: to let it in, add "allow = 127.0.0.1" at')])
def test_a_client_that_is_denied(start_proxy, origin, rules, rule, text):
    """The log has the address and the rule; status has its line, and what to change."""
    proxy = start_proxy(origin.address, **rules)
    with pytest.raises(OSError):
        with Tls(proxy.port):
            pass
    refused = proxy.wait_for("refused", reason="denied")
    assert refused["peer"].startswith("127.0.0.1:")
    assert (refused["service"], refused["rule"]) == ("wlb", rule)
    lines = proxy.config.read_text().splitlines()
    line = 1 + lines.index(rule if " = " in rule else "allow = 192.0.2.0/24")
    said = said_by(proxy, "status", check=0)
    assert "DENIED 127.0.0.1 by service wlb: " in said and text in said, said
    assert f"{proxy.config}:{line}" in said, said
    proxy.write_config(allow=None, deny=None)
    proxy.reload()
    with Tls(proxy.port) as client:
        assert client.request(get("/", close=True)).status == 200
    assert "the rule is no longer in the configuration" in said_by(proxy, "status", check=0)


def test_a_client_that_a_name_denies(start_proxy, origin, pki):
    """Where the name chooses the service, the rule is found after the handshake."""
    proxy = start_proxy(origin.address)
    proxy.extra = (f"[other]\naccept = 127.0.0.1:{proxy.port}\nconnect = {origin.address}\n"
                   f"sni = other.example\ndeny = 127.0.0.1\ncert = {proxy.cert}\nkey = {proxy.key}\n")
    proxy.write_config()
    proxy.reload()
    with contextlib.suppress(OSError):
        with Tls(proxy.port, name="other.example") as client:
            client.read_to_end()
    ended = proxy.wait_for("end", reason="denied")
    assert (ended["service"], ended["detail"]) == ("other", "deny = 127.0.0.1")
    assert "127.0.0.1 by service other:" in said_by(proxy, "status", check=0)
