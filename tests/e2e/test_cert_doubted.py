"""After an install each worker is asked what it presents: none is taken at its word."""
import shutil
import subprocess

import pytest

from frame.impostor import Impostor
from test_cert_install import Place, fingerprint, fits_80_columns

pytestmark = pytest.mark.core


@pytest.fixture
def place(wlbproxy, tmp_path, pki):
    return Place(wlbproxy, tmp_path / "place", pki.rsa)


def impostor(place, workers):
    return Impostor(place.folder / "control.sock", place.cert, place.key, workers)


def impostor_again(place, workers):
    (place.folder / "control.sock").unlink()
    return impostor(place, workers)


class Overtaken(Impostor):
    """Another operator installs `pair` after the first verdict, before it is proved."""

    def __init__(self, place, pair):
        super().__init__(place.folder / "control.sock", place.cert, place.key, ["disk"] * 2)
        self.pair = pair

    def _answer(self, client, request):
        if request == "probe" and self.pair:
            self.pair.install(self.cert, self.key)
            self.pair, self.generation = None, self.generation + 1
        super()._answer(client, request)


def test_a_reload_that_is_overtaken_is_told_of_the_newer_one(place, pki):
    with Overtaken(place, pki.other) as proxy:
        done = place_reload(place)
    assert done.returncode == 0 and "confirmed by a handshake" in said(done), done
    assert pki.other.fingerprint() in said(done)
    assert [what for what, _ in proxy.asked].count("reload") == 2


def place_reload(place):
    return subprocess.run([place.program, "reload", "-c", str(place.config)],
                          capture_output=True, text=True, timeout=60,
                          stdin=subprocess.DEVNULL)


def said(done):
    return " ".join((done.stdout + done.stderr).split())


class Relenting(list):
    """Workers that present what they should once the pair `old` is in place again."""

    def __init__(self, place, old, workers):
        super().__init__(workers)
        self.place, self.old = place, old

    def __iter__(self):
        back = self.place.cert.read_bytes() == self.old.cert.read_bytes()
        return iter(["disk"] * len(self) if back else list(super().__iter__()))


def test_all_as_they_should(place, pki):
    with impostor(place, ["disk", "disk", "disk"]) as proxy:
        done = place.run("install", pki.other.cert, "--key", pki.other.key)
    assert "LIVE: generation 2, confirmed by a handshake with each of 3 workers" in said(done)
    assert [what for what, _ in proxy.asked] == ["reload", "probe"]


@pytest.mark.parametrize("which", [0, 1, 2])
def test_one_worker_shows_the_old_certificate(place, pki, which):
    workers = ["disk"] * 3
    workers[which] = pki.rsa
    with impostor(place, Relenting(place, pki.rsa, workers)) as proxy:
        done = place.run("install", pki.other.cert, "--key", pki.other.key, check=1)
    assert f"[wlb] worker {which}: presents another certificate, sha256" in said(done)
    assert pki.rsa.fingerprint() in said(done)
    assert ("ROLLED BACK: the pair before is in place and served by every worker"
            in said(done))
    assert place.fingerprint() == pki.rsa.fingerprint()
    old, new = pki.rsa.fingerprint(), pki.other.fingerprint()
    assert proxy.asked == [("reload", new), ("probe", new), ("reload", old), ("probe", old)]
    assert not fits_80_columns(done)
    # The refused pair is kept aside, and can be tried again.
    undone = place.folder / "server.key_history" / "undone"
    assert (undone / "server.pem").exists() and (undone / "server.key").exists()
    with impostor_again(place, ["disk"] * 3):
        place.run("install", undone / "server.pem", "--key", undone / "server.key")
    assert place.fingerprint() == pki.other.fingerprint()


@pytest.mark.parametrize("shows, words", [
    ("closed", "the handshake failed"),
    ("plain", "the handshake failed"),
    ("third", "presents another certificate"),
])
def test_a_worker_that_shows_no_certificate_of_ours(place, pki, shows, words):
    worker = pki.rsa3072 if shows == "third" else shows
    with impostor(place, Relenting(place, pki.rsa, ["disk", worker])):
        done = place.run("install", pki.other.cert, "--key", pki.other.key, check=1)
    assert "[wlb] worker 1" in said(done) and words in said(done)
    assert "ROLLED BACK: the pair before is in place and served" in said(done)
    assert place.fingerprint() == pki.rsa.fingerprint()


def test_a_worker_that_never_relents_is_said(place, pki):
    """The pair is back; that it is served again would be a lie."""
    with impostor(place, ["disk", pki.rsa3072]):
        done = place.run("install", pki.other.cert, "--key", pki.other.key, check=1)
    assert place.fingerprint() == pki.rsa.fingerprint()
    assert ("ROLLED BACK: the pair before is in place, but it is not confirmed that every "
            "worker serves it: [wlb] worker 1: presents another certificate" in said(done))
    assert "systemctl restart wlbproxy" in said(done)
    assert not fits_80_columns(done)


def test_a_request_is_open_again_after_going_back(place, pki):
    waiting = place.folder / "server.key.pending"
    shutil.copy(pki.other.key, waiting)
    waiting.chmod(0o600)
    with impostor(place, Relenting(place, pki.rsa, ["disk", pki.rsa])):
        done = place.run("install", pki.other.leaf, pki.intermediate.cert, check=1)
    assert "ROLLED BACK" in said(done) and waiting.read_bytes() == pki.other.key.read_bytes()
    assert waiting.stat().st_mode & 0o777 == 0o600


def test_a_pending_pair_survives_one_that_is_refused(place, pki):
    pending = place.folder / "server.pem.pending"
    place.run("install", "--pending", pki.other.cert, "--key", pki.other.key)
    before = pending.read_bytes()
    with impostor(place, ["disk"]):  # it serves none that waits
        done = place.run("install", "--pending", pki.rsa3072.cert, "--key", pki.rsa3072.key,
                         check=1)
    assert pending.read_bytes() == before and pending.stat().st_mode & 0o777 == 0o600
    assert "restored" in said(done) and not fits_80_columns(done)
    pending.unlink()
    with impostor_again(place, ["disk"]):
        done = place.run("install", "--pending", pki.other.cert, "--key", pki.other.key, check=1)
    assert not pending.exists() and "removed" in said(done)
    assert place.fingerprint() == pki.rsa.fingerprint()


def test_rollback_is_proved_as_well(place, pki):
    place.run("install", pki.other.cert, "--key", pki.other.key)
    with impostor(place, Relenting(place, pki.other, ["disk", pki.other])):
        done = place.run("rollback", check=1)
    assert "[wlb] worker 1: presents another certificate" in said(done)
    assert place.fingerprint() == pki.other.fingerprint()
    # The history is what it was: the next rollback has its pair.
    (place.folder / "control.sock").unlink()
    place.run("rollback")
    assert place.fingerprint() == pki.rsa.fingerprint()


def test_reload_does_not_take_their_word_either(place, pki):
    with impostor(place, ["disk", pki.other]) as proxy:
        done = place_reload(place)
    assert done.returncode == 1 and "NOT CONFIRMED" in said(done)
    assert "[wlb] worker 1: presents another certificate" in said(done)
    assert proxy.asked[0][0] == "reload"


def test_a_key_for_rsa_pss_alone_can_be_proved(start_proxy, origin, pki):
    proxy = start_proxy(origin.address)
    pss = pki.leaf("pss", key="RSA-PSS")
    done = proxy.command("cert", "install", pss.cert, "--key", pss.key, "-c", proxy.config, check=0)
    assert "LIVE" in done.stdout
    assert fingerprint(proxy.cert, proxy.key) == pss.fingerprint()
