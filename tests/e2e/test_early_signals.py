"""A signal that means something to a running proxy does not end one that begins."""
import os
import pathlib
import shutil
import signal

import pytest

from frame.strace import is_possible
from frame.wait import wait_until
from test_reload import works


UMASK = "95"  # x86-64: the first thing that the master asks of the kernel


@pytest.mark.skipif(shutil.which("strace") is None or not is_possible() or
                    os.uname().machine != "x86_64", reason="needs strace")
@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2])
def test_a_signal_in_the_first_moments_waits(start_proxy, origin, tmp_path, number):
    """strace keeps it within its first call for a while."""
    proxy = start_proxy(origin.address, ready=False, wrapper=[
        "strace", "-D", "-o", str(tmp_path / "trace"), "-e", "trace=umask", "-e", "signal=none",
        "-e", "inject=umask:delay_enter=1000000:when=1"])

    def is_in_its_first_call():
        return pathlib.Path(f"/proc/{proxy.pid}/syscall").read_text().split()[0] == UMASK

    wait_until(is_in_its_first_call, "the first call is under way")
    proxy.signal(number)
    proxy.wait_for("started", timeout=60)
    if number == signal.SIGHUP:
        proxy.wait_for("unchanged", timeout=60)
    wait_until(lambda: works(proxy.port))


def test_a_process_of_ours_holds_them_from_its_beginning(start_proxy, origin):
    """What is blocked across exec cannot end it before it ignores it."""
    proxy = start_proxy(origin.address, workers=1)
    meant = {signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2}
    for pid in (*proxy.workers(), proxy.signer()):
        status = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
        fields = dict(line.split(":", 1) for line in status)
        for field in ("SigBlk", "SigIgn"):
            assert all(int(fields[field], 16) >> number - 1 & 1 for number in meant), field
