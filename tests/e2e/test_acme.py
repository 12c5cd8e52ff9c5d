"""The deploy hooks of examples/, each run by its client after a real order from a local CA."""
import json
import os
import pathlib
import shutil
import ssl
import subprocess
import urllib.request

import pytest

from frame.pki import openssl
from frame.ports import free_port
from test_cert_install import fingerprint
from test_reload import served, works

EXAMPLES = pathlib.Path(__file__).parents[2] / "examples"
NAME = "wlb.example.com"

pytestmark = [
    pytest.mark.skipif(shutil.which("pebble") is None, reason="no pebble, the ACME test CA"),
    pytest.mark.xdist_group("acme"),
]


def needs(client):
    return pytest.mark.skipif(shutil.which(client) is None, reason=f"no {client}")


class Pebble:
    """The ACME test CA, which believes every challenge."""

    def __init__(self, folder):
        folder.mkdir()
        self.ca, key = folder / "cert.pem", folder / "key.pem"
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", self.ca,
                "-subj", "/CN=localhost", "-addext",
                "subjectAltName=DNS:localhost,IP:127.0.0.1", "-days", "2")
        port = free_port()
        (folder / "conf.json").write_text(json.dumps({"pebble": {
            "listenAddress": f"127.0.0.1:{port}", "managementListenAddress": "",
            "certificate": str(self.ca), "privateKey": str(key), "httpPort": free_port(),
            "tlsPort": free_port(), "externalAccountBindingRequired": False}}))
        self.url = f"https://localhost:{port}/dir"
        self.process = subprocess.Popen(
            ["pebble", "-config", folder / "conf.json"], stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PEBBLE_VA_NOSLEEP": "1", "PEBBLE_VA_ALWAYS_VALID": "1",
                 "PEBBLE_WFE_NONCEREJECT": "0"})
        context = ssl.create_default_context(cafile=str(self.ca))
        while self.process.poll() is None:
            try:
                urllib.request.urlopen(self.url, context=context, timeout=5).close()
                return
            except OSError:
                pass
        raise RuntimeError("pebble did not start")

    def stop(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="module")
def pebble(tmp_path_factory):
    ca = Pebble(tmp_path_factory.mktemp("acme") / "ca")
    yield ca
    ca.stop()


class Operator:
    """A machine with a proxy, where `wlbproxy` on the path is that proxy's."""

    def __init__(self, proxy, program, folder, ca):
        self.proxy, self.folder = proxy, folder
        (folder / "bin").mkdir()
        wrapper = folder / "bin/wlbproxy"
        wrapper.write_text(f'#!/bin/sh\nexec "{program}" "$@" -c "{proxy.config}"\n')
        wrapper.chmod(0o755)
        self.environment = {
            **os.environ, "PATH": f"{folder}/bin:{os.environ['PATH']}",
            "REQUESTS_CA_BUNDLE": str(ca), "LEGO_CA_CERTIFICATES": str(ca),
            "CURL_CA_BUNDLE": str(ca)}

    def run(self, *command, **environment):
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=120, cwd=self.folder,
                              env={**self.environment, **environment})
        assert done.returncode == 0, done
        return done

    def shows(self, cert, key):
        """The proxy serves the certificate that the client got, and works."""
        assert served(self.proxy.port) == fingerprint(cert, key)
        assert works(self.proxy.port)


@pytest.fixture
def operator(start_proxy, origin, wlbproxy, tmp_path, pebble):
    proxy = start_proxy(origin.address)
    return Operator(proxy, wlbproxy, tmp_path, pebble.ca)


@needs("certbot")
def test_certbot(operator, pebble):
    folder = operator.folder / "letsencrypt"
    common = ["certbot", "--config-dir", folder, "--work-dir", folder / "work", "--logs-dir",
              folder / "logs", "-n", "--server", pebble.url]
    hooks = folder / "renewal-hooks/deploy"
    hooks.mkdir(parents=True)
    shutil.copy(EXAMPLES / "certbot-deploy-hook", hooks / "wlbproxy")
    operator.run(*common, "certonly", "--standalone", "--http-01-port", free_port(),
                 "--agree-tos", "--register-unsafely-without-email", "--key-type", "rsa",
                 "-d", NAME, "--deploy-hook", hooks / "wlbproxy")
    live = folder / "live" / NAME
    operator.shows(live / "fullchain.pem", live / "privkey.pem")
    before = served(operator.proxy.port)
    operator.run(*common, "renew", "--force-renewal", "--no-random-sleep-on-renew")
    operator.shows(live / "fullchain.pem", live / "privkey.pem")
    assert served(operator.proxy.port) != before


@needs("lego")
def test_lego(operator, pebble):
    folder = operator.folder / "lego"
    operator.run("lego", "--accept-tos", "--email", "wlb@example.com", "--server", pebble.url,
                 "--path", folder, "--key-type", "rsa2048", "--domains", NAME, "--http",
                 "--http.port", f"127.0.0.1:{free_port()}", "run", "--run-hook",
                 EXAMPLES / "lego-hook")
    pair = folder / "certificates" / NAME
    operator.shows(f"{pair}.crt", f"{pair}.key")


@needs("dehydrated")
def test_dehydrated(operator, pebble):
    folder = operator.folder / "dehydrated"
    (folder / "challenges").mkdir(parents=True)
    (folder / "domains.txt").write_text(NAME + "\n")
    (folder / "config").write_text(
        f'CA="{pebble.url}"\nBASEDIR="{folder}"\nWELLKNOWN="{folder}/challenges"\n'
        f'KEY_ALGO=rsa\nKEYSIZE=2048\nHOOK="{EXAMPLES}/dehydrated-hook"\n')
    operator.run("dehydrated", "-f", folder / "config", "--register", "--accept-terms")
    operator.run("dehydrated", "-f", folder / "config", "-c")
    pair = folder / "certs" / NAME
    operator.shows(pair / "fullchain.pem", pair / "privkey.pem")


@pytest.mark.parametrize("hook, where", [("acme-sh-reload", "/etc/acme/wlb"),
                                         ("step-ca-renew-hook", "/etc/step/wlb")])
def test_hooks_of_clients_that_are_no_package(operator, pki, tmp_path, hook, where):
    """Uses the files that those clients make: a full chain and its key."""
    text = (EXAMPLES / hook).read_text()
    chain = next(word for word in text.split() if word.startswith(where)
                 and word.endswith((".pem", ".crt")))
    mine = tmp_path / hook
    mine.write_text(text.replace(f"{where}.key", str(pki.other.key)).replace(
        chain, str(pki.other.cert)))
    mine.chmod(0o755)
    operator.run(mine)
    operator.shows(pki.other.cert, pki.other.key)
