"""`cert export-for-pool --to`: a pool trusts the chain by one command."""
import re
import subprocess

import pytest

from frame.pki import openssl
from frame.pool import VERSIONS, Pool
from test_cert_install import fits_80_columns

pytestmark = pytest.mark.core


def export(wlbproxy, pool, *arguments, stdin="", check=0):
    done = subprocess.run(
        [wlbproxy, "cert", "export-for-pool", *map(str, arguments)], capture_output=True,
        text=True, input=stdin, timeout=60, env=pool.environment())
    assert done.returncode == check, done
    return done


def said(done):
    return " ".join((done.stdout + done.stderr).replace(" \\\n", " ").split())


def fingerprint(path):
    return openssl("x509", "-in", path, "-noout", "-fingerprint", "-sha256")


@pytest.mark.parametrize("version", VERSIONS)
def test_each_generation_gets_the_certificate_that_it_needs(wlbproxy, pki, tmp_path, version):
    pool = Pool(tmp_path / "pool", version)
    done = export(wlbproxy, pool, "--to", "root@coordinator", "--cert", pki.rsa.cert, "--yes")
    assert "TRUSTED" in done.stdout and pool.verifies()
    assert not fits_80_columns(done)
    wanted = pki.rsa.leaf if version == "23.25" else pki.root.leaf
    assert [fingerprint(one) for one in pool.installed()] == [fingerprint(wanted)]
    assert set((pool.folder / "hosts").read_text().split()) == {"root@coordinator"}
    # Every command was shown before, as it can be pasted.
    shown = said(done)
    for command in pool.commands():
        assert command.split(" uuid=")[0] in shown, command
    # Once more does no harm.
    done = export(wlbproxy, pool, "--to", "root@coordinator", "--cert", pki.rsa.cert, "--yes")
    assert "installed already" in done.stdout and len(pool.installed()) == 1


def test_it_asks_before_it_changes_anything(wlbproxy, pki, tmp_path):
    pool = Pool(tmp_path / "pool", "26.17")
    for answer in ("", "n\n", "\n"):
        done = export(wlbproxy, pool, "--to", "root@c", "--cert", pki.rsa.cert, stdin=answer,
                      check=1)
        assert "[y/N]" in done.stdout and "nothing was changed" in said(done)
        assert not pool.installed() and not pool.verifies()
    assert set(pool.commands()) == {"xe host-list params=software-version"}
    export(wlbproxy, pool, "--to", "root@c", "--cert", pki.rsa.cert, stdin="y\n")
    assert pool.verifies()


def test_a_dry_run_looks_and_shows(wlbproxy, pki, tmp_path):
    pool = Pool(tmp_path / "pool", "8.2")
    done = export(wlbproxy, pool, "--to", "root@c", "--cert", pki.rsa.cert, "--dry-run")
    assert "DRY RUN" in done.stdout and "pool-certificate-install" in done.stdout
    assert pool.commands() == ["xe host-list params=software-version"]
    assert not pool.installed()


def test_a_failing_step_is_reported_and_ends_it(wlbproxy, pki, tmp_path):
    pool = Pool(tmp_path / "pool", "26.17")
    (pool.folder / "unreachable").touch()
    done = export(wlbproxy, pool, "--to", "root@c", "--cert", pki.rsa.cert, "--yes", check=1)
    assert "No route to host" in said(done)
    (pool.folder / "unreachable").unlink()
    xe = pool.folder / "bin" / "xe"
    real = xe.read_text()
    for verb in ("pool-install-ca-certificate", "pool-certificate-sync", "pool-param-set"):
        xe.write_text(real.replace("exec", f'[ "$1" = {verb} ] && '
                                   '{ printf "no \\033[31mway\\n" >&2; exit 3; }\nexec', 1))
        done = export(wlbproxy, pool, "--to", "root@c", "--cert", pki.rsa.cert, "--yes", check=1)
        assert "no [31mway" in said(done) and "exit status 3" in said(done)
        assert "\033" not in done.stdout + done.stderr
        assert not (pool.folder / "verify").exists() and "TRUSTED" not in done.stdout
    xe.write_text("#!/bin/sh\nhead -c 100000 /dev/urandom\n")
    done = export(wlbproxy, pool, "--to", "root@c", "--cert", pki.rsa.cert, "--yes", check=1)
    assert "does not tell its product_version" in said(done)


def test_a_chain_without_its_root_is_told(wlbproxy, pki, tmp_path):
    pool = Pool(tmp_path / "pool", "26.17")
    chain = tmp_path / "chain.pem"
    chain.write_bytes(pki.rsa.leaf.read_bytes() + pki.intermediate.leaf.read_bytes())
    done = export(wlbproxy, pool, "--to", "root@c", "--cert", chain, "--yes", check=1)
    assert "the root, is not in the file" in said(done) and not pool.installed()


@pytest.mark.parametrize("arguments, words", [
    (["--to", "-oProxyCommand=touch x"], "is not [USER@]HOST"),
    (["--to", "a;b"], "is not [USER@]HOST"), ([], "name the folder DIR"),
    (["--to", "root@c", "DIR"], "name the folder DIR"), (["--to", "c", "--json"], "no --json"),
])
def test_an_invalid_host_is_refused(wlbproxy, pki, tmp_path, arguments, words):
    pool = Pool(tmp_path / "pool", "26.17")
    done = export(wlbproxy, pool, *arguments, "--cert", pki.rsa.cert, check=2)
    assert words in said(done) and not pool.commands()
    assert not re.search("sh:", done.stderr)
