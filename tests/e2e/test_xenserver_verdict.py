"""XenServer's verdict against real stunnel clients in XAPI's three ways of verifying."""
import contextlib
import itertools
import json
import re
import shutil
import socket
import ssl
import subprocess
import threading

import pytest

from frame.ports import free_port
from frame.wait import TIMEOUT

MODES = ["verify = 2", "verifyPeer = yes", "verifyChain = yes"]
LEAVES = {  # subject, alternative names: XENSERVER's table of names
    "cn": ("wlb.example.com", None),
    "san": ("any", "DNS:wlb.example.com"),
    "ignored-cn": ("wlb.example.com", "DNS:else.example.com"),
    "ip-san": ("any", "DNS:any,IP:10.0.0.7"),
    "guide": ("wlb.example.com", "DNS:wlb.example.com,IP:10.0.0.7"),
    "cn-ip": ("10.0.0.7", None),
    "dns-ip": ("any", "DNS:10.0.0.7"),
    "wildcard": ("any", "DNS:*.example.com"),
    "letter-case": ("WLB.Example.COM", None),
}
ADDRESSES = ["wlb.example.com", "10.0.0.7"]
SHAPES = [("leaf mid", "root"), ("leaf mid", "leaf")]
# The table of chains, sent and installed, with a leaf whose name is right.
CHAINS = [("leaf mid root", "root"), ("leaf root mid", "root"), ("leaf", "root"),
          ("leaf", "leaf"), ("leaf", "mid"), ("leaf mid", "mid"), ("leaf mid root", "mid"),
          ("leaf mid", "other"), ("leaf mid", "mid root"), ("leaf mid root", "leaf mid root")]
OTHERS = {  # extensions, days, issuer: more leaves, each sent alone and installed itself
    "pss": (["basicConstraints=CA:FALSE"], 30, "mid"),
    "self-signed": (["basicConstraints=CA:FALSE"], 30, None),
    "self-signed-ca": (["basicConstraints=critical,CA:TRUE"], 30, None),
    "self-signed-plain": ([], 30, None),
    "self-signed-expired": ([], -1, None),
    "self-signed-client": (["extendedKeyUsage=clientAuth"], 30, None),
    "expired": (["basicConstraints=CA:FALSE"], -1, "mid"),
    "client": (["extendedKeyUsage=clientAuth"], 30, "mid"),
    "server": (["extendedKeyUsage=serverAuth"], 30, "mid"),
}
OWN_KEY = {"root", "mid", "other", "pss"}
OTHER_SHAPES = {None: [("leaf", "leaf"), ("leaf", "root")],
                "mid": [("leaf mid", "root"), ("leaf mid", "leaf")]}


def openssl(*words):
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)


def validity(days):
    """OpenSSL 3.4 and later refuse an end in the past, unless the start is earlier."""
    known = subprocess.run(["openssl", "x509", "-help"], capture_output=True, text=True).stderr
    if days > 0 or "-not_before" not in known:
        return ["-days", days]
    return ["-not_before", "20200101000000Z", "-not_after", "20210101000000Z"]


def key_of(folder, name):
    """Made at the first use; leaves share one."""
    path = folder / f"{name if name in OWN_KEY else 'leaf'}.key"
    if not path.exists():
        openssl("genpkey", "-algorithm", "RSA-PSS" if name == "pss" else "RSA", "-pkeyopt",
                "rsa_keygen_bits:2048", "-out", path)
    return path


def issue(folder, name, subject, extensions, issuer=None, days=30):
    cert, conf, key = folder / f"{name}.pem", folder / f"{name}.ext", key_of(folder, name)
    conf.write_text("[x]\n" + "\n".join(extensions) + "\n")
    openssl("req", "-new", "-key", key, "-subj", f"/CN={subject}", "-out", folder / "csr")
    signer = (["-signkey", key] if issuer is None else
              ["-CA", folder / f"{issuer}.pem", "-CAkey", folder / f"{issuer}.key", "-CAcreateserial"])
    openssl("x509", "-req", "-in", folder / "csr", *signer, *validity(days), "-sha256",
            "-extfile", conf, "-extensions", "x", "-out", cert)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pki")
    authority = ["basicConstraints=critical,CA:TRUE"]
    issue(folder, "root", "Root", authority)
    issue(folder, "mid", "Middle", authority, "root")
    for name, (subject, names) in LEAVES.items():
        extensions = ["basicConstraints=CA:FALSE"] + ([f"subjectAltName={names}"] if names else [])
        issue(folder, name, subject, extensions, "mid")
    issue(folder, "other", "Other root", authority)
    for name, (extensions, days, issuer) in OTHERS.items():
        issue(folder, name, "wlb.example.com", extensions, issuer, days)
    return folder


def cases(full):
    """Without --full, names are in either shape in turn: they do not depend on it."""
    for i, (leaf, shape) in enumerate(itertools.product(LEAVES, SHAPES)):
        if full or i % 2 == i // 2 % 2:
            yield leaf, *shape, ADDRESSES
    for shape in CHAINS:
        yield "san", *shape, ADDRESSES[:1]
    for leaf, (_, _, issuer) in OTHERS.items():
        for shape in OTHER_SHAPES[issuer]:
            yield leaf, *shape, ADDRESSES[:1]


def join(folder, leaf, names, out):
    text = "".join((folder / f"{leaf if n == 'leaf' else n}.pem").read_text() for n in names.split())
    (folder / out).write_text(text)
    return folder / out


class Server:
    """Sends the certificates of a file, in their order, to whoever connects."""

    def __init__(self, chain, key):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(chain, key)
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        with contextlib.suppress(OSError):  # it is closed
            while True:
                connection = self.socket.accept()[0]
                connection.settimeout(TIMEOUT)
                with connection, contextlib.suppress(OSError):  # refused
                    with self.context.wrap_socket(connection, server_side=True) as opened:
                        opened.recv(1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


def accepted(folder, port, installed, asked):
    """Connects by stunnel as XAPI does, once for each (address, mode) of `asked`, which have a
    service each; returns for each whether the handshake succeeded."""
    ports, text = [free_port() for _ in asked], "foreground = yes\npid =\ndebug = 7\nclient = yes\n"
    for one, (address, mode) in zip(ports, asked):
        text += f"""[to {one}]
accept = 127.0.0.1:{one}
connect = 127.0.0.1:{port}
sslVersion = TLSv1.2
ciphers = ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256
curve = secp384r1
CAfile = {installed}
checkHost = {address}
{mode}
"""
    (folder / "client.conf").write_text(text)
    stunnel = subprocess.Popen(["stunnel4", folder / "client.conf"], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    found = []
    try:
        for line in stunnel.stderr:
            if "Configuration successful" in line:
                break
        for one in ports:
            with socket.socket() as client:
                with contextlib.suppress(OSError):  # refused and reset already
                    client.connect(("127.0.0.1", one))
                    client.shutdown(socket.SHUT_WR)
                verdict = next(line for line in stunnel.stderr if re.search(
                    "TLS connected: new session|Connection (closed|reset)", line))
                found.append("TLS connected" in verdict)
                if found[-1]:
                    next(line for line in stunnel.stderr if "Connection closed" in line)
    finally:
        stunnel.terminate()
        stunnel.communicate()
    return found


def verdicts(wlbproxy, chain, address, installed):
    """The verdicts of `cert check`, release by release."""
    done = subprocess.run(
        [wlbproxy, "cert", "check", "--json", "--address", address, "--installed", installed,
         chain], capture_output=True, text=True, timeout=TIMEOUT)
    assert done.returncode in (0, 1), done.stderr
    return json.loads(done.stdout)["xenserver"]


@pytest.mark.lengthy
@pytest.mark.skipif(shutil.which("stunnel4") is None, reason="needs stunnel4")
def test_the_verdict_is_what_real_clients_do(wlbproxy, certificates, full):
    wrong, outcomes = [], []
    for leaf, sent, trusted, addresses in cases(full):
        chain = join(certificates, leaf, sent, "chain.pem")
        installed = join(certificates, leaf, trusted, "installed.pem")
        asked = list(itertools.product(addresses, MODES))
        said = [verdict for address in addresses
                for verdict in verdicts(wlbproxy, chain, address, installed)]
        assert len(said) == len(asked)
        with Server(chain, key_of(certificates, leaf)) as server:
            real = accepted(certificates, server.port, installed, asked)
        outcomes += real
        wrong += [(leaf, sent, trusted, how, was, verdict)
                  for how, was, verdict in zip(asked, real, said) if was != verdict["accepted"]]
    print(f"{len(outcomes)} combinations, {sum(outcomes)} accepted")
    assert not wrong
    assert len(outcomes) >= 40 and 0 < sum(outcomes) < len(outcomes)
