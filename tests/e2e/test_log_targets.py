"""Where lines go: the real journald, a syslog daemon, files that are rotated. Nobody waits for them,
and a line that is not taken is counted."""
import collections
import json
import os
import re
import shutil
import signal
import socket
import subprocess

import pytest

from frame.client import Tls, get
from frame.namespace import needs_namespace
from frame.wait import TIMEOUT, wait_until

JOURNALD = "/lib/systemd/systemd-journald"
# What comes first is to stand at the place that comes second.
BOUND = 'mount --make-rprivate / && mount --bind "$1" "$2" || exit 77; shift 2; exec "$@"'
# Nothing of this machine's: its files, the kernel's messages, its limits.
JOURNALD_CONF = """[Journal]
Storage=volatile
ReadKMsg=no
Audit=
RateLimitIntervalSec=0
"""
# A folder as /dev: with the devices, and whichever socket somebody makes there.
DEV = """
cd "$1" && shift && mount --make-rprivate / || exit 77
for device in null zero full random urandom; do
    touch "$device" && mount --bind "/dev/$device" "$device" || exit 77
done
mount --rbind . /dev && cd / && exec "$@"
"""
SYSLOG = re.compile(r"<(\d+)>([A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d) wlbproxy\[(\d+)\]: (.*)")


def within(folder, place):
    return ["unshare", "--mount", "sh", "-c", BOUND, "sh", str(folder), place]


def ask(proxy, count=1, agent=b"x"):
    request = get("/").replace(b"Host:", b"User-Agent: " + agent + b"\r\nHost:")
    with Tls(proxy.port) as client:
        for _ in range(count):
            assert client.request(request).status == 200


def lost(proxy):
    return sum(worker["log_lines_lost"] for worker in proxy.status()["workers"])


class Journald:
    """A journald with a /run of its own."""

    def __init__(self, folder):
        self.run = folder / "run"
        (self.run / "systemd/journal").mkdir(parents=True)
        (self.run / "systemd/journald.conf.d").mkdir()
        (self.run / "systemd/journald.conf.d/test.conf").write_text(JOURNALD_CONF)
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            ["unshare", "--net", *within(self.run, "/run"), JOURNALD])
        wait_until(self.answers, "journald answers", TIMEOUT)

    def answers(self):
        assert self.process.poll() is None, "journald has ended"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
            return other.connect_ex(str(self.run / "systemd/journal/socket")) == 0

    def end(self):
        self.process.send_signal(signal.SIGCONT)
        self.process.kill()
        self.process.wait(TIMEOUT)

    def entries(self, **fields):
        done = subprocess.run(
            ["journalctl", f"--directory={self.run}/log/journal", "-o", "json", "--all", "--no-pager",
             *(f"{name}={value}" for name, value in fields.items())],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def wait_for(self, **fields):
        return wait_until(lambda: self.entries(**fields), f"{fields} in the journal", TIMEOUT)


@pytest.fixture
def journald(tmp_path):
    if not (os.path.exists(JOURNALD) and shutil.which("journalctl") and
            os.path.exists("/etc/machine-id")):
        pytest.skip("no journald here")
    tmp_path.chmod(0o755)
    one = Journald(tmp_path)
    yield one
    one.end()


@needs_namespace
@pytest.mark.parametrize("form", ["text", "json"])
def test_journald_has_entries_with_fields(start_proxy, origin, journald, form):
    proxy = start_proxy(origin.address, log="journal", access_log="journal", access_log_format=form,
                        wrapper=within(journald.run, "/run"))
    hostile = b"a\xff\xc2\x9b\tPRIORITY=0 \" status=999 " + b"\\" * 2000
    ask(proxy, agent=hostile)
    (request,) = journald.wait_for(WLBPROXY_EVENT="request")
    assert request["MESSAGE_ID"] == "48650c9de3548578a88cd3f7cfd2cd6a"  # docs/access-log.md
    assert (request["PRIORITY"], request["SYSLOG_IDENTIFIER"]) == ("6", "wlbproxy")
    assert request["WLBPROXY_LOGGED_BY"] == "worker 0"
    assert int(request["SYSLOG_PID"]) in proxy.workers()
    assert isinstance(request["MESSAGE"], str) and "\\u00ff\\u00c2\\u009b\\u0009" in request["MESSAGE"]
    if form == "json":
        assert json.loads(request["MESSAGE"])["status"] == 200
    else:
        assert (request["WLBPROXY_STATUS"], request["WLBPROXY_SERVICE"]) == ("200", "wlb")
        assert request["WLBPROXY_AGENT"].startswith("a\\u00ff")
    (up,) = journald.wait_for(WLBPROXY_EVENT="worker_up")
    assert up["PRIORITY"] == "6" and f"`{up['MESSAGE_ID']}`" in open(
        os.path.join(os.path.dirname(__file__), "../../docs/events.md")).read()
    proxy.config.write_text("nonsense = 1\n")
    proxy.signal(signal.SIGHUP)
    (refused,) = journald.wait_for(WLBPROXY_EVENT="reload_refused")
    assert refused["PRIORITY"] == "3" and "nonsense" in refused["WLBPROXY_REASON"]
    assert int(refused["_PID"]) in (proxy.pid, int(refused["SYSLOG_PID"]))


@needs_namespace
def test_a_journald_that_does_not_read_delays_nobody(start_proxy, origin, journald):
    """It is stopped until its queue is full, and goes on: what it does not have was counted."""
    proxy = start_proxy(origin.address, access_log="journal",
                        wrapper=within(journald.run, "/run"))
    journald.process.send_signal(signal.SIGSTOP)
    asked = 0
    while lost(proxy) == 0:
        assert asked < 20_000, "it takes whatever comes"
        ask(proxy, 200)
        asked += 200
    journald.process.send_signal(signal.SIGCONT)
    ask(proxy)
    wait_until(lambda: len(journald.entries(WLBPROXY_EVENT="request")) + lost(proxy) == asked + 1,
               "each line is there or counted", TIMEOUT)


@needs_namespace
def test_a_journald_that_is_restarted_is_found_again(start_proxy, origin, journald):
    proxy = start_proxy(origin.address, access_log="journal",
                        wrapper=within(journald.run, "/run"))
    ask(proxy)
    journald.wait_for(WLBPROXY_EVENT="request")
    journald.end()
    ask(proxy, 3)
    wait_until(lambda: lost(proxy) == 3, "three lines are lost, and counted", TIMEOUT)
    proxy.wait_for("logs_not_reopened")
    journald.start()
    proxy.wait_for("logs_reopened")
    ask(proxy)
    wait_until(lambda: len(journald.entries(WLBPROXY_EVENT="request")) == 2, "it logs again", TIMEOUT)
    assert lost(proxy) == 3


class Syslog:
    """Stands in for a syslog daemon."""

    def __init__(self, folder):
        self.folder, self.lines = folder / "dev", []
        self.folder.mkdir()
        self.start()

    def start(self):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(self.folder / "log"))
        (self.folder / "log").chmod(0o666)
        self.socket.setblocking(False)

    def end(self):
        self.socket.close()
        (self.folder / "log").unlink()

    def wrapper(self):
        return ["unshare", "--mount", "sh", "-c", DEV, "sh", str(self.folder)]

    def read(self):
        while True:
            try:
                self.lines.append(self.socket.recv(65536).decode("ascii"))
            except BlockingIOError:
                return self.lines

    def requests(self):
        return [line for line in self.read() if " conn=" in line and " status=" in line]


@pytest.fixture
def syslog(tmp_path):
    tmp_path.chmod(0o755)
    one = Syslog(tmp_path)
    yield one
    one.socket.close()


@needs_namespace
def test_syslog_gets_lines_of_rfc_3164(start_proxy, origin, syslog):
    proxy = start_proxy(origin.address, log="syslog", access_log="syslog", wrapper=syslog.wrapper())
    ask(proxy, agent=b"\xc2\x9b[31m" + b"x" * 5000)
    proxy.config.write_text("nonsense = 1\n")
    proxy.signal(signal.SIGHUP)
    wait_until(lambda: any("event=reload_refused" in line for line in syslog.read()) and
               syslog.requests(), "both logs", TIMEOUT)
    parts = [SYSLOG.fullmatch(line) for line in syslog.lines]
    assert all(parts), [line for line in syslog.lines if not SYSLOG.fullmatch(line)]
    priorities = collections.defaultdict(set)
    for priority, _, pid, text in (part.groups() for part in parts):
        if "event=" in text:
            priorities[text.split()[0]].add(priority)
        assert int(pid) > 0 and text.isprintable() and len(text) < 4096
    assert priorities["error"] == {"27"} and priorities["info"] == {"30"}  # daemon.err, daemon.info
    (request,) = (SYSLOG.fullmatch(line) for line in syslog.requests())
    assert request[1] == "30" and int(request[3]) in proxy.workers()
    assert ' agent="\\u00c2\\u009b[31m' in request[4] and " status=200 " in request[4]


@needs_namespace
def test_a_syslog_that_does_not_read_delays_nobody(start_proxy, origin, syslog):
    proxy = start_proxy(origin.address, access_log="syslog", wrapper=syslog.wrapper())
    asked = 0
    while lost(proxy) == 0:
        assert asked < 20_000, "it takes whatever comes"
        ask(proxy, 200)
        asked += 200
    wait_until(lambda: len(syslog.requests()) + lost(proxy) == asked,
               "each line is there or counted", TIMEOUT)


@needs_namespace
def test_a_syslog_that_is_restarted_is_found_again(start_proxy, origin, syslog):
    """Its socket is another one then."""
    proxy = start_proxy(origin.address, access_log="syslog", wrapper=syslog.wrapper())
    ask(proxy)
    wait_until(lambda: len(syslog.requests()) == 1, "the first line", TIMEOUT)
    syslog.end()
    ask(proxy)
    wait_until(lambda: lost(proxy) == 1, "a line is lost, and counted", TIMEOUT)
    syslog.start()
    proxy.wait_for("logs_reopened")
    ask(proxy)
    wait_until(lambda: len(syslog.requests()) == 2, "it logs again", TIMEOUT)


@pytest.fixture
def filed(start_proxy, origin, tmp_path):
    """A proxy that logs into files of a folder."""
    folder = tmp_path / "logs"
    folder.mkdir()
    proxy = start_proxy(origin.address, log=folder / "events.log", access_log=folder / "access.log")
    proxy.places = folder
    return proxy


def lines_in(folder, pattern):
    return [line for path in sorted(folder.glob(pattern)) for line in path.read_text().splitlines()]


def wait_lines(folder, pattern, count):
    wait_until(lambda: len(lines_in(folder, pattern)) >= count, f"{count} lines in {pattern}", TIMEOUT)
    lines = lines_in(folder, pattern)
    assert len(lines) == count and not any("\0" in line for line in lines), lines
    return lines


def test_a_renamed_log_is_written_anew_after_usr1(filed):
    """Until then lines go to the old file: none is lost."""
    ask(filed)
    wait_lines(filed.places, "access.log", 1)
    for name in "access.log", "events.log":
        (filed.places / name).rename(filed.places / f"{name}.1")
    ask(filed)
    wait_lines(filed.places, "access.log.1", 2)
    assert not (filed.places / "access.log").exists()
    filed.signal(signal.SIGUSR1)
    wait_until(lambda: "event=logs_reopened" in "".join(lines_in(filed.places, "events.log")),
               "the new file", TIMEOUT)
    ask(filed)
    wait_lines(filed.places, "access.log", 1)
    wait_lines(filed.places, "access.log*", 3)


def test_a_log_that_was_copied_and_truncated_begins_at_its_start(filed):
    ask(filed, 5)
    wait_lines(filed.places, "access.log", 5)
    shutil.copy(filed.places / "access.log", filed.places / "access.log.1")
    os.truncate(filed.places / "access.log", 0)
    ask(filed, 2)
    wait_lines(filed.places, "access.log", 2)
    wait_lines(filed.places, "access.log*", 7)


@pytest.mark.skipif(shutil.which("logrotate") is None, reason="no logrotate here")
@pytest.mark.parametrize("way", ["reopen", "copytruncate"])
def test_logrotate_loses_no_line(filed, tmp_path, way):
    how = "copytruncate" if way == "copytruncate" else \
        f"postrotate\nkill -USR1 {filed.pid}\nendscript"
    config = tmp_path / "logrotate.conf"
    config.write_text(f"{filed.places}/*.log {{\nsu root root\nrotate 9\nsharedscripts\n{how}\n}}\n")
    config.chmod(0o644)
    for i in range(1, 4):
        ask(filed, 3)
        wait_lines(filed.places, "access.log", 3)
        subprocess.run(["logrotate", "--force", "--state", tmp_path / "state", config], check=True)
        if way == "reopen":
            wait_until(lambda: "event=logs_reopened" in "".join(
                lines_in(filed.places, "events.log")), "the new file", TIMEOUT)
        assert len(wait_lines(filed.places, "access.log*", 3 * i)) == 3 * i
    assert lost(filed) == 0
