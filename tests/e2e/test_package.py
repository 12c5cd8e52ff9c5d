"""The files that the package installs work unchanged."""
import os
import shutil
import subprocess

import pytest

from frame.ports import free_port

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


@pytest.mark.skipif(shutil.which("groff") is None, reason="needs groff")
@pytest.mark.parametrize("page", ["wlbproxy.8", "wlbproxy.conf.5"])
def test_a_manual_page_renders_without_a_warning(wlbproxy, page):
    text = subprocess.run(["sh", os.path.join(PACKAGING, "manual.sh"), wlbproxy,
                           os.path.join(PACKAGING, f"{page}.in")],
                          capture_output=True, check=True, timeout=60).stdout
    done = subprocess.run(["groff", "-ww", "-man", "-Tutf8", "-z"], input=text,
                          capture_output=True, timeout=60)
    assert done.stderr.decode() == "" and done.returncode == 0
