"""Namespaces of one's own: a network with a loopback, processes, an empty /run."""
import os
import pathlib
import shutil
import subprocess

import pytest

from .wait import TIMEOUT, wait_until

INSIDE = "mount -t tmpfs tmpfs /run && mkdir /run/wlbproxy && ip link set lo up && echo up && exec cat"


def is_possible():
    return (os.geteuid() == 0 and all(map(shutil.which, ("unshare", "nsenter", "ip"))) and
            subprocess.run(["unshare", "--mount", "--net", "--pid", "--fork", "true"],
                           capture_output=True).returncode == 0)


needs_box = pytest.mark.skipif(not is_possible(), reason="needs namespaces, and root")


class Box:
    """Its processes end with it."""

    def __init__(self):
        self.outer = subprocess.Popen(
            ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc",
             "sh", "-c", INSIDE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.outer.stdout.readline() == "up\n"
        children = pathlib.Path(f"/proc/{self.outer.pid}/task/{self.outer.pid}/children")
        self.init = children.read_text().split()[0]

    def enter(self, *command):
        return ["nsenter", "--target", self.init, "--mount", "--net", "--pid",
                *map(str, command)]

    def start(self, *command, **options):
        return subprocess.Popen(self.enter(*command), text=True, **options)

    def run(self, *command, check=0, timeout=TIMEOUT, stdin="", **options):
        """What it printed, both streams; check: the exit status it must have, None: any."""
        done = subprocess.run(self.enter(*command), input=stdin, text=True, timeout=timeout,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)
        assert check is None or done.returncode == check, (command, done.returncode, done.stdout)
        return done.stdout

    def port_owner(self, port):
        """The name of the program that listens there; None: nobody does."""
        lines = self.run("ss", "-Hltnp", f"sport = :{port}").split('users:(("')
        return lines[1].split('"')[0] if len(lines) > 1 else None

    def wait_port_owner(self, port, name):
        wait_until(lambda: (self.port_owner(port) or "").startswith(name), f"{name} holds {port}",
                   TIMEOUT)

    def close(self):
        self.outer.stdin.close()
        self.outer.kill()
        self.outer.wait(TIMEOUT)
        self.outer.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
