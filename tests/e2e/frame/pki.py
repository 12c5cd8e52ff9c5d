"""Certificates made with the openssl command: a root, an intermediate, and leafs at will."""
import collections
import fcntl
import hashlib
import itertools
import os
import pathlib
import ssl
import subprocess

from . import secrets

CA_CONFIG = """
[ca]
default_ca = it
[it]
new_certs_dir = .
database = index.txt
rand_serial = yes
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
"""

AUTHORITY = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n"
SERVER = "basicConstraints=critical,CA:FALSE\nextendedKeyUsage=serverAuth\n"
CLIENT = "basicConstraints=critical,CA:FALSE\nextendedKeyUsage=clientAuth\n"


def openssl(*arguments, cwd=None, stdin=b""):
    done = subprocess.run(
        ["openssl", *map(str, arguments)], cwd=cwd, input=stdin, capture_output=True)
    assert done.returncode == 0, f"openssl {arguments}: {done.stderr.decode()}"
    return done.stdout


def first_der(path):
    """The first certificate of a PEM file in DER."""
    text = pathlib.Path(path).read_text()
    start, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    body = text[text.index(start):text.index(end)]
    return ssl.PEM_cert_to_DER_cert(f"{body}{end}\n")


def fingerprint(cert, key=None):
    """SHA-256 in lower-case hex of the first certificate; `key` must be its key."""
    if key is not None:
        pair = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        pair.set_ciphers("ALL:@SECLEVEL=0")  # small keys, too
        pair.load_cert_chain(cert, key)
    return hashlib.sha256(first_der(cert)).hexdigest()


_taken = collections.defaultdict(itertools.count)


def from_stock(name, path, make):
    """What make(path) makes, made once by all processes and runs that share a stock.

    Keys are dear, and so is each start of openssl. The folder KEY_STOCK, if it is said, keeps
    the file under that name."""
    stock = os.environ.get("KEY_STOCK")
    if not stock:
        return make(path)
    kept = pathlib.Path(stock, name)
    with open(kept.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            make(kept.with_suffix(".new"))
            kept.with_suffix(".new").rename(kept)
    return path.write_bytes(kept.read_bytes())


class Pair:
    """A certificate with its key: `leaf` alone, `cert` with its chain, `key`."""

    def __init__(self, folder, name):
        self.name = name
        self.leaf = folder / f"{name}.leaf.pem"
        self.cert = folder / f"{name}.pem"
        self.key = folder / f"{name}.key"

    def merged(self):
        return self.cert.read_text() + self.key.read_text()

    def der(self):
        return first_der(self.leaf)

    def fingerprint(self):
        return fingerprint(self.leaf)

    def install(self, cert, key):
        """Copies the pair to the paths a proxy reads."""
        pathlib.Path(cert).write_bytes(self.cert.read_bytes())
        pathlib.Path(key).write_bytes(self.key.read_bytes())
        pathlib.Path(key).chmod(0o600)
        secrets.remember_key(key)


class Pki:
    """`root` and `intermediate` are Pairs; rsa, other, ec, expired, ... are made when asked."""

    KINDS = {
        "rsa": {},
        "other": {},
        "rsa3072": {"key": "rsa:3072"},
        "ec": {"key": "P-256"},
        "ec384": {"key": "P-384"},
        "ed25519": {"key": "ED25519"},
        "ed448": {"key": "ED448"},
        "ec521": {"key": "P-521"},
        "rsa_pss": {"key": "rsa-pss:2048"},
        "expired": {"start": "20200101000000Z", "end": "20210101000000Z"},
        "not_yet": {"start": "20900101000000Z", "end": "20910101000000Z"},
        "wrong_name": {"san": ["DNS:elsewhere.example"]},
        "rsa1024": {"key": "rsa:1024"},
        "sha1": {"digest": "sha1"},
        "client": {"extensions": CLIENT, "san": []},
    }

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        (self.folder / "index.txt").touch()
        (self.folder / "ca.cnf").write_text(CA_CONFIG)
        self.root = self.leaf("root", issuer=None, extensions=AUTHORITY, cn="Test Root", san=[])
        self.intermediate = self.leaf("intermediate", issuer=self.root, extensions=AUTHORITY,
                                      cn="Test Intermediate", san=[])

    def __getattr__(self, kind):
        if kind not in self.KINDS:
            raise AttributeError(kind)
        setattr(self, kind, self.leaf(kind, **self.KINDS[kind]))
        return getattr(self, kind)

    def _key(self, pair, kind):
        """A key that this process has not had before, or that of a pair."""
        if isinstance(kind, Pair):
            kind.install(pair.cert, pair.key)
            return
        if kind.startswith("rsa"):
            algorithm, bits, *primes = kind.upper().split(":")
            how = ["-algorithm", algorithm, "-pkeyopt", f"rsa_keygen_bits:{bits}"]
            how += ["-pkeyopt", f"rsa_keygen_primes:{primes[0]}"] if primes else []
        elif kind.startswith("P-"):
            how = ["-algorithm", "EC", "-pkeyopt", f"ec_paramgen_curve:{kind}"]
        else:
            how = ["-algorithm", kind]
        number = next(_taken[pair.name, kind])
        from_stock(f"{pair.name}-{kind.replace(':', '')}-{number}.key", pair.key,
                   lambda path: openssl("genpkey", *how, "-out", path))
        pair.key.chmod(0o600)

    def leaf(self, name, key="rsa:2048", cn="localhost", san=("DNS:localhost",),
             issuer="intermediate", digest="sha256", extensions=SERVER,
             start="20240101000000Z", end="20480101000000Z"):
        """Makes NAME.key, NAME.leaf.pem, NAME.pem. issuer None: self-signed."""
        pair = Pair(self.folder, name)
        issuer = self.intermediate if issuer == "intermediate" else issuer
        self._key(pair, key)
        if san:
            extensions += "subjectAltName=" + ",".join(san) + "\n"
        (self.folder / f"{name}.ext").write_text(extensions)

        def sign(path):
            openssl("req", "-new", "-key", pair.key, "-subj", f"/CN={cn}", "-out",
                    self.folder / f"{name}.csr")
            signer = ["-selfsign", "-keyfile", pair.key]
            if issuer is not None:
                signer = ["-cert", issuer.leaf, "-keyfile", issuer.key]
            openssl("ca", "-batch", "-config", "ca.cnf", "-notext", *signer, "-md", digest,
                    "-startdate", start, "-enddate", end, "-extfile", f"{name}.ext",
                    "-in", f"{name}.csr", "-out", path, cwd=self.folder)

        content = [pair.key.read_text(), issuer and issuer.leaf.read_text(), cn, extensions,
                   digest, start, end]
        from_stock(hashlib.sha256(repr(content).encode()).hexdigest() + ".pem", pair.leaf, sign)
        chain = pair.leaf.read_text()
        if issuer is not None:
            chain += issuer.cert.read_text()
        pair.cert.write_text(chain)
        return pair
