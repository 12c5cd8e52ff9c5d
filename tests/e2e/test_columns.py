"""Every text for people has 80 columns at most, and no heading without anything behind it.

Proxy.command() looks at the output of every command that any other test runs, too.
"""
import re
import subprocess

import pytest

from frame.columns import check
from frame.pki import openssl
from test_json import commands

pytestmark = pytest.mark.core

LONG = "a-word-that-goes-on-and-on-and-on"


def run(program, *arguments):
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True,
                          timeout=120, stdin=subprocess.DEVNULL)
    for_people = [line for line in done.stderr.split("\n") if " event=" not in line]
    check(arguments, done.stdout, "\n".join(for_people))
    return done


def names(program, *words):
    """The commands that a help lists."""
    return re.findall(r"^  ([a-z-]+) ", run(program, *words, "--help").stdout, re.M)


def test_help_and_what_is_wrong_with_the_arguments(wlbproxy):
    every = [[], *([name] for name in names(wlbproxy)),
             *(["cert", name] for name in names(wlbproxy, "cert")), ["tickets", "rotate"]]
    assert ["cert", "push"] in every and ["metrics"] in every
    for words in every:
        for more in (["--help"], ["--no-such-option"], [f"--{LONG}"], ["-c"], [LONG, LONG]):
            if words not in ([], ["run"]) or more != [LONG, LONG]:
                run(wlbproxy, *words, *more)


@pytest.mark.parametrize("command", ["options", "events", "metrics"])
def test_lists(wlbproxy, command):
    assert len(run(wlbproxy, command).stdout) > 1000


def test_every_command(start_proxy, origin, pki, tmp_path):
    long = [f"DNS:a-rather-long-name-{i}.of-a-domain-that-is-long.example" for i in range(12)]
    pair = pki.leaf("long", cn="a-rather-long-name-0.of-a-domain-that-is-long.example",
                    san=[*long, "IP:10.0.0.7", "IP:fe80::1"])
    proxy = start_proxy(origin.address, pair)
    for command, arguments, _ in commands(proxy, pki, tmp_path):
        run(proxy.program, *command.split(), *arguments)
    run(proxy.program, "tickets", "rotate", "-c", proxy.config)
    run(proxy.program, "cert", "push", "-c", proxy.config, "--dry-run", "no-such-host.invalid")
    status = run(proxy.program, "status", "-c", proxy.config).stdout
    assert "how connections ended" not in status or "probe" in status


@pytest.mark.again
def test_refusals_and_findings(start_proxy, origin, pki):
    proxy = start_proxy(origin.address)
    for spoil in (lambda: pki.ec.install(proxy.cert, proxy.key),
                  lambda: proxy.key.write_bytes(pki.other.key.read_bytes()),
                  lambda: proxy.cert.write_bytes(pki.other.leaf.read_bytes()),
                  lambda: proxy.cert.write_bytes(openssl("x509", "-in", pki.other.leaf,
                                                         "-outform", "DER")),
                  lambda: proxy.write_config(connect="no-such-host.of-a-long.invalid:80"),
                  lambda: proxy.write_config(ciphers="NO-SUCH-CIPHER-AT-ALL", accpet="1")):
        spoil()
        for command in ("check", "reload", "status", "cert show"):
            run(proxy.program, *command.split(), "-c", proxy.config, "--control", proxy.control)
        run(proxy.program, "cert", "check", proxy.cert, "--key", proxy.key)


def test_a_start_that_is_refused(wlbproxy, origin, pki, tmp_path):
    config = tmp_path / "wlbproxy.conf"
    config.write_text(f"log = {tmp_path}/log\nworkers = 1\ncontrol = off\n[a]\n"
                      f"accept = {origin.address}\ncert = {pki.rsa.cert}\nkey = {pki.rsa.key}\n")
    assert "cannot start" in run(wlbproxy, "run", "-c", config).stderr


STUNNEL = """; everything that cannot be had, and long values
sslVersion = TLSv1.1
options = NO_TLSv1.3
PSKsecrets = /etc/stunnel/a/rather/long/path/to/the/file/of/the/shared/secrets.txt
unknownOption = with a value that is long enough to need more than a line of 80 columns
[one]
accept = 8012
connect = a-rather-long-name.of-a-domain-that-is-long.example:8013
connect = another-rather-long-name.of-a-domain-that-is-long.example:8013
cert = /etc/stunnel/a/rather/long/path/to/the/file/of/the/certificate.pem
verify = 2
CAfile = /etc/ssl/certs/ca-certificates.crt
checkHost = a.example
ciphers = HIGH:!aNULL:!eNULL:!SSLv2:!SSLv3:!TLSv1:!TLSv1.1:!RC4:!3DES:!DES:!MD5:!PSK:!SRP
securityLevel = 1
OCSPaia = yes
[two]
accept = 8013
exec = /usr/sbin/a/rather/long/path/to/a/program
execArgs = program with many arguments that are not short either, and some more of them
[three]
client = yes
accept = 1
connect = 2
"""


def test_migrate(wlbproxy, tmp_path):
    path = tmp_path / "stunnel.conf"
    for text in (STUNNEL, "", "client = yes\n", "[a]\n", "foreground yes\n",
                 "server { listen 443 ssl; }\n", 'frontend = {\n  host = "*"\n}\n'):
        path.write_text(text)
        run(wlbproxy, "migrate", path)


def test_verdicts_are_for_the_names_a_client_would_use(start_proxy, origin, pki):
    pair = pki.leaf("both", cn="wlb.example", san=["DNS:wlb.example", "IP:10.0.0.7"])
    proxy = start_proxy(origin.address, pair)
    said = run(proxy.program, "check", "-c", proxy.config).stdout
    assert "connecting to wlb.example" in said and "10.0.0.7, verification" not in said
    said = run(proxy.program, "check", "-c", proxy.config, "--address", "10.0.0.7").stdout
    assert "connecting to 10.0.0.7" in said
