"""A certificate that XenServer can use is not replaced by another that it cannot, unless that is
forced."""
import json

import pytest

from frame.wait import wait_until
from test_reload import served

pytestmark = pytest.mark.core


def leaf_alone(pki):
    """certbot's cert.pem where fullchain.pem belongs."""
    return pki.other.leaf.read_bytes(), pki.other.key.read_bytes()


def ec_alone(pki):
    """certbot's default since 2.0."""
    return pki.ec.cert.read_bytes(), pki.ec.key.read_bytes()


def for_clients(pki):
    pair = pki.leaf("for_clients", extensions="extendedKeyUsage=clientAuth\n")
    return pair.cert.read_bytes(), pair.key.read_bytes()


LOST = {
    "an EC key alone": (ec_alone, "no certificate with an RSA key"),
    "the leaf alone": (leaf_alone, "the intermediate that issued the certificate of localhost"),
    "a client's certificate": (for_clients, "not one for servers"),
}


def put(proxy, pair):
    proxy.key.unlink()
    for path, content in zip((proxy.cert, proxy.key), pair):
        path.write_bytes(content)
    proxy.key.chmod(0o600)


def said(done):
    return " ".join((done.stdout + done.stderr).split())


@pytest.mark.parametrize("what", LOST)
def test_reload_and_hup_refuse_it_and_force_takes_it(proxy, pki, what):
    make, words = LOST[what]
    before = served(proxy.port)
    put(proxy, make(pki))
    refused = proxy.reload(check=1)
    assert "reload REFUSED" in said(refused) and words in said(refused)
    assert "wlbproxy reload --force" in said(refused) and "xenserver = off" in said(refused)
    proxy.hup()
    assert words in proxy.wait_for("reload_refused", 2)["reason"]
    assert served(proxy.port) == before
    status = proxy.command("status", "-c", proxy.config)
    assert "it would still be refused, for the same reason" in said(status)
    checked = proxy.command("check", "-c", proxy.config, "--control", proxy.control, check=1)
    assert "a reload would be refused" in said(checked) and words in said(checked)
    done = proxy.command("reload", "--force", "-c", proxy.config, check=0)
    assert words in said(done) and "warning" in said(done)
    assert served(proxy.port) != before
    proxy.reload()  # it is no worse than itself


def test_watch_refuses_it(start_proxy, origin, pki):
    proxy = start_proxy(origin.address, watch="on")
    put(proxy, ec_alone(pki))
    assert "RSA key" in proxy.wait_for("reload_refused")["reason"]
    assert served(proxy.port) == pki.rsa.fingerprint()


@pytest.mark.parametrize("what", LOST)
def test_it_is_nobodys_loss_where_xenserver_does_not_connect(start_proxy, origin, pki, what):
    proxy = start_proxy(origin.address, xenserver="off")
    put(proxy, LOST[what][0](pki))
    assert "xenserver-lost" not in proxy.reload().stdout
    assert served(proxy.port) != pki.rsa.fingerprint()
    checked = json.loads(proxy.command("check", "--json", "-c", proxy.config).stdout)
    assert checked["xenserver"] == []


@pytest.mark.parametrize("options", [{"tls_min": "1.3"}, {"groups": "X25519"}, {
    "ciphers": "ECDHE-RSA-CHACHA20-POLY1305"}, {"verify": "required", "ca": "{root}"}])
def test_settings_that_lock_xenserver_out_are_refused(proxy, pki, options):
    proxy.write_config(**{name: value.format(root=pki.root.leaf)
                          for name, value in options.items()})
    assert "XenServer could not use it any more" in said(proxy.reload(check=1))
    proxy.command("reload", "--force", "-c", proxy.config, check=0)


def test_rsa_beside_ec_is_no_loss(proxy, pki):
    proxy.write_config(cert=[pki.ec.cert, proxy.cert], key=[pki.ec.key, proxy.key])
    proxy.reload()
    proxy.write_config(cert=pki.ec.cert, key=pki.ec.key)
    assert "no certificate with an RSA key" in said(proxy.reload(check=1))


def test_a_root_that_is_not_sent_any_more_is_no_loss(proxy, pki):
    without = pki.other.leaf.read_bytes() + pki.intermediate.leaf.read_bytes()
    put(proxy, (without, pki.other.key.read_bytes()))
    proxy.reload()
    assert served(proxy.port) == pki.other.fingerprint()


def test_a_placeholder_is_no_yardstick(start_proxy, origin, pki):
    """The setup wizard's certificate: another name, ten years, nobody verified it."""
    placeholder = pki.leaf("placeholder", issuer=None, cn="wlb-appliance",
                           san=["DNS:wlb-appliance"], end="20490101000000Z")
    proxy = start_proxy(origin.address, placeholder, strict_reload="on")
    pki.rsa.install(proxy.cert, proxy.key)
    done = json.loads(proxy.command("reload", "--json", "-c", proxy.config, check=0).stdout)
    assert [one["id"] for one in done["findings"] if one["severity"] != "note"] == []


def test_strict_reload_is_overridden_by_force(start_proxy, origin, pki):
    proxy = start_proxy(origin.address, strict_reload="on")
    fewer = pki.leaf("fewer", san=["DNS:elsewhere.example"], cn="elsewhere.example")
    fewer.install(proxy.cert, proxy.key)
    assert "strict_reload is on" in said(proxy.reload(check=1))
    proxy.command("reload", "--force", "-c", proxy.config, check=0)
    assert served(proxy.port) == fewer.fingerprint()


def test_force_does_not_take_what_is_not_valid(proxy, pki):
    pki.expired.install(proxy.cert, proxy.key)
    refused = proxy.command("reload", "--force", "-c", proxy.config, check=1)
    assert "expired" in said(refused)


def test_cert_install_wants_force_too(proxy, pki):
    def install(*more):
        return proxy.command("cert", "install", "-c", proxy.config, *more, pki.ec.cert,
                             "--key", pki.ec.key)

    assert "RSA" in said(install()) and install().returncode == 1
    assert served(proxy.port) == pki.rsa.fingerprint()
    assert "LIVE" in said(install("--force"))
    wait_until(lambda: served(proxy.port) == pki.ec.fingerprint())
