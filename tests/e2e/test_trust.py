"""Client certificates: whom a service trusts is judged, counted down, and watched."""
import datetime
import hashlib
import json
import re
import socket
import ssl

import pytest

from frame.client import TLS12, Tls, context, get
from frame.pki import CLIENT, openssl

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


def half_a_key(proxy, pki):
    proxy.key.write_bytes(proxy.key.read_bytes()[:300])


def no_certificate(proxy, pki):
    proxy.cert.unlink()


def the_other_half(proxy, pki):
    proxy.cert.write_bytes(pki.other.cert.read_bytes())


def a_typing_error(proxy, pki):
    proxy.write_config(accpet="1")


def a_worse_certificate(proxy, pki):
    pki.leaf("old", start="20200101000000Z", end="20210101000000Z").install(proxy.cert, proxy.key)


def a_port_of_another(proxy, pki):
    taken = socket.create_server(("127.0.0.1", 0))
    proxy.write_config(accept=[f"127.0.0.1:{proxy.port}",
                               f"127.0.0.1:{taken.getsockname()[1]}"])
    return taken


BROKEN = [half_a_key, no_certificate, the_other_half, a_typing_error, a_worse_certificate,
          a_port_of_another]


def as_client(proxy, pair, **options):
    it = context(**options)
    it.load_cert_chain(pair.cert, pair.key)
    return it


@pytest.mark.sampled(2)
@pytest.mark.parametrize("spoil", BROKEN, ids=lambda spoil: spoil.__name__)
def test_new_lists_count_although_the_rest_is_refused(trusting, pki, spoil):
    proxy = trusting()
    other = pki.leaf("client_who_stays", extensions=CLIENT, cn="stays", san=[])
    with Tls(proxy.port, tls=as_client(proxy, other)) as open_one:
        assert open_one.request(get("/")).status == 200
        assert gets_in(proxy, pki.client)
        held = spoil(proxy, pki)
        trusting.files[1].write_text(revocations(pki, pki.intermediate, revoked=[pki.client]))
        proxy.hup()
        assert proxy.wait_for("crl_reloaded")["generation"] == "2"
        refused = proxy.wait_for("reload_refused")
        assert (refused["serving"], refused["text"]) == (
            "2", "nothing but revocation lists has changed")
        assert not gets_in(proxy, pki.client) and gets_in(proxy, other)
        assert open_one.request(get("/")).status == 200
        done = proxy.command("reload", "-c", proxy.config, "--control", proxy.control, check=1)
        assert "generation 2 is still served, as before" in said(done)
        assert len(proxy.events("crl_reloaded")) == 1
        del held
    assert not proxy.events("reloaded")


def test_the_command_says_that_the_lists_are_new(trusting, pki):
    proxy = trusting()
    half_a_key(proxy, pki)
    trusting.files[1].write_text(revocations(pki, pki.intermediate, revoked=[pki.client]))
    assert "generation 2 is served: as before, with the new revocation lists" in said(
        proxy.reload(check=1))
    trusting.files[1].write_text(revocations(pki, pki.intermediate))
    done = proxy.command("reload", "-c", proxy.config, "--json", check=1)
    verdict = json.loads(done.stdout)
    assert verdict["crl_reloaded"] and not verdict["ok"] and verdict["generation"] == 3
    assert gets_in(proxy, pki.client)


@pytest.mark.parametrize("spoil", [half_a_key, no_certificate, a_worse_certificate],
                         ids=lambda spoil: spoil.__name__)
def test_a_watched_list_counts_while_a_pair_is_broken(trusting, pki, spoil):
    proxy = trusting(watch="on")
    proxy.wait_for("watch_looked")
    spoil(proxy, pki)
    trusting.files[1].write_text(revocations(pki, pki.intermediate, revoked=[pki.client]))
    proxy.wait_for("crl_reloaded")
    assert not gets_in(proxy, pki.client)
    looked = len(proxy.events("watch_looked"))
    proxy.wait_for("watch_looked", looked + 1)
    assert len(proxy.events("crl_reloaded")) == 1
    pki.other.install(proxy.cert, proxy.key)
    proxy.wait_for("reloaded")
    assert not gets_in(proxy, pki.client)


@pytest.mark.parametrize("lists", [
    lambda text: text[:len(text) // 2],
    lambda text: text.replace("X509 CRL", "CERTIFICATE"),
    lambda text: ""], ids=["half", "no list", "empty"])
def test_half_a_list_is_not_taken_either(trusting, pki, lists):
    proxy = trusting()
    half_a_key(proxy, pki)
    fresh = revocations(pki, pki.intermediate, revoked=[pki.client])
    trusting.files[1].write_text(lists(fresh))
    proxy.hup()
    assert proxy.wait_for("reload_refused")["text"] == "nothing has changed"
    assert gets_in(proxy, pki.client)
    trusting.files[1].write_text(fresh)
    proxy.hup()
    proxy.wait_for("crl_reloaded")
    assert not gets_in(proxy, pki.client)


@pytest.mark.parametrize("option", ["ca", "crl", "verify_pins"])
@pytest.mark.parametrize("spoil, told", [
    (lambda text: text + b"\0\n" + text, "has a NUL byte: save the file as plain text"),
    (lambda text: text.decode().encode("utf-16"), "line 1 has a NUL byte"),
    (lambda text: b"hello\n", "there is no"), (lambda text: text[:200], "is the file whole?")])
def test_a_spoiled_file_is_refused_by_its_name(trusting, tmp_path, option, spoil, told):
    """All behind the NUL byte was passed over before, a revocation list too."""
    proxy, bad = trusting(), tmp_path / "spoiled.pem"
    text = (trusting.files[0] if option == "crl" else trusting.ca).read_bytes()
    bad.write_bytes(spoil(text))
    proxy.write_config(**{option: [trusting.files[1], bad] if option == "crl" else bad})
    complaint = said(proxy.reload(check=1))
    assert f"{option}: {bad}: " in complaint and told in complaint
    assert proxy.status()["generation"] == 1


def test_a_list_that_locks_everybody_out_does_not_come_in_that_way(trusting, pki):
    proxy = trusting()
    half_a_key(proxy, pki)
    trusting.files[1].write_text(revocations(pki, pki.intermediate, first=-9, last=-1))
    proxy.hup()
    proxy.wait_for("reload_refused")
    assert not proxy.events("crl_reloaded") and gets_in(proxy, pki.client)


def test_a_revoked_client_does_not_come_back_by_its_ticket(trusting, pki):
    proxy = trusting()
    it = as_client(proxy, pki.client, versions=TLS12)
    with Tls(proxy.port, tls=it) as client:
        assert client.request(get("/", close=True)).status == 200
        session = client.tls.session
    half_a_key(proxy, pki)
    trusting.files[1].write_text(revocations(pki, pki.intermediate, revoked=[pki.client]))
    proxy.hup()
    with pytest.raises((ssl.SSLError, ConnectionError)):
        with Tls(proxy.port, tls=it, session=session) as client:
            client.request(get("/"))


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


def key_digest(pair):
    return hashlib.sha256(openssl("pkey", "-in", pair.key, "-pubout", "-outform", "DER")).hexdigest()


def clients(pki):
    """Two of one CA, and one that signed itself."""
    return (pki.client, pki.leaf("client2", extensions=CLIENT, cn="client two", san=[]),
            pki.leaf("alone", issuer=None, extensions=CLIENT, cn="alone", san=[]))


WAYS = {
    "a file": lambda pair, folder: folder / "pins.pem",
    "the digest of the certificate": lambda pair, folder: pair.fingerprint(),
    "with colons": lambda pair, folder: ":".join(re.findall("..", pair.fingerprint().upper())),
    "the digest of its key": lambda pair, folder: key_digest(pair),
}


@pytest.mark.parametrize("way", WAYS)
def test_only_a_pinned_certificate_gets_in(start_proxy, origin, pki, tmp_path, way):
    one, two, alone = clients(pki)
    for pinned, ca in ((one, pki.root.leaf), (one, None), (alone, None)):
        (tmp_path / "pins.pem").write_text(pinned.leaf.read_text())
        proxy = start_proxy(origin.address, verify="required", ca=ca, xenserver="off",
                            verify_pins=WAYS[way](pinned, tmp_path))
        for client in (one, two, alone):
            assert gets_in(proxy, client) == (client is pinned), (client.name, pinned.name)
        with pytest.raises((ssl.SSLError, ConnectionError)):
            with Tls(proxy.port) as nobody:
                nobody.request(get("/"))


def test_a_pin_does_not_replace_the_ca_or_the_date(start_proxy, origin, pki):
    _, _, alone = clients(pki)
    old = pki.leaf("old_client", extensions=CLIENT, san=[], start="20200101000000Z",
                   end="20210101000000Z")
    for pinned, ca in ((alone, pki.root.leaf), (old, None)):
        proxy = start_proxy(origin.address, verify="required", ca=ca, xenserver="off",
                            verify_pins=pinned.fingerprint())
        assert not gets_in(proxy, pinned)


def test_a_pin_that_is_taken_away_takes_its_tickets_with_it(start_proxy, origin, pki, tmp_path):
    one, two, _ = clients(pki)
    pins = tmp_path / "pins.pem"
    pins.write_text(one.leaf.read_text() + two.leaf.read_text())
    proxy = start_proxy(origin.address, verify="required", verify_pins=pins, watch="on",
                        xenserver="off")
    it = context(versions=TLS12)
    it.load_cert_chain(one.cert, one.key)
    with Tls(proxy.port, tls=it) as client:
        assert client.request(get("/", close=True)).status == 200
        session = client.tls.session
    proxy.wait_for("watch_looked")
    pins.write_text(two.leaf.read_text())
    proxy.wait_for("reloaded")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        with Tls(proxy.port, tls=it, session=session) as client:
            client.request(get("/"))
    assert gets_in(proxy, two)


def test_only_a_certificate_with_one_of_the_names_gets_in(start_proxy, origin, pki):
    by_cn = pki.leaf("by_cn", extensions=CLIENT, cn="Jane Doe", san=[])
    by_dns = pki.leaf("by_dns", extensions=CLIENT, cn="x", san=["DNS:host.example"])
    by_mail = pki.leaf("by_mail", extensions=CLIENT, cn="y", san=["email:a@b.example"])
    by_ip = pki.leaf("by_ip", extensions=CLIENT, cn="z", san=["IP:10.0.0.7"])
    wild = pki.leaf("wild", extensions=CLIENT, cn="w", san=["DNS:*.example"])
    names = {by_cn: "Jane Doe", by_dns: "HOST.example", by_mail: "a@b.example",
             by_ip: "10.0.0.7"}
    proxy = start_proxy(origin.address, verify="required", ca=pki.root.leaf, xenserver="off",
                        verify_names=list(names.values()))
    assert all(gets_in(proxy, one) for one in names)
    assert not gets_in(proxy, wild) and not gets_in(proxy, pki.client)
    assert "hostname mismatch" in proxy.wait_for("end", 2, reason="handshake_failed")["cause"]
    for wanted in names:
        proxy.write_config(verify_names=names[wanted])
        proxy.reload()
        assert [one.name for one in names if gets_in(proxy, one)] == [wanted.name]


def test_the_cn_counts_only_where_no_dns_name_is(start_proxy, origin, pki):
    """RFC 6125 section 6.4.4; stunnel's checkHost, too."""
    beside_dns = pki.leaf("cn_dns", extensions=CLIENT, cn="host.example",
                          san=["DNS:other.example"])
    jane_dns = pki.leaf("jane_dns", extensions=CLIENT, cn="Jane Doe", san=["DNS:j.example"])
    beside_mail = pki.leaf("cn_mail", extensions=CLIENT, cn="host.example",
                           san=["email:a@b.example"])
    alone = pki.leaf("cn_alone", extensions=CLIENT, cn="Host.example", san=[])
    proxy = start_proxy(origin.address, verify="required", ca=pki.root.leaf, xenserver="off",
                        verify_names=["host.example", "Jane Doe"])
    assert [one.name for one in (beside_dns, jane_dns, beside_mail, alone)
            if gets_in(proxy, one)] == [beside_mail.name, alone.name]


@pytest.mark.parametrize("options, words", [
    ({"verify_names": "a"}, "verify_names has no effect while verify = off"),
    ({"verify_pins": "0" * 64}, "verify_pins has no effect while verify = off"),
    ({"verify": "required", "verify_names": "a"}, "neither ca nor verify_pins says which"),
    ({"verify": "required", "verify_pins": "abc"}, "neither an absolute path nor a SHA-256"),
    ({"verify": "required", "verify_pins": "/nowhere.pem"}, "verify_pins: /nowhere.pem"),
    ({"verify": "required", "verify_pins": "{key}"}, "there is no certificate in the file"),
    ({"verify": "required", "verify_pins": "0" * 64, "crl": "{cert}"}, "crl needs ca"),
])
def test_a_migration_that_would_admit_everybody_is_refused(proxy, options, words):
    proxy.write_config(**{name: value.format(cert=proxy.cert, key=proxy.key)
                          for name, value in options.items()})
    assert words in said(proxy.command("check", "-c", proxy.config, check=1))
    assert words in said(proxy.command("reload", "-c", proxy.config, "--control",
                                       proxy.control, check=1))
