"""The certificates of the benchmark, made once with the openssl command."""
import pathlib
import subprocess


def _openssl(*arguments, cwd):
    done = subprocess.run(["openssl", *map(str, arguments)], cwd=cwd, capture_output=True)
    if done.returncode != 0:
        raise RuntimeError(f"openssl {' '.join(map(str, arguments))}: {done.stderr.decode()}")


class Certificates:
    """rsa, rsa2 (another of the same kind), ecdsa: (chain, key) as PEM text. The chain is
    leaf and one intermediate; chain(n) has n certificates."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self._authority("ca0", None)
        self._authority("ca1", "ca0")
        self.rsa = self._leaf("rsa", "RSA", "rsa_keygen_bits:2048", "ca1")
        self.rsa2 = self._leaf("rsa2", "RSA", "rsa_keygen_bits:2048", "ca1")
        self.ecdsa = self._leaf("ecdsa", "EC", "ec_paramgen_curve:P-256", "ca1")
        self._depth = 1

    def _key(self, name, algorithm, option):
        _openssl("genpkey", "-algorithm", algorithm, "-pkeyopt", option, "-out", f"{name}.key",
                 cwd=self.folder)

    def _sign(self, name, issuer, extensions):
        (self.folder / f"{name}.ext").write_text(extensions)
        _openssl("req", "-new", "-key", f"{name}.key", "-subj", f"/CN={name}", "-out",
                 f"{name}.csr", cwd=self.folder)
        by = (["-signkey", f"{name}.key"] if issuer is None
              else ["-CA", f"{issuer}.crt", "-CAkey", f"{issuer}.key", "-CAcreateserial"])
        _openssl("x509", "-req", "-in", f"{name}.csr", "-days", 100, "-sha256", *by, "-extfile",
                 f"{name}.ext", "-out", f"{name}.crt", cwd=self.folder)

    def _authority(self, name, issuer):
        self._key(name, "RSA", "rsa_keygen_bits:2048")
        self._sign(name, issuer, "basicConstraints=critical,CA:TRUE\n")

    def _leaf(self, name, algorithm, option, *issuers):
        self._key(name, algorithm, option)
        self._sign(name, issuers[0], "subjectAltName=DNS:localhost\n")
        chain = "".join((self.folder / f"{one}.crt").read_text() for one in (name, *issuers))
        return chain, (self.folder / f"{name}.key").read_text()

    def chain(self, length):
        while self._depth < length:
            self._depth += 1
            self._authority(f"ca{self._depth}", f"ca{self._depth - 1}")
        issuers = [f"ca{n}" for n in range(self._depth, self._depth - length + 1, -1)]
        if not issuers:
            chain, key = self._leaf("single", "RSA", "rsa_keygen_bits:2048", "ca1")
            return chain[:chain.index("-----END CERTIFICATE-----") + 26], key
        return self._leaf(f"chain{length}", "RSA", "rsa_keygen_bits:2048", *issuers)
