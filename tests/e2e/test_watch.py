"""watch = on: however a pair is replaced, it is noticed once; what is no change is none."""
import os
import shutil
import subprocess

import pytest

from frame.strace import Injection, is_possible
from frame.wait import wait_until
from test_reload import served, works

pytestmark = pytest.mark.core


class Kubernetes:
    """A mounted secret: files lead over ..data, which is swapped as a whole."""

    def __init__(self, proxy):
        self.folder, self.count = proxy.folder / "secret", 0
        self.folder.mkdir()
        self.cert, self.key = self.folder / "tls.crt", self.folder / "tls.key"

    def put(self, pair):
        self.count += 1
        data, old = self.folder / f"..2026_{self.count}", self.folder / f"..2026_{self.count - 1}"
        data.mkdir()
        pair.install(data / "tls.crt", data / "tls.key")
        (self.folder / "..data_tmp").symlink_to(data.name)
        (self.folder / "..data_tmp").rename(self.folder / "..data")
        for path in (self.cert, self.key):
            if not path.is_symlink():
                path.symlink_to(f"..data/{path.name}")
        if old.exists():
            shutil.rmtree(old)


class CurrentRelease:
    """A folder on the way is a symbolic link that is swapped."""

    def __init__(self, proxy):
        self.folder, self.count = proxy.folder / "releases", 0
        self.folder.mkdir()
        self.cert = proxy.folder / "current" / "a" / "server.pem"
        self.key = proxy.folder / "current" / "a" / "server.key"
        self.link = proxy.folder / "current"

    def put(self, pair):
        self.count += 1
        release = self.folder / str(self.count)
        (release / "a").mkdir(parents=True)
        pair.install(release / "a" / "server.pem", release / "a" / "server.key")
        fresh = self.link.with_suffix(".tmp")
        fresh.symlink_to(release)
        fresh.rename(self.link)


class FolderReplaced:
    """mv certs certs.old; mv new certs"""

    def __init__(self, proxy):
        self.folder, self.count = proxy.folder / "certs", 0
        self.cert, self.key = self.folder / "server.pem", self.folder / "server.key"

    def put(self, pair):
        self.count += 1
        fresh = self.folder.with_suffix(".new")
        fresh.mkdir()
        pair.install(fresh / "server.pem", fresh / "server.key")
        if self.folder.exists():
            self.folder.rename(self.folder.with_suffix(f".{self.count}"))
        fresh.rename(self.folder)


class Editor:
    """vim: the old file becomes the backup, a new one is written."""

    def __init__(self, proxy):
        self.cert, self.key = proxy.folder / "v.pem", proxy.folder / "v.key"

    def put(self, pair):
        for path, source in ((self.cert, pair.cert), (self.key, pair.key)):
            if path.exists():
                path.rename(f"{path}~")
            path.write_bytes(source.read_bytes())
            path.chmod(0o600)
            path.with_name(f"{path.name}~").unlink(missing_ok=True)


class SlowWriter:
    """scp: truncated, then written bit by bit."""

    def __init__(self, proxy):
        self.cert, self.key = proxy.folder / "w.pem", proxy.folder / "w.key"

    def put(self, pair):
        for path, source in ((self.cert, pair.cert), (self.key, pair.key)):
            with open(path, "wb", buffering=0) as file:
                for i in range(0, source.stat().st_size, 100):
                    file.write(source.read_bytes()[i:i + 100])
            path.chmod(0o600)


def settled(proxy):
    """The look that follows each generation is over: what is noticed now, is watched."""
    def last(event):
        return max((i for i, one in enumerate(proxy.events()) if one["event"] == event),
                   default=-1)
    wait_until(lambda: last("watch_looked") > last("reloaded"))


WAYS = [Kubernetes, CurrentRelease, FolderReplaced, Editor, SlowWriter]


def watching(start_proxy, origin, way, pair):
    """A proxy that serves what `way` has put, and watches it."""
    proxy = start_proxy(origin.address)
    place = way(proxy)
    place.put(pair)
    proxy.write_config(watch="on", cert=place.cert, key=place.key)
    proxy.reload()
    settled(proxy)
    return proxy, place


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_each_replacement_is_one_reload(start_proxy, origin, pki, way):
    proxy, place = watching(start_proxy, origin, way, pki.other)
    before = len(proxy.events("reloaded"))
    for i, pair in enumerate((pki.rsa3072, pki.rsa, pki.other, pki.rsa3072)):
        place.put(pair)
        proxy.wait_for("reloaded", count=before + i + 1)
        wait_until(lambda: served(proxy.port) == pair.fingerprint())
        settled(proxy)
    assert len(proxy.events("reloaded")) == before + 4
    assert not proxy.events("reload_refused") and works(proxy.port)


@pytest.mark.parametrize("way", [Kubernetes, CurrentRelease, FolderReplaced],
                         ids=lambda way: way.__name__)
def test_a_swap_without_a_change_is_followed(start_proxy, origin, pki, way):
    """The same content elsewhere is no reload; but it is there that the next change comes."""
    proxy, place = watching(start_proxy, origin, way, pki.other)
    before = len(proxy.events("reloaded"))
    looked = len(proxy.events("watch_looked"))
    place.put(pki.other)
    proxy.wait_for("watch_looked", count=looked + 1)
    pki.rsa.install(os.path.realpath(place.cert), os.path.realpath(place.key))
    proxy.wait_for("reloaded", count=before + 1)
    wait_until(lambda: served(proxy.port) == pki.rsa.fingerprint())


def test_an_unchanged_file_makes_no_reload(start_proxy, origin, pki):
    proxy, place = watching(start_proxy, origin, Editor, pki.other)
    before, looked = len(proxy.events("reloaded")), len(proxy.events("watch_looked"))
    place.cert.chmod(0o644)
    os.utime(place.cert, (1, 1))
    place.put(pki.other)
    (proxy.folder / "another").write_text("x")
    proxy.wait_for("watch_looked", count=looked + 1)
    assert len(proxy.events("reloaded")) == before
    place.put(pki.rsa)
    proxy.wait_for("reloaded", count=before + 1)


def test_half_a_pair_waits_for_the_other_half(start_proxy, origin, pki):
    proxy, place = watching(start_proxy, origin, Editor, pki.other)
    before = len(proxy.events("reloaded"))
    place.cert.write_bytes(pki.rsa.cert.read_bytes())
    proxy.wait_for("file_watch_waits")
    assert served(proxy.port) == pki.other.fingerprint()
    place.key.write_bytes(pki.rsa.key.read_bytes())
    proxy.wait_for("reloaded", count=before + 1)
    assert not proxy.events("reload_refused")


def test_a_busy_neighbour_does_not_keep_us_waiting(start_proxy, origin, pki):
    """Another program writes its own files in that folder, all the time."""
    proxy, place = watching(start_proxy, origin, Editor, pki.other)
    before = len(proxy.events("reloaded"))
    busy = subprocess.Popen(["sh", "-c", "while :; do echo x > bytes; done"],
                            cwd=proxy.folder)
    try:
        place.put(pki.rsa)
        proxy.wait_for("reloaded", count=before + 1)
    finally:
        busy.kill()
        busy.wait()
    assert served(proxy.port) == pki.rsa.fingerprint()


@pytest.mark.skipif(not is_possible(), reason="needs strace")
@pytest.mark.parametrize("call", ["inotify_init1", "inotify_add_watch"])
def test_without_inotify_the_files_are_polled(start_proxy, origin, pki, call):
    proxy = start_proxy(origin.address)
    with Injection(proxy.pid, f"{call}:error=ENOSPC", follow=True):
        proxy.write_config(watch="on")
        proxy.reload()
        proxy.wait_for("watch_polls")
        pki.other.install(proxy.cert, proxy.key)
        proxy.wait_for("reloaded", count=2, timeout=60)
    assert served(proxy.port) == pki.other.fingerprint()
