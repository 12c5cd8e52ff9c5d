"""A Debian root with systemd as process 1, in namespaces of its own."""
import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).parent
CLEAN = ["env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8",
         "DEBIAN_FRONTEND=noninteractive"]
UP = ("running", "degraded")


def wait_until(condition, what, timeout=120):
    end = time.monotonic() + timeout
    while not (found := condition()):
        assert time.monotonic() < end, f"still not: {what}"
        time.sleep(0.1)
    return found


class Machine:
    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.process = subprocess.Popen([HERE / "boot", root], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            self.init = int(wait_until(self._first_child, "process 1"))
            wait_until(lambda: self.run("systemctl", "is-system-running", check=None) in UP,
                       "systemd is up")
        except BaseException:
            self.stop()
            raise

    def _first_child(self):
        if self.process.poll() is not None:
            raise RuntimeError(self.process.stderr.read().decode())
        path = f"/proc/{self.process.pid}/task/{self.process.pid}/children"
        with contextlib.suppress(FileNotFoundError):  # it may just have ended
            children = open(path).read().split()
            if children and os.readlink(f"/proc/{children[0]}/exe").endswith("systemd"):
                return children[0]
        return None

    def enter(self, *command):
        return ["nsenter", "--target", str(self.init), "--all", *CLEAN, *map(str, command)]

    def run(self, *command, check=0):
        """Returns the output of both streams; check: the exit status it must have, None: any."""
        done = subprocess.run(self.enter(*command), stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300)
        assert check is None or done.returncode == check, (command, done.returncode, done.stdout)
        return done.stdout.strip()

    def show(self, name, unit="wlbproxy.service"):
        return self.run("systemctl", "show", f"--property={name}", "--value", unit)

    def start(self, name, *command):
        """Runs it in the background, as a unit of that name; `systemctl stop` ends it."""
        self.run("systemd-run", "--quiet", f"--unit={name}", *command)

    def load(self, port):
        """Clients from within its network; see load.py."""
        return Load(self.init, port)

    def stop(self):
        self.process.send_signal(signal.SIGKILL)  # --kill-child ends process 1, and that all
        self.process.wait()
        self.process.stderr.close()


class Load:
    def __init__(self, init, port):
        self.process = subprocess.Popen(
            ["nsenter", "--target", str(init), "--net", sys.executable, str(HERE / "load.py"),
             str(port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.process.stdout.readline()  # the first was served

    def outcomes(self):
        """Ends it; {"served": N, ...}."""
        printed, _ = self.process.communicate("", timeout=60)
        return eval(printed.strip().splitlines()[-1], {})  # of a dict of ours
