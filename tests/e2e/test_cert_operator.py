"""The messages to the operator, and the choices that he makes only once."""
import json
import re
import subprocess

import pytest

from frame.pki import openssl
from test_cert_install import Place, cert, fits_80_columns

pytestmark = pytest.mark.core


@pytest.fixture
def place(wlbproxy, tmp_path, pki):
    return Place(wlbproxy, tmp_path / "place", pki.rsa)


def said(done):
    return " ".join((done.stdout + done.stderr).split())


def subject_of(csr):
    return openssl("req", "-in", csr, "-noout", "-subject", "-nameopt",
                   "sep_comma_plus,utf8,-esc_msb").decode().strip()


# --- the name ----------------------------------------------------------------------------------


def test_the_name_is_said_once_in_the_configuration(place):
    place.config.write_text(place.config.read_text() + "name = wlb.example.org\n")
    said = " ".join(place.run("request").stdout.split())
    assert "server.csr: for wlb.example.org" in said and " more name" not in said
    assert subject_of(place.folder / "server.csr").endswith("CN=wlb.example.org")
    place.run("create", "--force")
    text = openssl("x509", "-in", place.cert, "-noout", "-ext", "subjectAltName").decode()
    assert "DNS:wlb.example.org" in text
    place.run("request", "--name", "other.example.org")
    assert subject_of(place.folder / "server.csr").endswith("CN=other.example.org")


def test_check_asks_for_the_configured_name(start_proxy, origin, pki):
    proxy = start_proxy(origin.address, name="elsewhere.example.org")
    answer = json.loads(proxy.command("check", "--json", "-c", proxy.config).stdout)
    assert {one["address"] for one in answer["xenserver"]} == {"elsewhere.example.org"}
    for option in ("--name", "--address"):
        answer = json.loads(proxy.command(
            "check", "--json", option, "localhost", "-c", proxy.config).stdout)
        assert {one["address"] for one in answer["xenserver"]} == {"localhost"}


def test_name_is_the_option_of_every_command(wlbproxy):
    for command in (["check"], ["cert", "check"], ["cert", "create"], ["cert", "request"],
                    ["cert", "install"], ["cert", "rollback"]):
        text = subprocess.run([wlbproxy, *command, "--help"], capture_output=True,
                              text=True, timeout=60).stdout
        assert "--name" in text and "--address" not in text, command
        assert all(len(line) <= 80 for line in text.splitlines()), command


# --- the subject -------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [
    "C=DE, ST=Bavaria, L=Munich, O=Example\\, Inc., OU=IT",
    "OU=IT,O=Example\\, Inc.,L=Munich,ST=Bavaria,C=DE",
    "/C=DE/ST=Bavaria/L=Munich/O=Example, Inc./OU=IT",
])
def test_a_request_has_the_organisation_in_its_subject(place, text):
    place.run("request", "--name", "wlb.example.org", "--subject", text)
    found = subject_of(place.folder / "server.csr")
    assert found == ("subject=C=DE,ST=Bavaria,L=Munich,O=Example, Inc.,OU=IT,"
                     "CN=wlb.example.org"), found


@pytest.mark.parametrize("text, words", [
    ("C=Germany", "two capital letters"), ("C=de", "two capital letters"),
    ("CN=x", "--name"), ("X=1", "none of C="), ("O=", "is empty"), ("O=a,O=b", "twice"),
    ("O=" + "x" * 65, "more than 64"), ("O=a\x07b", "control character"),
    (b"O=\xff\xfe", "not UTF-8"), ("O=a, Inc.", "none of C="),
])
def test_an_impossible_subject_is_reported(place, text, words):
    done = subprocess.run([place.program, "cert", "request", "--subject", text, "-c",
                           place.config], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and words in said(done), done
    assert not (place.folder / "server.csr").exists()


def test_letters_of_any_alphabet_are_kept(place):
    place.run("request", "--subject", "L=München,O=Größe 日本")
    assert "L=München,O=Größe 日本" in subject_of(place.folder / "server.csr")


# --- what comes next ---------------------------------------------------------------------------


def test_install_says_what_comes_next(start_proxy, origin, pki, tmp_path):
    proxy = start_proxy(origin.address, name="localhost")
    done = cert(proxy, "install", pki.other.cert, "--key", pki.other.key)
    lines = done.stdout.replace(" \\\n", " ").splitlines()
    words = [" ".join(line.split()) for line in lines]
    export = next(line for line in words if line.startswith("wlbproxy cert export-for-pool"))
    copies = [line for line in words if line.startswith("scp ")]
    installs = [line for line in words if line.startswith("xe pool-") and "filename=" in line]
    assert "xe host-list params=software-version" in words
    assert any(line.startswith("xe pool-certificate-install") for line in installs)
    assert any(line.startswith("xe pool-install-ca-certificate") for line in installs)
    assert "xe pool-certificate-sync" in words
    assert not fits_80_columns(done)
    # The export makes the very files that are copied, and that xe is told to install.
    subprocess.run(["sh", "-c", export.replace("wlbproxy", proxy.program, 1)], cwd=tmp_path,
                   check=True, capture_output=True)
    for line in copies:
        path = re.fullmatch(r"scp (\S+) root@COORDINATOR:", line).group(1)
        text = (tmp_path / path).read_text()
        assert text.count("BEGIN CERTIFICATE") == 1 and "PRIVATE" not in text
    copied = {line.split()[1].split("/")[-1] for line in copies}
    assert {line.split("filename=")[1] for line in installs} == copied


def test_next_steps_are_printed_only_where_they_apply(start_proxy, origin, pki):
    proxy = start_proxy(origin.address, name="nobody.example.org")
    done = cert(proxy, "install", pki.other.cert, "--key", pki.other.key)
    assert "xe pool" not in done.stdout and "XenServer" in done.stdout
    answer = json.loads(cert(proxy, "install", pki.rsa.cert, "--key", pki.rsa.key,
                             "--json").stdout)
    assert answer["ok"] and all(not one["accepted"] for one in answer["pool"])
    done = cert(proxy, "install", pki.other.cert, "--key", pki.other.key, "--dry-run")
    assert "scp" not in done.stdout


# --- from nothing ------------------------------------------------------------------------------


def test_create_makes_the_folders_that_are_missing(wlbproxy, tmp_path):
    place = Place(wlbproxy, tmp_path / "place")
    place.cert = tmp_path / "not/yet/there/server.pem"
    place.key = tmp_path / "another/server.key"
    place.config.write_text(f"control = off\n[wlb]\ncert = {place.cert}\nkey = {place.key}\n")
    check = subprocess.run([wlbproxy, "check", "--json", "-c", place.config],
                           capture_output=True, text=True, timeout=60)
    commands = [command for one in json.loads(check.stdout)["findings"]
                for command in one.get("commands", [])]
    assert "wlbproxy cert create" in commands
    place.run("create", "--dry-run", check=None)
    assert not (tmp_path / "not").exists()
    place.run("create", "--key", "ec")
    assert place.fingerprint()
    assert (tmp_path / "not/yet/there").stat().st_mode & 0o777 == 0o755


def test_nothing_is_wider_than_the_terminal(place):
    long = "x" * 60
    for arguments in (["install", f"--{long}"], ["export-for-pool"], ["request", "--key"],
                      ["show", "a", long], ["rollback", long]):
        done = place.run(*arguments, check=2)
        assert all(len(line) <= 80 or " " not in line for line in
                   (done.stdout + done.stderr).splitlines()), done


def test_no_heading_stands_alone(place, pki, tmp_path):
    bare = pki.leaf("bare", san=[])
    done = place.run("install", bare.cert, "--key", bare.key)
    for line in done.stdout.splitlines():
        assert not re.fullmatch(r" +(subject|names|issuer|serial|key)\s*", line), done.stdout
