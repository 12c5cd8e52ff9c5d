"""Session tickets of the whole proxy: keys begun by command and by certificate; keys of a file."""
import os
import re
import shutil
import signal
import subprocess
import time

import pytest

from frame import columns, secrets
from frame.client import TLS12, TLS13, Tls, context, get
from frame.clock import Clock
from frame.processes import gone
from frame.wait import TIMEOUT, wait_until

pytestmark = pytest.mark.core


def rotations(proxy, reason):
    return [line for line in proxy.events("ticket_keys_rotated") if line["reason"] == reason]


def test_tickets_rotate_begins_a_new_key(proxy):
    said = proxy.command("tickets", "rotate", "-c", str(proxy.config), check=0).stdout
    assert "a new key seals from now on" in said
    assert len(rotations(proxy, "command")) == 1
    assert proxy.events("ticket_keys_rotated")[-1]["keys"] == "2"


def test_another_certificate_begins_a_new_key(proxy, pki):
    proxy.hup()
    assert not rotations(proxy, "certificates")
    pki.other.install(proxy.cert, proxy.key)
    proxy.hup()
    assert len(rotations(proxy, "certificates")) == 1


# --- a reload between ticket and use -------------------------------------------------------

MINUTE, HOUR, DAY = 60, 3600, 86400
ENGINES = pytest.mark.parametrize("engine", ["openssl", "native"])


class Client:
    """openssl s_client, which keeps its session in a file."""

    def __init__(self, port, folder, version):
        self.command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", f"-{version}",
                        "-servername", "localhost", "-ign_eof"]
        self.file = folder / f"session-{version}"

    def goes_on(self):
        """Makes a connection; returns whether the session before was resumed. None: refused."""
        before = ["-sess_in", self.file] if self.file.exists() else []
        done = subprocess.run([*self.command, *before, "-sess_out", self.file],
                              input=get("/?size=1", close=True), capture_output=True,
                              timeout=TIMEOUT)
        if b"HTTP/1.1 200" not in done.stdout:
            return None
        return b"Reused, TLSv1" in done.stdout

    def begin(self):
        self.file.unlink(missing_ok=True)
        assert self.goes_on() is False


SHORTER = "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES128-GCM-SHA256"
RELOADS = {
    "nothing": ({}, True),
    "no matter of TLS": ({"body_timeout": "50s"}, True),
    "a shorter lifetime, which is not over": ({"ticket_lifetime": "30m"}, True),
    "suites of TLS 1.2": ({"ciphers": SHORTER}, False),
    "suites of TLS 1.3": ({"ciphersuites": "TLS_AES_128_GCM_SHA256"}, False),
    "groups": ({"groups": "P-256"}, False),
    "the policy of client certificates": ({"verify": "optional", "ca": "it"}, False),
    "no tickets": ({"tickets": "off"}, False),
}


@ENGINES
def test_a_session_outlives_a_reload_that_changes_no_policy(start_proxy, origin, pki, tmp_path,
                                                            engine):
    proxy = start_proxy(origin.address, tls_engine=engine, xenserver="off")
    clients = [Client(proxy.port, tmp_path, version) for version in ("tls1_2", "tls1_3")]
    for change, (options, expected) in RELOADS.items():
        for client in clients:
            client.begin()
        before = {name: proxy.options.get(name) for name in options}
        if "ca" in options:
            options = {**options, "ca": pki.root.leaf}
        proxy.write_config(**options)
        proxy.hup()
        assert [client.goes_on() for client in clients] == [expected] * 2, change
        proxy.write_config(**before)
        proxy.hup()


@ENGINES
def test_a_session_ends_with_the_certificate_and_the_list(start_proxy, origin, pki, tmp_path,
                                                          engine):
    ca = tmp_path / "ca.pem"
    ca.write_text(pki.root.leaf.read_text())
    proxy = start_proxy(origin.address, tls_engine=engine, verify="optional", ca=ca,
                        xenserver="off")
    clients = [Client(proxy.port, tmp_path, version) for version in ("tls1_2", "tls1_3")]

    def go_on():
        return [client.goes_on() for client in clients]

    assert go_on() == [False, False] and go_on() == [True, True]
    ca.write_text(pki.root.leaf.read_text() + pki.client.leaf.read_text())
    proxy.hup()
    assert go_on() == [False, False] and go_on() == [True, True]
    pki.other.install(proxy.cert, proxy.key)
    proxy.hup()
    assert go_on() == [False, False] and go_on() == [True, True]
    proxy.command("tickets", "rotate", "-c", proxy.config, check=0)
    assert go_on() == [True, True], "the key before opens for a lifetime more"


# --- the clock of the machine --------------------------------------------------------------


@ENGINES
@pytest.mark.parametrize("version", ["tls1_2", "tls1_3"])
def test_a_clock_that_is_set_ends_sessions_and_not_tickets(start_proxy, origin, tmp_path, engine,
                                                           version):
    clock = Clock(tmp_path)
    proxy = start_proxy(origin.address, tls_engine=engine, environment=clock.environment)
    client = Client(proxy.port, tmp_path, version)
    client.begin()
    assert client.goes_on()
    clock.jump(-HOUR)
    assert client.goes_on() is False, "it is from the future"
    assert client.goes_on()
    clock.jump(2 * HOUR)
    assert client.goes_on() is False, "it is over"
    assert client.goes_on()
    # Suspended for two days: the key has ended. The master looks once a minute.
    clock.pass_by(MINUTE + 1, ahead=2 * DAY)
    proxy.wait_for("ticket_keys_rotated", reason="time")
    assert client.goes_on() is False
    assert client.goes_on()


@ENGINES
def test_an_upgrade_does_not_begin_the_time_of_a_key_anew(start_proxy, origin, wlbproxy, tmp_path,
                                                          engine):
    clock, own = Clock(tmp_path), tmp_path / "wlbproxy"
    shutil.copy(wlbproxy, own)
    proxy = start_proxy(origin.address, tls_engine=engine, program=own,
                        environment=clock.environment)
    client = Client(proxy.port, tmp_path, "tls1_3")
    client.begin()
    own.unlink()
    shutil.copy(wlbproxy, own)
    clock.pass_by(12 * HOUR - MINUTE)
    proxy.program = wlbproxy
    proxy.reload()
    assert proxy.wait_exit() == 0
    successor = int(proxy.events("upgraded")[0]["successor"])
    try:
        client.begin()
        assert client.goes_on()
        clock.pass_by(13 * HOUR)
        proxy.wait_for("ticket_keys_rotated", reason="time")
        client.begin()
        assert client.goes_on()
    finally:
        os.kill(successor, signal.SIGTERM)
        wait_until(lambda: gone(successor), "the successor has ended")


# --- keys of a file, for several nodes -----------------------------------------------------

@pytest.fixture
def keys(wlbproxy, tmp_path):
    """The file; .rotate() makes it, and rotates it."""
    class Keys(type(tmp_path)):
        def rotate(self):
            done = subprocess.run([wlbproxy, "tickets", "rotate", "--file", self],
                                  capture_output=True, text=True, timeout=TIMEOUT, check=True)
            for key in re.findall("[0-9a-f]{224}", self.read_text()):
                secrets.remember(key[:48].encode(), "a ticket key")
            columns.check("tickets rotate", done.stdout)

    file = Keys(tmp_path / "tickets.keys")
    file.rotate()
    return file


@pytest.fixture(params=["openssl", "native"])
def node(request, start_proxy, origin, keys):
    """node() starts one of several that have the same files."""
    return lambda **options: start_proxy(origin.address, tls_engine=request.param,
                                         ticket_keys=keys, **options)


def begin(node, tls, session=None):
    """(the session that a client has then, whether it was resumed)."""
    with Tls(node.port, tls=tls, session=session) as client:
        assert client.request(get()).status == 200
        return client.tls.session, client.tls.session_reused


def loaded(node, count):
    node.wait_for("ticket_keys_loaded", count)


@pytest.mark.parametrize("versions", [TLS12, TLS13])
def test_a_session_begun_on_one_node_goes_on_at_another(node, keys, versions):
    """Also while the file has been rotated and only one of them knows."""
    first, second, tls = node(), node(), context(versions=versions)
    session, _ = begin(first, tls)
    session, resumed = begin(second, tls, session)
    assert resumed
    os.kill(second.pid, signal.SIGSTOP)  # so that it does not read the file
    try:
        keys.rotate()
        loaded(first, 2)
        ahead, _ = begin(first, tls)
        assert begin(first, tls, session)[1]
        assert begin(second, tls, ahead)[1]
    finally:
        os.kill(second.pid, signal.SIGCONT)
    loaded(second, 2)
    keys.rotate()
    for one in (first, second):
        loaded(one, 3)
    assert begin(second, tls, ahead)[1], "the key before is still there"
    keys.rotate()
    for one in (first, second):
        loaded(one, 4)
    assert not begin(second, tls, ahead)[1], "the key before that is gone"
    assert first.status()["tickets"]["file"] == str(keys)


def test_another_certificate_or_policy_ends_what_was_begun_elsewhere(node, pki):
    first, second = node(), node(tls_min="1.3")
    tls = context(versions=TLS13)
    session, _ = begin(first, tls)
    assert not begin(second, tls, session)[1]
    third = node(pair=pki.other)
    assert not begin(third, tls, session)[1]


def test_a_broken_file_is_told_with_its_line_and_the_last_keys_go_on(node, keys):
    first, second, tls = node(), node(), context(versions=TLS13)
    good = keys.read_text()
    session, _ = begin(first, tls)
    keys.write_text(good.replace("current ", "current x"))
    for one in (first, second):
        told = one.wait_for("ticket_keys_refused")
        assert "line 5: 'current' needs 224 hexadecimal digits" in told["reason"]
    assert begin(second, tls, session)[1]
    said = first.command("check", "-c", first.config).stdout
    assert "line 5" in said and good.split()[-1][:20] not in said
    assert "tickets rotate --file" in first.command(
        "tickets", "rotate", "-c", first.config, check=2).stderr
    keys.write_text(good)
    keys.chmod(0o644)
    assert "chmod 600" in first.wait_for("ticket_keys_refused", 2)["reason"]
    keys.chmod(0o600)
    keys.rotate()
    loaded(first, 2)


def test_without_the_file_a_node_serves_with_keys_of_its_own(node, keys):
    text = keys.read_text()
    keys.unlink()
    proxy, tls = node(), context(versions=TLS13)
    assert "make it with" in proxy.wait_for("ticket_keys_refused")["reason"]
    session, _ = begin(proxy, tls)
    assert begin(proxy, tls, session)[1]
    keys.write_text(text)
    keys.chmod(0o600)
    loaded(proxy, 1)
    proxy.write_config(ticket_keys=None)
    proxy.hup()
    assert rotations(proxy, "settings")


def test_keys_that_nobody_rotates_are_told_and_end(node, keys):
    old = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 13 * 3600 + 1))
    keys.write_text(re.sub("rotated .*", f"rotated {old}", keys.read_text()))
    proxy, tls = node(), context(versions=TLS13)
    assert proxy.wait_for("ticket_keys_overdue")["rotated"] == old
    wait_until(lambda: not begin(proxy, tls, begin(proxy, tls)[0])[1], "its keys have ended")
    keys.rotate()
    loaded(proxy, 2)
    assert begin(proxy, tls, begin(proxy, tls)[0])[1]
