"""As if the kernel were Linux 3.10: what is newer is answered with ENOSYS (tests/old_kernel.c)."""
import os
import pathlib
import signal
import subprocess

import pytest

from frame.callers import works
from frame.processes import gone
from frame.wait import wait_until

pytestmark = pytest.mark.core


@pytest.fixture
def old_kernel(wlbproxy):
    path = pathlib.Path(wlbproxy).with_name("old_kernel")
    if not path.exists():
        pytest.skip("the launcher is for x86-64")
    return str(path)


def test_it_serves_reloads_replaces_and_is_replaced(start_proxy, origin, old_kernel):
    """Without getrandom, memfd_create, execveat, close_range, seccomp(2), Landlock."""
    proxy = start_proxy(origin.address, wrapper=[old_kernel])
    assert works(proxy.port)
    proxy.write_config(idle_timeout="31s")
    proxy.reload()
    os.kill(proxy.workers()[0], signal.SIGKILL)
    proxy.wait_for("worker_up", count=2)
    assert works(proxy.port)
    proxy.signal(signal.SIGUSR2)
    successor = int(proxy.wait_for("upgraded")["successor"])
    try:
        assert proxy.wait_exit() == 0
        assert works(proxy.port)
    finally:
        os.kill(successor, signal.SIGTERM)
        wait_until(lambda: gone(successor))


def test_reload_is_confirmed_by_a_handshake(start_proxy, origin, old_kernel):
    """The helper that shakes hands opens no file: its random numbers come from one open before."""
    proxy = start_proxy(origin.address, wrapper=[old_kernel])
    done = subprocess.run([old_kernel, proxy.program, "reload", "-c", proxy.config],
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and "NOT CONFIRMED" not in done.stdout + done.stderr, done


def test_it_says_what_it_lacks(start_proxy, origin, old_kernel):
    proxy = start_proxy(origin.address, wrapper=[old_kernel])
    if proxy.sanitized:
        pytest.skip("children of a build with a sanitizer keep their root")
    assert "no Landlock (Function not implemented)" in proxy.command(
        "status", "-c", proxy.config, check=0).stdout
