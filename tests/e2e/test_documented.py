"""Configurations and commands that README.md, docs/ and examples/ show are taken as they stand."""
import os
import pathlib
import re
import signal
import socket
import ssl
import subprocess
import tempfile

import pytest

from frame.client import Tls
from frame.pki import openssl
from frame.ports import free_port
from frame.wait import TIMEOUT, wait_until

TOP = pathlib.Path(__file__).resolve().parents[2]
EXAMPLES = sorted(path for path in (TOP / "examples").glob("*.conf")
                  if path.name not in ("keepalived.conf", "privileged-port.conf"))
TEXTS = [TOP / "README.md", TOP / "SECURITY.md", TOP / "CONTRIBUTING.md",
         *sorted((TOP / "docs").glob("*.md")), *sorted((TOP / "examples").iterdir()),
         TOP / "packaging" / "wlbproxy.8.in"]
COMMAND = re.compile(r"wlbproxy ((?:cert |tickets )?[a-z][a-z-]*)([^`|\n]*)")


def text_of(path):
    """A manual page without its fonts and escaped hyphens; any other file as it is."""
    text = path.read_text()
    if path.name.endswith(".8.in"):
        text = re.sub(r"\\f[BIR]", "", text).replace("\\-", "-")
    return text


def of_readme():
    """The README's configuration: the block that begins with its first section."""
    lines = (TOP / "README.md").read_text().splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("    [") or
                 re.match(r"    \w+ = ", line))
    block = []
    for line in lines[first:]:
        if not line.startswith("    "):
            break
        block.append(line.strip())
    return block


@pytest.fixture
def judge(wlbproxy, pki, tmp_path):
    """Judges a configuration by `check`, with files that exist and ports that are free."""
    crl = tmp_path / "clients-crl.pem"
    openssl("ca", "-config", "ca.cnf", "-gencrl", "-crldays", "30", "-md", "sha256",
            "-cert", pki.root.leaf, "-keyfile", pki.root.key, "-out", crl, cwd=pki.folder)
    pki.rsa.install(tmp_path / "server.pem", tmp_path / "server.key")
    pki.client.install(tmp_path / "proxy.pem", tmp_path / "proxy.key")
    for name in ("internal-ca.pem", "clients-ca.pem"):
        (tmp_path / name).write_text(pki.root.cert.read_text())
    subprocess.run([wlbproxy, "tickets", "rotate", "--file", tmp_path / "tickets.keys"],
                   check=True, capture_output=True)

    def it(text):
        text = re.sub(r"(?m)= /etc/(?:ssl/certs|wlbproxy)/", f"= {tmp_path}/", text)
        text = re.sub(r"(?m)^(accept =).*", lambda m: f"{m[1]} {free_port()}", text)
        text = re.sub(r"(?m)^(admin =).*", lambda m: f"{m[1]} {free_port()}", text)
        config = tmp_path / "wlbproxy.conf"
        config.write_text(text)
        done = subprocess.run([wlbproxy, "check", "-c", config], capture_output=True, text=True)
        assert done.returncode == 0 and "good to serve: 0 refused" in done.stdout, (
            text, done.stdout, done.stderr)

    return it


def test_the_readmes_configuration_has_six_lines_and_can_be_served(judge):
    block = of_readme()
    assert len(block) == 6
    judge("\n".join(block) + "\n")


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_can_be_served(judge, path):
    judge(path.read_text())


def test_commands_that_are_shown_have_the_options_that_are_shown(wlbproxy):
    helps, wrong = {}, []
    for path in TEXTS:
        for command, rest in COMMAND.findall(text_of(path)):
            if command not in helps:
                done = subprocess.run([wlbproxy, *command.split(), "--help"],
                                      capture_output=True, text=True)
                helps[command] = done.stdout if done.returncode == 0 else ""
            for option in re.findall(r"(?<![\w-])--[a-z-]+", rest.split("wlbproxy")[0]):
                if not re.search(rf"{option}\b(?!-)", helps[command]):
                    wrong.append(f"{path.name}: wlbproxy {command} {option}")
    assert len(helps) > 15 and not wrong, (sorted(helps), wrong)


def test_the_readme_names_alerts_as_the_log_does(proxy):
    with pytest.raises(OSError):
        with Tls(proxy.port, tls=ssl.create_default_context()):
            pass
    end = proxy.wait_for("end", reason="handshake_failed")
    assert f'`event=end reason=handshake_failed alert="{end["alert"]}"`' in (
        TOP / "README.md").read_text()


def two_ports():
    """A free port whose next one is free, too."""
    while True:
        port = free_port()
        with socket.socket() as next_one:
            if port < 65535 and next_one.connect_ex(("127.0.0.1", port + 1)) != 0:
                return port


@pytest.fixture
def tree():
    """A folder whose name is short: the path of a socket has 107 bytes at most."""
    with tempfile.TemporaryDirectory(prefix="try") as folder:
        yield pathlib.Path(folder)


def test_dev_run_serves_what_it_tells_to_paste(wlbproxy, tree, tmp_path):
    """`./dev run PORT` after its build, in a tree of its own: the command it prints, by a shell."""
    for program in pathlib.Path(wlbproxy).parent.glob("wlbproxy*"):
        if program.is_file() and os.access(program, os.X_OK):
            (tree / program.name).symlink_to(program)
    (tree / "origin").symlink_to(pathlib.Path(
        os.environ.get("ORIGIN") or TOP / "build" / "origin").resolve())
    told = tmp_path / "told"
    with open(told, "w") as out:
        tried = subprocess.Popen(
            [TOP / "packaging" / "try", tree, str(two_ports())],
            stdout=out, stderr=out, stdin=subprocess.DEVNULL,
            # A suite in the background ignores SIGINT, and so would the script.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    try:
        wait_until(lambda: "Paste this" in told.read_text() or tried.poll() is not None,
                   "it serves", TIMEOUT)
        paste = [line for line in told.read_text().splitlines() if line.startswith("curl ")]
        assert paste, told.read_text()
        done = subprocess.run(paste[0], shell=True, capture_output=True, text=True)
        assert "GetXenPoolConfigurationResult" in done.stdout, (told.read_text(), done)
    finally:
        tried.send_signal(signal.SIGINT)
        assert tried.wait(TIMEOUT) == 0, told.read_text()
