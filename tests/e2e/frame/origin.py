"""The stand-in backend (bench/origin) as a process, and what its replies look like."""
import hashlib
import json
import subprocess
import urllib.request

from .wait import TIMEOUT

BEGIN = b'<?xml version="1.0" encoding="utf-8"?><Filler>'
END = b"</Filler>"
LINE = b"all work and no play makes a dull reply".ljust(63) + b"\n"


def filler(size):
    """The generated body of a reply of that size."""
    room = size - len(BEGIN) - len(END)
    if room < 0:
        return (LINE * (size // len(LINE) + 1))[:size]
    return BEGIN + (LINE * (room // len(LINE) + 1))[:room] + END


def filler_sha256(size):
    """The same, without holding it."""
    digest = hashlib.sha256(BEGIN)
    room = size - len(BEGIN) - len(END)
    block = LINE * 16384
    while room > 0:
        digest.update(block[:room])
        room -= min(room, len(block))
    digest.update(END)
    return digest.hexdigest()


class Origin:
    def __init__(self, program, unix=None, idle_ms=15000):
        where = ["--unix", unix] if unix else ["--port", "0"]
        self.process = subprocess.Popen(
            [program, *where, "--idle", str(idle_ms)], stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        assert "listening on" in line, f"origin did not start: {line!r}"
        self.port = None if unix else int(line.split()[-1])
        self.address = f"unix:{unix}" if unix else f"127.0.0.1:{self.port}"

    def stats(self):
        with urllib.request.urlopen(f"http://{self.address}/stats", timeout=TIMEOUT) as reply:
            return json.load(reply)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        status = self.process.wait(timeout=TIMEOUT)
        self.process.stdout.close()
        assert status in (0, -15), f"origin ended with {status}"
