"""Client certificates: whom a service trusts is judged, counted down, and watched."""
import datetime
import ssl

import pytest

from frame.client import Tls, context, get
from frame.pki import openssl

pytestmark = pytest.mark.core


def day(days):
    when = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)
    return when.strftime("%Y%m%d%H%M%SZ")


def revocations(pki, issuer, first=-1, last=7, revoked=()):
    """The text of a list of that issuer."""
    base = ["ca", "-config", "ca.cnf", "-cert", issuer.leaf, "-keyfile", issuer.key]
    index = (pki.folder / "index.txt").read_text()
    for one in revoked:
        openssl(*base, "-revoke", one.leaf, cwd=pki.folder)
    text = openssl(*base, "-gencrl", "-crl_lastupdate", day(first), "-crl_nextupdate",
                   day(last), cwd=pki.folder).decode()
    (pki.folder / "index.txt").write_text(index)
    return text


def gets_in(proxy, pair):
    it = context()
    it.load_cert_chain(pair.cert, pair.key)
    try:
        with Tls(proxy.port, tls=it) as client:
            return client.request(get("/", close=True)).status == 200
    except (ssl.SSLError, ConnectionError):
        return False


def said(done):
    return " ".join((done.stdout + done.stderr).split())


@pytest.fixture
def trusting(start_proxy, origin, pki, tmp_path):
    """A proxy with client certificates and the lists of both issuers, in a folder."""
    lists = tmp_path / "lists"
    lists.mkdir()
    files = lists / "root.crl", lists / "intermediate.crl"
    ca = tmp_path / "ca.pem"
    ca.write_text(pki.root.leaf.read_text() + pki.intermediate.leaf.read_text())
    files[0].write_text(revocations(pki, pki.root))
    files[1].write_text(revocations(pki, pki.intermediate))

    def start(**options):
        return start_proxy(origin.address, verify="required", ca=ca, crl=list(files),
                           xenserver="off", **options)

    start.files, start.ca = files, ca
    return start


def test_lists_of_several_issuers_in_several_files(trusting, pki):
    proxy = trusting()
    assert gets_in(proxy, pki.client)
    proxy.write_config(crl=trusting.files[0])
    assert "the revocation list of Test Intermediate is missing" in said(proxy.reload(check=1))
    assert gets_in(proxy, pki.client)
    trusting.files[0].write_text("".join(one.read_text() for one in trusting.files))
    proxy.reload()
    assert gets_in(proxy, pki.client)
    proxy.write_config(crl="none")
    proxy.reload()
    assert gets_in(proxy, pki.client)


def test_a_new_list_in_a_folder_of_its_own_is_noticed(trusting, pki):
    proxy = trusting(watch="on")
    assert gets_in(proxy, pki.client)
    proxy.wait_for("watch_looked")
    fresh = trusting.files[1].with_suffix(".new")
    fresh.write_text(revocations(pki, pki.intermediate, revoked=[pki.client]))
    fresh.rename(trusting.files[1])
    proxy.wait_for("reloaded")
    assert not gets_in(proxy, pki.client)


def test_a_new_ca_is_noticed(trusting, pki):
    proxy = trusting(watch="on")
    other = pki.leaf("other_ca", issuer=None, cn="Other CA", san=[],
                     extensions="basicConstraints=critical,CA:TRUE\n")
    proxy.wait_for("watch_looked")
    trusting.ca.write_text(trusting.ca.read_text() + other.leaf.read_text())
    assert "Other CA is missing" in proxy.wait_for("reload_refused")["reason"]


BAD = {
    "an old list": (lambda pki: revocations(pki, pki.intermediate, first=-9, last=-1),
                    "was to be replaced by"),
    "a list of another key": (
        lambda pki: revocations(pki, pki.leaf(
            "impostor", issuer=None, cn="Test Intermediate", san=[],
            extensions="basicConstraints=critical,CA:TRUE\n")), "is not signed with that CA's key"),
}


@pytest.mark.parametrize("what", BAD)
def test_a_list_that_locks_everybody_out_is_refused(trusting, pki, what):
    make, words = BAD[what]
    proxy = trusting()
    trusting.files[1].write_text(make(pki))
    assert words in said(proxy.reload(check=1))
    assert words in said(proxy.command("check", "-c", proxy.config, check=1))
    assert gets_in(proxy, pki.client)
    proxy.hup()
    assert words in proxy.wait_for("reload_refused", 2)["reason"]


def test_start_tells_it_loudly(trusting, pki):
    trusting.files[1].write_text(revocations(pki, pki.intermediate, first=-9, last=-1))
    proxy = trusting()
    assert proxy.wait_for("finding", id="crl-expired")["level"] == "error"
    assert proxy.wait_for("crl_expired")["subject"] == "CN=Test Intermediate"


def test_lists_and_cas_are_counted_down(trusting, pki):
    trusting.files[1].write_text(revocations(pki, pki.intermediate, first=-6, last=0.9))
    proxy = trusting()
    told = proxy.wait_for("crl_expires")
    assert (told["subject"], told["days_left"]) == ("CN=Test Intermediate", "0")
    assert not proxy.events("ca_expires")
