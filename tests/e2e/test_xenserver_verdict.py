"""XenServer's verdict against real stunnel clients in XAPI's three ways of verifying."""
import itertools
import os
import shutil
import socket
import subprocess
import time

import pytest

MODES = ["verify = 2", "verifyPeer = yes", "verifyChain = yes"]
LEAVES = {  # subject, alternative names
    "cn": ("wlb.example.com", None),
    "san": ("any", "DNS:wlb.example.com"),
    "ignored-cn": ("wlb.example.com", "DNS:else.example.com"),
    "ip-san": ("any", "DNS:any,IP:10.0.0.7"),
    "cn-ip": ("10.0.0.7", None),
    "wildcard": ("any", "DNS:*.example.com"),
}
ADDRESSES = ["wlb.example.com", "10.0.0.7"]
SHAPES = [("leaf mid", "root"), ("leaf", "root"), ("leaf mid", "leaf"), ("leaf mid root", "mid")]


def openssl(*words):
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)


def issue(folder, name, subject, extensions, issuer=None):
    key, cert, conf = (folder / f"{name}.{end}" for end in ("key", "pem", "ext"))
    conf.write_text("[x]\n" + "\n".join(extensions) + "\n")
    openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", key)
    openssl("req", "-new", "-key", key, "-subj", f"/CN={subject}", "-out", folder / "csr")
    signer = (["-signkey", key] if issuer is None else
              ["-CA", folder / f"{issuer}.pem", "-CAkey", folder / f"{issuer}.key", "-CAcreateserial"])
    openssl("x509", "-req", "-in", folder / "csr", *signer, "-days", "30", "-sha256",
            "-extfile", conf, "-extensions", "x", "-out", cert)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pki")
    issue(folder, "root", "Root", ["basicConstraints=critical,CA:TRUE"])
    issue(folder, "mid", "Middle", ["basicConstraints=critical,CA:TRUE"], "root")
    for name, (subject, names) in LEAVES.items():
        extensions = ["basicConstraints=CA:FALSE"] + ([f"subjectAltName={names}"] if names else [])
        issue(folder, name, subject, extensions, "mid")
    return folder


def join(folder, leaf, names, out):
    text = "".join((folder / f"{leaf if n == 'leaf' else n}.pem").read_text() for n in names.split())
    (folder / out).write_text(text)
    return folder / out


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port):
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            return socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.02)
    raise AssertionError(f"nothing listens on {port}")


def stunnel_accepts(folder, port, mode, address, installed):
    """One request's worth of stunnel, as XAPI runs it: does the handshake succeed?"""
    conf = folder / "client.conf"
    conf.write_text(f"""foreground = yes
debug = 7
client = yes
[x]
connect = 127.0.0.1:{port}
sslVersion = TLSv1.2
ciphers = ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256
curve = secp384r1
CAfile = {installed}
checkHost = {address}
{mode}
""".replace("[x]\n", ""))
    done = subprocess.run(["stunnel4", str(conf)], input=b"", capture_output=True, timeout=20)
    return b"TLS connected: new session" in done.stderr


@pytest.mark.skipif(shutil.which("stunnel4") is None, reason="needs stunnel4")
def test_the_verdict_is_what_real_clients_do(certificates):
    program = os.path.join(os.path.dirname(os.environ.get("WLBPROXY", "")), "test_xenserver")
    if not os.access(program, os.X_OK):
        pytest.skip("no test_xenserver (from tests/unit) beside $WLBPROXY")
    wrong, count = [], 0
    for leaf, (sent, trusted) in itertools.product(LEAVES, SHAPES):
        chain = join(certificates, leaf, sent, "chain.pem")
        installed = join(certificates, leaf, trusted, "installed.pem")
        port = free_port()
        server = subprocess.Popen(
            ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-quiet", "-cert", chain,
             "-cert_chain", chain, "-key", certificates / f"{leaf}.key"],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_for(port)
            for address in ADDRESSES:
                said = subprocess.run([program, address, chain, installed], check=True,
                                      capture_output=True, text=True).stdout.splitlines()
                for mode, line in zip(MODES, said):
                    count += 1
                    real = stunnel_accepts(certificates, port, mode, address, installed)
                    if real != line.startswith("yes"):
                        wrong.append((leaf, sent, trusted, address, mode, real, line))
        finally:
            server.terminate()
            server.wait()
    assert count >= 40
    assert not wrong
