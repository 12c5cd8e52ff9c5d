"""`migrate`: the migrated configuration is started beside stunnel itself, and clients try both.
We admit no client that stunnel refuses; and if no loss was reported, every client that it
serves."""
import contextlib
import itertools
import os
import socket
import ssl
import subprocess
import threading

import pytest

from frame.pki import CLIENT
from frame.ports import free_port
from frame.wait import TIMEOUT, wait_until

CHAIN, PEER = "verifyChain = yes", "verifyPeer = yes"
VERIFY = {
    "nobody is asked": "",
    "level 0": "verify = 0",
    "level 1": "verify = 1",
    "level 2": "verify = 2",
    "level 3": "verify = 3",
    "level 4": "verify = 4",
    "chain": CHAIN,
    "chain, optional": CHAIN + "\nrequireCert = no",
    "optional, then chain": "requireCert = no\n" + CHAIN,
    "peer": PEER,
    "chain and peer": CHAIN + "\n" + PEER,
    "name": CHAIN + "\ncheckHost = good.example",
    "one of two names": CHAIN + "\ncheckHost = x.example\ncheckHost = good.example",
    "another name": CHAIN + "\ncheckHost = x.example",
    "name without verification": "checkHost = x.example",
    "e-mail": CHAIN + "\ncheckEmail = a@b.example",
    "certificate without verification": "requireCert = yes",
    "OCSP": CHAIN + "\nOCSPaia = yes",
    "no OCSP": CHAIN + "\nOCSPaia = no",
    "shared keys": "PSKsecrets = {folder}/psk",
    "tcp wrappers": "libwrap = yes",
}
TLS = {
    "1.2 alone": "sslVersion = TLSv1.2",
    "1.3 alone": "sslVersion = TLSv1.3",
    "1.2 at least": "sslVersionMin = TLSv1.2",
    "1.3 at least": "sslVersionMin = TLSv1.3",
    "1.2 at most": "sslVersionMax = TLSv1.2",
    "not 1.2": "options = NO_TLSv1_2",
    "not 1.3": "options = NO_TLSv1_3",
    "not SSL 3": "options = NO_SSLv3\noptions = NO_SSLv2",
    "ciphers": "ciphers = ECDHE-RSA-AES256-GCM-SHA384",
    "curve": "curve = secp384r1",
    "curves": "curves = X25519:P-384",
    "security level 3": "securityLevel = 3",
    "security level 1": "securityLevel = 1",
    "idle": "TIMEOUTidle = 100",
    "close": "TIMEOUTclose = 0",
    "delay": "delay = yes",
    "program": "exec = /bin/cat",
    "another protocol": "protocol = smtp",
}
CASES = [(f"{name}, {place}", text, place == "global")
         for (name, text), place in itertools.product(VERIFY.items(), ("section", "global"))]
CASES += [(f"{name}, section", text, False) for name, text in TLS.items()]
# stunnel itself does not start with these: ours may, more strictly or not.
NOT_FOR_STUNNEL = {VERIFY["name without verification"]}
# Neither starts with these: RSA 2048 is too small for it.
NOT_FOR_EITHER = {TLS["security level 3"]}
# Those that run always; all of them with --full.
ALWAYS = {"nobody is asked, section", "level 2, global", "level 3, section", "peer, section",
          "chain, optional, section", "name, section", "another name, section",
          "OCSP, section", "shared keys, section", "1.3 alone, section", "not 1.2, section",
          "security level 3, section"}


@pytest.fixture
def echo():
    """A backend that sends back what it gets."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve(peer):
        with contextlib.suppress(OSError), peer:
            while data := peer.recv(65536):
                peer.sendall(data)

    def accept():
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield listener.getsockname()[1]
    listener.close()


@pytest.fixture
def clients(pki):
    """The clients that try to get in: name -> pair, or None for no certificate."""
    return {"nobody": None,
            "good": pki.leaf("good", extensions=CLIENT, san=["DNS:good.example"], issuer=pki.root),
            "unpinned": pki.leaf("unpinned", extensions=CLIENT, san=["DNS:other.example"],
                                 issuer=pki.root),
            "unknown": pki.leaf("unknown", extensions=CLIENT, san=["DNS:good.example"],
                                issuer=None)}


def gets_in(port, pair):
    """Returns whether a client is served, that is: gets back its own bytes."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if pair is not None:
        context.load_cert_chain(pair.cert, pair.key)
    try:
        with socket.create_connection(("127.0.0.1", port), TIMEOUT) as plain, \
                context.wrap_socket(plain) as tls:
            tls.sendall(b"echo")
            return tls.recv(4) == b"echo"
    except (ssl.SSLError, ConnectionError):
        return False


@contextlib.contextmanager
def running(command, port, log):
    with open(log, "wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL)

    def listens():
        assert process.poll() is None, open(log).read()
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return True

    try:
        wait_until(listens, f"{command[0]} listens", TIMEOUT)
        yield
    finally:
        process.terminate()
        process.wait(TIMEOUT)


@pytest.mark.parametrize("name, text, is_global", [
    pytest.param(*case, id=case[0].replace(" ", "-"),
                 marks=() if case[0] in ALWAYS else pytest.mark.long) for case in CASES])
def test_migration_admits_the_same_clients(name, text, is_global, tmp_path, pki, clients, echo):
    program, server, port = os.environ["WLBPROXY"], pki.rsa, free_port()
    trusted = tmp_path / "trusted.pem"
    trusted.write_text(clients["good"].leaf.read_text() + pki.root.leaf.read_text())
    (tmp_path / "psk").write_text("client:" + "ab" * 20 + "\n")
    (tmp_path / "psk").chmod(0o600)
    text = text.format(folder=tmp_path)
    source = tmp_path / "stunnel.conf"

    def write(to):
        source.write_text("\n".join((
            "foreground = yes", "pid =", text if is_global else "", "[bytes]",
            f"accept = 127.0.0.1:{to}", f"connect = 127.0.0.1:{echo}", f"cert = {server.cert}",
            f"key = {server.key}", f"CAfile = {trusted}", "" if is_global else text, "")))

    write(port)
    done = subprocess.run([program, "migrate", str(source)], capture_output=True, text=True,
                          timeout=TIMEOUT, check=False)
    result = tmp_path / "wlbproxy.conf"
    result.write_text("control = off\nworkers = 1\n" + done.stdout)
    assert all(len(line) < 80 for line in done.stderr.splitlines() if str(tmp_path) not in line)
    check = subprocess.run([program, "check", "-c", str(result)], capture_output=True,
                           text=True, timeout=TIMEOUT, check=False)
    if "[bytes] is left out" in done.stderr:
        assert done.returncode == 1 and check.returncode != 0, check.stdout
        return
    if text in NOT_FOR_EITHER:
        assert check.returncode == 1 and "ee key too small" in check.stdout, check.stdout
        assert subprocess.run(["stunnel", str(source)], capture_output=True, timeout=TIMEOUT,
                              check=False).returncode == 1
        return
    with running([program, "run", "-c", str(result)], port, tmp_path / "log"):
        ours = {who: gets_in(port, pair) for who, pair in clients.items()}
    other = free_port()
    write(other)
    if text in NOT_FOR_STUNNEL:
        return
    with running(["stunnel", str(source)], other, tmp_path / "stunnel.log"):
        theirs = {who: gets_in(other, pair) for who, pair in clients.items()}
    assert not [who for who in clients if ours[who] and not theirs[who]], (ours, theirs)
    if done.returncode == 0:
        assert ours == theirs, done.stdout
