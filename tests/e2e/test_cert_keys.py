"""The key of each certificate that the CA sends is found: no key that was made here is lost."""
import pytest

from frame.pki import openssl
from test_cert_install import Place, fingerprint, mode

pytestmark = pytest.mark.core


@pytest.fixture
def place(wlbproxy, tmp_path, pki):
    return Place(wlbproxy, tmp_path / "place", pki.rsa)


def sign(pki, csr, out, serial):
    """The CA signs a request."""
    openssl("x509", "-req", "-in", csr, "-CA", pki.intermediate.leaf, "-CAkey",
            pki.intermediate.key, "-days", "90", "-set_serial", str(serial), "-out", out)
    return out


def test_the_answer_finds_its_key_again_after_a_rollback(place, pki, tmp_path):
    place.run("request", "--name", "localhost")
    signed = sign(pki, place.folder / "server.csr", tmp_path / "signed.pem", 1)
    place.run("install", signed)
    fresh = place.fingerprint()
    place.run("rollback")
    assert place.fingerprint() == pki.rsa.fingerprint()
    done = place.run("install", signed)
    assert place.fingerprint() == fresh
    assert "server.key_history/" in "".join(done.stdout.split())


def test_the_answer_finds_its_key_anywhere_in_the_history(place, pki, tmp_path):
    place.run("request", "--name", "localhost")
    signed = sign(pki, place.folder / "server.csr", tmp_path / "signed.pem", 2)
    place.run("install", signed)
    fresh = place.fingerprint()
    for pair in (pki.other, pki.rsa3072, pki.rsa):
        place.run("install", pair.cert, "--key", pair.key)
    place.run("install", signed)
    assert place.fingerprint() == fresh


def test_the_history_of_a_merged_file_has_keys_too(wlbproxy, tmp_path, pki):
    place = Place(wlbproxy, tmp_path / "place")
    place.config.write_text(f"control = off\n[wlb]\ncert = {place.cert}\n")
    place.cert.write_text(pki.rsa.merged())
    place.run("install", pki.other.cert, "--key", pki.other.key)
    place.run("rollback")
    place.run("install", pki.other.cert)
    assert fingerprint(place.cert, place.cert) == pki.other.fingerprint()


@pytest.mark.again
def test_requests_with_force_keep_every_key_that_waits(place, pki, tmp_path):
    answers = []
    for i in range(4):
        place.run("request", "--name", "localhost", *(["--force"] if i else []))
        answers.append(sign(pki, place.folder / "server.csr", tmp_path / f"{i}.pem", 10 + i))
    waiting = sorted(one.name for one in place.folder.glob("server.key.pending*"))
    assert len(waiting) == 4
    assert all(mode(place.folder / one) == 0o600 for one in waiting)
    for answer in answers:
        place.run("install", answer)
        place.fingerprint()
    # A key in service no longer waits.
    assert not list(place.folder.glob("server.key.pending*"))


def test_a_key_that_is_kept_aside_is_named(place):
    place.run("request", "--name", "localhost")
    place.run("request", "--name", "localhost", "--force")
    done = place.run("request", "--name", "localhost", "--force")
    assert "server.key.pending_orig.1" in "".join(done.stdout.split())
