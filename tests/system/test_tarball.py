"""The portable tarball (WLB_TARBALL) in a root that holds a shell and nothing else, as if the
kernel were Linux 3.10: no system library, no account, no systemd."""
import os
import pathlib
import shutil
import subprocess

import pytest

from machine import Load, wait_until

BUSYBOX = "/bin/busybox"
SCRIPT = """
set -e
cd /wlbproxy-*
sh ./install.sh
wlbproxy --version
wlbproxy cert create --name localhost
sed -i '/^\\[rest\\]/,$d' /etc/wlbproxy/wlbproxy.conf
/etc/init.d/wlbproxy start
wlbproxy reload
sh ./install.sh
wlbproxy status
touch /up
until [ -e /down ]; do sleep 1; done
sh /opt/wlbproxy/uninstall.sh
"""


@pytest.fixture
def bare_root(tmp_path):
    tarball = os.environ.get("WLB_TARBALL")
    if tarball is None or not os.path.exists(BUSYBOX):
        pytest.skip("WLB_TARBALL names no tarball (./dev tarball), or there is no busybox-static")
    root = tmp_path / "root"
    for folder in ("bin", "proc", "dev", "tmp", "etc/ssl/certs", "etc/init.d", "run", "usr/sbin"):
        (root / folder).mkdir(parents=True)
    shutil.copy(BUSYBOX, root / "bin/busybox")
    (root / "etc/passwd").write_text("root:x:0:0:root:/:/bin/sh\nnobody:x:99:99::/:/sbin/nologin\n")
    (root / "etc/group").write_text("root:x:0:\nnobody:x:99:\n")
    subprocess.run(["tar", "-xzf", tarball, "-C", root], check=True)
    # The launcher has libraries of this system: a static one.
    source = pathlib.Path(__file__).parents[1] / "old_kernel.c"
    subprocess.run(["gcc", "-static", "-D_GNU_SOURCE", "-o", root / "bin/old_kernel", source],
                   check=True)
    return root


def test_it_is_installed_serves_is_upgraded_and_removed(bare_root):
    inside = """
set -e
mount --bind "$0" "$0"
mount -t proc proc "$0/proc"
mount -t tmpfs tmpfs "$0/dev"
mkdir "$0/dev/shm"
for one in null urandom random; do touch "$0/dev/$one"; mount --bind /dev/$one "$0/dev/$one"; done
ip link set lo up
"$2" --port 8013 >/dev/null &
chroot "$0" /bin/busybox --install -s /bin
exec env -i PATH=/usr/sbin:/bin chroot "$0" /bin/old_kernel /bin/sh -c "$1"
"""
    log = open(bare_root / "log", "w+")
    process = subprocess.Popen(
        ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "sh", "-c", inside,
         bare_root, SCRIPT, os.environ["ORIGIN"]], stdout=log, stderr=subprocess.STDOUT)

    def printed():
        log.seek(0)
        return log.read()

    try:
        wait_until(lambda: (bare_root / "up").exists() or process.poll() is not None, "it is up")
        assert process.poll() is None, printed()
        text = printed()
        assert "libcrypto.so.3\topenssl " in text and "no Landlock" in text, text
        assert "upgraded: " in text, text
        outcomes = Load(process.pid, 8012).outcomes()
        assert set(outcomes) == {"served"}, outcomes
        (bare_root / "down").touch()
        assert process.wait(60) == 0, printed()
        assert not (bare_root / "opt/wlbproxy").exists()
        assert (bare_root / "etc/wlbproxy/wlbproxy.conf").exists()
    finally:
        process.kill()
        process.wait()
