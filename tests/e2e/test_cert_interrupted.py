"""`cert` killed, or failing, at each of its system calls: never a mixture.

Each test prints its verdict: how many kills, and what was in place after them.
"""
import collections
import os
import re
import shutil

import pytest

from frame.interrupt import (
    ON_FILES, a_part, after_start, at, calls, kill_at, own_lines, tracer)
from frame.pki import first_der, openssl
from test_cert_install import Place
from test_reload import served

pytestmark = pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")


@pytest.fixture(autouse=True)
def no_leak_check(monkeypatch):
    monkeypatch.setenv("ASAN_OPTIONS", "detect_leaks=0")  # it cannot work under ptrace


@pytest.fixture(autouse=True)
def strict_umask():
    """The strictest that somebody's shell may have: modes must not depend on it."""
    before = os.umask(0o077)
    yield
    os.umask(before)


def in_place(place, *pairs):
    """Tells which of the pairs is in place; a mixture cannot be loaded, another one is not
    equal."""
    there = place.fingerprint()
    found = [pair for pair in pairs if pair.fingerprint() == there]
    assert found, "neither the old nor the new one"
    return found[0]


def litter(place):
    """Files that a finished command does not leave."""
    store = place.folder / "server.key_history"
    found = [one for one in place.folder.rglob("*")
             if one.is_symlink() or one.name.endswith(".unfinished")]
    found += [one for one in store.iterdir()
              if not re.fullmatch(r"\d{4}-\w+|undone", one.name)]
    found += [one for one in [store, *store.iterdir()]
              if one.stat().st_mode & 0o777 != 0o711]
    return found


def keys_are_closed(place):
    for one in place.folder.rglob("*"):
        if one.is_file() and not one.is_symlink() and "PRIVATE" in one.read_text():
            assert one.stat().st_mode & 0o777 == 0o600, one


class Rewound:
    """A folder with a pair, put back between two runs as it was, links and modes too."""

    def __init__(self, place, aside):
        self.place, self.aside = place, aside
        self.keep = [one.name for one in place.folder.iterdir()
                     if one.name.startswith(("server.", ".server."))]
        aside.mkdir()
        for name in self.keep:
            self.copy(place.folder / name, aside / name)

    @staticmethod
    def copy(source, target):
        if source.is_dir():
            shutil.copytree(source, target, symlinks=True)
        else:
            shutil.copy2(source, target, follow_symlinks=False)

    def again(self):
        for one in self.place.folder.iterdir():
            if one.name.startswith(("server.", ".server.")):
                shutil.rmtree(one) if one.is_dir() and not one.is_symlink() else one.unlink()
        for name in self.keep:
            self.copy(self.aside / name, self.place.folder / name)


class Running(Place):
    """The pair of a running proxy, which is asked to reload after each interruption."""

    def __init__(self, proxy):
        self.program, self.folder, self.config = proxy.program, proxy.folder, proxy.config
        self.cert, self.key, self.proxy = proxy.cert, proxy.key, proxy

    def serves(self, pair):
        self.proxy.hup()
        return served(self.proxy.port) == pair.fingerprint()


class Seen(collections.Counter):
    def tell(self, what):
        print(f"\n{what}: {sum(self.values())} kills, " + ", ".join(
            f"{count} {name}" for name, count in sorted(self.items())) + ", 0 mixed")


def sweep(place, tmp_path, command, old, new, full, most):
    """Kills the command at each call; each time what is on the disk is whole and served,
    and the same command once more leaves what one that ran through does."""
    rewound = Rewound(place, tmp_path / "aside")
    todo = calls(lambda wrapper: place.run(*command, wrapper=wrapper), tmp_path / "trace")
    assert in_place(place, old, new) is new
    seen = Seen()
    for call in a_part(todo, full, most):
        rewound.again()
        assert place.serves(old), call
        place.run(*command, wrapper=kill_at(*call), check=None)
        found = in_place(place, old, new)
        seen["old" if found is old else "new"] += 1
        keys_are_closed(place)
        assert place.serves(found), call
        place.run(*command, check=0 if found is old or command[0] == "install" else 1)
        assert in_place(place, old, new) is new and not litter(place), call
    return seen


def test_install_killed_at_each_call(start_proxy, origin, pki, tmp_path, full):
    place = Running(start_proxy(origin.address, log_level="info"))
    seen = sweep(place, tmp_path, ("install", pki.other.cert, "--key", pki.other.key),
                 pki.rsa, pki.other, full, most=12)
    seen.tell("install")
    assert seen["old"] and seen["new"], seen


def test_install_of_a_request_killed_at_each_call(start_proxy, origin, pki, tmp_path, full):
    """The waiting key is used up: it must be found, there or in the pair, at every moment."""
    place = Running(start_proxy(origin.address, log_level="info"))
    waiting = place.folder / "server.key.pending"
    shutil.copy(pki.other.key, waiting)
    waiting.chmod(0o600)
    seen = sweep(place, tmp_path, ("install", pki.other.leaf, pki.intermediate.cert),
                 pki.rsa, pki.other, full, most=9)
    seen.tell("install of what was requested")
    assert seen["old"] and seen["new"], seen
    assert not waiting.exists()


def test_rollback_killed_at_each_call(start_proxy, origin, pki, tmp_path, full):
    place = Running(start_proxy(origin.address, log_level="info"))
    place.run("install", pki.other.cert, "--key", pki.other.key)
    seen = sweep(place, tmp_path, ("rollback",), pki.other, pki.rsa, full, most=7)
    seen.tell("rollback")
    assert seen["old"] and seen["new"], seen


def test_create_killed_at_each_call_leaves_a_pair_or_none(wlbproxy, tmp_path, full):
    place = Place(wlbproxy, tmp_path / "place")
    rewound = Rewound(place, tmp_path / "aside")
    create = ("create", "--key", "ec")
    todo = calls(lambda wrapper: place.run(*create, wrapper=wrapper), tmp_path / "trace")
    seen = Seen()
    for call in a_part(todo, full, most=9):
        rewound.again()
        place.run(*create, wrapper=kill_at(*call), check=None)
        keys_are_closed(place)
        there = os.path.exists(place.cert)
        assert there == os.path.exists(place.key), call
        assert not there or place.fingerprint(), call
        seen["new" if there else "none"] += 1
        place.run(*create, check=1 if there else 0)
        assert place.fingerprint() and not litter(place), call
    seen.tell("create")
    assert seen["none"] and seen["new"], seen


def test_create_over_a_pair_killed_at_each_call(start_proxy, origin, pki, tmp_path, full):
    place = Running(start_proxy(origin.address, log_level="info"))
    rewound = Rewound(place, tmp_path / "aside")
    create = ("create", "--force", "--name", "localhost")
    todo = calls(lambda wrapper: place.run(*create, wrapper=wrapper), tmp_path / "trace")
    seen = Seen()
    for call in a_part(todo, full, most=7):
        rewound.again()
        place.proxy.hup()
        place.run(*create, wrapper=kill_at(*call), check=None)
        place.fingerprint()
        keys_are_closed(place)
        seen["old" if first_der(place.cert) == pki.rsa.der() else "new"] += 1
        place.proxy.hup()
        assert served(place.proxy.port) == place.fingerprint(), call
        place.run(*create)
        assert place.fingerprint() and not litter(place), call
    seen.tell("create --force")
    assert seen["old"] and seen["new"], seen


def test_request_killed_at_each_call(wlbproxy, tmp_path, pki, full):
    """The pair is untouched; a request and the key that waits for its answer fit."""
    place = Place(wlbproxy, tmp_path / "place", pki.rsa)
    waiting, csr = place.folder / "server.key.pending", place.folder / "server.csr"
    rewound = Rewound(place, tmp_path / "aside")
    request = ("request", "--key", "ec", "--name", "localhost")
    todo = calls(lambda wrapper: place.run(*request, wrapper=wrapper), tmp_path / "trace")
    seen = Seen()
    for call in a_part(todo, full, most=9):
        rewound.again()
        place.run(*request, wrapper=kill_at(*call), check=None)
        assert in_place(place, pki.rsa), call
        keys_are_closed(place)
        seen["requested" if csr.exists() else "not requested"] += 1
        assert not csr.exists() or waiting.exists(), call
        before = waiting.read_text() if waiting.exists() else None
        place.run(*request)
        assert before in (None, waiting.read_text()), call
        assert openssl("req", "-in", csr, "-noout", "-pubkey") == openssl(
            "pkey", "-in", waiting, "-pubout"), call
        assert not litter(place), call
    seen.tell("request")
    assert seen["not requested"] and seen["requested"], seen


# --- a disk that fails ------------------------------------------------------------------------


def failing(place, tmp_path, command, full, error, judge, names=ON_FILES):
    """Each call on files fails once, the start of the program aside. judge(call, done)."""
    rewound = Rewound(place, tmp_path / "aside")
    todo = calls(lambda wrapper: place.run(*command, wrapper=wrapper), tmp_path / "trace")
    todo = [call for call in after_start(todo) if call[0] in names]
    seen = collections.Counter()
    for call in a_part(todo, full, most={"ENOSPC": 9, "EIO": 7}.get(error, 4)):
        rewound.again()
        done = place.run(*command, wrapper=at(*call, f"error={error}"), check=None)
        assert done.returncode in (0, 1, 2), (call, done)
        if done.returncode:
            assert len(done.stderr) > 20, (call, done)
        keys_are_closed(place)
        seen[judge(call, done)] += 1
    print(f"\n{command[0]}, {error}: {sum(seen.values())} failures, {dict(seen)}, 0 mixed")
    return seen


def old_or_new(place, pki, new):
    """A judge of an install, which must leave either of the two, and say so."""
    def judge(call, done):
        found = in_place(place, pki.rsa, pki.other)
        if done.returncode == 0:
            assert found is pki.other and not litter(place), call
            place.run("rollback")
            assert in_place(place, pki.rsa, pki.other) is pki.rsa, call
        elif found is pki.other:
            assert "the new pair is in place" in " ".join(done.stderr.split()) or (
                call[0] == "write"), (call, done)
        place.run(*new)
        assert in_place(place, pki.other) and not litter(place), call
        return "done" if done.returncode == 0 else f"refused, {found.name}"
    return judge


@pytest.mark.parametrize("error", ["ENOSPC", "EIO", "EROFS", "EACCES"])
def test_install_failing_at_each_call(wlbproxy, tmp_path, pki, error, full):
    place = Place(wlbproxy, tmp_path / "place", pki.rsa)
    new = ("install", pki.other.cert, "--key", pki.other.key)
    failing(place, tmp_path, new, full, error, old_or_new(place, pki, new))


def test_one_fault_behind_the_switch_is_overcome(start_proxy, origin, pki, tmp_path):
    """Both files are the new ones already: the proxy must not go on with the old pair."""
    place = Running(start_proxy(origin.address, log_level="info"))
    rewound = Rewound(place, tmp_path / "aside")
    new = ("install", pki.other.cert, "--key", pki.other.key)
    todo = calls(lambda wrapper: place.run(*new, wrapper=wrapper), tmp_path / "trace")
    for name in ("renameat", "unlinkat"):
        rewound.again()
        assert place.serves(pki.rsa)
        last = [call for call in todo if call[0] == name][-1]
        place.run(*new, wrapper=at(*last, "error=EIO"))
        assert served(place.proxy.port) == pki.other.fingerprint()
        assert in_place(place, pki.other) and not litter(place), name


def test_a_waiting_key_that_cannot_be_read_again_is_left(wlbproxy, tmp_path, pki):
    """It could not be put back if the proxy refused the pair."""
    place = Place(wlbproxy, tmp_path / "place", pki.rsa)
    waiting = place.folder / "server.key.pending"
    shutil.copy(pki.other.key, waiting)
    rewound = Rewound(place, tmp_path / "aside")
    place.run("install", pki.other.cert, wrapper=tracer("-e", "trace=openat",
                                                        output=tmp_path / "trace"))
    opened = [f'"{waiting.name}"' in line for line in own_lines(tmp_path / "trace")
              if "openat(" in line]
    third = [i for i, is_waiting in enumerate(opened) if is_waiting][2]
    rewound.again()
    done = place.run("install", pki.other.cert, wrapper=at("openat", third + 1, "error=EIO"))
    assert waiting.exists() and "it is left there" in " ".join(done.stderr.split())
    assert "removed" not in done.stdout and in_place(place, pki.other)
    done = place.run("install", pki.other.cert)
    assert not waiting.exists() and "removed" in done.stdout


@pytest.mark.long
def test_install_that_cannot_see_what_is_there(wlbproxy, tmp_path, pki):
    """A link that is mistaken for a file would lead to what is removed next: each look is
    tested."""
    place = Place(wlbproxy, tmp_path / "place", pki.rsa)
    new = ("install", pki.other.cert, "--key", pki.other.key)
    seen = failing(place, tmp_path, new, True, "EIO", old_or_new(place, pki, new),
                   {"readlinkat", "newfstatat"})
    assert sum(seen.values()) > 20 and seen["refused, rsa"], seen


@pytest.mark.parametrize("error", ["EIO", "EACCES"])
def test_rollback_failing_at_each_call(wlbproxy, tmp_path, pki, error, full):
    place = Place(wlbproxy, tmp_path / "place", pki.rsa)
    place.run("install", pki.other.cert, "--key", pki.other.key)

    def judge(call, done):
        found = in_place(place, pki.rsa, pki.other)
        assert "there is no pair before" not in done.stderr, (call, done)
        if done.returncode == 0:
            assert found is pki.rsa and not litter(place), call
        if found is pki.other:
            place.run("rollback")
        assert in_place(place, pki.rsa), call
        return "done" if done.returncode == 0 else f"refused, {found.name}"

    failing(place, tmp_path, ("rollback",), full, error, judge)


@pytest.mark.parametrize("error", ["EIO", "EACCES"])
def test_create_failing_at_each_call_replaces_nothing(wlbproxy, tmp_path, pki, error, full):
    """Not seeing what is there is no leave to replace it."""
    place = Place(wlbproxy, tmp_path / "place", pki.rsa)
    rewound = Rewound(place, tmp_path / "aside")
    create = ("create", "--key", "ec")
    trace = tmp_path / "trace"
    todo = calls(lambda wrapper: place.run(*create, wrapper=wrapper, check=1), trace)
    for call in a_part([one for one in after_start(todo) if one[0] in ON_FILES], full,
                       most=15):
        rewound.again()
        done = place.run(*create, wrapper=at(*call, f"error={error}"), check=None)
        assert done.returncode in (1, 2) and in_place(place, pki.rsa), (call, done)


@pytest.mark.parametrize("error", ["EIO", "EACCES"])
def test_request_failing_at_each_call_keeps_the_waiting_key(wlbproxy, tmp_path, pki, error,
                                                            full):
    """A CA may be signing for it just now."""
    place = Place(wlbproxy, tmp_path / "place", pki.rsa)
    waiting = place.folder / "server.key.pending"
    request = ("request", "--key", "ec", "--name", "localhost")
    place.run(*request)
    before = waiting.read_text()

    def judge(call, done):
        assert waiting.read_text() == before and in_place(place, pki.rsa), (call, done)
        return "done" if done.returncode == 0 else "refused"

    failing(place, tmp_path, request, full, error, judge)
