"""The life of the package under a real systemd: the tests are one story, in this order."""
import json
import re

import pytest

from machine import wait_until

FILES = ("/usr/sbin/wlbproxy", "/usr/libexec/wlbproxy/wlbproxy-worker",
         "/usr/libexec/wlbproxy/wlbproxy-signer", "/usr/share/man/man8/wlbproxy.8.gz",
         "/usr/share/man/man5/wlbproxy.conf.5.gz",
         "/usr/share/bash-completion/completions/wlbproxy")


GET = ("curl", "-sS", "--cacert", "/etc/ssl/certs/server.pem", "-o", "/dev/null",
       "-w", "%{http_code}", "https://localhost:8012/")


def processes(machine):
    pids = machine.run("sh", "-c", "cat /sys/fs/cgroup/system.slice/wlbproxy.service/cgroup.procs")
    return [int(pid) for pid in pids.split()]


def dpkg(machine, *arguments):
    return machine.run("dpkg", "--force-confold", *arguments)


def main_pid(machine):
    return int(machine.show("MainPID"))


@pytest.fixture(scope="module", autouse=True)
def backend(machine):
    machine.start("backend", "/usr/local/bin/origin", "--port", "8013")
    yield
    machine.run("systemctl", "stop", "backend")


def test_it_is_installed_and_enabled_and_says_that_it_does_not_serve_yet(machine):
    printed = dpkg(machine, "-i", "/packages/now.deb")
    assert "it does not serve yet" in printed
    assert machine.run("systemctl", "is-enabled", "wlbproxy") == "enabled"
    assert "wlbproxy" in machine.run("getent", "passwd", "wlbproxy")
    for path in FILES:
        machine.run("test", "-s", path)


def test_it_serves_when_it_has_a_certificate(machine):
    machine.run("wlbproxy", "cert", "create", "--name", "localhost")
    machine.run("systemctl", "restart", "wlbproxy")
    assert machine.show("ActiveState") == "active"
    assert machine.run(*GET) == "200"
    known = int(machine.run("systemctl", "--version").split()[1]) >= 253
    assert machine.show("Type") == ("notify-reload" if known else "notify")


def test_a_reload_is_done_and_a_refused_one_fails(machine):
    machine.run("systemctl", "reload", "wlbproxy")
    machine.run("sh", "-c", "echo nonsense = 1 >>/etc/wlbproxy/wlbproxy.conf")
    machine.run("systemctl", "reload", "wlbproxy", check=1)
    assert machine.show("ActiveState") == "active"
    machine.run("sed", "-i", "/nonsense/d", "/etc/wlbproxy/wlbproxy.conf")
    machine.run("systemctl", "reload", "wlbproxy")


def test_the_unit_is_confined(machine):
    machine.run("systemctl", "daemon-reload")
    level = machine.run("sh", "-c", "systemd-analyze security wlbproxy --no-pager | tail -1")
    assert float(level.split()[-3]) <= 1.5, level
    for pid in processes(machine):
        status = machine.run("cat", f"/proc/{pid}/status").splitlines()
        fields = dict(line.split(":", 1) for line in status)
        reader = "0000000000000004"  # CAP_DAC_READ_SEARCH: the master's, to read the keys
        allowed = {reader} if pid == main_pid(machine) else {"0" * 16}
        assert fields["CapEff"].strip() in allowed, (fields["Name"], fields["CapEff"])
        assert fields["Uid"].split()[0] != "0"


def test_the_manager_knows_what_is_served_until_when(machine):
    assert re.fullmatch(r"Serving generation \d+.*: wlb \(localhost until 20\d\d-\d\d-\d\d\)",
                        machine.show("StatusText"))


def test_the_journal_has_priorities(machine):
    lines = machine.run("journalctl", "-u", "wlbproxy", "-o", "json", "--no-pager").splitlines()
    ours = [json.loads(line) for line in lines]
    found = {one["PRIORITY"] for one in ours if str(one["MESSAGE"]).startswith("info master: ")}
    assert found == {"6"}
    refused = [one for one in ours if "event=reload_refused" in str(one["MESSAGE"])]
    assert refused and {one["PRIORITY"] for one in refused} == {"3"}


def test_a_restart_refuses_nobody(machine):
    load = machine.load(8012)
    for _ in range(3):
        machine.run("systemctl", "restart", "wlbproxy")
    outcomes = load.outcomes()
    assert set(outcomes) == {"served"}, outcomes


def test_a_killed_master_is_replaced_and_refuses_nobody(machine):
    """And no connection is lost: its workers serve theirs to the end."""
    before = main_pid(machine)
    load = machine.load(8012)
    machine.start("slow", "curl", "-sS", "--cacert", "/etc/ssl/certs/server.pem", "-o", "/slow",
                  "https://localhost:8012/?size=100000&piece=5000&pause=200")
    wait_until(lambda: machine.run("sh", "-c", "wc -c </slow", check=None).isdigit() and
               int(machine.run("sh", "-c", "wc -c </slow")) > 0, "the reply has begun")
    machine.run("kill", "-KILL", before)
    wait_until(lambda: main_pid(machine) not in (0, before) and
               machine.show("ActiveState") == "active", "it is up again")
    wait_until(lambda: machine.show("ActiveState", "slow.service") == "inactive", "it has ended")
    assert machine.run("sh", "-c", "wc -c </slow") == "100000"
    outcomes = load.outcomes()
    assert set(outcomes) == {"served"}, outcomes
    assert machine.run(*GET) == "200"
    assert machine.show("OOMPolicy") == "continue"


def test_a_master_that_hangs_is_replaced_by_the_watchdog(machine):
    before = main_pid(machine)
    assert machine.show("WatchdogUSec") == "30s"
    machine.run("kill", "-STOP", before)
    wait_until(lambda: main_pid(machine) not in (0, before) and
               machine.show("ActiveState") == "active", "it is up again")
    assert machine.run(*GET) == "200"


def test_a_held_port_is_told_with_its_process(machine):
    machine.run("systemctl", "stop", "wlbproxy")
    machine.start("other", "/usr/local/bin/origin", "--port", "8012")
    try:
        wait_until(lambda: machine.run("curl", "-s", "http://127.0.0.1:8012/", "-o", "/dev/null",
                                       check=None) == "", "the other one listens")
        machine.run("systemctl", "start", "wlbproxy", check=1)
        wait_until(lambda: "origin (pid" in machine.run("journalctl", "-u", "wlbproxy", "--no-pager",
                                                        "-n", "60"), "the journal names it")
    finally:
        machine.run("systemctl", "stop", "other")
    wait_until(lambda: machine.show("ActiveState") == "active", "it starts by itself then")


def test_sockets_of_a_socket_unit_are_used(machine):
    unit = "[Socket]\\nListenStream=8012\\n[Install]\\nWantedBy=sockets.target\\n"
    machine.run("systemctl", "stop", "wlbproxy")
    machine.run("sh", "-c", f"printf '{unit}' >/etc/systemd/system/wlbproxy.socket")
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "start", "wlbproxy.socket")
    assert machine.run(*GET) == "200"  # the connection has started it
    assert machine.show("ActiveState") == "active"
    machine.run("systemctl", "stop", "wlbproxy.socket", "wlbproxy.service")
    machine.run("rm", "/etc/systemd/system/wlbproxy.socket")
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "start", "wlbproxy")


def test_a_stop_after_an_upgrade_lets_requests_end(machine):
    """systemd knows the successor as its child: it waits for its end."""
    machine.run("touch", "/usr/sbin/wlbproxy")  # another file, as after an upgrade
    before = main_pid(machine)
    machine.run("systemctl", "reload-or-restart", "wlbproxy")
    assert main_pid(machine) not in (0, before)
    machine.run("systemctl", "stop", "wlbproxy")
    assert machine.show("Result") == "success"
    machine.run("systemctl", "start", "wlbproxy")


@pytest.mark.parametrize("version, way", [("99.1", "upgrade"), ("99.2", "upgrade"),
                                          ("99.1", "downgrade")])
def test_another_version_is_served_and_no_connection_is_lost(machine, version, way):
    before = main_pid(machine)
    load = machine.load(8012)
    printed = dpkg(machine, "-i", f"/packages/{version}.deb")
    outcomes = load.outcomes()
    assert "was replaced" in printed, printed
    assert set(outcomes) == {"served"}, (way, outcomes)
    assert main_pid(machine) not in (0, before)
    assert machine.show("ActiveState") == "active"


def test_removal_ends_it_and_keeps_what_is_configured(machine):
    dpkg(machine, "-r", "wlbproxy")
    assert machine.show("ActiveState") != "active"
    machine.run("test", "-s", "/etc/wlbproxy/wlbproxy.conf")
    machine.run("test", "-s", "/etc/ssl/certs/server.key")
    machine.run("test", "!", "-e", "/usr/sbin/wlbproxy")


def test_purge_leaves_the_certificates_alone(machine):
    dpkg(machine, "-P", "wlbproxy")
    for path in ("/etc/wlbproxy", "/var/log/wlbproxy", "/etc/logrotate.d/wlbproxy",
                 "/etc/systemd/system/multi-user.target.wants/wlbproxy.service"):
        machine.run("test", "!", "-e", path)
    machine.run("test", "-s", "/etc/ssl/certs/server.key")
    assert "wlbproxy" not in machine.run("dpkg", "-l")
    wait_until(lambda: machine.run("systemctl", "list-units", "--failed", "--plain", "wlbproxy*",
                                   "--no-legend") == "", "nothing is left failed")
