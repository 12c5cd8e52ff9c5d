"""Issue 2, Show 4: what must not replace a good pair, and how good ones replace it."""
import hashlib
import os
import re
import threading

import pytest

from frame.client import Tls, get
from frame.pki import openssl
from frame.wait import wait_until

pytestmark = pytest.mark.core


def shown(port):
    with Tls(port) as client:
        return client.certificate()


class Files:
    """The pair on disk, and ways to spoil it."""

    def __init__(self, proxy, pki, folder):
        self.cert, self.key, self.pki, self.folder = proxy.cert, proxy.key, pki, folder

    def remove(self):
        for path in (self.cert, self.key):
            if path.is_dir() and not path.is_symlink():
                path.rmdir()
            else:
                path.unlink(missing_ok=True)

    def put(self, cert=None, key=None):
        """Bytes, or what is to be moved there."""
        self.remove()
        for path, content in ((self.cert, cert or self.pki.other.cert.read_bytes()),
                              (self.key, key or self.pki.other.key.read_bytes())):
            path.write_bytes(content)
        self.key.chmod(0o600)


def other(files):
    return files.pki.other


def der_key(files):
    return openssl("pkey", "-in", other(files).key, "-outform", "DER")


def pkcs12(files):
    return openssl("pkcs12", "-export", "-in", other(files).leaf, "-inkey", other(files).key,
                   "-passout", "pass:x")


def encrypted(files):
    return openssl("pkey", "-in", other(files).key, "-aes256", "-passout", "pass:x")


def dsa_key(files):
    parameters = files.folder / "dsa.pem"
    if not parameters.exists():
        openssl("genpkey", "-genparam", "-algorithm", "DSA", "-pkeyopt", "dsa_paramgen_bits:1024",
                "-out", parameters)
    return openssl("genpkey", "-paramfile", parameters)


def root_first(files):
    pki = files.pki
    return b"".join(one.read_bytes() for one in (
        pki.root.leaf, pki.intermediate.leaf, pki.other.leaf))


def special(make, which):
    def spoil(files):
        files.put()
        path = getattr(files, which)
        path.unlink()
        make(path)
    return spoil


def put(cert=None, key=None):
    return lambda files: files.put(cert and cert(files), key and key(files))


def pair(kind):
    def spoil(files):
        one = getattr(files.pki, kind)
        files.put(one.cert.read_bytes(), one.key.read_bytes())
    return spoil


def half(path):
    return path.read_bytes()[:path.stat().st_size // 2]


# The change to the files, and the text of the refusal.
BAD = {
    "the key of another certificate": (put(key=lambda f: f.pki.rsa3072.key.read_bytes()),
                                       r"server\.key.*not (the key|belong)|not the key"),
    "an encrypted key": (put(key=encrypted), "encrypted"),
    "an EC key beside an RSA certificate": (put(key=lambda f: f.pki.ec.key.read_bytes()),
                                            r"not the key|is for|belong"),
    "a DSA key": (put(key=dsa_key), "DSA"),
    "a DER key": (put(key=der_key), "DER"),
    "a DER certificate": (put(cert=lambda f: f.pki.other.der()), "DER"),
    "a PKCS#12 file": (put(cert=pkcs12), "PKCS#12"),
    "an empty certificate": (put(cert=lambda f: b"\n"), "server.pem"),
    "an empty key": (put(key=lambda f: b"\n"), "server.key"),
    "a truncated certificate": (put(cert=lambda f: half(f.pki.other.leaf)), "server.pem"),
    "a truncated key": (put(key=lambda f: half(f.pki.other.key)), "server.key"),
    "the root first": (put(cert=root_first), r"first|order|leaf"),
    "an expired leaf": (pair("expired"), "expired"),
    "a leaf that is not yet valid": (pair("not_yet"), r"not (yet )?valid|valid (from|until)"),
    "RSA of 1024 bits": (pair("rsa1024"), r"1024"),
    "a SHA-1 signature": (pair("sha1"), "SHA-?1"),
    "a FIFO for the certificate": (special(os.mkfifo, "cert"), "server.pem"),
    "a FIFO for the key": (special(os.mkfifo, "key"), "server.key"),
    "a folder for the certificate": (special(os.mkdir, "cert"), "director"),
    "a folder for the key": (special(os.mkdir, "key"), "director"),
    "a device for the certificate": (
        special(lambda path: path.symlink_to("/dev/zero"), "cert"), "server.pem"),
    "a device for the key": (
        special(lambda path: path.symlink_to("/dev/urandom"), "key"), "server.key"),
    "a link to nowhere": (special(lambda path: path.symlink_to("/nowhere"), "key"),
                          "server.key"),
    "no certificate": (special(lambda path: None, "cert"), "server.pem"),
    "no key": (special(lambda path: None, "key"), "server.key"),
}


@pytest.fixture
def files(proxy, pki, tmp_path):
    return Files(proxy, pki, tmp_path)


@pytest.mark.sampled(4)
@pytest.mark.parametrize("what", BAD)
def test_a_bad_pair_is_refused_in_a_sentence(proxy, pki, files, what):
    spoil, sentence = BAD[what]
    spoil(files)
    notes = proxy.hup()
    reason = proxy.wait_for("reload_refused")["reason"]
    print(f"{what}: {reason}")
    assert re.search(sentence, reason)
    assert not re.search(r"error:[0-9A-F]{8}", reason)
    assert any("refused" in line for note in notes for line in note)
    assert shown(proxy.port) == pki.rsa.der()
    files.put()
    proxy.hup()
    assert shown(proxy.port) == pki.other.der()


# How a pair is replaced: replace(path, content).

def by_rename(path, content):
    fresh = path.with_suffix(".fresh")
    fresh.write_bytes(content)
    fresh.rename(path)


def in_place(path, content):
    with open(path, "r+b") as file:
        file.write(content)
        file.truncate()


def with_an_older_time(path, content):
    """cp -p of a file that is older than the one it replaces."""
    before = path.stat()
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns - 10**12, before.st_mtime_ns - 10**12))


def with_the_same_time(path, content):
    before = path.stat()
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def by_link(path, content):
    """A symbolic link is pointed elsewhere (certbot, Kubernetes)."""
    target = path.with_name(f"{path.name}.{hashlib.sha256(content).hexdigest()[:8]}")
    target.write_bytes(content)
    link = path.with_suffix(".link")
    link.symlink_to(target)
    link.rename(path)


# To the proxy they differ in what the file system says alone.
WAYS = [by_rename, *(pytest.param(way, marks=pytest.mark.again) for way in
                     (in_place, with_an_older_time, with_the_same_time, by_link))]


def replace_pair(proxy, pair_, way):
    way(proxy.cert, pair_.cert.read_bytes())
    way(proxy.key, pair_.key.read_bytes())


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_rotations_in_a_row(proxy, pki, way, full):
    """None missed, whatever the files' times say; the connection stays."""
    pairs, count = (pki.other, pki.rsa3072, pki.rsa), 10 if full else 4
    with Tls(proxy.port) as client:
        for i in range(count):
            replace_pair(proxy, pairs[i % 3], way)
            proxy.hup()
            assert shown(proxy.port) == pairs[i % 3].der(), f"rotation {i}"
        assert client.request(get("/")).status == 200
    assert len(proxy.events("reloaded")) == count


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_watched_rotations_in_a_row(start_proxy, origin, pki, way, full):
    """Each is one reload, and none is missed."""
    proxy = start_proxy(origin.address, watch="on")
    pairs, count = (pki.other, pki.rsa3072, pki.rsa), 10 if full else 4
    with Tls(proxy.port) as client:
        for i in range(count):
            replace_pair(proxy, pairs[i % 3], way)
            proxy.wait_for("reloaded", count=i + 1)
            wait_until(lambda: shown(proxy.port) == pairs[i % 3].der())
        assert client.request(get("/")).status == 200
    assert len(proxy.events("reloaded")) == count


def test_one_hup_in_the_middle_of_a_rotation_is_enough(proxy, pki, tmp_path):
    """The reload that finds half a pair looks again, for as long as files are moving."""
    new_cert, new_key = tmp_path / "new.pem", tmp_path / "new.key"
    pki.other.install(new_cert, new_key)
    for path in (proxy.cert, proxy.key):
        path.rename(f"{path}_orig")
    new_cert.rename(proxy.cert)
    hup = threading.Thread(target=proxy.hup)
    hup.start()
    wait_until(lambda: "RELOADING=1" in str(proxy.notifications[-1:]))
    new_key.rename(proxy.key)
    hup.join()
    assert shown(proxy.port) == pki.other.der()
    assert proxy.events("reload_refused") == []


def test_a_pair_of_different_moments_is_never_served(proxy, pki):
    """Files that change all the time while reloads go on: old, new, or refused."""
    over, good = threading.Event(), {pki.rsa.der(), pki.other.der()}

    def churn():
        while not over.is_set():
            for one in (pki.other, pki.rsa):
                replace_pair(proxy, one, in_place)

    churning = threading.Thread(target=churn)
    churning.start()
    try:
        for _ in range(15):
            proxy.hup(60)
            with Tls(proxy.port) as client:  # the signature proves the key
                assert client.certificate() in good
                assert client.request(get("/")).status == 200
    finally:
        over.set()
        churning.join()
    pki.other.install(proxy.cert, proxy.key)
    proxy.hup()
    assert shown(proxy.port) == pki.other.der()


def test_notes_are_told_once(proxy, pki):
    """A root in the file is worth a line, not one a reload."""
    for one in (pki.other, pki.rsa, pki.other, pki.rsa):
        one.install(proxy.cert, proxy.key)
        proxy.hup()
    told = [event["text"] for event in proxy.events("finding") if event["level"] == "info"]
    assert len(told) == len(set(told))
