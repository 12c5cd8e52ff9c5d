"""Who is not root and needs to be is told so, by every command."""
import os
import pathlib
import subprocess
import tempfile

import pytest

from frame.ports import free_port

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="must be able to be another user")
NOBODY = 65534


@pytest.fixture
def place(pki):
    """Files as on the appliance: the pair and the configuration, all of root alone."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        folder.chmod(0o755)
        pki.rsa.install(folder / "server.pem", folder / "server.key")
        (folder / "server.key").chmod(0o600)
        (folder / "new.pem").write_text(pki.other.merged())
        (folder / "new.pem").chmod(0o644)
        (folder / "wlbproxy.conf").write_text(
            f"control = {folder}/control.sock\n[wlb]\naccept = 127.0.0.1:{free_port()}\n"
            f"cert = {folder}/server.pem\nkey = {folder}/server.key\n")
        yield folder


def said_to_nobody(program, place, *words):
    done = subprocess.run([program, *words, "-c", str(place / "wlbproxy.conf")], text=True,
                          capture_output=True, user=NOBODY, group=NOBODY, extra_groups=[],
                          stdin=subprocess.DEVNULL, timeout=60, cwd="/")
    assert done.returncode in (1, 2)
    return " ".join((done.stdout + done.stderr).split())


@pytest.mark.parametrize("command", ["check", "run"])
def test_a_key_that_only_root_may_read(wlbproxy, place, command):
    said = said_to_nobody(wlbproxy, place, command)
    assert "server.key: it cannot be opened: Permission denied" in said
    assert "run wlbproxy as root, who may read it" in said


@pytest.mark.parametrize("command", ["check", "run", "cert show"])
def test_a_configuration_that_only_root_may_read(wlbproxy, place, command):
    (place / "wlbproxy.conf").chmod(0o600)
    said = said_to_nobody(wlbproxy, place, *command.split())
    assert "cannot be opened: Permission denied; run wlbproxy as root" in said


@pytest.mark.parametrize("command", ["create --force", "request", "install new.pem --force",
                                     "rollback"])
def test_a_folder_that_only_root_may_write(wlbproxy, place, command):
    words = [str(place / word) if word.endswith(".pem") else word for word in command.split()]
    said = said_to_nobody(wlbproxy, place, "cert", *words)
    assert "Permission denied; run wlbproxy as root" in said
    assert sorted(os.listdir(place)) == ["new.pem", "server.key", "server.pem",
                                         "wlbproxy.conf"]


def test_a_log_that_only_root_may_write(wlbproxy, place):
    (place / "server.key").chmod(0o644)
    with open(place / "wlbproxy.conf", "r+") as config:
        text = config.read()
        config.seek(0)
        config.write(f"log = {place}/proxy.log\n{text}")
    for command in "check", "run":
        said = said_to_nobody(wlbproxy, place, command)
        assert "for the log: Permission denied; run wlbproxy as root" in said


@pytest.mark.parametrize("command", ["status", "reload"])
def test_a_socket_of_roots(start_proxy, origin, place, command):
    control = place / "control.sock"
    proxy = start_proxy(origin.address, control=control)
    said = said_to_nobody(proxy.program, place, command)
    assert f"{control}: Permission denied; run wlbproxy as root" in said
