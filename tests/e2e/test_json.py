"""--json: one object on standard output, whatever the outcome, with the documented names."""
import json
import os
import pathlib
import subprocess
import re

import pytest

from frame.pki import openssl

pytestmark = pytest.mark.core

MANUAL = pathlib.Path(__file__).parents[2] / "packaging" / "wlbproxy.8.in"


def documented():
    """{command: names} of the manual's list."""
    section = MANUAL.read_text().split(".SH JSON")[1].split(".SH ")[0]
    return {command.replace("\\-", "-"): set(re.findall(r"[a-z_]+", names))
            for command, names in re.findall(r"\.TP\n\.B (.*)\n((?:[^.].*\n)+)", section)}


def commands(proxy, pki, tmp_path):
    """(command, arguments, exit status)"""
    config = ("-c", proxy.config)
    nobody = ("-c", tmp_path / "missing.conf", "--control", tmp_path / "nobody.sock")
    bad = tmp_path / "bad.pem"
    bad.write_text("no certificate")
    der = tmp_path / "leaf.der"
    der.write_bytes(openssl("x509", "-in", pki.rsa.leaf, "-outform", "DER"))
    yield "check", config, 0
    yield "check", ("-c", bad), 1
    yield "check", ("-c", tmp_path / "missing.conf"), 2
    yield "reload", config, 0
    yield "reload", nobody, 2
    yield "status", config, 0
    yield "status", nobody, 2
    yield "backend", config, 0
    yield "backend", (*config, "127.0.0.1:1", "drain"), 2
    yield "backend", nobody, 2
    yield "tickets rotate", config, 0
    yield "tickets rotate", nobody, 2
    yield "tickets rotate", ("--file", tmp_path / "tickets.keys"), 0
    yield "tickets rotate", ("--file", tmp_path / "missing" / "tickets.keys"), 2
    yield "cert show", (proxy.cert,), 0
    yield "cert show", (der,), 0
    yield "cert show", (bad,), 1
    yield "cert show", (tmp_path / "missing.pem",), 1
    yield "cert show", config, 0
    yield "cert show", ("-c", tmp_path / "missing.conf"), 2
    yield "cert show", (f"127.0.0.1:{proxy.port}",), 0
    yield "cert show", ("127.0.0.1:1",), 2
    yield "cert check", ("--address", "localhost", proxy.cert), 0
    yield "cert check", (bad,), 1
    yield "cert check", ("--password-file", tmp_path / "missing", proxy.cert), 2
    new = (pki.other.cert, "--key", pki.other.key)
    yield "cert install", (*config, "--dry-run", *new), 0
    yield "cert install", (*config, *new), 0
    yield "cert install", (*config, bad), 1
    yield "cert install", ("-c", tmp_path / "missing.conf", *new), 2
    yield "cert rollback", config, 0
    yield "cert rollback", config, 1
    yield "cert create", config, 1
    yield "cert create", (*config, "--force", "--dry-run"), 0
    yield "cert create", (*config, "--days", "x"), 2
    yield "cert request", (*config, "--name", "localhost"), 0
    yield "cert request", (*config, "--name", "a b"), 2
    yield "cert export-for-pool", (*config, tmp_path / "pool"), 0
    yield "cert export-for-pool", (*config, bad), 2


def test_each_answer_is_one_object_with_known_names(start_proxy, origin, pki, tmp_path):
    proxy, known = start_proxy(origin.address), documented()
    seen = set()
    for command, arguments, status in commands(proxy, pki, tmp_path):
        done = proxy.command(*command.split(), *arguments, "--json")
        assert done.returncode == status, (command, arguments, done)
        answer = json.loads(done.stdout)
        assert done.stderr == "", (command, arguments, done.stderr)
        assert answer["ok"] is (status == 0), (command, arguments, answer)
        if status == 2:
            assert len(answer["error"]) > 10, (command, arguments, answer)
        assert set(answer) <= known[command] | {"ok", "error", "findings"}, (
            command, sorted(set(answer) - known[command]))
        seen.add(command)
    assert seen == set(known)


def not_utf8(pki, folder):
    """(arguments, exit status): everything has a name that is no UTF-8."""
    for name in (b"a\xff.pem", b"key\xff.key"):
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, name), "wb") as file:
            file.write((pki.rsa.cert if b"pem" in name else pki.rsa.key).read_bytes())
    chain, missing = os.path.join(folder, b"a\xff.pem"), os.path.join(folder, b"no\xff")
    yield [b"check", b"-c", missing], 2
    yield [b"cert", b"show", chain], 0
    yield [b"cert", b"show", b"-c", missing], 2
    yield [b"cert", b"check", chain], 0
    yield [b"cert", b"check", b"--password-file", missing, chain], 2
    yield [b"cert", b"create", b"--name", b"a.example", b"--cert", missing], 0
    yield [b"cert", b"install", chain, b"--cert", missing, b"--key",
           os.path.join(folder, b"key\xff.key")], 0
    yield [b"cert", b"export-for-pool", b"--cert", chain, os.path.join(folder, b"pool\xff")], 0
    yield [b"cert", b"export-for-pool", b"--cert", missing, chain], 2


def test_a_name_that_is_no_utf8_is_told_all_the_same(wlbproxy, pki, tmp_path):
    for arguments, status in not_utf8(pki, os.fsencode(tmp_path / "place")):
        done = subprocess.run([os.fsencode(wlbproxy), *arguments, b"--json"],
                              capture_output=True, timeout=60)
        assert done.returncode == status, (arguments, done)
        answer = json.loads(done.stdout.decode())
        assert answer["ok"] is (status == 0), (arguments, answer)
        assert "\ufffd" in json.dumps(answer, ensure_ascii=False), (arguments, answer)
        for name in ("steps", "files"):
            assert answer.get(name) != [], (arguments, answer)
