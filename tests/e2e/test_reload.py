"""Reload: new certificates and settings without losing a connection, or nothing at all."""
import hashlib
import os
import re
import signal
import socket
import subprocess

import pytest

from frame import strace
from frame.callers import Callers, works
from frame.client import Tls, context, get
from frame.ports import free_port
from frame.wait import wait_until

pytestmark = pytest.mark.core


def served(port):
    with Tls(port) as client:
        return hashlib.sha256(client.certificate()).hexdigest()


def test_hup_serves_the_new_pair_and_says_so(start_proxy, origin, pki):
    proxy = start_proxy(origin.address, workers=3)
    pki.other.install(proxy.cert, proxy.key)
    notes = proxy.hup()
    assert any(line.startswith("MONOTONIC_USEC=") for note in notes for line in note)
    assert any("generation 2" in line for note in notes for line in note)
    line = proxy.wait_for("serving", generation=2)
    assert line["sha256"] == pki.other.fingerprint() and line["not_after"]
    for _ in range(12):
        assert served(proxy.port) == pki.other.fingerprint()


def test_a_silent_client_shakes_hands_under_the_new_certificate(proxy, pki):
    """Accepted before the reload, heard after it: no handshake shows the old one."""
    with socket.create_connection(("127.0.0.1", proxy.port), 20) as early:
        wait_until(lambda: proxy.status()["counters"]["accepted"] >= 1)
        pki.other.install(proxy.cert, proxy.key)
        proxy.hup()
        (generation,) = proxy.status()["generations"]
        assert (generation["generation"], generation["connections"]) == (2, 1)
        with context().wrap_socket(early, server_hostname="localhost") as client:
            assert client.getpeercert(binary_form=True) == pki.other.der()


def test_unchanged_content_makes_no_generation(proxy):
    proxy.hup()
    proxy.wait_for("unchanged")
    assert not proxy.events("reloaded")


BAD_PAIRS = {
    "the key of another": lambda p, pki: pki.other.key,
    "an empty key": lambda p, pki: b"",
    "no PEM": lambda p, pki: b"\x30\x82\x01\x02rubbish",
}


@pytest.mark.parametrize("what", BAD_PAIRS)
def test_a_bad_key_changes_nothing(proxy, pki, what):
    bad = BAD_PAIRS[what](proxy, pki)
    proxy.key.write_bytes(bad if isinstance(bad, bytes) else bad.read_bytes())
    notes = proxy.hup()
    assert any("refused" in line for note in notes for line in note)
    assert str(proxy.key) in proxy.wait_for("reload_refused")["reason"]
    assert served(proxy.port) == pki.rsa.fingerprint()
    assert works(proxy.port)


@pytest.mark.parametrize("kind", ["expired", "not_yet"])
def test_a_stale_certificate_does_not_replace_a_good_one(proxy, pki, kind):
    getattr(pki, kind).install(proxy.cert, proxy.key)
    proxy.hup()
    proxy.wait_for("reload_refused")
    assert served(proxy.port) == pki.rsa.fingerprint()


def test_lost_names_are_told_and_refused_when_strict(proxy, pki):
    pki.wrong_name.install(proxy.cert, proxy.key)
    proxy.hup()
    assert "localhost" in proxy.wait_for("finding", id="names-lost")["text"]
    assert served(proxy.port) == pki.wrong_name.fingerprint()
    proxy.write_config(strict_reload="on")
    pki.rsa.install(proxy.cert, proxy.key)
    proxy.hup()
    assert "elsewhere.example" in proxy.wait_for("reload_refused")["reason"]
    assert served(proxy.port) == pki.wrong_name.fingerprint()


def test_certificates_are_compared_by_the_kind_of_their_key(proxy, pki, tmp_path):
    """Two cert lines that change places lose nothing; what does, is found wherever it stands."""
    ec, bare = tmp_path / "ec", tmp_path / "bare"
    for folder in (ec, bare):
        folder.mkdir()
    pki.leaf("ec_two", cn="ec.example", san=["DNS:ec.example", "DNS:more.example"],
             key="P-256").install(ec / "cert", ec / "key")
    pki.leaf("ec_one", cn="ec.example", san=["DNS:ec.example"], key="P-256").install(
        bare / "cert", bare / "key")

    def use(*pairs):
        proxy.write_config(cert=[cert for cert, _ in pairs], key=[key for _, key in pairs])
        proxy.reload()

    rsa = proxy.cert, proxy.key
    use(rsa, (ec / "cert", ec / "key"))
    use((ec / "cert", ec / "key"), rsa)
    assert not proxy.events("finding", id="names-lost")
    use(rsa, (bare / "cert", bare / "key"))
    lost = proxy.wait_for("finding", id="names-lost")["text"]
    assert "more.example" in lost and "localhost" not in lost and f"{bare}/cert" in lost
    use(rsa)
    lost = proxy.wait_for("finding", 2, id="names-lost")["text"]
    assert "no other certificate has its names: ec.example" in lost


def test_the_vendors_steps_with_a_hup_between_any_two(proxy, pki, tmp_path):
    """mv, mv, mv, mv, chmod: never a wrong pair, and the new one in the end."""
    new_cert, new_key = tmp_path / "new.pem", tmp_path / "new.key"
    pki.other.install(new_cert, new_key)
    steps = [
        lambda: os.rename(proxy.cert, f"{proxy.cert}_orig"),
        lambda: os.rename(proxy.key, f"{proxy.key}_orig"),
        lambda: os.rename(new_cert, proxy.cert),
        lambda: os.rename(new_key, proxy.key),
        lambda: os.chmod(proxy.key, 0o600),
    ]
    for step in steps[:3]:
        step()
        proxy.hup()
        assert served(proxy.port) == pki.rsa.fingerprint()
    for step in steps[3:]:
        step()
        proxy.hup()
        assert served(proxy.port) == pki.other.fingerprint()


def test_fifty_hups_are_at_most_two_reloads(proxy, pki):
    pki.other.install(proxy.cert, proxy.key)
    for _ in range(50):
        proxy.signal(signal.SIGHUP)
    proxy.wait_for("reloaded", generation=2)
    proxy.hup()
    assert len(proxy.events("reloaded")) + len(proxy.events("unchanged")) <= 3


def test_a_changed_accept_moves_the_port_and_keeps_connections(start_proxy, origin):
    proxy = start_proxy(origin.address, workers=2)
    old, new = proxy.port, free_port()
    with Tls(old) as client:
        assert client.request(get("/")).status == 200
        proxy.write_config(accept=f"127.0.0.1:{new}")
        proxy.hup()
        assert works(new)
        with pytest.raises(ConnectionRefusedError):
            Tls(old)
        assert client.request(get("/")).status == 200


def test_services_come_and_go_with_the_others_undisturbed(start_proxy, origin, pki):
    proxy = start_proxy(origin.address)
    port = free_port()
    proxy.extra = (f"[second]\naccept = 127.0.0.1:{port}\nconnect = {origin.address}\n"
                   f"cert = {pki.ec.cert}\nkey = {pki.ec.key}\n")
    with Tls(proxy.port) as client:
        proxy.write_config()
        proxy.hup()
        assert served(port) == pki.ec.fingerprint()
        proxy.extra = ""
        proxy.write_config()
        proxy.hup()
        with pytest.raises(ConnectionRefusedError):
            Tls(port)
        assert client.request(get("/")).status == 200


@pytest.mark.skipif(not strace.is_possible(), reason="needs strace and its rights")
def test_a_worker_serves_between_the_services_that_it_prepares(start_proxy, origin, pki):
    """It looks for events again and again meanwhile, however many services there are."""
    proxy = start_proxy(origin.address)
    (worker,) = proxy.workers()
    proxy.extra = "".join(
        f"[more{i}]\naccept = 127.0.0.1:{proxy.port}\nsni = more{i}.test\n"
        f"connect = {origin.address}\ncert = {pki.ec.cert}\nkey = {pki.ec.key}\n"
        for i in range(200))
    proxy.write_config()
    with strace.Injection(worker, "epoll_wait", "epoll_pwait", "recvmsg") as calls:
        proxy.hup()
        # Each message is read, so that looks in a row found none.
        looks = [len(part.splitlines()) for part in re.split(r".*recvmsg\(.*", calls.output())]
    assert max(looks) >= 10
    assert served(proxy.port) == pki.rsa.fingerprint()
    with Tls(proxy.port, name="more199.test") as client:
        assert client.certificate() == pki.ec.der()


def test_a_port_in_use_refuses_the_reload_and_names_its_owner(start_proxy, origin):
    proxy = start_proxy(origin.address)
    taken = int(origin.address.rsplit(":", 1)[1])
    proxy.write_config(accept=[f"127.0.0.1:{proxy.port}", f"127.0.0.1:{taken}"])
    proxy.hup()
    assert "pid" in proxy.wait_for("reload_refused")["reason"]
    assert works(proxy.port)


def test_a_broken_configuration_changes_nothing(proxy):
    proxy.config.write_text("nonsense = 1\n")
    proxy.hup()
    assert "nonsense" in proxy.wait_for("reload_refused")["reason"]
    assert works(proxy.port)


def test_a_broken_configuration_still_leads_to_its_proxy(proxy):
    """Not to the default socket, where there is nobody, or another proxy."""
    good = proxy.config.read_text()
    proxy.config.write_text("nonsense = 1\n" + good + "nonsense = 2\n")
    said = proxy.reload(check=1)
    assert "there is no option 'nonsense'" in " ".join((said.stdout + said.stderr).split())
    assert f"pid {proxy.pid}" in proxy.command("status", "-c", proxy.config, check=0).stdout
    proxy.config.write_text(good)
    proxy.reload()


def test_settings_that_need_a_restart_are_reported(proxy):
    proxy.write_config(workers=2)
    proxy.hup()
    assert "workers" in proxy.wait_for("finding", id="needs-restart")["text"]
    assert len(proxy.workers()) == 1


def test_a_probe_is_told_from_a_client(start_proxy, origin):
    """It comes by the control socket, and has no address."""
    proxy = start_proxy(origin.address, log_level="debug")
    proxy.reload()
    probe = wait_until(lambda: [one for one in proxy.events("end") if one.get("peer")])[0]
    assert probe["peer"] == "unix:control" and "[::]" not in proxy.log_text()


@pytest.mark.again
def test_reloads_under_load_lose_nothing_and_leak_nothing(start_proxy, origin, pki, full):
    """No failed request, no old certificate after a verdict, descriptors as before."""
    proxy = start_proxy(origin.address, workers=2, log_level="info", idle_timeout="2h")
    idle = [Tls(proxy.port) for _ in range(10)]
    with Callers([proxy.port], count=4) as callers:
        before = None
        for i in range(2000 if full else 20):
            pair = (pki.other, pki.rsa)[i % 2]
            pair.install(proxy.cert, proxy.key)
            proxy.hup()
            assert served(proxy.port) == pair.fingerprint()
            if i == 10:
                before = proxy.descriptors(proxy.pid)
    assert set(callers.outcomes) == {"served"}, callers.outcomes
    assert proxy.descriptors(proxy.pid) == before
    for one in idle:
        assert one.request(get("/")).status == 200
        one.close()


def test_watch_reloads_once_for_the_vendors_steps(start_proxy, origin, pki, tmp_path):
    proxy = start_proxy(origin.address, watch="on")
    for pair in (pki.other, pki.rsa3072):
        new_cert, new_key = tmp_path / "new.pem", tmp_path / "new.key"
        pair.install(new_cert, new_key)
        count = len(proxy.events("reloaded"))
        subprocess.run(["sh", "-c", f"mv {proxy.cert} {proxy.cert}_orig;"
                        f"mv {proxy.key} {proxy.key}_orig; mv {new_cert} {proxy.cert};"
                        f"mv {new_key} {proxy.key}; chmod 600 {proxy.key}"], check=True)
        proxy.wait_for("reloaded", count=count + 1)
        wait_until(lambda: served(proxy.port) == pair.fingerprint())
        assert len(proxy.events("reloaded")) == count + 1
