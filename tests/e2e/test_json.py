"""--json: one object on standard output, whatever the outcome, with the documented names."""
import json
import pathlib
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
