"""System calls of a running process that fail on demand: strace -e inject."""
import re
import shutil
import subprocess
import tempfile

from .wait import TIMEOUT, wait_until


def is_possible():
    """strace is there, and the kernel lets us trace."""
    if shutil.which("strace") is None:
        return False
    with subprocess.Popen(["sleep", "60"]) as victim:
        try:
            with Injection(victim.pid, "none"):
                return True
        except AssertionError:
            return False
        finally:
            victim.kill()


class Injection:
    """Inside the with block calls of `pid` (and its children) fail.

    `faults` are strace's own words: "accept4:error=EMFILE:when=3+10". `count()` is how often
    it came to that. `path`: only those that have to do with this file.
    """

    def __init__(self, pid, *faults, follow=True, path=None):
        self.pid, self.faults, self.follow, self.path = pid, faults, follow, path
        self._lines = None

    def __enter__(self):
        calls = ",".join(sorted({fault.split(":")[0] for fault in self.faults}))
        inject = [word for fault in self.faults if ":" in fault
                  for word in ("-e", f"inject={fault}")]
        self._lines = tempfile.TemporaryFile("w+", errors="replace")
        self.process = subprocess.Popen(
            ["strace", *(["-f"] if self.follow else []), "-e", f"trace={calls}",
             "-e", "signal=none", *inject,
             *(["-P", str(self.path)] if self.path else []), "-p", str(self.pid)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self._lines)
        wait_until(self._is_attached, "strace is attached")
        return self

    def _is_attached(self):
        assert self.process.poll() is None, self.output()
        return "attached" in self.output()

    def output(self):
        self._lines.seek(0)
        return self._lines.read()

    def count(self, call=""):
        return len(re.findall(rf"{call}.*\(INJECTED\)", self.output()))

    def calls(self, call):
        return len(re.findall(rf"\b{call}\(", self.output()))

    def __exit__(self, *_):
        # INT lets it detach: the traced process goes on untouched.
        self.process.send_signal(2)
        try:
            self.process.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
