"""Root at work in a folder that belongs to somebody else, who has prepared it.

The owner of the folder is no one special; what he cannot read or remove himself, root's
commands must not read or remove for him.
"""
import fcntl
import os
import pathlib
import re
import stat
import subprocess
import tempfile

import pytest

from test_cert_install import Place, fingerprint, mode

pytestmark = [
    pytest.mark.core,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root has what others want")]
OWNER = 12345


def as_owner(action):
    """Runs in a process of the owner's, who has nothing of root's."""
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(OWNER)
            os.setuid(OWNER)
            action()
            os._exit(0)
        except BaseException as failure:
            os.write(2, f"{failure!r}\n".encode())
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


class Theirs(Place):
    """A pair in a folder of the owner's, and what only root may read or remove."""

    def __init__(self, program, folder, pki):
        super().__init__(program, folder / "theirs" / "place", pki.rsa)
        for path in [self.folder, *self.folder.iterdir()]:
            os.chown(path, OWNER, OWNER)
        os.chmod(folder, 0o755)
        self.folder.parent.chmod(0o755)
        self.roots = folder / "roots"
        self.roots.mkdir(mode=0o755)
        self.secret = self.roots / "secret.key"
        self.secret.write_bytes(pki.other.key.read_bytes())
        self.secret.chmod(0o600)
        (self.roots / "server.pem").write_text("precious")
        (self.roots / "server.key").write_text("precious")
        self.before = self.state()

    def state(self):
        return {path: (path.lstat().st_mode, path.lstat().st_uid, path.lstat().st_ino,
                       path.read_bytes()) for path in self.roots.iterdir()}

    def nothing_got_out(self):
        """Root's files are as they were, and the secret is nowhere in the owner's folder."""
        assert self.state() == self.before
        secret = self.secret.read_text().splitlines()[1]
        for path in self.folder.rglob("*"):
            if path.is_file() and not path.is_symlink():
                assert secret not in path.read_text(errors="replace"), path


@pytest.fixture
def place(wlbproxy, pki):
    """A folder that others can read: pytest's own folders are closed to them."""
    with tempfile.TemporaryDirectory(prefix="wlbproxy-others-") as folder:
        os.chmod(folder, 0o755)
        yield Theirs(wlbproxy, pathlib.Path(folder), pki)


def said(done):
    return " ".join((done.stdout + done.stderr).split())


def install(place, pki, check=None):
    return place.run("install", pki.rsa3072.cert, "--key", pki.rsa3072.key, check=check)


def test_a_rotation_in_their_folder_is_theirs(place, pki):
    install(place, pki, check=0)
    place.run("rollback")
    place.run("request", "--name", "localhost")
    assert place.fingerprint() == pki.rsa.fingerprint()
    for path in place.folder.rglob("*"):
        assert path.lstat().st_uid == OWNER, path


def test_a_copy_of_a_key_is_not_made(place):
    """server.key_orig, linked to a key that root can read."""
    as_owner(lambda: os.symlink(place.secret, f"{place.key}_orig"))
    as_owner(lambda: os.symlink(place.roots / "server.pem", f"{place.cert}_orig"))
    done = place.run("request", "--name", "localhost", check=2)
    assert "symbolic link" in said(done)
    place.nothing_got_out()


def test_a_waiting_key_is_no_link(place, pki):
    as_owner(lambda: os.symlink(place.secret, f"{place.key}.pending"))
    done = place.run("install", pki.other.cert, check=1)
    assert "no key belongs to" in said(done)
    done = place.run("request", "--name", "localhost", check=1)
    assert "symbolic link" in said(done)
    place.nothing_got_out()


def test_a_pending_pair_is_no_link(place, pki):
    as_owner(lambda: os.symlink(place.secret, f"{place.cert}.pending"))
    done = place.run("install", "--pending", pki.rsa3072.cert, "--key", pki.rsa3072.key,
                     check=2)
    assert "symbolic link" in said(done) or "would serve" in said(done)
    place.nothing_got_out()


@pytest.mark.parametrize("name", ["next", "old", "unfinished", "adopted", "undone", "back"])
def test_a_link_in_the_history_leads_nowhere(place, pki, name):
    """server.key_history/next, linked so that root would unlink files elsewhere."""
    store = f"{place.key}_history"
    as_owner(lambda: (os.mkdir(store, 0o711), os.symlink(place.roots, f"{store}/{name}")))
    install(place, pki)
    place.run("rollback", check=None)
    place.nothing_got_out()


def test_the_history_itself_is_no_link(place, pki):
    as_owner(lambda: os.symlink(place.roots, f"{place.key}_history"))
    done = install(place, pki, check=2)
    assert "not a folder" in said(done)
    place.nothing_got_out()
    assert place.fingerprint() == pki.rsa.fingerprint()


def test_the_link_of_a_switch_leads_into_the_history_only(place, pki):
    store = f"{place.key}_history"

    def prepare():
        os.mkdir(store, 0o711)
        os.symlink(place.roots, f"{store}/current")
        for path in (place.cert, place.key):
            os.unlink(path)
            os.symlink(f"server.key_history/current/{path.name}", path)

    as_owner(prepare)
    done = install(place, pki, check=2)
    assert "not ours" in said(done)
    place.nothing_got_out()


def test_a_hard_link_to_a_key_is_not_read(place, pki, tmp_path):
    """The kernel may let others link (fs.protected_hardlinks = 0); root makes the link here."""
    os.link(place.secret, f"{place.key}_orig")
    os.link(place.roots / "server.pem", f"{place.cert}_orig")
    place.before = place.state()
    done = place.run("request", "--name", "localhost", check=2)
    assert "hard link" in said(done) or "Permission denied" in said(done)
    assert place.state() == place.before


def test_the_pair_as_a_link_to_others_is_not_replaced(place, pki):
    def prepare():
        for path in (place.cert, place.key):
            os.unlink(path)
            os.symlink(place.roots / path.name, path)

    as_owner(prepare)
    done = install(place, pki, check=2)
    assert "not followed" in said(done)
    place.nothing_got_out()


def test_a_folder_on_the_way_is_no_link_of_theirs(place, pki):
    """The path of the configuration leads through a folder that became a link."""
    os.rename(place.folder, f"{place.folder}.old")
    os.symlink(place.roots, place.folder)
    os.lchown(place.folder, OWNER, OWNER)
    done = subprocess.run(
        [place.program, "cert", "install", pki.rsa3072.cert, "--key", pki.rsa3072.key, "-c",
         f"{place.folder}.old/wlbproxy.conf"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and "not followed" in said(done), done
    assert place.state() == place.before


@pytest.mark.parametrize("what", ["key_orig", "key.pending", "csr", "pem.pending"])
def test_a_fifo_does_not_hang_anybody(place, pki, what):
    as_owner(lambda: os.mkfifo(place.folder / f"server.{what}"))
    place.run("request", "--name", "localhost", check=None)
    install(place, pki)
    place.nothing_got_out()


def test_the_request_is_written_over_no_link(place):
    as_owner(lambda: os.symlink(place.roots / "server.pem", place.folder / "server.csr"))
    place.run("request", "--name", "localhost", check=1)
    place.nothing_got_out()


def test_a_folder_that_is_swapped_while_it_is_used(place, pki):
    """Again and again, with a link to root's folder: what is written is written elsewhere."""
    inner = place.folder / "inner"
    inner.mkdir()
    os.chown(inner, OWNER, OWNER)
    pki.rsa.install(inner / "server.pem", inner / "server.key")
    for path in inner.iterdir():
        os.chown(path, OWNER, OWNER)
    swapper = os.fork()
    if swapper == 0:
        try:
            os.setgroups([])
            os.setgid(OWNER)
            os.setuid(OWNER)
            while True:
                os.rename(inner, place.folder / "aside")
                os.symlink(place.roots, inner)
                os.unlink(inner)
                os.rename(place.folder / "aside", inner)
        except BaseException:
            os._exit(0)
    try:
        for _ in range(12):
            place.run("install", "--cert", inner / "server.pem", pki.rsa3072.cert, "--key",
                      pki.rsa3072.key, check=None)
    finally:
        os.kill(swapper, 9)
        os.waitpid(swapper, 0)
    assert place.state() == place.before


def test_the_export_is_made_in_the_folder_that_was_named(place, pki):
    as_owner(lambda: os.symlink(place.roots, place.folder / "out"))
    done = place.run("export-for-pool", place.folder / "out", "--cert", pki.rsa.cert,
                     check=2)
    assert "not followed" in said(done)
    place.nothing_got_out()


# --- owner, group and mode -----------------------------------------------------------------


@pytest.fixture
def roots(wlbproxy, tmp_path, pki):
    return Place(wlbproxy, tmp_path / "place", pki.rsa)


def access(path):
    state = os.stat(path)
    return state.st_uid, state.st_gid, stat.S_IMODE(state.st_mode)


def test_a_key_that_its_group_reads_stays_so(roots, pki):
    """0640 root:ssl: the service that reads it by its group must start again."""
    os.chown(roots.key, 0, 23456)
    roots.key.chmod(0o640)
    roots.cert.chmod(0o600)
    before = [access(path) for path in (roots.cert, roots.key)]
    done = roots.run("install", pki.other.cert, "--key", pki.other.key)
    assert [access(path) for path in (roots.cert, roots.key)] == before
    assert "server.key (0640)" in said(done)
    for path in (roots.cert, roots.key):
        assert access(f"{path}_orig") == access(path)
    roots.key.chmod(0o600)
    os.chown(roots.key, 0, 0)
    roots.run("rollback")
    assert [access(path) for path in (roots.cert, roots.key)] == before
    assert roots.fingerprint() == pki.rsa.fingerprint()


def test_an_automatic_rollback_restores_everything(start_proxy, origin, pki):
    proxy = start_proxy(origin.address)
    proxy.write_config(strict_reload="on")
    proxy.reload()
    os.chown(proxy.key, 0, 23456)
    os.chmod(proxy.key, 0o640)
    before = access(proxy.key)
    done = proxy.command("cert", "install", pki.wrong_name.cert, "--key", pki.wrong_name.key,
                         "-c", proxy.config, check=1)
    assert "ROLLED BACK" in done.stdout
    assert access(proxy.key) == before and fingerprint(proxy.cert, proxy.key)


def test_a_key_that_everybody_could_read_is_so_no_more(roots, pki):
    roots.key.chmod(0o644)
    roots.run("install", pki.other.cert, "--key", pki.other.key)
    assert mode(roots.key) == 0o600
    for path in roots.folder.rglob("*"):
        if path.is_file() and b"PRIVATE" in path.read_bytes():
            assert mode(path) & 0o007 == 0, path


# --- what cannot be replaced ------------------------------------------------------------------


def test_a_single_file_that_is_mounted_is_told_by_a_dry_run_too(roots, pki, tmp_path):
    volume = tmp_path / "volume.key"
    volume.write_bytes(roots.key.read_bytes())
    script = 'mount --bind "$1" "$2" && shift 2 && exec "$@"'
    for dry in (["--dry-run"], []):
        done = subprocess.run(
            ["unshare", "-m", "sh", "-c", script, "sh", str(volume), str(roots.key),
             roots.program, "cert", "install", str(pki.other.cert), "--key",
             str(pki.other.key), "-c", str(roots.config), *dry],
            capture_output=True, text=True, timeout=60)
        if "unshare" in done.stderr or "mount" in done.stderr.split(":")[0]:
            pytest.skip("nothing can be mounted here: " + done.stderr)
        assert done.returncode == 2 and "is a mount of its own" in said(done), done
        assert "mount the folder" in said(done)
    assert roots.fingerprint() == pki.rsa.fingerprint()


def test_a_dry_run_sees_another_command_and_a_folder_that_cannot_be_written(roots, pki):
    roots.run("install", pki.other.cert, "--key", pki.other.key)
    new = ("install", pki.rsa.cert, "--key", pki.rsa.key, "--dry-run")
    store = os.open(roots.folder / "server.key_history", os.O_RDONLY)
    fcntl.flock(store, fcntl.LOCK_EX)
    assert "another wlbproxy cert command" in said(roots.run(*new, check=2))
    os.close(store)
    script = 'mount -t tmpfs none "$1" && cp -a "$2"/. "$1" && mount -o remount,ro "$1" && ' \
             'shift 2 && exec "$@"'
    aside = roots.folder.parent / "aside"
    subprocess.run(["cp", "-a", roots.folder, aside], check=True)
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", script, "sh", str(roots.folder), str(aside), roots.program,
         "cert", *map(str, new), "-c", str(aside / "wlbproxy.conf")], capture_output=True,
        text=True, timeout=60)
    if "unshare" in done.stderr or re.match("mount:", done.stderr):
        pytest.skip("nothing can be mounted here: " + done.stderr)
    assert done.returncode == 2 and "no file can be made in this folder" in said(done), done
