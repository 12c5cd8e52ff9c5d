"""Every command that a finding or an error offers is run, with names that bite."""
import json
import os
import pathlib
import re
import shutil
import stat
import subprocess

import pytest

from frame.pki import openssl
from frame.wait import TIMEOUT
from test_cert_install import Place

pytestmark = [pytest.mark.xdist_group("bad inputs"), pytest.mark.lengthy]
REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
SOURCES = [path for folder in ("certstore", "config", "proxy")
           for path in sorted((REPOSITORY / folder).rglob("*.c"))]
# A folder and a start of names that do harm where they are not quoted.
NASTY = "it's $(touch pwned) `touch pwned`;touch pwned & \"*\""

# None of our bad inputs leads to these: each runs as it stands, on a file of this content.
ELSEWHERE = {
    "wlbproxy reload", "wlbproxy cert create", "date -u", "mv -n FILE FILE.bad",
    "openssl pkey -in FILE -noout -check", "namei -l FILE", "chmod o-w FILE",
    "wlbproxy tickets rotate --file FILE",
    "(umask 077; set -C; openssl pkcs12 -legacy -in FILE -nodes > FILE.pem)",
}
# Offered by errors of the commands, and run below.
OF_ERRORS = {"chmod o-w %s", "mv -n %s %s"}


def templates():
    """The text of each COMMAND("...") of the sources."""
    found = {}
    for path in SOURCES:
        for match in re.finditer(r'\bCOMMAND\(\s*((?:"(?:[^"\\]|\\.)*"\s*)+)\)', path.read_text()):
            parts = re.findall(r'"((?:[^"\\]|\\.)*)"', match.group(1))
            found["".join(parts).encode().decode("unicode_escape")] = path.name
    return found


def of_template(template, command):
    pattern = "(?:.+)".join(re.escape(part) for part in re.split(r"FILE|%s", template))
    return re.fullmatch(pattern, command, re.S) is not None


class Shell:
    """A folder of its own in which `wlbproxy` is the program under test."""

    def __init__(self, program, folder, pki):
        self.folder = folder / NASTY
        self.folder.mkdir(parents=True)
        place = folder / "place"
        place.mkdir()
        pki.rsa.install(place / "server.pem", place / "server.key")
        (place / "conf").write_text(f"control = {place}/none.sock\n[wlb]\n"
                                    f"cert = {place}/server.pem\nkey = {place}/server.key\n")
        tools = folder / "tools"
        tools.mkdir()
        (tools / "wlbproxy").write_text(f'#!/bin/sh\nexec "{program}" "$@" -c "{place}/conf"\n')
        (tools / "wlbproxy").chmod(0o755)
        self.environment = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"}
        self.place, self.password = place, "secret"

    def run(self, command):
        """As pasted; the password is typed where one is asked for."""
        done = subprocess.run(["sh", "-c", command], cwd=self.folder, env=self.environment,
                              input=f"{self.password}\n" * 4, text=True, capture_output=True,
                              timeout=TIMEOUT, start_new_session=True)
        assert not list(self.folder.parent.rglob("pwned")), command
        return done


def copies(row, folder):
    """The row's files under nasty names."""
    def copy(path):
        if not path or not path.is_file():
            return path
        target = folder / f"{NASTY.replace('/', '')}{path.name}"
        shutil.copy2(path, target)
        return target

    return [copy(path) for path in row.files], copy(row.key)


def check(program, files, key, arguments=()):
    done = subprocess.run([program, "cert", "check", "--json", *(["--key", key] if key else []),
                           *map(str, arguments), *map(str, files)], capture_output=True, text=True,
                          timeout=TIMEOUT, stdin=subprocess.DEVNULL)
    return json.loads(done.stdout)["findings"]


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def holds_a_key(path):
    return b"PRIVATE KEY" in path.read_bytes() or path.suffix == ".p12"


def complaints_about(shell, command):
    """Does what it says, takes nothing away, and leaves no key open."""
    before = contents(shell.folder)
    done = shell.run(command)
    after = contents(shell.folder)
    if done.returncode != 0:
        yield f"{command}: exit {done.returncode}: {done.stderr}"
    edits = command.startswith(("sed -i", "chmod", "mv -n", "wlbproxy"))
    if not edits and any(after.get(path) != content for path, content in before.items()):
        yield f"{command} has destroyed a file"
    for path in after.keys() - before.keys():
        if holds_a_key(path) and stat.S_IMODE(path.stat().st_mode) & 0o077:
            yield f"{command}: {path.name} is open to others"
    if ".pem" in command and not edits and after.keys() - before.keys():
        made = contents(shell.folder)
        again = shell.run(command)
        if again.returncode == 0 or contents(shell.folder) != made:
            yield f"{command}: overwrites what is there"


def test_every_remedy_can_be_pasted(wlbproxy, pki, bad_rows, tmp_path):
    wanted, seen, wrong, ran = templates(), set(), [], set()
    assert len(wanted) > 25
    for i, row in enumerate(bad_rows):
        shell = Shell(wlbproxy, tmp_path / f"{i}", pki)
        files, key = copies(row, shell.folder)
        if "empty-password" in row.name:
            shell.password = ""
        if key and key.is_file():
            shutil.copy2(key, shell.place / "server.key")
        for finding in check(wlbproxy, files, key, row.arguments):
            if finding["id"] == "expired" or not finding.get("commands"):
                continue
            for command in finding["commands"]:
                mine = frozenset(one for one in wanted if of_template(one, command))
                if not mine:
                    wrong.append(f"{row.name}: no COMMAND() of the sources: {command}")
                seen |= mine
                if (mine, finding["id"]) in ran or mine & ELSEWHERE:
                    continue
                ran.add((mine, finding["id"]))
                wrong += [f"{row.name}: {one}" for one in complaints_about(shell, command)]
    assert not wrong, "\n".join(wrong)
    absent = {one for one in wanted for tool in ("keytool", "puttygen")
              if tool in one and not shutil.which(tool)}
    assert set(wanted) - seen - ELSEWHERE - OF_ERRORS - absent == set()


@pytest.mark.parametrize("command", sorted(ELSEWHERE))
def test_other_commands_can_be_pasted(wlbproxy, pki, tmp_path, command):
    shell = Shell(wlbproxy, tmp_path, pki)
    path = shell.folder / "a key"
    path.write_bytes(pki.rsa.key.read_bytes())
    path.chmod(0o600)
    if "pkcs12" in command:
        path.write_bytes(openssl("pkcs12", "-export", "-legacy", "-in", pki.rsa.cert, "-inkey",
                                 pki.rsa.key, "-passout", "pass:secret"))
    if "tickets" in command:
        path.unlink()
    if command == "wlbproxy cert create":
        (shell.place / "server.pem").unlink()
        (shell.place / "server.key").unlink()
    done = shell.run(command.replace("FILE", f"'{path.name}'"))
    if command == "wlbproxy reload":
        assert "none.sock" in done.stderr  # nobody runs, and that is told
    else:
        assert done.returncode == 0, done.stderr


def commands_of(place, *arguments, check):
    return json.loads(place.run(*arguments, "--json", check=check).stdout)["commands"]


def test_commands_in_errors_can_be_pasted(wlbproxy, pki, tmp_path):
    place = Place(wlbproxy, tmp_path / "it's a $(touch pwned)", pki.rsa)
    install = ("install", pki.other.cert, "--key", pki.other.key)
    place.folder.chmod(0o777)
    for command in commands_of(place, *install, check=2):
        subprocess.run(["sh", "-c", command], check=True, cwd=tmp_path)
    place.run(*install)
    place.run("install", pki.rsa3072.cert, "--key", pki.rsa3072.key)
    newest = sorted((place.folder / "server.key_history").glob("0*"))[-1]
    (newest / "server.pem").write_text("spoilt")
    for one in place.folder.glob("*_orig"):
        one.unlink()  # or it would be filed, and gone back to
    for command in commands_of(place, "rollback", check=1):
        subprocess.run(["sh", "-c", command], check=True, cwd=tmp_path)
    place.run("rollback")
    assert place.fingerprint() == pki.rsa.fingerprint()
    assert not list(tmp_path.rglob("pwned"))


CONVERTED = {
    "utf16", "der", "pkcs12", "pkcs7", "der-key", "openssh-key", "putty-key", "bare-base64",
    "key-encrypted",
}


def test_a_converted_pair_is_good(wlbproxy, pki, bad_rows, tmp_path):
    """The file that the command makes, in place of the one it was about."""
    done = set()
    for i, row in enumerate(bad_rows):
        if row.finding not in CONVERTED or (row.arguments and row.name != "pkcs12-opened"):
            continue
        shell = Shell(wlbproxy, tmp_path / f"{i}", pki)
        files, key = copies(row, shell.folder)
        finding = next(one for one in check(wlbproxy, files, key, row.arguments)
                       if one["id"] == row.finding)
        before = set(contents(shell.folder))
        for command in finding.get("commands", []):
            shell.run(command)
        made = [one for one in contents(shell.folder) if one not in before]
        assert len(made) == 1, (row.name, finding, made)
        source = pathlib.Path(finding["file"])
        files = [made[0] if one == source else one for one in files]
        told = check(wlbproxy, files, made[0] if key == source else key)
        assert row.finding not in [one["id"] for one in told], (row.name, told)
        done.add(row.finding)
    assert done == CONVERTED - ({"putty-key"} if not shutil.which("puttygen") else set())
