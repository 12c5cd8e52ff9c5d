"""TLS as other programs speak it: what they offer, resume, refuse; on both engines.

The everyday options of curl, openssl and gnutls-cli are in test_basic.py. A client that is
not installed is skipped: none of them is needed to build the proxy.
"""
import shutil
import ssl
import subprocess

import pytest

from frame.client import TLS12, TLS13, Tls, context, get
from frame.origin import filler
from frame.pki import AUTHORITY, CLIENT, openssl
from frame.ports import free_port

ASK = get("/?size=1000", close=True)


def s_client(port, *options, stdin=ASK, end="-ign_eof"):
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", end, *map(str, options)],
        input=stdin, capture_output=True, timeout=60)
    return (done.stdout + done.stderr).decode("latin-1")


def is_served(port, *options):
    return filler(1000).decode() in s_client(port, *options)


# --- keys and chains -----------------------------------------------------------------------

KEYS = ["rsa:2048", "rsa:3072", "rsa:2560", "P-256", "P-384", "P-521", "ED25519"]


@pytest.mark.parametrize("key", KEYS)
def test_every_kind_of_key_signs(start, pki, key):
    name = "kind-" + key.replace(":", "-")
    pair = pki.__dict__.get(name) or pki.leaf(name, key=key)
    setattr(pki, name, pair)
    proxy = start(pair)
    for version in ("-tls1_2", "-tls1_3"):
        assert is_served(proxy.port, version, "-CAfile", pki.root.leaf,
                         "-verify_return_error"), version


def test_both_certificates_are_served_each_to_whom_it_suits(start, pki, tmp_path):
    both = f"cert = {pki.ec.cert}\nkey = {pki.ec.key}\n"
    proxy = start(extra=both)
    rsa_only = ("-tls1_2", "-cipher", "ECDHE-RSA-AES256-GCM-SHA384", "-groups", "P-384")
    ecdsa_only = ("-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-GCM-SHA384")
    # OpenSSL 3.5 names the scheme: rsa_pss_rsae_sha256.
    assert "peer signature type: rsa" in s_client(proxy.port, *rsa_only).lower()
    assert "peer signature type: ecdsa" in s_client(proxy.port, *ecdsa_only).lower()
    for version in ("-tls1_2", "-tls1_3"):
        assert is_served(proxy.port, version, "-sigalgs", "RSA-PSS+SHA256")
        assert is_served(proxy.port, version, "-sigalgs", "ECDSA+SHA256")


def test_a_long_chain_arrives_whole(start, pki):
    issuer = pki.root
    for i in range(10):
        issuer = pki.leaf(f"step{i}", key="P-256", cn=f"Step {i}", issuer=issuer, san=(),
                          extensions=AUTHORITY)
    proxy = start(pki.leaf("far", issuer=issuer), send_root="off")
    for version in ("-tls1_2", "-tls1_3"):
        assert is_served(proxy.port, version, "-CAfile", pki.root.leaf,
                         "-verify_return_error", "-verify", 20), version


def test_rsa_key_exchange_where_it_is_allowed(start):
    proxy = start(ciphers="AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256", signer="off")
    assert is_served(proxy.port, "-tls1_2", "-cipher", "AES128-GCM-SHA256")
    assert is_served(proxy.port, "-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256")


def test_the_signer_decrypts_nothing_so_another_suite_is_chosen(start):
    proxy = start(ciphers="AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256")
    both = ("-tls1_2", "-cipher", "AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256")
    assert is_served(proxy.port, *both)
    assert not is_served(proxy.port, "-tls1_2", "-cipher", "AES128-GCM-SHA256")
    assert "no cipher in common" in proxy.wait_for("end", reason="handshake_failed")["cause"]


# --- sessions ------------------------------------------------------------------------------


@pytest.mark.parametrize("versions", [TLS12, TLS13], ids=["1.2", "1.3"])
def test_a_session_is_good_at_every_worker_and_after_a_reload(start, pki, versions):
    proxy = start(workers=3)
    tls = context(pki, versions)
    with Tls(proxy.port, tls=tls) as client:
        client.request(get("/?size=3"))
        session = client.tls.session
    for i in range(12):
        if i == 6:
            proxy.reload()
        with Tls(proxy.port, tls=tls, session=session) as client:
            assert client.tls.session_reused, i
            client.request(get("/?size=3"))
            session = client.tls.session if versions == TLS13 else session


@pytest.mark.parametrize("versions", [TLS12, TLS13], ids=["1.2", "1.3"])
def test_a_session_made_without_sni_is_no_way_round_a_client_certificate(
        start_proxy, origin, pki, versions):
    port = free_port()
    where = f"accept = 127.0.0.1:{port}\nconnect = {origin.address}\n" \
            f"cert = {pki.rsa.cert}\nkey = {pki.rsa.key}\n"
    start_proxy(origin.address, extra=f"[open]\n{where}[strict]\n{where}sni = strict.test\n"
                                      f"verify = required\nca = {pki.root.leaf}\n")
    tls = context(versions=versions)
    with Tls(port, tls=tls, name=None) as client:
        client.request(get("/?size=3"))
        session = client.tls.session
    with Tls(port, tls=tls, name=None, session=session) as client:
        assert client.tls.session_reused
    with pytest.raises(ssl.SSLError):
        with Tls(port, tls=tls, name="strict.test", session=session) as client:
            client.request(get("/?size=3"))


# --- what a client may send ----------------------------------------------------------------


@pytest.mark.parametrize("name", [
    "127.0.0.1", "localhost.", "LOCALHOST", "unknown.example", "a" * 255, "under_score",
    "*.localhost"])
def test_any_server_name_is_served(start_proxy, origin, name):
    proxy = start_proxy(origin.address)
    for version in ("-tls1_2", "-tls1_3"):
        assert is_served(proxy.port, version, "-servername", name)


@pytest.mark.parametrize("offered,chosen", [
    ("http/1.1", "http/1.1"), ("h2,http/1.1", "http/1.1"), ("http/1.0", "http/1.0"),
    ("h2", None), ("foo,bar", None)])
def test_alpn_agrees_or_refuses(start_proxy, origin, offered, chosen):
    said = s_client(start_proxy(origin.address).port, "-alpn", offered)
    assert (f"ALPN protocol: {chosen}" if chosen else "SSL alert number 120") in said


@pytest.mark.parametrize("options", [
    ["-maxfraglen", "512"], ["-maxfraglen", "4096"], ["-split_send_frag", "100"],
    ["-status"], ["-no_etm"], ["-comp"], ["-enable_pha"],
    ["-keymatexport", "EXPORTER-test"], ["-record_padding", "512"]], ids=" ".join)
def test_extensions_do_no_harm(start_proxy, origin, options):
    proxy = start_proxy(origin.address)
    big = get("/?size=100000", close=True)
    for version in ("-tls1_2", "-tls1_3"):
        assert filler(100000).decode() in s_client(proxy.port, version, *options, stdin=big)


def test_a_needless_fallback_is_refused(start_proxy, origin):
    """RFC 7507: somebody in the way made a client of TLS 1.3 try again with 1.2."""
    proxy = start_proxy(origin.address)
    assert "SSL alert number 86" in s_client(proxy.port, "-tls1_2", "-fallback_scsv")
    assert is_served(proxy.port, "-tls1_3", "-fallback_scsv")


def test_renegotiation_is_refused_and_nothing_else_happens(start, pki):
    proxy = start()
    said = s_client(proxy.port, "-tls1_2", "-msg", stdin=b"R\n", end="-no_ign_eof")
    assert "Secure Renegotiation IS supported" in said
    assert "no_renegotiation" in said
    assert proxy.complaints() == []


# --- client certificates -------------------------------------------------------------------


def _revoked(pki, folder):
    """A client certificate, and the list that revokes it and none else."""
    pair = pki.leaf("revoked", issuer=pki.root, extensions=CLIENT, san=())
    signer = ["-config", "ca.cnf", "-cert", pki.root.leaf, "-keyfile", pki.root.key,
              "-md", "sha256", "-crldays", 100]
    openssl("ca", *signer, "-revoke", pair.leaf, cwd=pki.folder)
    openssl("ca", *signer, "-gencrl", "-out", folder / "crl.pem", cwd=pki.folder)
    return pair, folder / "crl.pem"


def test_client_certificates_are_judged_and_the_log_says_how(start, pki, tmp_path):
    revoked, crl = _revoked(pki, tmp_path)
    who = {
        "good": (pki.leaf("known", issuer=pki.root, extensions=CLIENT, san=()), None),
        "none": (None, "requires a client certificate and none was sent"),
        "revoked": (revoked, "not acceptable: certificate revoked"),
        "expired": (pki.leaf("late", issuer=pki.root, extensions=CLIENT, san=(),
                             start="20200101000000Z", end="20210101000000Z"),
                    "not acceptable: certificate has expired"),
        "unknown": (pki.leaf("unknown", issuer=None, extensions=CLIENT, san=()),
                     "not acceptable: self-signed certificate"),
    }
    proxy = start(verify="required", ca=pki.root.leaf, crl=crl)
    seen = 0
    for version in ("-tls1_2", "-tls1_3"):
        for name, (pair, cause) in who.items():
            options = ["-cert", pair.leaf, "-key", pair.key] if pair else []
            assert is_served(proxy.port, version, *options) == (cause is None), name
            if cause is not None:
                seen += 1
                end = proxy.wait_for("end", seen, reason="handshake_failed")
                assert cause in end["cause"], (name, end)


# --- other libraries -----------------------------------------------------------------------

CLIENTS = {
    "node": ["node", "-e", """
        const [port, ca, version] = process.argv.slice(1);
        require('https').get({host: 'localhost', port, path: '/?size=100000', family: 4,
            ca: require('fs').readFileSync(ca), minVersion: version, maxVersion: version},
            reply => reply.pipe(process.stdout));"""],
    "perl": ["perl", "-MIO::Socket::SSL", "-e", """
        my ($port, $ca, $version) = @ARGV; $version =~ tr/./_/;
        my $tls = IO::Socket::SSL->new(PeerAddr => '127.0.0.1', PeerPort => $port,
            SSL_ca_file => $ca, SSL_hostname => 'localhost', SSL_version => $version,
            SSL_verifycn_name => 'localhost', SSL_verifycn_scheme => 'http') or die $SSL_ERROR;
        print $tls "GET /?size=100000 HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n";
        my $data = join '', <$tls>; $data =~ s/^.*?\\r\\n\\r\\n//s; print $data;"""],
    "ruby": ["ruby", "-ropenssl", "-rnet/http", "-e", """
        port, ca, version = ARGV
        http = Net::HTTP.new('localhost', port.to_i); http.use_ssl = true; http.ca_file = ca
        http.min_version = http.max_version = version.sub('v', '').sub('.', '_').to_sym
        print http.get('/?size=100000').body"""],
}


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
@pytest.mark.parametrize("key", ["rsa", "ec"])
@pytest.mark.parametrize("client", CLIENTS)
def test_other_clients(start, pki, client, key, version):
    command = CLIENTS[client]
    if shutil.which(command[0]) is None:
        pytest.skip(f"{client} is not installed")
    if client == "perl" and subprocess.run([*command[:2], "-e", "1"],
                                           capture_output=True).returncode != 0:
        pytest.skip("IO::Socket::SSL is not installed")
    proxy = start(getattr(pki, key))
    done = subprocess.run([*command, str(proxy.port), str(pki.root.leaf), version],
                          capture_output=True, timeout=60)
    assert done.stdout == filler(100000), done.stderr


JAVA = """
import java.io.*; import java.net.*; import java.security.*; import java.security.cert.*;
import javax.net.ssl.*;
public class Get {
    public static void main(String[] a) throws Exception {
        KeyStore trusted = KeyStore.getInstance("PKCS12");
        trusted.load(null);
        trusted.setCertificateEntry("root", CertificateFactory.getInstance("X.509")
            .generateCertificate(new FileInputStream(a[1])));
        TrustManagerFactory trust = TrustManagerFactory.getInstance("PKIX");
        trust.init(trusted);
        SSLContext tls = SSLContext.getInstance(a[2]);
        tls.init(null, trust.getTrustManagers(), null);
        HttpsURLConnection.setDefaultSSLSocketFactory(tls.getSocketFactory());
        for (int i = 0; i < 2; i++)
            new URL("https://localhost:" + a[0] + "/?size=1000").openStream().readAllBytes();
        new URL("https://localhost:" + a[0] + "/?size=100000").openStream()
            .transferTo(System.out);
    }
}
"""


def test_java(start, pki, tmp_path):
    if shutil.which("java") is None:
        pytest.skip("there is no Java")
    (tmp_path / "Get.java").write_text(JAVA)
    for key, version in ("rsa", "TLSv1.2"), ("ec", "TLSv1.3"):
        proxy = start(getattr(pki, key))
        done = subprocess.run(["java", str(tmp_path / "Get.java"), str(proxy.port),
                               str(pki.root.leaf), version], capture_output=True, timeout=120)
        if b"source" in done.stderr and not done.stdout:
            pytest.skip("a Java without a compiler")
        assert done.stdout == filler(100000), done.stderr
