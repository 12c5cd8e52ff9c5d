"""The benchmark harness itself: that it runs, and what it makes of its figures."""
import json
import os
import pathlib
import subprocess
import sys

import pytest

from frame.wait import TIMEOUT

TOP = pathlib.Path(__file__).parents[2]

FLOOR = """OpenSSL 3.0.22 25 Aug 2026

openssl (as configured), handshakes by OpenSSL
server CPU per handshake, us        x1
xapi (TLS 1.2, P-384, RSA)      2414.2

batched, handshakes by ourselves
server CPU per handshake, us        x1      x8     x16
xapi (TLS 1.2, P-384, RSA)       487.1   227.7   239.0
"""


@pytest.fixture
def driver(monkeypatch):
    monkeypatch.syspath_prepend(str(TOP / "bench" / "driver"))
    import floor
    import peers
    yield floor, peers
    for name in ("floor", "peers"):
        sys.modules.pop(name)


def bench(*arguments, timeout=10 * TIMEOUT):  # many programs, one after the other
    tools = pathlib.Path(os.environ["WLBPROXY"]).parent
    return subprocess.run([sys.executable, TOP / "bench" / "driver", "--tools", tools,
                           *map(str, arguments)], capture_output=True, text=True,
                          timeout=timeout)


def test_the_floor_is_the_fastest_block_at_no_more_than_so_many_at_a_time(driver):
    floor, _ = driver
    figures = floor.arithmetic(FLOOR)
    name = "xapi (TLS 1.2, P-384, RSA)"
    assert floor.of_handshake(figures, name, 1) == 487.1
    assert floor.of_handshake(figures, name, 64) == 227.7
    assert floor.of_handshake(figures, "resumed", 64) is None


def test_another_build_of_a_peer_is_named_by_its_path(driver, tmp_path):
    _, peers = driver
    program = tmp_path / "nginx-1.31"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    peer = peers.another(f"newer={program}")
    assert issubclass(peer, peers.Nginx) and peer.program() == str(program)
    assert issubclass(peers.another(f"other={program}:h2o"), peers.H2o)


@pytest.mark.parametrize("text, why", [
    ("/usr/bin/nginx", "is not NAME=PATH"),
    ("nginx=/usr/bin/nginx", "give it another name"),
    ("x=/usr/bin/python3", "the kind is not one of"),
    ("x=/nowhere/nginx", "is not a program"),
])
def test_a_peer_that_cannot_be_is_refused(text, why):
    done = bench("--peer", text)
    assert done.returncode == 1 and "--peer: " in done.stderr and why in done.stderr


def test_it_measures_and_reports(tmp_path):
    done = bench("--quick", "--seconds", 0.2, "--only", "wlbproxy", "--scenario",
                 "keep-alive-small,bodies", "--output", tmp_path)
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "results.json").read_text())
    assert [one["scenario"] for one in results["figures"]] == ["keep-alive-small", "bodies"]
    assert results["figures"][0]["cpu_us"] > 0
    assert results["kernel_floor_us"]["keep-alive-small"] > 0
    assert "| keep-alive-small |" in (tmp_path / "results.md").read_text()
    assert "<svg" in (tmp_path / "report.html").read_text()
