"""`cert install` killed, or failing, at each of its system calls: never a mixture."""
import collections
import os
import re
import shutil
import ssl

import pytest

from test_cert_install import Place
from test_reload import served

# What changes files. The others between them are killed at with --full, too.
CHANGING = {"write", "fsync", "fchown", "chmod", "mkdir", "rename", "symlink", "unlink",
            "rmdir"}

pytestmark = pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")


@pytest.fixture(autouse=True)
def no_leak_check(monkeypatch):
    monkeypatch.setenv("ASAN_OPTIONS", "detect_leaks=0")  # it cannot work under ptrace


def calls(place, folder, *arguments):
    """[(name, nth)] of the system calls from the lock on, of one run."""
    trace = folder / "trace"
    place.run(*arguments, wrapper=("strace", "-f", "-o", str(trace)))
    counts, found, locked = collections.Counter(), [], False
    for line in trace.read_text().splitlines():
        call = re.match(r"\d+ +(\w+)\(", line)
        if not call:
            continue
        name = call.group(1)
        counts[name] += 1
        locked = locked or name == "flock"
        if locked and name not in ("exit_group", "brk", "munmap", "futex"):
            found.append((name, counts[name]))
    return found


def injected(name, nth, what):
    return ("strace", "-f", "-o", "/dev/null", "-e", f"trace={name}", "-e",
            f"inject={name}:{what}:when={nth}")


def in_place(place, *pairs):
    """Which of the pairs it is; a mixture cannot be loaded, another does not compare."""
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(place.cert, place.key)
    leaf = ssl.PEM_cert_to_DER_cert(place.cert.read_text()[
        :place.cert.read_text().index("-----END") + 26].strip() + "\n")
    found = [pair for pair in pairs if pair.der() == leaf]
    assert found, "neither the old nor the new one"
    return found[0]


def is_tidy(place):
    links = [one for one in place.folder.rglob("*") if one.is_symlink()]
    litter = [one for one in place.folder.rglob(".*.unfinished")]
    store = place.folder / "server.key_history"
    return not links and not litter and all(
        re.fullmatch(r"\d{4}-\w+|undone", one.name) for one in store.iterdir())


def keys_are_closed(place):
    for one in place.folder.rglob("*"):
        if one.is_file() and not one.is_symlink() and "PRIVATE" in one.read_text():
            assert one.stat().st_mode & 0o777 == 0o600, one


class Running(Place):
    """The pair of a running proxy, which is asked to reload after each interruption."""

    def __init__(self, proxy):
        self.program, self.folder, self.config = proxy.program, proxy.folder, proxy.config
        self.cert, self.key, self.proxy = proxy.cert, proxy.key, proxy


def test_install_killed_at_each_call(start_proxy, origin, pki, tmp_path, full):
    place = Running(start_proxy(origin.address, log_level="info"))
    new = ("install", pki.other.cert, "--key", pki.other.key)
    old = ("install", pki.rsa.cert, "--key", pki.rsa.key)
    todo = calls(place, tmp_path, *new)
    place.run(*old)
    assert len(todo) > 300
    seen = collections.Counter()
    for name, nth in todo:
        if name not in CHANGING and not full:
            continue
        place.run(*new, wrapper=injected(name, nth, "signal=SIGKILL"), check=None)
        found = in_place(place, pki.rsa, pki.other)
        keys_are_closed(place)
        seen[found.name] += 1
        place.proxy.reload()
        assert served(place.proxy.port) == found.fingerprint(), (name, nth)
        place.run(*old)
        assert in_place(place, pki.rsa) is pki.rsa and is_tidy(place), (name, nth)
    assert seen["rsa"] > 20 and seen["other"] > 20, seen


def without_proxy(wlbproxy, tmp_path, pki):
    return Place(wlbproxy, tmp_path / "place", pki.rsa)


def test_rollback_killed_at_each_call(wlbproxy, tmp_path, pki):
    place = without_proxy(wlbproxy, tmp_path, pki)
    new = ("install", pki.other.cert, "--key", pki.other.key)
    place.run(*new)
    todo = calls(place, tmp_path, "rollback")
    for name, nth in todo:
        if name not in ("rename", "symlink", "unlink", "rmdir", "mkdir", "write"):
            continue
        place.run(*new)
        place.run("rollback", wrapper=injected(name, nth, "signal=SIGKILL"), check=None)
        found = in_place(place, pki.rsa, pki.other)
        if found is pki.other:
            place.run("rollback")
        assert in_place(place, pki.rsa) is pki.rsa, (name, nth)


def test_create_killed_at_each_call_leaves_a_pair_or_none(wlbproxy, tmp_path):
    place = Place(wlbproxy, tmp_path / "place")
    todo = calls(place, tmp_path, "create", "--key", "ec")
    for name, nth in todo:
        if name not in CHANGING:
            continue
        shutil.rmtree(place.folder)
        again = Place(wlbproxy, tmp_path / "place")
        again.run("create", "--key", "ec", wrapper=injected(name, nth, "signal=SIGKILL"),
                  check=None)
        if os.path.exists(again.cert):
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(again.cert, again.key)
            again.run("create", "--key", "ec", check=1)
        else:
            again.run("create", "--key", "ec")
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(again.cert, again.key)


@pytest.mark.parametrize("error", ["ENOSPC", "EIO"])
def test_install_failing_at_each_call(wlbproxy, tmp_path, pki, error):
    place = without_proxy(wlbproxy, tmp_path, pki)
    new = ("install", pki.other.cert, "--key", pki.other.key)
    old = ("install", pki.rsa.cert, "--key", pki.rsa.key)
    todo = calls(place, tmp_path, *new)
    place.run(*old)
    for name, nth in todo:
        if name not in CHANGING | {"fchmod"}:
            continue
        done = place.run(*new, wrapper=injected(name, nth, f"error={error}"), check=None)
        found = in_place(place, pki.rsa, pki.other)
        assert done.returncode in (0, 2), (name, nth, done)
        if done.returncode == 2:
            assert len(done.stderr) > 20, (name, nth, done)
        if found is pki.other and done.returncode == 2:
            assert "the new pair is in place" in " ".join(done.stderr.split()) or (
                name == "write"), (name, nth, done)
        place.run(*old)
        assert in_place(place, pki.rsa) is pki.rsa and is_tidy(place), (name, nth)
