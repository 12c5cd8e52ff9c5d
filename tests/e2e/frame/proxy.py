"""The proxy as a process: its configuration, its log, its signals, its end."""
import contextlib
import json
import os
import pathlib
import re
import shlex
import signal
import socket
import subprocess

from . import columns, secrets
from .ports import free_port
from .wait import TIMEOUT, wait_until

CRASH = re.compile(
    r"ERROR: \w+Sanitizer|runtime error:|Assertion .* failed|WARNING: ThreadSanitizer"
    r"|SUMMARY: \w+Sanitizer|signal=(SIGSEGV|SIGABRT|SIGILL|SIGBUS)\b")

def options_of_the_whole_proxy():
    """Those that stand before the first section: the first table of docs/options.md."""
    text = (pathlib.Path(__file__).resolve().parents[3] / "docs" / "options.md").read_text()
    return set(re.findall(r"^\| `(\w+)` \|", text.split("**Of a service")[0], re.M))


GLOBAL = options_of_the_whole_proxy()


# Programs begin before these, which takes its time on a busy machine; no deadline leads to one.
BEGINNINGS = {"started", "confined", "worker_up", "signer_up", "successor_hello", "upgraded",
              "upgrade_failed", "predecessor_ended"}


def parse_event(line):
    """{'level', 'event', key: value...} of one line of the log; {} when it is none."""
    words = line.split(" ", 2)
    if len(words) < 3 or "event=" not in line:
        return {}
    try:
        pairs = shlex.split(words[2])
    except ValueError:
        pairs = words[2].split()
    fields = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
    return {"time": words[0], "level": words[1], "who": words[2].split(":")[0], **fields}


def descendants(pid):
    """Process ids below it: the master, too, where a wrapper such as strace started it."""
    found = []
    with contextlib.suppress(FileNotFoundError):
        for task in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(FileNotFoundError):  # a thread may just have ended
                children = open(f"/proc/{pid}/task/{task}/children").read().split()
                for child in map(int, children):
                    found += [child, *descendants(child)]
    return found


class Proxy:
    """Files in `folder`: wlbproxy.conf, server.pem, server.key, log, control.sock.

    Options of any name go to their place in the configuration; a list repeats the option.
    `extra` is text appended to it; `environment` adds to the process's own; `pass_fds` it
    inherits besides its standard ones; `expect_exit` is the status that finish() wants to see.

    A handshake may last three times as long as it may by default, unless the test says
    otherwise: a client whose interpreter starts meanwhile is slow on a busy machine.
    """

    def __init__(self, program, folder, pair, connect, extra="", environment=None,
                 wrapper=(), pass_fds=(), **options):
        self.program, self.folder = program, folder
        folder.mkdir(parents=True)
        self.cert, self.key = folder / "server.pem", folder / "server.key"
        self.config = folder / "wlbproxy.conf"
        self.control = folder / "control.sock"
        self.port = free_port()
        self.options = {"workers": 1, "log_level": "debug", "control": self.control,
                        "handshake_rate": 0, "handshake_timeout": "30s",
                        "accept": f"127.0.0.1:{self.port}",
                        "connect": connect, "cert": self.cert, "key": self.key, **options}
        self.extra, self.environment, self.wrapper = extra, environment or {}, list(wrapper)
        self.process, self.expect_exit, self._log = None, 0, None
        self.pass_fds, self.notifications, self.kept = pass_fds, [], []
        pair.install(self.cert, self.key)
        self.write_config()

    # --- configuration -------------------------------------------------------------------

    def write_config(self, **changes):
        """Writes the configuration anew, with changed options (None removes one)."""
        self.options.update(changes)
        options = {name: value for name, value in self.options.items() if value is not None}
        engine = os.environ.get("TLS_ENGINE")
        engine = f"tls_engine = {engine}\n" if engine and "tls_engine" not in options else ""

        def lines(wanted):
            for name, value in options.items():
                if (name in GLOBAL) == wanted:
                    for one in value if isinstance(value, (list, tuple)) else [value]:
                        yield f"{name} = {one}\n"

        self.config.write_text("".join(lines(True)) + engine + "\n[wlb]\n" + "".join(lines(False))
                               + "\n" + self.extra)

    # --- life ----------------------------------------------------------------------------

    def start(self, ready=True):
        self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notify.bind(str(self.folder / "notify.sock"))
        self._notify.setblocking(False)
        environment = {**os.environ, "NOTIFY_SOCKET": str(self.folder / "notify.sock"),
                       **self.environment}
        self._log = open(self.folder / "log", "ab")
        self.process = subprocess.Popen(
            [*self.wrapper, self.program, "run", "-c", str(self.config)],
            stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log, env=environment,
            pass_fds=self.pass_fds)
        if ready:
            wait_until(self._is_ready, "the proxy is ready", TIMEOUT)

    @property
    def pid(self):
        return self.process.pid

    def _is_ready(self):
        assert self.process.poll() is None, f"the proxy ended:\n{self.log_text()}"
        self.read_notifications()
        return any("READY=1" in one for one in self.notifications)

    def read_notifications(self):
        """Reads the sd_notify messages so far, as a list of lists of lines; `kept` gets the
        sockets that came with them."""
        while True:
            try:
                text, fds, _, _ = socket.recv_fds(self._notify, 65536, 253)
            except BlockingIOError:
                return self.notifications
            self.notifications.append(text.decode().splitlines())
            self.kept += [socket.socket(fileno=fd) for fd in fds]

    def signal(self, number):
        os.kill(self.pid, number)

    def wait_exit(self, timeout=TIMEOUT):
        return self.process.wait(timeout)

    def stop(self, timeout=TIMEOUT):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout)
            except subprocess.TimeoutExpired:
                self.kill_all()
                return "did not stop on TERM"
        return None

    def kill_all(self):
        for pid in [*descendants(self.pid), self.pid]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait(TIMEOUT)

    def logs(self):
        """Every file that it may have written a line to."""
        named = {str(self.options[name]) for name in ("log", "access_log")
                 if str(self.options.get(name, "")).startswith("/")}
        return [self.folder / "log", *sorted(named)]

    def finish(self):
        """Stops it; returns what was wrong with its life, as sentences."""
        complaints = []
        if self.process is None:
            return complaints
        late = self.stop()
        if late:
            complaints.append(f"the proxy {late}")
        elif self.process.returncode != self.expect_exit:
            complaints.append(f"the proxy ended with {self.process.returncode}")
        self._log.close()
        self._notify.close()
        for one in self.kept:
            one.close()
        crash = CRASH.search(self.log_text())
        if crash:
            complaints.append(f"the proxy's log has: {crash.group(0)}")
        complaints += secrets.found_in(self.logs())
        return complaints

    # --- the log -------------------------------------------------------------------------

    def log_text(self):
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def events(self, event=None, **fields):
        """The log's events of that name whose fields have these values."""
        found = []
        for line in self.log_text().splitlines():
            if event and f"event={event}" not in line:
                continue  # reading the whole of a long log again and again is dear
            one = parse_event(line)
            if one and event in (None, one.get("event")) and all(
                    one.get(name) == str(value) for name, value in fields.items()):
                found.append(one)
        return found

    def wait_for(self, event, count=1, timeout=None, **fields):
        """Waits until the log has `count` such events; returns the last."""
        timeout = timeout or (TIMEOUT if event in BEGINNINGS else 20)
        return wait_until(
            lambda: (lambda all_: all_[-1] if len(all_) >= count else None)(
                self.events(event, **fields)), f"event={event} {fields}", timeout)

    def complaints(self):
        """Warnings and errors of the workers: about connections, not about the machine."""
        return [one for one in self.events()
                if one["level"] in ("warning", "error") and one["who"].startswith("worker")]

    # --- reload and status -----------------------------------------------------------------

    def hup(self, timeout=TIMEOUT):
        """SIGHUP; returns the notifications up to READY=1, which comes on every outcome."""
        seen = len(self.read_notifications())
        self.signal(signal.SIGHUP)

        def outcome():
            assert self.process.poll() is None, "the proxy ended"
            new = self.read_notifications()[seen:]
            reloading = [i for i, one in enumerate(new) if "RELOADING=1" in one]
            done = [i for i, one in enumerate(new) if "READY=1" in one]
            return new if reloading and done and done[-1] > reloading[0] else None

        return wait_until(outcome, "the reload is over", timeout)

    def command(self, *arguments, check=None, timeout=TIMEOUT):
        """Runs `wlbproxy ARGUMENT...`; check: the exit status it must have."""
        done = subprocess.run([self.program, *map(str, arguments)], capture_output=True,
                              text=True, timeout=timeout, stdin=subprocess.DEVNULL)
        if "--json" not in arguments:
            columns.check(arguments, done.stdout, done.stderr)
        if check is not None:
            assert done.returncode == check, (arguments, done.returncode, done.stdout,
                                              done.stderr)
        return done

    def reload(self, check=0):
        return self.command("reload", "-c", self.config, check=check)

    def status(self):
        """Returns the output of `wlbproxy status --json`, without a process for each look."""
        with socket.socket(socket.AF_UNIX) as control:
            control.settimeout(TIMEOUT)
            control.connect(str(self.options["control"]))
            control.sendall(b'{"request": "status"}\n')
            status = json.loads(control.makefile("rb").readline())
        assert status["ok"], status
        return status

    # --- processes -----------------------------------------------------------------------

    def children(self, kind=None):
        """Process ids of the master's children of that kind: "worker" or "signer"; all: None."""
        pids = []
        for task in os.listdir(f"/proc/{self.pid}/task"):
            with (contextlib.suppress(FileNotFoundError),  # a thread may just have ended
                  open(f"/proc/{self.pid}/task/{task}/children") as children):
                pids += map(int, children.read().split())
        return [pid for pid in pids if kind is None or self._is_a(pid, kind)]

    @staticmethod
    def _is_a(pid, kind):
        with (contextlib.suppress(FileNotFoundError, ProcessLookupError),
              open(f"/proc/{pid}/cmdline", "rb") as words):
            return words.read().startswith(f"wlbproxy-{kind}".encode())
        return False

    def workers(self):
        return self.children("worker")

    def signer(self):
        (pid,) = self.children("signer")
        return pid

    @property
    def sanitized(self):
        """True for a build with a sanitizer, which keeps files open and freed memory aside."""
        with open(self.program, "rb") as program:
            return b"__asan_init" in program.read()

    def rss(self, pid=None):
        """KiB of resident memory of a worker (the first one unless said)."""
        with open(f"/proc/{pid or self.workers()[0]}/status") as status:
            return int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1))

    def descriptors(self, pid=None):
        return len(os.listdir(f"/proc/{pid or self.workers()[0]}/fd"))
