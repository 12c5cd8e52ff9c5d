"""Every command tells a user who is not root and needs to be."""
import contextlib
import os
import pathlib
import subprocess
import tempfile

import pytest

from frame.client import Tls, get
from frame.ports import free_port
from frame.processes import field
from frame.proxy import Proxy

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


@pytest.fixture
def as_nobody(wlbproxy, pki):
    """as_nobody(connect) runs the whole proxy as an ordinary user."""
    started = []
    with tempfile.TemporaryDirectory() as name:
        def start(connect, **options):
            folder = pathlib.Path(name) / "proxy"
            proxy = Proxy(wlbproxy, folder, pki.rsa, connect, wrapper=[
                "setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"],
                **options)
            started.append(proxy)
            for path in (pathlib.Path(name), folder, proxy.key, proxy.cert, proxy.config):
                os.chown(path, NOBODY, NOBODY)
            proxy.start(ready=False)
            os.chmod(folder / "notify.sock", 0o666)
            proxy.wait_for("started")
            return proxy

        yield start
        assert [proxy.finish() for proxy in started] == [[]]


def test_an_ordinary_user_has_a_sandbox_too(as_nobody, origin):
    proxy = as_nobody(origin.address)
    words = proxy.wait_for("confined")["by"]
    if "instrumented" in words or "no empty root" in words:
        pytest.skip(words)
    for pid in proxy.children():
        assert os.listdir(f"/proc/{pid}/root/") == []
        assert set(field(pid, "Uid")) == {str(NOBODY)}
        for which in "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb":
            assert field(pid, which) == ["0" * 16]
    with Tls(proxy.port) as client:
        assert client.request(get("/", close=True)).status == 200


def test_a_worker_of_the_same_user_is_nobody_to_the_control_socket(as_nobody):
    """It reaches the socket here because a service is told to connect to it."""
    with tempfile.TemporaryDirectory() as name:
        os.chown(name, NOBODY, NOBODY)
        proxy = as_nobody(f"unix:{name}/control.sock", control=f"{name}/control.sock",
                          protocol="tcp")
        with Tls(proxy.port) as client:
            client.send(b'{"request": "status"}\n')
            with contextlib.suppress(OSError):
                assert client.receive() == b""
        told = proxy.wait_for("control_refused")
        assert "a worker" in told["reason"]
