"""Files that operators really have, each with the finding that `cert check` must give.

    python3 bad_inputs.py FOLDER     writes them there, with a table of what is expected

Everything is made with the openssl command from a small CA of its own.
"""
import base64
import dataclasses
import gzip
import io
import os
import pathlib
import shutil
import subprocess
import sys
import zipfile

from frame.pki import AUTHORITY, CLIENT, SERVER, Pki, openssl


@dataclasses.dataclass
class Bad:
    """`finding` is in the list of a check of `files`; `good`: it can be served even so."""

    name: str
    finding: str
    files: list
    key: object = None
    good: bool = False
    arguments: tuple = ()


class Maker:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.pki = Pki(self._sub("pki"))
        self.rows = []
        self.chain = self.pki.rsa.cert.read_bytes()
        self.leaf = self.pki.rsa.leaf.read_bytes()
        self.mid = self.pki.intermediate.leaf.read_bytes()
        self.root = self.pki.root.leaf.read_bytes()
        self.key = self.pki.rsa.key.read_bytes()
        self.request = self.folder / "rsa.csr"
        openssl("req", "-new", "-key", self.pki.rsa.key, "-subj", "/CN=localhost", "-out",
                self.request)

    def _sub(self, name):
        path = self.folder / name
        path.mkdir(parents=True)
        return path

    def file(self, name, content, mode=0o600):
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        path.chmod(mode)
        return path

    def add(self, name, finding, content, key=None, good=False, arguments=()):
        """`content`: bytes of one file, or paths. `key`: bytes, a path, or True: the leaf's."""
        files = content if isinstance(content, list) else [self.file(name, content)]
        if key is True:
            key = self.pki.rsa.key
        elif isinstance(key, bytes):
            key = self.file(f"{name}.key", key)
        self.rows.append(Bad(name, finding, files, key, good, tuple(arguments)))

    def pair(self, name, **options):
        return self.pki.leaf(name, **options)

    def served(self, name, finding, good=True, arguments=(), **options):
        """A chain of a leaf that was issued like this, with its key; most have the same one."""
        pair = self.pair(name, **{"key": self.pki.rsa, **options})
        self.add(name, finding, pair.cert.read_bytes(), pair.key, good, arguments)


def openssl_on(make, name, *arguments):
    out = make.folder / name
    openssl(*arguments, "-out", out)
    return out.read_bytes()


def tool_on(make, name, *arguments):
    """A file made by another tool than openssl, which gets its name as the last argument."""
    out = make.folder / name
    subprocess.run([*map(str, arguments), str(out)], check=True, capture_output=True,
                   stdin=subprocess.DEVNULL)
    return out.read_bytes()


def openssh(make):
    """The leaf's key as ssh-keygen keeps keys."""
    path = make.file("k.openssh", make.key)
    subprocess.run(["ssh-keygen", "-p", "-q", "-P", "", "-N", "", "-f", str(path)], check=True,
                   capture_output=True, stdin=subprocess.DEVNULL)
    return path.read_bytes()


def zipped(content):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("leaf.pem", content)
    return packed.getvalue()


def texts(make):
    """Files that are not PEM, or not all of it."""
    chain, leaf, mid, key = make.chain, make.leaf, make.mid, make.key
    csr = make.request.read_bytes()
    body = b"".join(leaf.splitlines()[1:-1])
    make.add("empty", "empty", b"")
    make.add("blank", "empty", b" \n\r\n\t\n")
    make.add("zeros", "empty", b"\0" * 4096)
    make.add("text", "not-pem", b"hello\n")
    make.add("html", "not-pem", b"<html><body>404 not found</body></html>")
    make.add("random", "not-pem", os.urandom(3000).replace(b"-----BEGIN", b""))
    make.add("dashes", "not-pem", b"-----BEGIN \n-----BEGIN")
    make.add("zip", "archive", zipped(leaf))
    make.add("gzip", "archive", gzip.compress(leaf))
    make.add("utf16", "utf16", leaf.decode().encode("utf-16"))
    make.add("utf16-no-mark", "utf16", leaf.decode().encode("utf-16-le"))
    make.add("utf16-big", "utf16", leaf.decode().encode("utf-16-be"))
    make.add("bare-base64", "bare-base64", base64.encodebytes(base64.b64decode(body)))
    make.add("der", "der", make.pki.rsa.der())
    make.add("der-cut", "not-pem", make.pki.rsa.der()[:200])
    make.add("der-key", "der-key", openssl_on(
        make, "k.der", "pkey", "-in", make.pki.rsa.key, "-outform", "DER"))
    make.add("der-csr", "csr", openssl_on(
        make, "r.der", "req", "-in", make.request, "-outform", "DER"))
    make.add("csr", "csr", csr, True)
    make.add("key-only", "key-instead-of-certificate", key, True)
    make.add("crl-label", "no-certificate", b"-----BEGIN X509 CRL-----\nMAAA\n-----END X509 CRL-----\n")
    make.add("public-key", "no-certificate", openssl(
        "pkey", "-in", make.pki.rsa.key, "-pubout"))
    make.add("parameters", "no-certificate", openssl(
        "genpkey", "-genparam", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"))
    make.add("truncated", "truncated", leaf[:600], True)
    make.add("truncated-end", "truncated", leaf[:-8], True)
    make.add("truncated-second", "truncated", leaf + make.mid[:500], True)
    make.add("end-lost", "truncated", leaf.replace(b"-----END CERTIFICATE-----\n", b"") + make.mid, True)
    make.add("mismatched-end", "mismatched-end", leaf.replace(b"END CERT", b"END X509 CERT"), True)
    make.add("damaged", "damaged", leaf.replace(leaf.splitlines()[3], b"!" * 64), True)
    make.add("line-lost", "bad-certificate", b"\n".join(
        line for i, line in enumerate(leaf.splitlines()) if i != 5) + b"\n", True)
    make.add("not-a-certificate", "bad-certificate",
             b"-----BEGIN CERTIFICATE-----\nMAAA\n-----END CERTIFICATE-----\n", True)
    make.add("invisible", "begin-within-line", b"\xe2\x80\x8b" + leaf + make.mid, True)
    make.add("in-html", "begin-within-line", b"<pre>" + leaf, True)
    make.add("dash-lost", "lost-mark", leaf + mid.replace(b"-----BEGIN", b"----BEGIN"), True, good=True)
    make.add("long-dashes", "lost-mark", chain.replace(b"-----", "\u2014".encode() * 5), True)
    make.add("begin-lost", "lost-mark", leaf + mid.split(b"\n", 1)[1], True, good=True)
    make.add("encoded-twice", "base64-of-pem", base64.encodebytes(chain), True)
    make.add("old-mac", "old-mac-line-ends", chain.replace(b"\n", b"\r"), True, good=True)
    make.add("windows-twice", "windows-line-ends", chain.replace(b"\n", b"\r\r\n"), True, good=True)
    make.add("windows", "windows-line-ends", chain.replace(b"\n", b"\r\n"), True, good=True)
    make.add("mark", "byte-order-mark", b"\xef\xbb\xbf" + chain, True, good=True)
    make.add("one-line", "two-blocks-on-one-line",
             chain.replace(b"-----\n-----", b"----------"), True, good=True)
    make.add("many", "too-many-blocks", leaf * 120, True)
    make.add("huge", "too-large", leaf * 1000, True)


def containers(make):
    rsa = make.pki.rsa
    mid = make.file("mid.pem", make.mid)

    def pkcs12(name, password, *options):
        return openssl_on(make, name, "pkcs12", "-export", "-inkey", rsa.key, "-in", rsa.leaf,
                          "-certfile", mid, "-passout", f"pass:{password}", *options)

    secret = make.file("password", "secret\n")
    wrong = make.file("wrong-password", "guess\n")
    modern, old = pkcs12("m.p12", "secret"), pkcs12("o.p12", "secret", "-legacy")
    make.add("pkcs12-empty-password", "pkcs12", pkcs12("e.p12", ""))
    make.add("pkcs12-locked", "key-encrypted", modern)
    make.add("pkcs12-opened", "pkcs12", modern, arguments=("--password-file", secret))
    make.add("pkcs12-wrong", "key-encrypted", modern, arguments=("--password-file", wrong))
    make.add("pkcs12-old", "pkcs12", old, arguments=("--password-file", secret))
    make.add("pkcs12-no-key", "missing-intermediate", openssl_on(
        make, "nokey.p12", "pkcs12", "-export", "-nokeys", "-in", rsa.leaf, "-passout", "pass:"))
    make.add("pkcs12-cut", "not-pem", modern[:900])
    bundle = openssl("crl2pkcs7", "-nocrl", "-certfile", rsa.cert)
    make.add("pkcs7-pem", "pkcs7", bundle)
    for label in ("CERTIFICATE", "PKCS #7 SIGNED DATA", "CMS"):
        make.add(f"pkcs7-as-{label.split()[0].lower()}", "pkcs7",
                 bundle.replace(b"PKCS7", label.encode()))
    make.add("pkcs7-der", "pkcs7", openssl(
        "crl2pkcs7", "-nocrl", "-certfile", rsa.cert, "-outform", "DER"))
    make.add("pkcs7-empty", "no-certificate", openssl(
        "crl2pkcs7", "-nocrl", "-outform", "DER"))
    make.add("der-and-pem", "der", [make.file("leaf.der", rsa.der()), mid], True)


def keys(make):
    chain, rsa = make.chain, make.pki.rsa

    def encrypted(*options):
        return openssl("pkey", "-in", rsa.key, "-aes256", "-passout", "pass:secret", *options)

    make.add("key-empty", "empty", chain, b"")
    make.add("key-text", "not-pem", chain, b"hello")
    make.add("key-der", "der-key", chain, openssl("pkey", "-in", rsa.key, "-outform", "DER"))
    make.add("key-encrypted", "key-encrypted", chain, encrypted())
    make.add("key-encrypted-traditional", "key-encrypted", chain, encrypted("-traditional"))
    make.add("key-encrypted-merged", "key-encrypted", chain + encrypted())
    make.add("key-encrypted-der", "der-key", chain, openssl(
        "pkcs8", "-topk8", "-in", rsa.key, "-outform", "DER", "-passout", "pass:secret"))
    make.add("key-utf16", "utf16", chain, make.key.decode().encode("utf-16"))
    make.add("key-openssh", "openssh-key", chain, openssh(make))
    if shutil.which("puttygen"):
        make.add("key-putty", "putty-key", chain, tool_on(
            make, "k.ppk", "puttygen", make.folder / "k.openssh", "-O", "private", "-o"))
    if shutil.which("keytool"):
        make.add("keystore", "keystore", tool_on(
            make, "k.jks", "keytool", "-importkeystore", "-srckeystore", make.folder / "m.p12",
            "-srcstorepass", "secret", "-deststoretype", "JKS", "-deststorepass", "secret",
            "-destkeystore"))
    make.add("key-is-certificate", "certificate-instead-of-key", chain, rsa.leaf)
    make.add("key-is-csr", "key-missing", chain, make.request)
    make.add("key-cut", "truncated", chain, make.key[:700])
    make.add("key-damaged", "damaged", chain, make.key.replace(make.key.splitlines()[4], b"?" * 64))
    make.add("key-other-label", "bad-key", chain,
             b"-----BEGIN RSA PRIVATE KEY-----\nMAAA\n-----END RSA PRIVATE KEY-----\n")
    make.add("key-other", "key-mismatch", chain, make.pki.other.key)
    make.add("key-other-kind", "key-mismatch", chain, make.pki.ec.key)
    make.add("key-of-issuer", "key-mismatch", chain, make.pki.intermediate.key)
    make.add("key-gone", "missing", chain, make.folder / "no-such-key")
    make.add("key-folder", "not-a-file", chain, make._sub("a-folder"))
    make.add("key-device", "not-a-file", chain, pathlib.Path("/dev/zero"))
    fifo = make.folder / "fifo"
    os.mkfifo(fifo)
    make.add("key-fifo", "not-a-file", chain, fifo)
    make.add("file-fifo", "not-a-file", [fifo])
    make.add("file-gone", "missing", [make.folder / "no-such-file"])
    make.add("file-loop", "unreadable", [make.folder / "loop"])
    (make.folder / "loop").symlink_to("loop")
    make.add("key-beside", "key-beside-certificate", chain + make.key, True, good=True)
    make.add("key-open", "key-readable", chain,
             make.file("open.key", make.key, 0o644), good=True)
    shared = make._sub("shared")
    shared.chmod(0o777)
    (shared / "k").write_bytes(make.key)
    (shared / "k").chmod(0o600)
    make.add("folder-open", "folder-writable", chain, shared / "k", good=True)


def chains(make):
    leaf, mid, root = make.leaf, make.mid, make.root
    other = make.pair("alone", issuer=None, extensions=SERVER)
    make.add("root-first", "root-first", root + mid + leaf, True)
    make.add("issuer-first", "issuer-first", mid + leaf + root, True)
    make.add("only-issuers", "no-leaf", mid + root, True)
    make.add("unordered", "unordered", leaf + root + mid, True, good=True)
    make.add("root-included", "root-included", make.chain, True, good=True)
    make.add("duplicate", "duplicate", leaf + mid + mid, True, good=True)
    make.add("unrelated", "unrelated", leaf + mid + other.leaf.read_bytes(), True, good=True)
    make.add("alone", "missing-intermediate", leaf, True, good=True)
    make.add("gap", "missing-intermediate", leaf + root, True, good=True)
    make.add("no-root", "root-not-included", leaf + mid, True, good=True)
    make.add("self-signed", "self-signed", other.leaf.read_bytes(), other.key, good=True)
    ca = make.pair("ca-alone", issuer=None, extensions=AUTHORITY)
    make.add("self-signed-ca", "self-signed-ca", ca.leaf.read_bytes(), ca.key, good=True)
    second = make.pair("second-root", issuer=None, extensions=AUTHORITY, cn="Second Root", san=[])
    cross = cross_sign(make, second)
    make.add("cross", "cross-signed", leaf + mid + root + cross, True, good=True)
    old = make.pair("old-ca", issuer=make.pki.root, extensions=AUTHORITY, cn="Old CA", san=[],
                    start="20200101000000Z", end="20210101000000Z")
    make.served("issuer-expired", "issuer-expired", issuer=old)
    fake = make.pair("no-ca", issuer=make.pki.root, cn="No CA", san=[])
    make.served("issuer-no-ca", "issuer-no-ca", issuer=fake)


def cross_sign(make, second):
    """The root's name and key, signed by another root."""
    config = make.file("cross.ext", AUTHORITY)
    request = make.folder / "cross.csr"
    openssl("req", "-new", "-key", make.pki.root.key, "-subj", "/CN=Test Root", "-out", request)
    return openssl("x509", "-req", "-in", request, "-CA", second.leaf, "-CAkey", second.key,
                   "-days", "365", "-extfile", config, "-set_serial", "77")


def leaves(make):
    make.served("expired", "expired", good=False, start="20200101000000Z", end="20210101000000Z")
    make.served("not-yet", "not-yet-valid", good=False, start="20900101000000Z", end="20910101000000Z")
    make.served("expiring", "expiring", end=days_from_now(6))
    make.served("last-day", "expiring", end=days_from_now(0.5))
    make.served("long-lived", "long-lived")
    make.served("sha1", "sha1", good=False, digest="sha1")
    make.served("md5", "md5", good=False, digest="md5")
    make.served("rsa1024", "key-too-small", good=False, key="rsa:1024")
    make.served("rsa512", "key-too-small", good=False, key="rsa:512")
    make.served("rsa5120", "key-large", key="rsa:5120:4")  # of four primes it is found soon
    make.served("ec", "no-rsa-certificate", key="P-256")
    make.served("ed25519", "no-rsa-certificate", key="ED25519")
    make.served("ec-unusual", "unusual-curve", good=False, key="P-224")
    make.served("too-large", "chain-too-large", good=False,
                extensions=SERVER + "1.2.3=ASN1:UTF8String:" + "x" * 102400 + "\n")
    make.served("ca-as-leaf", "ca-as-leaf", extensions=AUTHORITY)
    make.served("client", "wrong-usage", extensions=CLIENT)
    make.served("key-usage", "wrong-key-usage", extensions=SERVER + "keyUsage=keyAgreement\n")
    make.served("wildcard", "wildcard", san=["DNS:*.example.com"])
    make.served("no-san", "no-dns-name", san=[])

    def named(name, finding, address, **options):
        make.served(name, finding, good=False, arguments=("--address", address), **options)

    named("name-mismatch", "name-mismatch", "wlb.example.com")
    named("ip-san", "ip-only-in-ip-san", "10.0.0.7", cn="wlb", san=["DNS:wlb", "IP:10.0.0.7"])
    named("cn-ignored", "cn-ignored", "wlb.example.com", cn="wlb.example.com", san=["DNS:else"])
    pair = make.pair("for-pool")
    make.add("pool-merged", "pool-file-multiple", pair.cert.read_bytes(), pair.key,
             arguments=("--installed", make.file("pool.pem", make.chain)))
    make.add("pool-with-key", "pool-file-key", pair.cert.read_bytes(), pair.key,
             arguments=("--installed", make.file("pool-key.pem", make.root + make.key)))


def days_from_now(days):
    import time
    return time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + 86400 * days))


def make_all(folder):
    make = Maker(folder)
    for part in (texts, containers, keys, chains, leaves):
        part(make)
    return make.rows


if __name__ == "__main__":
    for row in make_all(sys.argv[1]):
        print(f"{row.name:28} {'served  ' if row.good else 'refused '} {row.finding:28} "
              + " ".join(map(str, row.files)))
