"""`cert push`: one pair on several nodes, one after the other, each confirmed."""
import os
import subprocess

import pytest

from test_cert_install import fingerprint, fits_80_columns
from test_reload import served


SSH = """#!/bin/sh
# ssh -- NODE COMMAND: runs it where `wlbproxy` is that node's.
[ "$1" = -- ] && shift
echo "$1" >>"$NODES/asked"
[ -e "$NODES/$1" ] || { echo "ssh: no route to $1" >&2; exit 255; }
PATH="$NODES/$1:$PATH" TMPDIR="$NODES/tmp" exec sh -c "$2"
"""


class Nodes:
    def __init__(self, program, folder, proxies):
        self.program, self.folder, self.proxies = program, folder, proxies
        for name in ("path", "tmp"):
            (folder / name).mkdir(parents=True)
        self._script(folder / "path/ssh", SSH)
        for i, proxy in enumerate(proxies):
            (folder / f"node{i}").mkdir()
            self._script(folder / f"node{i}/wlbproxy",
                         f'#!/bin/sh\nexec "{program}" "$@" -c "{proxy.config}"\n')

    @staticmethod
    def _script(path, text):
        path.write_text(text)
        path.chmod(0o755)

    def push(self, here, *arguments, stdin="", check=0):
        done = subprocess.run(
            [self.program, "cert", "push", *arguments, "-c", str(here)], capture_output=True,
            text=True, input=stdin, timeout=120,
            env={**os.environ, "NODES": str(self.folder),
                 "PATH": f"{self.folder}/path:{os.environ['PATH']}"})
        assert done.returncode == check, done
        assert not list((self.folder / "tmp").iterdir()), "a key was left behind"
        return done

    def asked(self):
        path = self.folder / "asked"
        return path.read_text().split() if path.exists() else []


@pytest.fixture
def here(tmp_path, pki):
    folder = tmp_path / "here"
    folder.mkdir()
    pki.other.install(folder / "server.pem", folder / "server.key")
    config = folder / "wlbproxy.conf"
    config.write_text(f"control = off\n[wlb]\ncert = {folder}/server.pem\n"
                      f"key = {folder}/server.key\n")
    return config


@pytest.fixture
def nodes(wlbproxy, start_proxy, origin, tmp_path):
    return Nodes(wlbproxy, tmp_path / "nodes", [start_proxy(origin.address) for _ in range(3)])


def said(done):
    return " ".join((done.stdout + done.stderr).replace(" \\\n", " ").split())


def test_every_node_serves_it_and_says_so(nodes, here, pki):
    done = nodes.push(here, "node0", "node1", "node2", "--yes")
    assert nodes.asked() == ["node0", "node1", "node2"]
    assert done.stdout.count("LIVE on node") == 3 and not fits_80_columns(done)
    for proxy in nodes.proxies:
        assert served(proxy.port) == pki.other.fingerprint()
        assert fingerprint(proxy.cert, proxy.key) == pki.other.fingerprint()
    assert pki.other.key.read_text().splitlines()[1] not in done.stdout + done.stderr


def test_the_first_that_does_not_confirm_ends_it(nodes, here, pki):
    nodes.proxies[1].write_config(strict_reload="on")
    nodes.proxies[1].reload()
    wrong = here.parent
    pki.wrong_name.install(wrong / "server.pem", wrong / "server.key")
    done = nodes.push(here, "node0", "node1", "node2", "--yes", check=1)
    assert nodes.asked() == ["node0", "node1"]
    assert "STOPPED: 1 of 3 nodes serve it" in said(done) and "did not confirm" in said(done)
    assert [served(proxy.port) for proxy in nodes.proxies] == [
        pki.wrong_name.fingerprint(), pki.rsa.fingerprint(), pki.rsa.fingerprint()]


def test_a_node_without_a_proxy_has_not_confirmed(nodes, here):
    nodes.proxies[0].config.write_text(
        nodes.proxies[0].config.read_text().replace("control =", "control = /nowhere/x ;"))
    done = nodes.push(here, "node0", "node1", "--yes", check=1)
    assert nodes.asked() == ["node0"] and "did not confirm" in said(done)


def test_a_node_that_cannot_be_reached_is_told(nodes, here):
    done = nodes.push(here, "gone", "node0", "--yes", check=1)
    assert nodes.asked() == ["gone"] and "no route to gone" in said(done)


def test_it_asks_first_and_a_dry_run_only_shows(nodes, here, pki):
    done = nodes.push(here, "node0", stdin="n\n", check=1)
    assert "[y/N]" in done.stdout and "nothing was changed" in said(done)
    done = nodes.push(here, "node0", "--dry-run")
    assert "DRY RUN" in done.stdout and "wlbproxy cert install" in said(done)
    assert not nodes.asked() and served(nodes.proxies[0].port) == pki.rsa.fingerprint()
    nodes.push(here, "node0", stdin="y\n")
    assert served(nodes.proxies[0].port) == pki.other.fingerprint()


@pytest.mark.parametrize("arguments", [[], ["-oProxyCommand=x"], ["--yes", "a;b"]])
def test_an_invalid_node_is_refused(nodes, here, arguments):
    nodes.push(here, *arguments, check=2)
    assert not nodes.asked()


def test_a_bad_pair_is_not_pushed(nodes, here, pki):
    (here.parent / "server.key").write_bytes(pki.rsa3072.key.read_bytes())
    done = nodes.push(here, "node0", "--yes", check=2)
    assert "is not pushed" in said(done) and not nodes.asked()


def test_an_invalid_chain_on_standard_input_is_reported(nodes, wlbproxy):
    for text, told in (("x" * (1 << 20) + "y", "more than 1 MiB"), ("", "the file is empty")):
        done = subprocess.run(
            [wlbproxy, "cert", "install", "-", "-c", str(nodes.proxies[0].config)],
            capture_output=True, text=True, input=text, timeout=60)
        assert done.returncode == 1 and told in said(done), done
