"""The life of the package under a real systemd: the tests are one story, in this order."""
import pytest

from machine import wait_until

FILES = ("/usr/sbin/wlbproxy", "/usr/libexec/wlbproxy/wlbproxy-worker",
         "/usr/libexec/wlbproxy/wlbproxy-signer", "/usr/share/man/man8/wlbproxy.8.gz",
         "/usr/share/man/man5/wlbproxy.conf.5.gz",
         "/usr/share/bash-completion/completions/wlbproxy")


def dpkg(machine, *arguments):
    return machine.run("dpkg", "--force-confold", *arguments)


def main_pid(machine):
    return int(machine.show("MainPID"))


@pytest.fixture(scope="module", autouse=True)
def backend(machine):
    process = machine.start("/usr/local/bin/origin", "--port", "8013")
    yield
    process.kill()
    process.wait()


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
    assert machine.run("curl", "-sS", "--cacert", "/etc/ssl/certs/server.pem", "-o", "/dev/null",
                       "-w", "%{http_code}", "https://localhost:8012/") == "200"
    known = int(machine.run("systemctl", "--version").split()[1]) >= 253
    assert machine.show("Type") == ("notify-reload" if known else "notify")


def test_a_reload_is_done_and_a_refused_one_fails(machine):
    machine.run("systemctl", "reload", "wlbproxy")
    machine.run("sh", "-c", "echo nonsense = 1 >>/etc/wlbproxy/wlbproxy.conf")
    machine.run("systemctl", "reload", "wlbproxy", check=1)
    assert machine.show("ActiveState") == "active"
    machine.run("sed", "-i", "/nonsense/d", "/etc/wlbproxy/wlbproxy.conf")
    machine.run("systemctl", "reload", "wlbproxy")


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
