"""The interface to a service manager, without one: sockets, notifications, log."""
import os
import signal
import socket
import sys

import pytest

from frame.client import Tls, get
from frame.namespace import is_possible, needs_namespace
from frame.ports import free_port
from frame.wait import wait_until

pytestmark = pytest.mark.core

# As systemd starts it: descriptors from 3 on, and the process they are meant for.
WITH_SOCKETS = """
import fcntl, os, sys
fds = [fcntl.fcntl(int(fd), fcntl.F_DUPFD, 100) for fd in sys.argv[1].split(",")]
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(fds)),
                  LISTEN_FDNAMES=":".join(["listen"] * len(fds)))
for number, fd in enumerate(fds, 3):
    os.dup2(fd, number)
    os.close(fd)
os.execv(sys.argv[2], sys.argv[2:])
"""
WITH_JOURNAL = """
import os, sys
journal = os.fstat(2)
os.environ["JOURNAL_STREAM"] = f"{journal.st_dev}:{journal.st_ino}"
os.execv(sys.argv[1], sys.argv[1:])
"""
# A /run of its own, with the journal's socket at its place, or without one.
RUN = """
mount --make-rprivate / && mount -t tmpfs tmpfs /run || exit 77
socket=$1 && shift
test -z "$socket" || {
    mkdir -p /run/systemd/journal && touch /run/systemd/journal/socket
    mount --bind "$socket" /run/systemd/journal/socket
} || exit 77
exec "$@"
"""
JOURNAL = "/run/systemd/journal/socket"
HELLO = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


def passing(*listeners):
    fds = tuple(one.fileno() for one in listeners)
    return {"wrapper": [sys.executable, "-c", WITH_SOCKETS, ",".join(map(str, fds))],
            "pass_fds": fds}


def caller(port):
    """It says something that is answered in words, without TLS."""
    client = socket.create_connection(("127.0.0.1", port), 20)
    client.sendall(HELLO)
    return client


def is_answered(client):
    with client:
        return client.recv(4096).startswith(b"HTTP/1.1 400")


def is_served(port):
    with Tls(port) as client:
        return client.request(get("/", close=True)).status == 200


def test_a_passed_socket_is_used_by_all_workers(start_proxy, origin):
    """A client that connected before the start is answered; two workers share the one socket."""
    with socket.create_server(("127.0.0.1", free_port())) as listener:
        port = listener.getsockname()[1]
        early = caller(port)
        proxy = start_proxy(origin.address, workers=2, accept=f"127.0.0.1:{port}",
                            **passing(listener))
    assert is_answered(early) and is_served(port)
    first, second = proxy.workers()
    for stopped in (first, second):
        os.kill(stopped, signal.SIGSTOP)
        try:
            assert is_served(port)
        finally:
            os.kill(stopped, signal.SIGCONT)
    with open(f"/proc/{second}/environ", "rb") as environment:
        assert b"LISTEN_" not in environment.read()


def test_a_passed_descriptor_of_another_kind_is_told(start_proxy, origin):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        proxy = start_proxy(origin.address, **passing(other))
    assert proxy.events("descriptor_not_used", fd=3)
    assert is_served(proxy.port)


def test_sockets_are_kept_for_the_next_instance(start_proxy, origin):
    """A client that connects while no instance runs waits, and is answered by the next one."""
    proxy = start_proxy(origin.address, environment={"FDSTORE": "16"})
    (kept,) = proxy.kept
    assert kept.getsockname()[1] == proxy.port
    proxy.signal(signal.SIGTERM)
    assert proxy.wait_exit() == 0
    waiting = caller(proxy.port)
    start_proxy(origin.address, accept=f"127.0.0.1:{proxy.port}", **passing(kept))
    assert is_answered(waiting) and is_served(proxy.port)


def test_without_a_manager_that_keeps_them_newcomers_are_refused(start_proxy, origin):
    proxy = start_proxy(origin.address)
    assert proxy.kept == []
    proxy.signal(signal.SIGTERM)
    assert proxy.wait_exit() == 0
    with pytest.raises(ConnectionRefusedError):
        caller(proxy.port)


def test_the_manager_is_told_names_and_dates(start_proxy, origin):
    proxy = start_proxy(origin.address)
    told = [line for note in proxy.read_notifications() for line in note
            if line.startswith("STATUS=Serving generation 1: wlb (")]
    assert told and " until 2" in told[-1], proxy.notifications


def with_run(socket_path=""):
    return ["unshare", "--mount", "sh", "-c", RUN, "sh", str(socket_path)]


@pytest.mark.skipif(os.path.exists(JOURNAL) and not is_possible(),
                    reason="needs a mount namespace: this machine has a journal")
def test_the_stream_to_the_journal_gets_priorities(start_proxy, origin):
    """And no time of ours: it has its own."""
    hidden = with_run() if os.path.exists(JOURNAL) else []
    proxy = start_proxy(origin.address, wrapper=[*hidden, sys.executable, "-c", WITH_JOURNAL])
    proxy.config.write_text("nonsense = 1\n")
    proxy.signal(signal.SIGHUP)
    wait_until(lambda: "event=reload_refused" in proxy.log_text(), "the refusal")
    lines = proxy.log_text().splitlines()
    levels = {"<3>": "error", "<4>": "warning", "<6>": "info", "<7>": "debug"}
    assert all(line[3:].startswith(levels[line[:3]] + " ") for line in lines), lines
    assert any(line.startswith("<3>error master: event=reload_refused") for line in lines)
    assert any(line.startswith("<6>info worker 0: ") for line in lines)


class Journal:
    """The journal's socket: entries as dictionaries."""

    def __init__(self, folder):
        folder.mkdir()
        self.path = folder / "socket"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(self.path))
        self.path.chmod(0o666)
        self.socket.setblocking(False)
        self.entries = []

    def find(self, **fields):
        """Waits for an entry that has them."""
        def look():
            while True:
                try:
                    text = self.socket.recv(65536).decode()
                except BlockingIOError:
                    break
                self.entries.append(dict(line.split("=", 1) for line in text.splitlines()))
            return [one for one in self.entries if fields.items() <= one.items()]
        return wait_until(look, f"{fields} in the journal")[0]


@pytest.fixture
def journal(tmp_path):
    journal = Journal(tmp_path / "journal")
    yield journal
    journal.socket.close()


@needs_namespace
@pytest.mark.parametrize("log", ["journal", "stderr"])
def test_the_journal_gets_fields(start_proxy, journal, log):
    """`stderr` alike, where it leads to the journal. Few lines: its queue may have ten."""
    detects = [sys.executable, "-c", WITH_JOURNAL] if log == "stderr" else []
    proxy = start_proxy(f"127.0.0.1:{free_port()}", log=log, access_log=log, log_level="warning",
                        wrapper=with_run(journal.path) + detects)
    with Tls(proxy.port) as client:
        assert client.request(get("/", close=True)).status == 502
    request = journal.find(WLBPROXY_EVENT="request")
    assert (request["WLBPROXY_STATUS"], request["WLBPROXY_SERVICE"]) == ("502", "wlb")
    failed = journal.find(WLBPROXY_EVENT="backend_failed", WLBPROXY_CONN=request["WLBPROXY_CONN"])
    assert (failed["WLBPROXY_LOGGED_BY"], failed["PRIORITY"]) == ("worker 0", "4")
    assert failed["MESSAGE"].startswith("warning worker 0: event=backend_failed ")
    assert failed["SYSLOG_PID"] == request["SYSLOG_PID"] != str(proxy.pid)
    proxy.config.write_text("nonsense = 1\n")
    proxy.signal(signal.SIGHUP)
    refused = journal.find(WLBPROXY_EVENT="reload_refused")
    assert refused["PRIORITY"] == "3" and "nonsense" in refused["WLBPROXY_REASON"]
    ids = open(os.path.join(os.path.dirname(__file__), "../../docs/events.md")).read()
    assert f"| `{refused['MESSAGE_ID']}` |" in ids


@needs_namespace
def test_without_a_journal_it_says_so(start_proxy, origin):
    proxy = start_proxy(origin.address, wrapper=with_run())
    proxy.write_config(log="journal")
    proxy.signal(signal.SIGHUP)
    refused = proxy.wait_for("reload_refused")
    assert f"{JOURNAL}: " in refused["reason"], refused
    assert "is systemd-journald running?" in refused["reason"]
