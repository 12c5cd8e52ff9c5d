"""The benchmark harness itself: that it runs, and what it makes of its figures."""
import datetime
import json
import os
import pathlib
import subprocess
import sys
from types import SimpleNamespace

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
    import curves
    import floor
    import measure
    import peers
    import report
    import scenarios
    yield SimpleNamespace(curves=curves, floor=floor, measure=measure, peers=peers,
                          report=report, scenarios=scenarios)
    for name in ("chart", "curves", "floor", "measure", "peers", "report", "scenarios"):
        sys.modules.pop(name)


def make_program(path, text=""):
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def bench(*arguments, timeout=10 * TIMEOUT):  # many programs, one after the other
    tools = pathlib.Path(os.environ["WLBPROXY"]).parent
    return subprocess.run([sys.executable, TOP / "bench" / "driver", "--tools", tools,
                           *map(str, arguments)], capture_output=True, text=True,
                          timeout=timeout)


def test_the_floor_is_the_fastest_block_at_no_more_than_so_many_at_a_time(driver):
    floor = driver.floor
    figures = floor.arithmetic(FLOOR)
    name = "xapi (TLS 1.2, P-384, RSA)"
    assert floor.of_handshake(figures, name, 1) == 487.1
    assert floor.of_handshake(figures, name, 64) == 227.7
    assert floor.of_handshake(figures, "resumed", 64) is None


def test_another_build_of_a_peer_is_named_by_its_path(driver, tmp_path):
    peers = driver.peers
    program = make_program(tmp_path / "nginx-1.31")
    peer = peers.another(f"newer={program}")
    assert issubclass(peer, peers.Nginx) and peer.program() == str(program)
    assert issubclass(peers.another(f"other={program}:h2o"), peers.H2o)


def test_an_older_build_of_ours_is_told_what_it_has_an_option_for(driver, tmp_path):
    program = make_program(tmp_path / "wlbproxy-0.9", "echo '  workers = auto'; echo '  cert'")
    older = driver.peers.another(f"old={program}")
    assert issubclass(older, driver.peers.Wlbproxy) and older.program() == str(program)
    server = object.__new__(older)
    text = "workers = 1\nsigner = on\n\n[bench]\ncert = x\ntls_engine = native\n"
    assert server.as_this_build_knows(text) == "workers = 1\n\n[bench]\ncert = x\n"


def results(driver, others=()):
    """Two of ours, an installed peer and `others`, with figures of one scenario."""
    peers, scenario = driver.peers, driver.scenarios.BY_NAME["full-1.3-rsa"]
    here = [peers.Wlbproxy, peers.WlbproxyNative, peers.Nginx, *others]
    cpu = {"wlbproxy": 110.0, "wlbproxy-native": 60.0, "nginx": 200.0, "aws-lc": 100.0,
           "old": 61.0, "kernel": 20.0}
    figures = {(name, scenario.name): {
        "cpu_us": us, "cpu_spread": 0.02, "busy": 0.99, "client_busy": 0.4, "page_faults": 0.0,
        "per_second": 1.0, "p50_us": 1, "p99_us": 2, "max_us": 3} for name, us in cpu.items()}
    options = SimpleNamespace(scenario=[scenario], rounds=5, seconds=1)
    facts = {"OpenSSL": "OpenSSL 3.0.22", "floor": FLOOR}
    return driver.report.Results(datetime.datetime.now(), options, facts, here, figures, [])


def test_each_engine_has_the_goal_of_its_own_peers(driver, tmp_path):
    nginx = make_program(tmp_path / "nginx")
    found = results(driver, [driver.peers.another(f"aws-lc={nginx}")])
    default, native = found.summary_rows()[1:]
    assert default[1:5] == ["wlbproxy", "0.55", "1.10", "0.60"]
    assert default[5] == "1.8 times as many per CPU as nginx; the goal is met"
    assert native[1:5] == ["wlbproxy-native", "0.30", "0.60", "0.50"]
    assert native[5] == "1.7 times as many per CPU as aws-lc; the goal is missed"
    # Of the installed peers alone the native engine's goal says nothing.
    assert results(driver).summary_rows()[2][4] == "-"


def test_an_older_build_stands_beside_the_column_of_its_kind_and_is_no_peer(driver, tmp_path):
    program = make_program(tmp_path / "wlbproxy")
    old = driver.peers.another(f"old={program}:wlbproxy-native")
    found = results(driver, [old])
    assert found.older_rows()[1] == ["full-1.3-rsa", "old", "61.0", "wlbproxy-native", "60.0",
                                     "0.98", "the same"]
    assert found.rivals(False) == ["nginx"]
    text = found.markdown()
    assert text.index("in words") < text.index("####") < text.index("| floor |") < \
        text.index("## Method")
    assert "200.0 ±2%" in text


def test_a_step_of_a_curve_has_a_reason_or_is_told_to_have_none(driver):
    curves = driver.curves
    points = {n: {"cpu_us": us, "memory_kb": 1} for n, us in ((1, 10.0), (10, 11.0), (100, 22.0))}
    assert curves.steps("handshakes", points) == [("CPU", 10, 100, 2.0, curves.NO_REASON)]
    curves.CURVES["handshakes"].reasons[curves.CPU, 100] = "they wait"
    assert curves.steps("handshakes", points) == [("CPU", 10, 100, 2.0, "they wait")]
    # Ten times as many services may take ten times as long, and not more.
    points = {n: {"cpu_us": us} for n, us in ((1, 50.0), (10, 200.0), (100, 4000.0))}
    assert [step[:4] for step in curves.steps("reload_services", points)] == [
        ("CPU", 10, 100, 2.0)]
    points = {n: {"cpu_us": 9.0, "system_calls": calls} for n, calls in ((1, 4.0), (10, 6.0))}
    assert [step[:4] for step in curves.steps("idle_beside", points)] == [
        ("system calls", 1, 10, 1.5)]


def test_system_calls_are_counted_for_each_request_to_the_backend(driver):
    one = ["7 recvfrom(5, \"\\27\\3\"..., 5, 0, NULL, NULL) = 5\n",
           '7 sendto(9, "GET /?si"..., 120, MSG_NOSIGNAL, NULL, 0) = 120\n',
           "7 epoll_pwait(4,  <unfinished ...>\n", "7 <... epoll_pwait resumed>[], 9) = 0\n"]
    measure = driver.measure
    assert measure.calls_per_request(30 * one) == {
        "recvfrom": 1.0, "sendto": 1.0, "epoll_pwait": 1.0}
    assert measure.calls_per_request(2 * one) is None


def test_a_report_stays_below_what_a_person_wrote(driver, tmp_path):
    found, path = results(driver), tmp_path / "RESULTS.md"
    found.publish(path)
    assert path.read_text().startswith(f"# Side by side\n\n{driver.report.MARK}\n\n| server CPU")
    path.write_text(f"# Side by side\n\nIn short: fast.\n\n{driver.report.MARK}\nold")
    found.publish(path)
    assert path.read_text().startswith(f"# Side by side\n\nIn short: fast.\n\n"
                                       f"{driver.report.MARK}\n\n| server CPU")
    assert "old" not in path.read_text()


def test_a_file_without_the_line_is_not_overwritten(tmp_path):
    path = tmp_path / "notes.md"
    path.write_text("mine\n")
    done = bench("--report", path)
    assert done.returncode == 1 and "would be lost" in done.stderr
    assert path.read_text() == "mine\n"


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
    assert [(one["peer"], one["scenario"]) for one in results["figures"]] == [
        ("wlbproxy", "keep-alive-small"), ("kernel", "keep-alive-small"), ("wlbproxy", "bodies")]
    assert all(one["cpu_us"] > 0 for one in results["figures"][:2])
    assert all(point["memory_kb"] > 0 for point in results["figures"][2]["curve"].values())
    assert "| keep-alive-small |" in (tmp_path / "results.md").read_text()
    assert "<svg" in (tmp_path / "report.html").read_text()
