"""What the package installs works as it is."""
import os
import signal
import subprocess

import pytest

from frame.namespace import needs_namespace
from frame.ports import free_port
from frame.processes import gone
from frame.wait import wait_until

pytestmark = pytest.mark.core
PACKAGING = os.path.join(os.path.dirname(__file__), "..", "..", "packaging")


def test_the_packaged_configuration_serves(start_proxy, origin):
    """Only its paths and ports are changed to those of the test."""
    proxy = start_proxy(origin.address)
    with open(os.path.join(PACKAGING, "wlbproxy.conf")) as file:
        text = file.read()
    for there, here in (("accept = 8012", f"accept = 127.0.0.1:{free_port()}"),
                        ("127.0.0.1:8013", origin.address),
                        ("/etc/ssl/certs", str(proxy.folder))):
        assert there in text
        text = text.replace(there, here)
    config = proxy.folder / "packaged.conf"
    config.write_text(text)
    proxy.command("check", "-c", config, check=0)


@needs_namespace
def test_a_new_version_is_served_after_its_installation(start_proxy, origin, tmp_path):
    """dpkg has unpacked it; there is a systemd that runs the old one."""
    proxy = start_proxy(origin.address)
    tools = tmp_path / "tools"
    tools.mkdir()
    for name, does in (("systemctl", f'[ "$1" != show ] || echo {proxy.pid}'),
                       ("systemd-sysusers", "true")):
        (tools / name).write_text(f"#!/bin/sh\n{does}\n")
        (tools / name).chmod(0o755)
    script = ('mount -t tmpfs none /run && mkdir -p /run/systemd/system && '
              'exec sh "$1/postinst" configure 0.9')
    subprocess.run(["unshare", "--mount", "sh", "-c", script, "sh", PACKAGING], check=True,
                   env={**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"})
    successor = int(proxy.wait_for("upgraded")["successor"])
    try:
        assert proxy.wait_exit() == 0
        assert proxy.status()["pid"] == successor
    finally:
        os.kill(successor, signal.SIGTERM)
        wait_until(lambda: gone(successor))
