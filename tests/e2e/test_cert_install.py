"""`cert install` and `cert rollback`: what the CA sent goes live whole, or not at all."""
import fcntl
import json
import os
import re
import signal
import stat
import subprocess
import threading

import pytest

from frame.callers import Callers, works
from frame.pki import fingerprint, openssl
from test_reload import served

pytestmark = pytest.mark.core


class Place:
    """A pair beside its configuration, and `wlbproxy cert` on it, without a proxy."""

    def __init__(self, program, folder, pair=None):
        self.program, self.folder = program, folder
        folder.mkdir(parents=True, exist_ok=True)
        self.cert, self.key = folder / "server.pem", folder / "server.key"
        self.config = folder / "wlbproxy.conf"
        self.config.write_text(
            f"control = {folder}/control.sock\n[wlb]\ncert = {self.cert}\nkey = {self.key}\n")
        if pair:
            pair.install(self.cert, self.key)

    def run(self, *arguments, check=0, wrapper=()):
        done = subprocess.run(
            [*wrapper, self.program, "cert", *map(str, arguments), "-c", str(self.config)],
            capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)
        if check is not None:
            assert done.returncode == check, (arguments, done.returncode, done.stdout,
                                              done.stderr)
        return done

    def fingerprint(self):
        """The fingerprint of the pair in place, which must match, by OpenSSL alone."""
        return fingerprint(self.cert, self.key)


def fits_80_columns(done):
    long = [line for line in (done.stdout + done.stderr).splitlines() if len(line) > 80]
    # Paths of this machine's temporary folders cannot be broken.
    return [line for line in long if len(line.split()[-1]) < 50 and "/" not in line]


def mode(path):
    return stat.S_IMODE(os.lstat(path).st_mode)


@pytest.fixture
def place(wlbproxy, tmp_path, pki):
    return Place(wlbproxy, tmp_path / "place", pki.rsa)


# --- with a running proxy ------------------------------------------------------------------


def cert(proxy, *arguments, check=0):
    return proxy.command("cert", *arguments, "-c", proxy.config, check=check)


def test_install_goes_live_and_is_confirmed_on_every_worker(start_proxy, origin, pki):
    proxy = start_proxy(origin.address, workers=3)
    done = cert(proxy, "install", pki.other.cert, "--key", pki.other.key)
    assert "confirmed by a handshake with each of 3 workers" in " ".join(done.stdout.split())
    assert not fits_80_columns(done)
    for _ in range(6):
        assert served(proxy.port) == pki.other.fingerprint()
    assert fingerprint(proxy.cert, proxy.key) == pki.other.fingerprint()
    assert mode(proxy.cert) == 0o644 and mode(proxy.key) == 0o600
    assert fingerprint(f"{proxy.cert}_orig", f"{proxy.key}_orig") == pki.rsa.fingerprint()
    assert mode(f"{proxy.key}_orig") == 0o600


def test_rollback_goes_back_step_by_step(start_proxy, origin, pki):
    proxy = start_proxy(origin.address, workers=2)
    cert(proxy, "install", pki.other.cert, "--key", pki.other.key)
    cert(proxy, "install", pki.rsa3072.cert, "--key", pki.rsa3072.key)
    assert served(proxy.port) == pki.rsa3072.fingerprint()
    cert(proxy, "rollback")
    assert served(proxy.port) == pki.other.fingerprint()
    cert(proxy, "rollback")
    assert served(proxy.port) == pki.rsa.fingerprint()
    done = cert(proxy, "rollback", check=1)
    assert "there is no pair before" in done.stderr
    store = proxy.folder / "server.key_history"
    assert fingerprint(store / "undone/server.pem",
                       store / "undone/server.key") == pki.other.fingerprint()


def test_a_pair_that_the_proxy_refuses_is_rolled_back(start_proxy, origin, pki):
    proxy = start_proxy(origin.address, workers=2)
    proxy.write_config(strict_reload="on")
    proxy.reload()
    done = cert(proxy, "install", pki.wrong_name.cert, "--key", pki.wrong_name.key, check=1)
    assert "ROLLED BACK" in done.stdout and "strict_reload" in done.stderr
    assert served(proxy.port) == pki.rsa.fingerprint()
    assert fingerprint(proxy.cert, proxy.key) == pki.rsa.fingerprint()
    assert works(proxy.port)


@pytest.mark.long
def test_a_proxy_that_hangs_is_not_waited_for(start_proxy, origin, pki):
    proxy = start_proxy(origin.address)
    proxy.signal(signal.SIGSTOP)
    try:
        done = cert(proxy, "install", pki.other.cert, "--key", pki.other.key, check=1)
    finally:
        proxy.signal(signal.SIGCONT)
    assert "no answer from wlbproxy within 15 s" in done.stderr
    assert "ROLLED BACK: the pair before is in place" in done.stdout
    assert fingerprint(proxy.cert, proxy.key) == pki.rsa.fingerprint()
    proxy.command("reload", "-c", proxy.config)
    assert served(proxy.port) == pki.rsa.fingerprint()


def test_a_rollback_that_is_refused_loses_nothing(start_proxy, origin, pki):
    proxy = start_proxy(origin.address)
    wide = pki.leaf("wide", san=["DNS:localhost", "DNS:wlb.example.com"])
    cert(proxy, "install", wide.cert, "--key", wide.key)
    proxy.write_config(strict_reload="on")
    proxy.reload()
    for _ in range(2):
        done = cert(proxy, "rollback", check=1)
        assert "ROLLED BACK" in done.stdout
        assert served(proxy.port) == wide.fingerprint()
    proxy.write_config(strict_reload="off")
    proxy.reload()
    cert(proxy, "rollback")
    assert served(proxy.port) == pki.rsa.fingerprint()


def test_a_key_that_waits_ends_to_wait_by_way_of_pending(start_proxy, origin, pki, tmp_path):
    proxy = start_proxy(origin.address)
    cert(proxy, "request", "--name", "localhost")
    openssl("x509", "-req", "-in", proxy.folder / "server.csr", "-CA", pki.intermediate.leaf,
            "-CAkey", pki.intermediate.key, "-set_serial", "5", "-days", "90", "-out",
            tmp_path / "signed.pem")
    cert(proxy, "install", "--pending", tmp_path / "signed.pem")
    assert os.path.exists(f"{proxy.key}.pending")
    cert(proxy, "install", "--activate")
    assert not os.path.exists(f"{proxy.key}.pending")
    assert not os.path.exists(f"{proxy.cert}.pending")
    fingerprint(proxy.cert, proxy.key)


def test_a_broken_configuration_keeps_the_pair_that_is_served(start_proxy, origin, pki):
    proxy = start_proxy(origin.address)
    good = proxy.config.read_text()
    proxy.config.write_text(good.replace("[wlb]", "no_such_option = 1\n[wlb]"))
    done = proxy.command("cert", "install", pki.other.cert, "--key", pki.other.key, "-c",
                         proxy.config, check=2)
    assert "no_such_option" in done.stderr
    assert fingerprint(proxy.cert, proxy.key) == pki.rsa.fingerprint()
    proxy.config.write_text(good)


@pytest.mark.again
def test_ten_rotations_lose_no_connection(start_proxy, origin, pki):
    proxy = start_proxy(origin.address, workers=2)
    with Callers([proxy.port], count=3) as callers:
        for i in range(10):
            pair = pki.other if i % 2 == 0 else pki.rsa
            cert(proxy, "install", pair.cert, "--key", pair.key)
            assert served(proxy.port) == pair.fingerprint()
    assert set(callers.outcomes) == {"served"} and callers.outcomes["served"] > 10
    assert len(list((proxy.folder / "server.key_history").glob("0*"))) == 10


def test_a_request_that_a_newer_one_replaced_can_be_answered(wlbproxy, tmp_path, pki):
    """--force, or a kill in the midst of it: the CA signs the first one all the same."""
    place = Place(wlbproxy, tmp_path / "place", pki.rsa)
    waiting = place.folder / "server.key.pending"
    waiting.write_bytes(pki.other.key.read_bytes())
    waiting.chmod(0o600)
    place.run("request", "--name", "localhost", "--force")
    newer = waiting.read_bytes()
    place.run("install", pki.other.leaf, pki.intermediate.cert)
    assert place.fingerprint() == pki.other.fingerprint()
    assert waiting.read_bytes() == newer


def test_pending_is_served_by_name_only_until_it_is_activated(start_proxy, origin, pki):
    proxy = start_proxy(origin.address, workers=2)

    def served_to(name):
        text = openssl("s_client", "-connect", f"127.0.0.1:{proxy.port}", "-servername", name)
        pem = re.search(rb"-----BEGIN CERT.*?END CERTIFICATE-----", text, re.S).group(0)
        return openssl("x509", "-noout", "-fingerprint", "-sha256",
                       stdin=pem).decode().split("=")[1].strip().replace(":", "").lower()

    done = cert(proxy, "install", "--pending", pki.other.cert, "--key", pki.other.key)
    assert "PENDING" in done.stdout and "-servername pending.invalid" in done.stdout
    assert served(proxy.port) == pki.rsa.fingerprint()
    assert served_to("localhost") == pki.rsa.fingerprint()
    assert served_to("pending.invalid") == pki.other.fingerprint()
    assert mode(f"{proxy.cert}.pending") == 0o600
    cert(proxy, "install", "--activate")
    assert served(proxy.port) == pki.other.fingerprint()
    assert served_to("pending.invalid") == pki.other.fingerprint()
    assert not os.path.exists(f"{proxy.cert}.pending")
    assert [one["name"] for one in proxy.status()["services"]] == ["wlb"]


def test_a_spoilt_pending_pair_does_not_stand_in_the_way(start_proxy, origin, pki):
    proxy = start_proxy(origin.address)
    (proxy.folder / "server.pem.pending").write_text("not a certificate")
    done = cert(proxy, "install", pki.other.cert, "--key", pki.other.key)
    assert served(proxy.port) == pki.other.fingerprint()
    assert "pending" in proxy.reload().stdout


def test_the_vendors_guide_in_five_commands(start_proxy, origin, pki, xapi, tmp_path):
    """From a placeholder through a CA to XenServer's client that verifies."""
    proxy = start_proxy(origin.address, workers=2)
    cert(proxy, "request", "--name", "wlb.example.com", "--csr", tmp_path / "wlb.csr")
    assert served(proxy.port) == pki.rsa.fingerprint()
    # The CA, and its habits: root first, Windows line ends, no newline at an end.
    (tmp_path / "ext").write_text("subjectAltName=DNS:wlb.example.com\n"
                                  "extendedKeyUsage=serverAuth\n")
    openssl("x509", "-req", "-in", tmp_path / "wlb.csr", "-CA", pki.intermediate.leaf, "-CAkey",
            pki.intermediate.key, "-days", "365", "-extfile", tmp_path / "ext", "-set_serial",
            "77", "-out", tmp_path / "wlb.pem")
    bundle = (pki.root.leaf.read_text() + pki.intermediate.leaf.read_text().strip()
              + (tmp_path / "wlb.pem").read_text()).replace("\n", "\r\n")
    (tmp_path / "bundle.txt").write_bytes(bundle.encode())
    done = cert(proxy, "install", tmp_path / "bundle.txt", "--name", "wlb.example.com")
    assert "server.key.pending" in done.stdout
    assert not os.path.exists(f"{proxy.key}.pending")
    for verify in ("24.40",):
        answer = xapi.call(proxy.port, verify=verify, ca=pki.root.leaf, host="wlb.example.com")
        assert answer.status == 200, answer.log
    blocks = proxy.cert.read_text().count("BEGIN CERTIFICATE")
    assert blocks == 3 and proxy.cert.read_text().startswith("-----BEGIN CERTIFICATE")


@pytest.mark.again
def test_every_reader_meanwhile_reads_a_pair(place, pki):
    stop, seen = threading.Event(), []

    def reader():
        while not stop.is_set():
            done = subprocess.run([place.program, "check", "-c", str(place.config)],
                                  capture_output=True, text=True)
            seen.append((done.returncode, done.stdout))

    thread = threading.Thread(target=reader)
    thread.start()
    try:
        for i in range(15):
            pair = pki.other if i % 2 == 0 else pki.rsa
            place.run("install", pair.cert, "--key", pair.key)
    finally:
        stop.set()
        thread.join()
    assert len(seen) > 5 and {status for status, _ in seen} == {0}, seen


def test_with_watch_on_an_install_makes_one_generation(start_proxy, origin, pki):
    proxy = start_proxy(origin.address, watch="on")
    proxy.wait_for("serving", generation=1)
    cert(proxy, "install", pki.other.cert, "--key", pki.other.key)
    cert(proxy, "rollback")
    proxy.reload()
    assert proxy.status()["generation"] == 3
    assert served(proxy.port) == pki.rsa.fingerprint()


def test_of_two_pairs_side_by_side_the_right_one_is_confirmed(start_proxy, origin, pki):
    proxy = start_proxy(origin.address, workers=2)
    ec = (proxy.folder / "ec.pem", proxy.folder / "ec.key")
    pki.ec.install(*ec)
    proxy.write_config(cert=[proxy.cert, ec[0]], key=[proxy.key, ec[1]])
    proxy.reload()
    fresh = pki.leaf("ec_fresh", key="P-256")
    for files, pair in ((ec, fresh), ((proxy.cert, proxy.key), pki.other)):
        done = cert(proxy, "install", "--cert", files[0], pair.cert, "--key", pair.key)
        assert "LIVE" in done.stdout
        assert fingerprint(*files) == pair.fingerprint()
    cert(proxy, "rollback", "--cert", ec[0])
    assert fingerprint(*ec) == pki.ec.fingerprint()


def test_a_file_that_no_service_has_is_told(start_proxy, origin, pki):
    proxy = start_proxy(origin.address)
    done = cert(proxy, "install", "--cert", proxy.folder / "a.pem", pki.other.cert, "--key",
                pki.other.key)
    assert "none of its services has" in " ".join(done.stdout.split())
    assert fingerprint(proxy.folder / "a.pem", proxy.folder / "a.key")


def test_one_command_at_a_time(place, pki):
    place.run("install", pki.other.cert, "--key", pki.other.key)
    store = os.open(place.folder / "server.key_history", os.O_RDONLY)
    try:
        fcntl.flock(store, fcntl.LOCK_EX)
        done = place.run("install", pki.rsa.cert, "--key", pki.rsa.key, check=2)
        assert "another wlbproxy cert command" in " ".join(done.stderr.split())
    finally:
        os.close(store)
    assert place.fingerprint() == pki.other.fingerprint()


def test_a_history_that_somebody_else_prepared_is_refused(place, pki):
    if os.geteuid() != 0:
        pytest.skip("only root can give folders away")
    store = place.folder / "server.key_history"
    store.mkdir()
    os.chown(store, 12345, 12345)
    done = place.run("install", pki.other.cert, "--key", pki.other.key, check=2)
    assert "belongs to user 12345" in " ".join(done.stderr.split())
    assert place.fingerprint() == pki.rsa.fingerprint()


# --- what comes from the CA ------------------------------------------------------------------


def der(pem):
    return openssl("x509", "-in", pem, "-outform", "DER")


FORMATS = {
    "one PEM file, any order": lambda p, t: [write(
        t / "all", p.root.leaf.read_text() + p.other.leaf.read_text()
        + p.intermediate.leaf.read_text())],
    "three PEM files": lambda p, t: [p.root.leaf, p.other.leaf, p.intermediate.leaf],
    "DER": lambda p, t: [write(t / "a", der(p.intermediate.leaf)),
                         write(t / "b", der(p.other.leaf))],
    "PKCS#7 in DER": lambda p, t: [write(t / "p7", openssl(
        "crl2pkcs7", "-nocrl", "-certfile", p.other.cert, "-outform", "DER"))],
    "PKCS#7 in PEM": lambda p, t: [write(t / "p7", openssl(
        "crl2pkcs7", "-nocrl", "-certfile", p.other.cert))],
    "with an unrelated one": lambda p, t: [p.wrong_name.leaf, p.other.cert],
    "blocks on one line": lambda p, t: [write(
        t / "glued", "".join(one.strip() for one in (
            p.other.leaf.read_text(), p.intermediate.leaf.read_text())))],
}


def write(path, data):
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


@pytest.mark.parametrize("what", FORMATS)
def test_any_format_of_the_ca_is_installed(place, pki, tmp_path, what):
    place.run("install", *FORMATS[what](pki, tmp_path), "--key", pki.other.key)
    assert place.fingerprint() == pki.other.fingerprint()

@pytest.mark.parametrize("text, how", [
    ("secret\n", []), ("secret\n", ["-legacy"]), ("\ufeffsecret\r\n", [])])
def test_pkcs12_with_a_password_from_a_file(place, pki, tmp_path, text, how):
    password = write(tmp_path / "password", text)
    write(tmp_path / "x.pfx", openssl(
        "pkcs12", "-export", "-in", pki.other.cert, "-inkey", pki.other.key, "-passout",
        "pass:secret", *how))
    done = place.run("install", tmp_path / "x.pfx", check=1)
    assert "--password-file" in done.stdout
    assert place.fingerprint() == pki.rsa.fingerprint()
    place.run("install", tmp_path / "x.pfx", "--password-file", password)
    assert place.fingerprint() == pki.other.fingerprint()


def test_a_renewal_with_the_same_key_finds_it_and_the_intermediate(place, pki, tmp_path):
    openssl("x509", "-in", pki.rsa.leaf, "-x509toreq", "-signkey", pki.rsa.key, "-out",
            tmp_path / "csr")
    openssl("x509", "-req", "-in", tmp_path / "csr", "-CA", pki.intermediate.leaf, "-CAkey",
            pki.intermediate.key, "-days", "300", "-set_serial", "99", "-out",
            tmp_path / "leaf.pem")
    done = place.run("install", tmp_path / "leaf.pem")
    assert "is taken from the chain in place now" in " ".join(done.stdout.split())
    assert place.cert.read_text().count("BEGIN CERTIFICATE") == 3
    place.fingerprint()


REFUSED = {
    "no key anywhere": (lambda p: [p.other.cert], "no key belongs to"),
    "another's key": (lambda p: [p.other.cert, "--key", p.rsa3072.key], "no key belongs to"),
    "CAs only": (lambda p: [p.root.leaf, p.intermediate.leaf], "only certificates of CAs"),
    "a missing file": (lambda p: ["/nonexistent/x.pem"], "No such file"),
    "expired": (lambda p: [p.expired.cert, "--key", p.expired.key], "--force"),
    "RSA 1024": (lambda p: [p.rsa1024.cert, "--key", p.rsa1024.key], "1024 bits"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refusals_change_nothing_and_name_the_remedy(place, pki, what):
    files, words = REFUSED[what]
    before = sorted(os.listdir(place.folder))
    done = place.run("install", *files(pki), check=1)
    assert words in " ".join((done.stdout + done.stderr).split()), done
    assert place.fingerprint() == pki.rsa.fingerprint()
    assert [one for one in sorted(os.listdir(place.folder)) if one not in before] in (
        [], ["server.key_history"])


def test_force_installs_what_is_expired(place, pki):
    place.run("install", pki.expired.cert, "--key", pki.expired.key, "--force")
    assert place.fingerprint() == pki.expired.fingerprint()


# --- the files -------------------------------------------------------------------------------


def snapshot(folder):
    return {str(path): (path.lstat().st_mode, path.read_bytes() if path.is_file() else None)
            for path in sorted(folder.rglob("*"))}


def test_dry_run_changes_nothing_and_says_what_would_be(place, pki):
    before = snapshot(place.folder)
    done = place.run("install", pki.other.cert, "--key", pki.other.key, "--dry-run")
    assert "DRY RUN" in done.stdout and f"write    {place.cert}" in done.stdout
    assert snapshot(place.folder) == before


def test_json_tells_all(place, pki):
    done = place.run("install", pki.other.cert, "--key", pki.other.key, "--json")
    answer = json.loads(done.stdout)
    assert answer["ok"] and answer["served"] == "unknown"
    assert answer["certificate"]["sha256"] == pki.other.fingerprint()
    assert any(step.startswith("wrote ") for step in answer["steps"])
    assert json.loads(place.run("install", "/nonexistent", "--json", check=1).stdout)["error"]


def test_a_link_to_another_folder_is_followed_and_stays(place, pki):
    elsewhere = place.folder / "elsewhere"
    elsewhere.mkdir()
    os.rename(place.cert, elsewhere / "chain.pem")
    os.rename(place.key, elsewhere / "private.key")
    place.cert.symlink_to("elsewhere/chain.pem")
    place.key.symlink_to(elsewhere / "private.key")
    place.run("install", pki.other.cert, "--key", pki.other.key)
    assert os.readlink(place.cert) == "elsewhere/chain.pem"
    assert place.fingerprint() == pki.other.fingerprint()
    assert (elsewhere / "private.key_history").is_dir()


def test_a_folder_that_everybody_may_write_is_refused(place, pki):
    place.folder.chmod(0o777)
    done = place.run("install", pki.other.cert, "--key", pki.other.key, check=2)
    assert "chmod o-w" in " ".join(done.stderr.split())
    place.folder.chmod(0o755)


def test_key_and_chain_in_different_folders(wlbproxy, tmp_path, pki):
    place = Place(wlbproxy, tmp_path / "place")
    (tmp_path / "private").mkdir(mode=0o700)
    key = tmp_path / "private/server.key"
    place.config.write_text(place.config.read_text().replace(str(place.key), str(key)))
    place.key = key
    pki.rsa.install(place.cert, place.key)
    place.run("install", pki.other.cert, "--key", pki.other.key)
    assert place.fingerprint() == pki.other.fingerprint()
    assert not list(place.folder.glob("*history*"))
    place.run("rollback")
    assert place.fingerprint() == pki.rsa.fingerprint()


def test_a_merged_file(wlbproxy, tmp_path, pki):
    place = Place(wlbproxy, tmp_path / "place")
    place.config.write_text(re.sub(r"key = .*\n", "", place.config.read_text()))
    place.cert.write_text(pki.rsa.merged())
    place.run("install", pki.other.cert, "--key", pki.other.key)
    assert fingerprint(place.cert, place.cert) == pki.other.fingerprint()
    assert mode(place.cert) == 0o600
    place.run("rollback")
    assert fingerprint(place.cert, place.cert) == pki.rsa.fingerprint()


def test_the_vendors_orig_pair_is_what_rollback_goes_back_to(place, pki):
    pki.other.install(f"{place.cert}_orig", f"{place.key}_orig")
    place.run("rollback")
    assert place.fingerprint() == pki.other.fingerprint()


@pytest.mark.again
def test_no_more_than_ten_are_kept(place, pki):
    for i in range(12):
        pair = pki.other if i % 2 == 0 else pki.rsa
        place.run("install", pair.cert, "--key", pair.key)
    kept = list((place.folder / "server.key_history").glob("0*"))
    assert len(kept) == 10 and all(mode(one / "server.key") == 0o600 for one in kept)


@pytest.mark.parametrize("of_chain", [(12345, 23456), (0, 0), (34567, 23456)])
def test_owner_is_kept(place, pki, of_chain):
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    os.chown(place.cert, *of_chain)
    os.chown(place.key, 12345, 23456)
    place.run("install", pki.other.cert, "--key", pki.other.key)
    for path, owner in ((place.cert, of_chain), (place.key, (12345, 23456))):
        for one in (path, f"{path}_orig"):
            assert (os.stat(one).st_uid, os.stat(one).st_gid) == owner, one


def test_no_key_is_ever_printed_or_left_open(place, pki):
    done = place.run("install", pki.other.cert, "--key", pki.other.key)
    secret = pki.other.key.read_text().splitlines()[1]
    assert secret not in done.stdout + done.stderr
    for path in place.folder.rglob("*"):
        if path.is_file() and secret in path.read_text(errors="replace"):
            assert mode(path) == 0o600, path
