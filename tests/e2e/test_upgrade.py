"""One version replaces another, under load: what they say, and successors that fail."""
import json
import os
import pathlib
import shutil
import signal
import sys

import pytest

from frame.callers import Callers, works
from frame.client import TLS13, Tls, context, get
from frame.processes import gone
from frame.wait import wait_until

pytestmark = pytest.mark.core
OTHER_VERSION = pathlib.Path(__file__).parent / "frame" / "other_version.py"

FAILING = {
    "silent": "did not say hello",
    "dies-after-hello": "it ended",
    "refuses": "no reason",
    "serves-and-does-not": "was not heard of since",
    "dies-after-serving": "it ended",
    "dies-instead-of-taking": "it ended",
}


def replace(own, wlbproxy, mode):
    """Another file is where the program was."""
    own.unlink()
    if mode == "same":
        shutil.copy(wlbproxy, own)
        return
    own.write_text(f'#!/bin/sh\nexec {sys.executable} {OTHER_VERSION} {mode} {wlbproxy} "$@"\n')
    own.chmod(0o755)


@pytest.fixture
def upgradable(start_proxy, origin, wlbproxy, tmp_path):
    """A proxy whose program is a file of its own; successors that took over are ended."""
    own = tmp_path / "wlbproxy"
    shutil.copy(wlbproxy, own)
    proxy = start_proxy(origin.address, workers=2, log_level="info", program=own)
    proxy.own, proxy.program = own, wlbproxy
    yield proxy
    for event in proxy.events("upgraded"):
        pid = int(event["successor"])
        if not gone(pid):
            os.kill(pid, signal.SIGTERM)
            wait_until(lambda: gone(pid))


@pytest.mark.parametrize("mode", ["same", "added", "missing"])
def test_a_reload_brings_the_installed_version_up(upgradable, wlbproxy, mode):
    """Nobody is refused or cut, and the reload tells what came of it."""
    proxy = upgradable
    replace(proxy.own, wlbproxy, mode)
    with Callers([proxy.port]) as callers:
        done = proxy.command("reload", "-c", proxy.config, check=0)
        assert "has taken over" in done.stdout and "confirmed by a handshake" in done.stdout
        assert proxy.wait_exit() == 0
    successor = int(proxy.events("upgraded")[0]["successor"])
    assert proxy.status()["pid"] == successor
    assert set(callers.outcomes) == {"served"}
    if mode != "missing":
        assert proxy.status()["generation"] == 2


def test_a_hup_in_its_first_moments_does_not_end_the_successor(upgradable, wlbproxy):
    """Here before its program has even begun: a script stands before it."""
    proxy = upgradable
    proxy.own.unlink()
    proxy.own.write_text(f'#!/bin/sh\nkill -HUP $$\nexec {wlbproxy} "$@"\n')
    proxy.own.chmod(0o755)
    done = proxy.command("reload", "-c", proxy.config, check=0)
    assert "has taken over" in done.stdout
    assert proxy.wait_exit() == 0
    proxy.wait_for("unchanged")  # the reload that was asked for meanwhile


def test_a_drained_backend_stays_drained(upgradable, wlbproxy):
    proxy = upgradable
    proxy.command("backend", "wlb", "drain", "-c", proxy.config, check=0)
    (before,) = proxy.status()["services"][0]["backends"]
    replace(proxy.own, wlbproxy, "same")
    proxy.command("reload", "-c", proxy.config, check=0)
    assert proxy.wait_exit() == 0
    (after,) = proxy.status()["services"][0]["backends"]
    assert after["state"] == "drained" and after["since"] == before["since"]


@pytest.mark.tls
def test_sessions_are_resumed_after_an_upgrade(upgradable, wlbproxy, pki):
    proxy = upgradable
    tls = context(pki, TLS13)
    with Tls(proxy.port, tls=tls) as client:
        client.request(get("/"))
        session = client.tls.session
    replace(proxy.own, wlbproxy, "added")
    proxy.reload()
    with Tls(proxy.port, tls=tls, session=session) as client:
        assert client.tls.session_reused


@pytest.mark.parametrize("mode, reason", FAILING.items())
def test_a_successor_that_fails_changes_nothing(upgradable, wlbproxy, mode, reason):
    proxy = upgradable
    replace(proxy.own, wlbproxy, mode)
    with Callers([proxy.port]) as callers:
        done = proxy.command("reload", "-c", proxy.config, check=1)
        assert reason in " ".join(done.stdout.split()), done.stdout
    assert set(callers.outcomes) == {"served"}, callers.outcomes
    assert proxy.status()["pid"] == proxy.pid
    # Not tried again by a reload: that is one now.
    assert "nothing has changed" in proxy.reload().stdout
    assert works(proxy.port)


@pytest.mark.long
def test_twenty_upgrades_in_a_row_lose_nobody(upgradable, wlbproxy):
    proxy = upgradable
    with Callers([proxy.port]) as callers:
        for _ in range(20):
            before = proxy.status()["pid"]
            replace(proxy.own, wlbproxy, "same")
            done = proxy.command("reload", "-c", proxy.config, check=0)
            assert "has taken over" in done.stdout
            wait_until(lambda: gone(before))
            assert proxy.status()["pid"] != before
    assert set(callers.outcomes) == {"served"}, callers.outcomes


@pytest.mark.long
@pytest.mark.parametrize("mode", ["added", "missing"])
@pytest.mark.parametrize("turn", range(20))
def test_each_upgrade_twenty_times(upgradable, wlbproxy, mode, turn):
    """The other version runs our program, so that it cannot be replaced once more."""
    test_a_reload_brings_the_installed_version_up(upgradable, wlbproxy, mode)


@pytest.mark.long
@pytest.mark.parametrize("mode, reason", FAILING.items())
def test_twenty_successors_that_fail_lose_nobody(upgradable, wlbproxy, mode, reason):
    proxy = upgradable
    with Callers([proxy.port]) as callers:
        for _ in range(20):
            replace(proxy.own, wlbproxy, mode)
            done = proxy.command("reload", "-c", proxy.config, check=1)
            said = " ".join(done.stdout.split())  # a slow one says hello too late
            assert reason in said or "did not say hello" in said, done.stdout
    assert set(callers.outcomes) == {"served"}, callers.outcomes
    assert proxy.status()["pid"] == proxy.pid


def test_a_reload_during_an_upgrade_is_done_by_both(upgradable, wlbproxy, pki):
    """It comes when the successor has read the files already."""
    proxy = upgradable
    replace(proxy.own, wlbproxy, "same")
    proxy.signal(signal.SIGUSR2)
    proxy.wait_for("successor_hello")
    proxy.wait_for("started", count=2)
    pki.other.install(proxy.cert, proxy.key)
    proxy.write_config(xenserver="off")
    proxy.signal(signal.SIGHUP)
    proxy.wait_for("upgraded")
    assert proxy.wait_exit() == 0
    wait_until(lambda: pki.other.fingerprint() in json.dumps(proxy.status()),
               "the successor serves it")
    assert works(proxy.port)


def test_a_reload_waits_for_a_hello_and_no_longer(upgradable, wlbproxy):
    proxy = upgradable
    replace(proxy.own, wlbproxy, "hangs-before-it-serves")
    proxy.signal(signal.SIGUSR2)
    proxy.wait_for("successor_hello")
    proxy.write_config(idle_timeout="31s")
    proxy.signal(signal.SIGHUP)
    proxy.wait_for("reloaded", generation=2)
    assert not proxy.events("upgrade_failed")
    pid = int(proxy.events("upgrading")[0]["successor"])
    os.kill(pid, signal.SIGKILL)
    proxy.wait_for("upgrade_failed")
    assert works(proxy.port)


def test_a_predecessor_that_dies_leaves_its_place(upgradable, wlbproxy):
    proxy = upgradable
    replace(proxy.own, wlbproxy, "same")
    proxy.signal(signal.SIGUSR2)
    proxy.wait_for("started", count=2)
    successor = int(proxy.events("upgrading")[0]["successor"])
    try:
        proxy.expect_exit = -signal.SIGKILL
        proxy.signal(signal.SIGKILL)
        proxy.wait_exit()
        proxy.wait_for("predecessor_ended")
        wait_until(lambda: proxy.status()["pid"] == successor)
        assert works(proxy.port)
    finally:
        os.kill(successor, signal.SIGTERM)
        wait_until(lambda: gone(successor))
