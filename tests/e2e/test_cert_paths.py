"""The same pair by another path: `cert` commands change what the configuration names."""
import json
import os
import subprocess

import pytest

from test_cert_install import Place, fingerprint, mode

pytestmark = pytest.mark.core


def named(place, way):
    """(--cert, folder to be in): the configured chain, not as it is written there."""
    folder = place.cert.parent
    if way == "relative":
        return "./certs/server.pem", folder.parent
    if way == "dots":
        return folder.parent / "private" / ".." / "certs" / "server.pem", None
    link = folder.parent / "link.pem"
    link.symlink_to(place.cert)
    return link, None


@pytest.fixture
def place(wlbproxy, tmp_path, pki):
    """Chain and key in folders of their own, as Debian has them."""
    place = Place(wlbproxy, tmp_path)
    place.cert, place.key = tmp_path / "certs/server.pem", tmp_path / "private/server.key"
    for path in (place.cert, place.key):
        path.parent.mkdir()
    place.config.write_text(f"control = off\n[wlb]\ncert = {place.cert}\nkey = {place.key}\n")
    pki.rsa.install(place.cert, place.key)
    return place


@pytest.mark.parametrize("way", ["relative", "dots", "link"])
def test_the_configured_key_is_replaced_too(place, pki, way, monkeypatch):
    chain, folder = named(place, way)
    if folder:
        monkeypatch.chdir(folder)
    done = place.run("install", pki.other.cert, "--key", pki.other.key, "--cert", chain)
    assert place.fingerprint() == pki.other.fingerprint()
    assert f"{place.cert} (0644)" in " ".join(done.stdout.split())
    assert sorted(p.name for p in place.cert.parent.iterdir()) == ["server.pem", "server.pem_orig"]
    assert mode(place.key) == 0o600
    place.run("rollback", "--cert", chain)
    assert place.fingerprint() == pki.rsa.fingerprint()


def test_a_missing_pair_is_found_by_its_folder(place, pki, monkeypatch):
    place.cert.unlink()
    place.key.unlink()
    monkeypatch.chdir(place.cert.parent)
    place.run("install", pki.other.cert, "--key", pki.other.key, "--cert", "server.pem")
    assert place.fingerprint() == pki.other.fingerprint()


@pytest.mark.parametrize("link", ["key", "cert"])
def test_a_link_to_the_merged_file_is_no_second_file(place, pki, link):
    real, other = (place.cert, place.key) if link == "key" else (place.key, place.cert)
    real.write_bytes(pki.rsa.cert.read_bytes() + pki.rsa.key.read_bytes())
    real.chmod(0o600)
    other.unlink()
    other.symlink_to(real)
    place.run("install", pki.other.cert, "--key", pki.other.key)
    assert fingerprint(real, real) == pki.other.fingerprint()
    assert other.is_symlink() and mode(real) == 0o600
    place.run("rollback")
    assert fingerprint(real, real) == pki.rsa.fingerprint()


def test_hard_links_are_files_of_their_own(place, pki):
    kept = place.cert.with_name("kept.pem")
    os.link(place.cert, kept)
    place.run("install", pki.other.cert, "--key", pki.other.key)
    assert place.fingerprint() == pki.other.fingerprint()
    assert kept.read_bytes() == pki.rsa.cert.read_bytes()


def test_the_folder_behind_a_link_is_looked_at(place):
    link = place.folder / "link.key"
    link.symlink_to(place.key)
    for mode_of_folder, found in ((0o777, True), (0o1777, False), (0o755, False)):
        place.key.parent.chmod(mode_of_folder)
        done = subprocess.run(
            [place.program, "cert", "check", "--json", "--key", link, place.cert],
            capture_output=True, text=True, timeout=60)
        told = [f["file"] for f in json.loads(done.stdout)["findings"]
                if f["id"] == "folder-writable"]
        assert told == ([str(place.key.parent)] if found else []), (mode_of_folder, told)


def test_a_root_that_is_not_sent_can_be_installed(place):
    place.config.write_text(place.config.read_text() + "send_root = off\naccept = 127.0.0.1:1\n")
    done = subprocess.run(
        [place.program, "check", "--json", "--address", "localhost", "-c", place.config],
        capture_output=True, text=True, timeout=60)
    answer = json.loads(done.stdout)
    assert "root-included" in [f["id"] for f in answer["findings"]]
    for verdict in answer["xenserver"]:
        assert verdict["accepted"] and verdict["install"] and verdict["commands"], verdict
