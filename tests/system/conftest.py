"""Fixtures: a booted Debian (WLB_ROOT), the package (WLB_DEB) and a later one."""
import os
import pathlib
import shutil
import subprocess

import pytest

from machine import Machine


@pytest.fixture(scope="session")
def root(tmp_path_factory):
    """A copy: what tests leave behind is theirs."""
    source = os.environ.get("WLB_ROOT")
    if source is None:
        pytest.skip("WLB_ROOT names no Debian root: ./dev system makes one")
    copy = tmp_path_factory.mktemp("root") / "root"
    subprocess.run(["cp", "-a", "--reflink=auto", source, copy], check=True)
    yield copy
    shutil.rmtree(copy, ignore_errors=True)


def renamed(deb, root, version):
    """The same package with another version: its files are others."""
    work = root / "repack"
    subprocess.run(["dpkg-deb", "-R", deb, work], check=True)
    control = work / "DEBIAN" / "control"
    lines = control.read_text().splitlines(keepends=True)
    control.write_text("".join(
        f"Version: {version}\n" if line.startswith("Version:") else line for line in lines))
    subprocess.run(["dpkg-deb", "-b", "-Znone", "--root-owner-group", work, root / f"{version}.deb"],
                   check=True, stdout=subprocess.DEVNULL)
    shutil.rmtree(work)


@pytest.fixture(scope="session")
def machine(root):
    deb = pathlib.Path(os.environ["WLB_DEB"])
    packages = root / "packages"
    packages.mkdir()
    shutil.copy(deb, packages / "now.deb")
    for version in ("99.1", "99.2"):
        renamed(deb, packages, version)
    shutil.copy(os.environ["ORIGIN"], root / "usr/local/bin/origin")
    booted = Machine(root)
    yield booted
    booted.stop()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Adds the service's log to a failure."""
    outcome = yield
    booted = getattr(item, "funcargs", {}).get("machine")
    if call.when == "call" and outcome.get_result().failed and booted is not None:
        outcome.get_result().sections.append(
            ("journal", booted.run("journalctl", "-u", "wlbproxy", "--no-pager", "-n", "150",
                                   "-o", "cat", check=None)))
