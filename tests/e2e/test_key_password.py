"""Keys under a passphrase: key_password_file opens them, and no log tells it."""
import json
import subprocess

import pytest

from frame import secrets
from frame.pki import openssl
from test_cert_install import Place, cert, mode
from test_cert_keys import sign
from test_reload import served

pytestmark = pytest.mark.core
SECRET = "correct horse"
secrets.remember(SECRET.encode(), "a password")


def write(path, text, how=0o600):
    path.write_text(text)
    path.chmod(how)
    return path


def encrypt(key, out, *how):
    """The key under SECRET; `how`: "-traditional", the RFC 1421 headers of old."""
    openssl("pkey", "-in", key, "-aes256", *how, "-passout", f"pass:{SECRET}", "-out", out)
    out.chmod(0o600)


def unlocked(path):
    return openssl("pkey", "-in", path, "-passin", f"pass:{SECRET}", "-pubout")


@pytest.mark.parametrize("how", [[], ["-traditional"]])
def test_an_encrypted_key_is_served(start_proxy, origin, pki, tmp_path, how):
    password = write(tmp_path / "password", SECRET + "\n")
    proxy = start_proxy(origin.address)
    encrypt(pki.other.key, proxy.key, *how)
    proxy.cert.write_bytes(pki.other.cert.read_bytes())
    proxy.write_config(key_password_file=password)
    proxy.reload()
    assert served(proxy.port) == pki.other.fingerprint()
    assert SECRET not in proxy.log_text()


def test_a_merged_file_and_the_start(start_proxy, origin, pki, tmp_path):
    password = write(tmp_path / "password", SECRET)
    encrypt(pki.other.key, tmp_path / "key")
    merged = write(tmp_path / "merged.pem",
                   pki.other.cert.read_text() + (tmp_path / "key").read_text())
    proxy = start_proxy(origin.address, cert=merged, key=merged, key_password_file=password)
    assert served(proxy.port) == pki.other.fingerprint()
    assert SECRET not in proxy.log_text()


def findings(proxy):
    done = proxy.command("check", "--json", "-c", proxy.config)
    return done.returncode, {one["id"]: one for one in json.loads(done.stdout)["findings"]}


@pytest.mark.parametrize("text, how, finding, words", [
    ("guess\n", 0o600, "key-encrypted", "not with the password that was given"),
    (SECRET + "\n", 0o644, "password-readable", "open to others"),
    (None, 0o600, "missing", "No such file"),
])
def test_a_password_that_does_not_open_it_is_reported(start_proxy, origin, pki, tmp_path, text, how, finding,
                                       words):
    proxy = start_proxy(origin.address)
    encrypt(pki.rsa.key, proxy.key)
    password = tmp_path / "password"
    if text is not None:
        write(password, text, how)
    proxy.write_config(key_password_file=password)
    status, told = findings(proxy)
    assert status == 1 and words in told[finding]["fact"], told
    done = proxy.command("reload", "-c", proxy.config, check=1)
    assert words in " ".join((done.stdout + done.stderr).split())
    assert served(proxy.port) == pki.rsa.fingerprint()
    assert "guess" not in proxy.log_text() and SECRET not in proxy.log_text()


def test_without_the_option_the_option_is_named(start_proxy, origin, pki):
    proxy = start_proxy(origin.address)
    encrypt(pki.rsa.key, proxy.key)
    _, told = findings(proxy)
    assert "key_password_file" in told["key-encrypted"]["remedy"]


def test_the_commands_keep_the_key_encrypted(start_proxy, origin, pki, tmp_path):
    password = write(tmp_path / "password", SECRET)
    proxy = start_proxy(origin.address)
    encrypt(pki.rsa.key, proxy.key)
    proxy.write_config(key_password_file=password)
    proxy.reload()
    before = unlocked(proxy.key)
    cert(proxy, "request", "--name", "localhost")
    pending = proxy.folder / "server.key.pending"
    assert "ENCRYPTED" in pending.read_text() and mode(pending) == 0o600
    signed = sign(pki, proxy.folder / "server.csr", tmp_path / "signed.pem", 5)
    for action in (["install", "--pending", signed], ["install", "--activate"]):
        cert(proxy, *action)
    assert "ENCRYPTED" in proxy.key.read_text()
    assert unlocked(proxy.key) != before
    cert(proxy, "rollback")
    assert unlocked(proxy.key) == before
    cert(proxy, "install", signed)
    assert unlocked(proxy.key) != before
    for path in proxy.folder.rglob("*"):
        if path.is_file():
            assert "BEGIN PRIVATE KEY" not in path.read_text(errors="replace"), path


def test_the_vendors_encrypted_orig_pair_is_filed(wlbproxy, tmp_path, pki):
    place = Place(wlbproxy, tmp_path / "place")
    password = write(tmp_path / "password", SECRET)
    place.config.write_text(f"control = off\n[wlb]\ncert = {place.cert}\nkey = {place.key}\n"
                            f"key_password_file = {password}\n")
    for pair, end in ((pki.rsa, ""), (pki.other, "_orig")):
        (place.folder / f"server.pem{end}").write_bytes(pair.cert.read_bytes())
        encrypt(pair.key, place.folder / f"server.key{end}")
    place.run("rollback")
    assert unlocked(place.key) == openssl("pkey", "-in", pki.other.key, "-pubout")


def test_cert_check_opens_it_too(wlbproxy, tmp_path, pki):
    password = write(tmp_path / "password", SECRET)
    encrypt(pki.rsa.key, tmp_path / "key")
    done = subprocess.run([wlbproxy, "cert", "check", "--json", "--key", tmp_path / "key",
                           "--password-file", password, pki.rsa.cert], capture_output=True,
                          text=True, timeout=60)
    assert done.returncode == 0, done.stdout
