"""`cert create` and `cert request`: what they make, and that clients take it."""
import os
import re
import ssl
import subprocess

import pytest

from frame.client import Tls, get
from frame.pki import openssl
from test_cert_install import Place, fits_80_columns, mode
from test_reload import served

pytestmark = pytest.mark.core


@pytest.fixture
def place(wlbproxy, tmp_path):
    return Place(wlbproxy, tmp_path / "place")


def text_of(cert):
    return openssl("x509", "-in", cert, "-noout", "-text").decode()


def test_the_placeholder_is_what_a_server_certificate_should_be(place):
    done = place.run("create", "--name", "wlb.example.com", "--san", "wlb", "--san",
                     "192.0.2.7", "--san", "wlb.example.com")
    assert not fits_80_columns(done)
    text = text_of(place.cert)
    assert re.search(r"Subject: ?CN ?= ?wlb.example.com", text)
    assert "DNS:wlb.example.com, DNS:wlb, IP Address:192.0.2.7\n" in text
    assert "Public-Key: (2048 bit)" in text and "sha256WithRSAEncryption" in text
    assert "CA:FALSE" in text and "TLS Web Server Authentication" in text
    assert "Digital Signature, Key Encipherment" in text
    serial = openssl("x509", "-in", place.cert, "-noout", "-serial").decode()
    assert len(serial.strip().split("=")[1]) >= 32
    start, end = (openssl("x509", "-in", place.cert, "-noout", flag).decode().strip()
                  for flag in ("-startdate", "-enddate"))
    seconds = [ssl.cert_time_to_seconds(one.split("=")[1]) for one in (start, end)]
    assert seconds[1] - seconds[0] == 398 * 86400
    assert mode(place.key) == 0o600 and mode(place.cert) == 0o644
    place.fingerprint()


def test_two_serials_are_never_alike(place):
    serials = set()
    for _ in range(3):
        place.run("create", "--force", "--key", "ec")
        serials.add(openssl("x509", "-in", place.cert, "-noout", "-serial"))
    assert len(serials) == 3


KINDS = {"rsa:3072": "(3072 bit)", "ec": "prime256v1", "ec:P-384": "secp384r1"}


@pytest.mark.parametrize("kind", KINDS)
def test_kinds_of_keys(place, kind):
    place.run("create", "--key", kind)
    assert KINDS[kind] in text_of(place.cert)


def test_days(place):
    place.run("create", "--days", "30")
    assert subprocess.run(["openssl", "x509", "-in", place.cert, "-checkend",
                           str(29 * 86400)], stdout=subprocess.DEVNULL).returncode == 0
    assert subprocess.run(["openssl", "x509", "-in", place.cert, "-checkend",
                           str(30 * 86400)], stdout=subprocess.DEVNULL).returncode == 1


def test_an_address_as_the_name_is_a_cn_without_dns_names(place):
    place.run("create", "--name", "192.0.2.7")
    text = text_of(place.cert)
    assert "DNS:" not in text and "IP Address:192.0.2.7" in text
    assert re.search(r"Subject: ?CN ?= ?192.0.2.7", text)


def test_it_overwrites_nothing_without_force(place):
    place.run("create")
    before = place.cert.read_bytes()
    done = place.run("create", check=1)
    assert "--force" in done.stderr and place.cert.read_bytes() == before
    place.run("create", "--force")
    assert place.cert.read_bytes() != before
    place.run("rollback")
    assert place.cert.read_bytes() == before


@pytest.mark.parametrize("arguments", [
    ["--name", "no such name"], ["--san", "IP:1.2.3"], ["--key", "rsa:1024"],
    ["--days", "0"], ["--days", "1e3"], ["--name", "a..b"], ["--nmae", "x"]])
def test_slips_are_told_and_make_nothing(place, arguments):
    done = place.run("create", *arguments, check=2)
    assert len(done.stderr) > 30
    assert not place.cert.exists() and not place.key.exists()


@pytest.mark.sampled(3)
@pytest.mark.parametrize("verify", ["8.2", "21.x", "24.40"])
def test_xenserver_verifies_the_placeholder_once_it_is_installed(
        start_proxy, origin, xapi, verify):
    proxy = start_proxy(origin.address)
    proxy.command("cert", "create", "--name", "wlb.example.com", "--force", "-c",
                  proxy.config, check=0)
    answer = xapi.call(proxy.port, verify=verify, ca=proxy.cert, host="wlb.example.com")
    assert answer.status == 200, answer.log
    context = ssl.create_default_context(cafile=str(proxy.cert))
    with Tls(proxy.port, tls=context, name="wlb.example.com") as client:
        assert client.request(get("/", close=True)).status == 200


# --- request --------------------------------------------------------------------------------


def test_a_request_leaves_the_pair_in_place_untouched(start_proxy, origin, pki):
    proxy = start_proxy(origin.address)
    done = proxy.command("cert", "request", "--name", "wlb.example.com", "--san",
                         "wlb2.example.com", "-c", proxy.config, check=0)
    assert not fits_80_columns(done)
    assert served(proxy.port) == pki.rsa.fingerprint()
    assert proxy.cert.read_bytes() == pki.rsa.cert.read_bytes()
    csr, key = proxy.folder / "server.csr", proxy.folder / "server.key.pending"
    text = openssl("req", "-in", csr, "-noout", "-text", "-verify").decode()
    assert "DNS:wlb.example.com, DNS:wlb2.example.com" in text and "CA:FALSE" in text
    assert "TLS Web Server Authentication" in text and "sha256WithRSA" in text
    assert openssl("req", "-in", csr, "-noout", "-pubkey") == openssl(
        "pkey", "-in", key, "-pubout")
    assert mode(key) == 0o600 and b"ENCRYPTED" not in key.read_bytes()


def test_a_key_that_waits_is_used_again_unless_forced(place):
    place.run("request", "--name", "wlb.example.com")
    key = place.folder / "server.key.pending"
    first = key.read_bytes()
    done = place.run("request", "--name", "wlb.example.com", "--san", "b.example.com")
    assert "waits already" in done.stdout and key.read_bytes() == first
    place.run("request", "--key", "ec", check=1)
    assert key.read_bytes() == first
    place.run("request", "--key", "ec", "--force")
    assert key.read_bytes() != first
    assert (place.folder / "server.key.pending_orig").read_bytes() == first


WARNED = {
    "ip-name": ["--name", "wlb.example.com", "--san", "192.0.2.7"],
    "cn-ignored": ["--name", "192.0.2.7", "--san", "wlb.example.com"],
    "bare-name": ["--name", "wlb"],
    "ec-only": ["--name", "wlb.example.com", "--key", "ec"],
    "wildcard": ["--name", "*.example.com"],
}


def test_a_request_overwrites_requests_only(wlbproxy, tmp_path, pki):
    place = Place(wlbproxy, tmp_path / "place", pki.rsa)
    text = place.folder / "notes"
    text.write_text("not to be lost")
    empty = place.folder / "empty.csr"
    empty.touch()
    for precious in (place.key, place.cert, text):
        before = precious.read_bytes()
        done = place.run("request", "--name", "localhost", "--csr", precious, check=1)
        assert precious.read_bytes() == before
        assert "is not a signing request" in " ".join(done.stderr.split())
        assert not (place.folder / "server.key.pending").exists()
    for _ in range(2):
        place.run("request", "--name", "localhost", "--csr", empty)
    assert b"CERTIFICATE REQUEST" in empty.read_bytes()


@pytest.mark.parametrize("what", WARNED)
def test_names_that_xenserver_would_not_match_are_warned_of(place, what):
    done = place.run("request", *WARNED[what], "--json")
    assert f'"id": "{what}"' in done.stdout


def test_a_dry_run_makes_nothing(place):
    place.run("request", "--dry-run")
    place.run("create", "--dry-run")
    assert os.listdir(place.folder) == ["wlbproxy.conf"]
