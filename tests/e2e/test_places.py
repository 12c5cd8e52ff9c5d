"""Odd places to run in: what a process usually has is missing, or fails at the start."""
import os
import shutil
import signal
import subprocess

import pytest

from frame.client import Tls, get
from frame.namespace import needs_namespace
from frame.wait import wait_until

pytestmark = pytest.mark.core

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def works(port):
    with Tls(port) as client:
        return client.request(get("/", close=True)).status == 200


def run(wlbproxy, config, *wrapper):
    return subprocess.run([*wrapper, wlbproxy, "run", "-c", str(config)], timeout=60,
                          capture_output=True, text=True, stdin=subprocess.DEVNULL)


@pytest.fixture
def config(start_proxy, origin):
    """The configuration of a proxy that has been stopped."""
    proxy = start_proxy(origin.address)
    proxy.stop()
    return proxy.config


def test_closed_standard_descriptors(start_proxy, origin, tmp_path):
    """The next files opened would be 0, 1 and 2, and be written to."""
    log = tmp_path / "log"
    proxy = start_proxy(origin.address, log=log, ready=False,
                        wrapper=["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh"])
    wait_until(lambda: log.exists() and "event=started" in log.read_text())
    assert works(proxy.port)
    proxy.hup()
    worker = proxy.workers()[0]
    for pid, count in ((proxy.pid, 3), (worker, 2)):
        for fd in range(count):
            assert os.readlink(f"/proc/{pid}/fd/{fd}") == "/dev/null"
    assert os.readlink(f"/proc/{worker}/fd/2").startswith("socket:")  # to the master, which logs
    assert proxy.stop() is None  # and finish() sees that it ended with 0


def test_commands_with_closed_standard_descriptors(wlbproxy, tmp_path):
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", wlbproxy, "cert", "create", "--name",
         "localhost", "--cert", tmp_path / "server.pem", "--control", tmp_path / "none"],
        timeout=60)
    assert done.returncode == 0
    for name in ("server.pem", "server.key"):
        text = (tmp_path / name).read_text()
        assert text.startswith("-----BEGIN") and text.count("\n-----END") == 1, text
        assert text.rstrip().endswith("-----"), text


@needs_namespace
def test_no_dev(start_proxy, origin, tmp_path):
    proxy = start_proxy(origin.address, wrapper=[
        "unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /dev && exec "$@"', "sh"])
    assert works(proxy.port)
    proxy.hup()


@needs_root
@pytest.mark.parametrize("limit", range(9, 15))
def test_an_account_that_cannot_be_looked_up_is_not_missing(wlbproxy, config, limit):
    """However few descriptors there are, the reason for what does not go is theirs."""
    config.write_text("user = daemon\n" + config.read_text())
    with subprocess.Popen(
            ["prlimit", f"--nofile={limit}:{limit}", wlbproxy, "run", "-c", config],
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        first = process.stderr.readline()
        process.terminate()
        process.communicate(timeout=60)
    assert 'workers_run_as="daemon"' in first or "Too many open files" in first


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
def test_libuv_gives_up_and_we_say_why(wlbproxy, config):
    """Its first write, to a pipe of its own."""
    done = run(wlbproxy, config, "strace", "-o", "/dev/null", "-e",
               "inject=write:error=EIO:when=1")
    assert done.returncode == 2
    assert done.stderr == "wlbproxy: cannot start: event loop: Input/output error\n"


def test_a_worker_that_aborts_says_why(start_proxy, origin):
    """Its words come to the log by way of the master, which still reads them."""
    proxy = start_proxy(origin.address)
    (worker,) = proxy.workers()
    os.kill(worker, signal.SIGABRT)
    aborted = proxy.wait_for("aborted")
    assert aborted["last_error"] and "worker 0: event=aborted" in proxy.log_text()
    proxy.wait_for("worker_died", signal="6")
    proxy.wait_for("worker_up", count=2)
    assert works(proxy.port)


def test_no_file_may_be_written(wlbproxy, config):
    done = run(wlbproxy, config, "prlimit", "--fsize=0", "--")
    assert done.returncode == 2
    assert "memory for the new generation: File too large" in done.stderr


def test_a_log_that_has_reached_its_limit_stops_nothing(start_proxy, origin, tmp_path):
    log = tmp_path / "log"
    log.write_bytes(b"x" * (1 << 20))
    proxy = start_proxy(origin.address, log=log,
                        wrapper=["prlimit", f"--fsize={1 << 20}", "--"])
    workers = proxy.workers()
    assert works(proxy.port)
    proxy.hup()
    assert proxy.workers() == workers and log.stat().st_size == 1 << 20
    wait_until(lambda: proxy.status()["workers"][0]["log_lines_lost"] > 0)


def test_names_that_are_not_utf_8_are_told(start_proxy, origin, pki, tmp_path):
    folder = os.fsencode(tmp_path) + b"/m\xfcller"
    os.mkdir(folder)
    proxy = start_proxy(origin.address)
    for path in (proxy.cert, proxy.key):
        shutil.copy(path, os.fsdecode(folder))
    text = proxy.config.read_bytes()
    for path in (proxy.cert, proxy.key):
        text = text.replace(os.fsencode(path), folder + b"/" + os.fsencode(path.name))
    proxy.config.write_bytes(text)
    proxy.reload()
    (service,) = proxy.status()["services"]
    assert service["certificates"][0]["file"].endswith("/m\ufffdller/server.pem")
    proxy.config.write_bytes(text.replace(b"[wlb]", b"log = /nowhere/\xfc\n[wlb]"))
    assert "/nowhere/\ufffd" in proxy.reload(check=1).stdout
    assert "/nowhere/\ufffd" in proxy.status()["last_reload"]["error"]
