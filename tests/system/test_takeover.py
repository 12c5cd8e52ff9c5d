"""`migrate --takeover` and `--undo` under a real systemd, in the place of a real stunnel."""
import pytest

from machine import wait_until

CONF = "/etc/stunnel/wlb.conf"
UNIT = "stunnel@wlb.service"
TEXT = """foreground = yes
syslog = yes
pid =
[wlb]
accept = 8012
connect = 127.0.0.1:8013
cert = /etc/ssl/certs/server.pem
key = /etc/ssl/certs/server.key
"""
DROP_IN = "/etc/systemd/system/wlbproxy.service.d/broken.conf"


@pytest.fixture(scope="module", autouse=True)
def appliance(machine):
    machine.start("backend", "/usr/local/bin/origin", "--port", "8013")
    machine.run("dpkg", "--force-confold", "-i", "/packages/now.deb")
    machine.run("wlbproxy", "cert", "create", "--force", "--name", "localhost", check=None)
    machine.run("systemctl", "stop", "wlbproxy")
    machine.run("systemctl", "reset-failed", check=None)
    (machine.root / CONF[1:]).write_text(TEXT)
    machine.run("systemctl", "enable", "--now", UNIT)
    wait_until(lambda: is_answered(machine), "stunnel serves")
    yield
    machine.run("systemctl", "disable", "--now", UNIT)
    machine.run("systemctl", "stop", "backend", check=None)
    machine.run("dpkg", "-P", "wlbproxy")


def state(machine, unit):
    enabled = machine.run("systemctl", "is-enabled", unit, check=None)
    return machine.show("ActiveState", unit), enabled


def is_answered(machine):
    return machine.run("curl", "-sk", "-o", "/dev/null", "-w", "%{http_code}",
                       "https://127.0.0.1:8012/", check=None) == "200"


def is_before(machine):
    assert state(machine, UNIT) == ("active", "enabled")
    wait_until(lambda: state(machine, "wlbproxy.service") == ("inactive", "disabled"),
               "wlbproxy has ended")
    assert is_answered(machine)


def test_units_change_places_and_back(machine):
    config = machine.run("cat", "/etc/wlbproxy/wlbproxy.conf")
    for _ in range(2):
        said = machine.run("wlbproxy", "migrate", "--takeover", "--yes", CONF)
        assert f"systemctl stop {UNIT}" in said and "systemctl start wlbproxy.service" in said
        assert state(machine, UNIT) == ("inactive", "disabled")
        assert state(machine, "wlbproxy.service") == ("active", "enabled")
        assert is_answered(machine)
        assert "UNDONE" in machine.run("wlbproxy", "migrate", "--undo", "--yes")
        is_before(machine)
        assert machine.run("cat", "/etc/wlbproxy/wlbproxy.conf") == config


def test_a_unit_that_does_not_start_gives_the_place_back(machine):
    drop_in = machine.root / DROP_IN[1:]
    drop_in.parent.mkdir(parents=True)
    drop_in.write_text("[Service]\nExecStartPre=/bin/false\n")
    machine.run("systemctl", "daemon-reload")
    try:
        said = machine.run("wlbproxy", "migrate", "--takeover", "--yes", CONF, check=1)
        assert "did not come to serve" in " ".join(said.split()) and "BACK" in said
        is_before(machine)
    finally:
        machine.run("rm", "-r", str(drop_in.parent).replace(str(machine.root), ""))
        machine.run("systemctl", "daemon-reload")
