"""cert show, cert check and cert export-for-pool, as an operator and a script use them."""
import json
import os
import re
import socketserver
import stat
import subprocess
import threading

import pytest

from frame.pki import openssl
from frame.ports import free_port
from frame.wait import wait_until

XAPI_NAME = re.compile(r"[A-Za-z0-9._-]+\.pem")


def cert(wlbproxy, *arguments, status=0):
    done = subprocess.run([wlbproxy, "cert", *map(str, arguments)], capture_output=True,
                          text=True, stdin=subprocess.DEVNULL, timeout=60)
    assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
    return done


def cert_json(wlbproxy, *arguments, status=0):
    return json.loads(cert(wlbproxy, *arguments, "--json", status=status).stdout)


@pytest.fixture
def server(pki):
    """server(openssl s_server's options...) returns its address."""
    import socket
    started = []

    def start(pair, *options):
        port = free_port()
        started.append(subprocess.Popen(
            ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", pair.leaf, "-key",
             pair.key, "-quiet", *options], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL))

        def answers():
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return True
            except OSError:
                return False
        wait_until(answers, "openssl s_server listens")
        return f"127.0.0.1:{port}"

    yield start
    for one in started:
        one.kill()
        one.wait()


def test_a_file_is_shown_whole(wlbproxy, pki):
    shown = cert_json(wlbproxy, "show", pki.rsa.cert)
    leaf, intermediate, root = shown["certificates"]
    assert leaf["sha256"] == pki.rsa.fingerprint()
    assert leaf["names"] == ["localhost"] and leaf["key"] == "RSA 2048"
    assert (leaf["issued_by"], intermediate["issued_by"]) == (2, 3)
    assert root["self_signed"] and shown["missing"] == []
    text = cert(wlbproxy, "show", pki.rsa.cert).stdout
    assert "    Test Root  (3, self-signed)\n    +- Test Intermediate  (2)\n" in text
    assert max(map(len, text.splitlines())) < 80


def test_missing_parts_are_named(wlbproxy, pki):
    shown = cert_json(wlbproxy, "show", pki.rsa.leaf)
    assert shown["missing"] == [{"issuer": "CN=Test Intermediate", "of": 1}]
    assert "missing: the issuer of 1, CN=Test Intermediate" in cert(
        wlbproxy, "show", pki.rsa.leaf).stdout


def test_keys_and_requests_are_told_as_what_they_are(wlbproxy, pki, tmp_path):
    key = cert(wlbproxy, "show", pki.rsa.key).stdout
    assert "private key: RSA 2048" in key and "BEGIN" not in key
    openssl("req", "-new", "-key", pki.rsa.key, "-subj", "/CN=localhost", "-out", tmp_path / "csr")
    request = cert_json(wlbproxy, "show", tmp_path / "csr")["requests"][0]
    assert request["subject"] == "CN=localhost"


@pytest.mark.parametrize("kind, options, reason", [
    ("rsa", [], None),
    ("ec", [], "no certificate with an RSA key"),
    ("rsa", ["-groups", "X25519"], "P-384"),
    ("rsa", ["-tls1_3"], "TLS 1.2"),
    ("rsa", ["-cipher", "ECDHE-RSA-CHACHA20-POLY1305"], "none of its ciphers"),
    ("rsa", ["-Verify", "1", "-verify_return_error"], "client certificate"),
])
def test_a_server_is_seen_as_xenserver_would(wlbproxy, pki, server, kind, options, reason):
    pair = getattr(pki, kind)
    shown = cert_json(wlbproxy, "show", server(pair, *options), status=1 if reason else 0)
    assert shown["certificates"][0]["sha256"] == pair.fingerprint()
    assert shown["xenserver"]["connects"] == (reason is None)
    if reason:
        assert reason in shown["xenserver"]["reason"]
    else:
        assert shown["xenserver"]["terms"] == "TLSv1.2, ECDHE-RSA-AES256-GCM-SHA384, secp384r1"


@pytest.mark.parametrize("text, words", [
    ("127.0.0.1:99999", "not a port"), ("localhost:https", "not a port"), (":8012", "host is missing"),
    ("[zz]:8012", "not an IPv6 address"), ("a b:8012", "neither an address nor a host name")])
def test_a_mistyped_server_is_not_taken_for_a_file(wlbproxy, text, words):
    assert words in cert(wlbproxy, "show", text, status=2).stderr
    assert words in cert_json(wlbproxy, "show", text, status=2)["error"]


class Plain(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.recv(4096)
        self.request.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def test_a_server_without_tls_is_told(wlbproxy):
    with socketserver.TCPServer(("127.0.0.1", 0), Plain) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        done = cert(wlbproxy, "show", f"127.0.0.1:{server.server_address[1]}", status=2)
        server.shutdown()
    assert "not in TLS" in done.stderr


def test_nobody_there_is_told(wlbproxy):
    done = cert(wlbproxy, "show", f"127.0.0.1:{free_port()}", status=2)
    assert "Connection refused" in done.stderr and done.stdout == ""


def test_served_certificates_are_compared_with_the_disk(wlbproxy, pki, proxy):
    shown = cert_json(wlbproxy, "show", "-c", proxy.config)["services"][0]
    assert not shown["differs"]
    assert shown["served"][0]["sha256"] == shown["files"][0]["certificates"][0]["sha256"]
    pki.other.install(proxy.cert, proxy.key)
    shown = cert_json(wlbproxy, "show", "-c", proxy.config, status=1)["services"][0]
    assert shown["differs"] and shown["served"][0]["sha256"] == pki.rsa.fingerprint()
    checked = proxy.command("check", "-c", proxy.config, check=0).stdout
    assert "is not what [wlb] serves" in checked and "mend: wlbproxy reload" in checked
    proxy.reload()
    assert not cert_json(wlbproxy, "show", "-c", proxy.config)["services"][0]["differs"]


def test_check_names_the_file_to_install_and_the_commands(wlbproxy, pki):
    verdicts = cert_json(wlbproxy, "check", "--address", "localhost", pki.rsa.cert)["xenserver"]
    assert [verdict["accepted"] for verdict in verdicts] == [True] * 3
    assert [verdict["install"] for verdict in verdicts] == [
        "CN=Test Root", "CN=localhost", "CN=Test Root"]
    for verdict, command in zip(verdicts, ["pool-certificate-install"] + 2 * [
            "pool-install-ca-certificate"]):
        assert XAPI_NAME.fullmatch(verdict["file_name"])
        assert verdict["commands"][:2] == [
            f"xe {command} filename={verdict['file_name']}", "xe pool-certificate-sync"]
        assert "wlb-verify-cert=true uuid=" in verdict["commands"][2]


def test_check_takes_files_in_any_format(wlbproxy, pki, tmp_path):
    (tmp_path / "leaf.der").write_bytes(pki.rsa.der())
    good = cert_json(wlbproxy, "check", "--key", pki.rsa.key, pki.rsa.leaf,
                     pki.intermediate.leaf, pki.root.leaf)
    assert good["ok"] and "root-included" in {one["id"] for one in good["findings"]}
    bad = cert_json(wlbproxy, "check", tmp_path / "leaf.der", pki.intermediate.leaf, status=1)
    assert {"der", "root-not-included"} <= {one["id"] for one in bad["findings"]}


def test_exported_files_are_what_xapi_takes(wlbproxy, pki, tmp_path):
    merged, folder = tmp_path / "merged.pem", tmp_path / "pool"
    merged.write_text(pki.rsa.merged())
    files = cert_json(wlbproxy, "export-for-pool", "--cert", merged, folder)["files"]
    assert len(files) == 3 and len(os.listdir(folder)) == 3
    for file in files:
        text = open(file["file"]).read()
        assert XAPI_NAME.fullmatch(file["name"]) and file["written"]
        assert text.count("-----BEGIN") == 1 and "-----BEGIN CERTIFICATE-----" in text
        assert stat.S_IMODE(os.stat(file["file"]).st_mode) == 0o644
    again = cert_json(wlbproxy, "export-for-pool", "--cert", merged, folder)["files"]
    assert not any(file["written"] for file in again)
    told = cert(wlbproxy, "export-for-pool", "--cert", merged, folder).stdout
    assert f"xe pool-install-ca-certificate filename={files[0]['name']}" in told


def test_export_of_half_a_file_writes_nothing(wlbproxy, pki, tmp_path):
    cut = tmp_path / "cut.pem"
    cut.write_bytes(pki.rsa.cert.read_bytes()[:-200])
    done = cert(wlbproxy, "export-for-pool", "--cert", cut, tmp_path / "pool", status=2)
    assert "has no end" in " ".join(done.stderr.split()) and not (tmp_path / "pool").exists()
    # A key that is under a password stays where it is.
    locked = tmp_path / "locked.pem"
    locked.write_bytes(pki.rsa.cert.read_bytes() + openssl(
        "pkcs8", "-topk8", "-in", pki.rsa.key, "-passout", "pass:secret"))
    cert(wlbproxy, "export-for-pool", "--cert", locked, tmp_path / "pool")
    assert len(list((tmp_path / "pool").iterdir())) == 3


def test_export_without_the_root_says_where_it_is(wlbproxy, pki, tmp_path):
    chain = tmp_path / "chain.pem"
    chain.write_bytes(pki.rsa.leaf.read_bytes() + pki.intermediate.leaf.read_bytes())
    done = cert(wlbproxy, "export-for-pool", "--cert", chain, tmp_path / "pool")
    assert "verifyPeer" in done.stdout and "The root is not in the file" in done.stdout


def test_export_overwrites_nothing(wlbproxy, pki, tmp_path):
    name = cert_json(wlbproxy, "export-for-pool", "--cert", pki.root.leaf, tmp_path)["files"][0]
    with open(name["file"], "w") as file:
        file.write("mine\n")
    done = cert(wlbproxy, "export-for-pool", "--cert", pki.root.leaf, tmp_path, status=2)
    assert "there is another file of that name" in done.stderr
    assert open(name["file"]).read() == "mine\n"


def test_wrong_uses_are_one_sentence(wlbproxy, pki, tmp_path):
    for words in (["check"], ["show", "a", "b"], ["export-for-pool"], ["check", "--key"],
                  ["show", "--password-file", tmp_path / "none", pki.rsa.leaf],
                  ["export-for-pool", "--cert", tmp_path / "none", tmp_path]):
        done = cert(wlbproxy, *words, status=2)
        assert done.stdout == "" and done.stderr.count("wlbproxy cert " + words[0] + ":") == 1
        assert done.stderr.startswith("wlbproxy") and "\n\n" not in done.stderr, words
