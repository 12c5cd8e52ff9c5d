"""The admin address: metrics, health and status over HTTP, from a process of its own."""
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import time

import pytest

from frame.client import Tls, get
from frame.ports import free_port
from frame.processes import gone
from frame.wait import wait_until

OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


class Answer:
    def __init__(self, port, path, method="GET", host="127.0.0.1", timeout=10, **headers):
        connection = http.client.HTTPConnection(host, port, timeout=timeout)
        connection.request(method, path, headers=headers)
        response = connection.getresponse()
        self.status, self.text = response.status, response.read().decode()
        self.type, self.headers = response.getheader("Content-Type"), response.headers
        connection.close()


@pytest.fixture
def start_admin(start_proxy, origin):
    def start(**options):
        port = free_port()
        options = {"admin": f"127.0.0.1:{port}", **options}
        proxy = start_proxy(options.pop("connect", origin.address), **options)
        proxy.admin_port = port
        proxy.wait_for("admin_up")
        return proxy
    return start


def samples(proxy, **headers):
    """{name with labels: value} of a scrape."""
    answer = Answer(proxy.admin_port, "/metrics", **headers)
    assert answer.status == 200
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1])
            for line in answer.text.splitlines() if not line.startswith("#")}


def ask(proxy, path="/"):
    with Tls(proxy.port) as client:
        return client.request(get(path, close=True)).status


def test_health_and_readiness(start_admin):
    proxy = start_admin()
    assert (Answer(proxy.admin_port, "/healthz").text) == "ok\n"
    ready = Answer(proxy.admin_port, "/readyz")
    assert (ready.status, ready.text) == (200, "ready\n")
    assert Answer(proxy.admin_port, "/nothing").status == 404
    assert Answer(proxy.admin_port, "/metrics", method="POST").status == 405


def test_metrics_count_what_clients_do(start_admin):
    proxy = start_admin()
    for _ in range(3):
        assert ask(proxy) == 200
    found = wait_until(lambda: (lambda all_: all_ if all_["wlbproxy_requests_total"] == 3 else None)(
        samples(proxy)), "they are counted")
    assert found["wlbproxy_connections_accepted_total"] == 3
    assert found["wlbproxy_handshakes_by_version_total{version=\"TLSv1.3\"}"] == 3
    assert found["wlbproxy_client_sent_bytes_total"] > 0
    assert found["wlbproxy_generation"] == 1
    assert found["wlbproxy_worker_up{worker=\"0\"}"] == 1
    (until,) = [value for name, value in found.items() if "not_after" in name]
    assert until > time.time()


def test_requests_are_counted_by_service_method_and_code(start_admin):
    proxy = start_admin()
    assert ask(proxy) == 200
    with Tls(proxy.port) as client:
        client.send(b"NONSENSE\r\n\r\n")
        assert client.read_reply().status == 400
    with Tls(proxy.port) as client:
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert client.read_reply().status == 200
        found = samples(proxy)
        assert found['wlbproxy_connections_by_state{state="await_head"}'] == 1
    assert found['wlbproxy_responses_total{service="wlb",method="GET",code="2xx"}'] == 2
    assert found['wlbproxy_responses_total{service="wlb",method="other",code="4xx"}'] == 1
    assert found["wlbproxy_handshake_seconds_count"] == 3
    for name, count in ("request", 2), ("first_byte", 2), ("backend_connect", 2):
        assert found[f"wlbproxy_{name}_seconds_count"] == count
        assert found[f'wlbproxy_{name}_seconds_bucket{{le="+Inf"}}'] == count
        assert found[f"wlbproxy_{name}_seconds_sum"] < 60
    assert found['wlbproxy_worker_resident_bytes{worker="0"}'] > 1e6
    assert found['wlbproxy_worker_descriptors{worker="0"}'] >= 1
    assert 0 < found['wlbproxy_worker_loop_lag_seconds{worker="0"}'] < 5
    assert found["wlbproxy_ticket_key_age_seconds"] < 600
    wait_until(lambda: samples(proxy)["wlbproxy_connections"] == 0)
    assert not any(value for name, value in samples(proxy).items() if "by_state" in name)


def test_reloads_and_what_is_on_disk(start_admin, pki):
    proxy = start_admin()
    differs = "wlbproxy_certificate_differs_from_disk"
    assert [value for name, value in samples(proxy).items() if name.startswith(differs)] == [0]
    proxy.reload()
    pki.leaf("admin-next").install(proxy.cert, proxy.key)
    proxy.status()
    proxy.reload()
    proxy.cert.write_text("nonsense")
    proxy.reload(check=1)
    found = samples(proxy)
    for outcome in "applied", "unchanged", "refused":
        assert found[f'wlbproxy_reloads_total{{outcome="{outcome}"}}'] == 1
    assert found["wlbproxy_last_reload_success"] == 0 and found["wlbproxy_generation"] == 2
    history = json.loads(Answer(proxy.admin_port, "/status.json").text)["reload_history"]
    assert [one["outcome"] for one in history] == ["refused", "applied", "unchanged"]
    assert "server.pem" in history[0]["error"]


def test_prometheus_gets_the_format_that_it_asks_for(start_admin):
    proxy = start_admin()
    answer = Answer(proxy.admin_port, "/metrics",
                    Accept="application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
    assert answer.type == OPENMETRICS and answer.text.endswith("# EOF\n")
    answer = Answer(proxy.admin_port, "/metrics", Accept="text/plain")
    assert answer.type.startswith("text/plain; version=0.0.4") and "# EOF" not in answer.text


@pytest.mark.skipif(not shutil.which("promtool"), reason="no promtool here")
def test_promtool_finds_nothing_to_say(start_admin):
    proxy = start_admin()
    ask(proxy)
    text = Answer(proxy.admin_port, "/metrics").text
    done = subprocess.run(["promtool", "check", "metrics"], input=text, text=True,
                          capture_output=True, timeout=30)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_openmetrics_is_what_its_parser_wants(start_admin):
    parser = pytest.importorskip("prometheus_client.openmetrics.parser")
    proxy = start_admin()
    ask(proxy)
    answer = Answer(proxy.admin_port, "/metrics", Accept="application/openmetrics-text")
    families = list(parser.text_string_to_metric_families(answer.text))
    assert len(families) > 30 and all(one.documentation for one in families)


def test_not_ready_is_said_with_the_reason(start_admin):
    closed = free_port()
    proxy = start_admin(connect=f"127.0.0.1:{closed}", backend_retry_after="1h")
    assert Answer(proxy.admin_port, "/readyz").status == 200, "nobody has tried it"
    assert ask(proxy) == 502
    answer = wait_until(lambda: (lambda one: one if one.status == 503 else None)(
        Answer(proxy.admin_port, "/readyz")), "it is not ready")
    assert answer.text == "service wlb: no backend is up\n"


def test_only_the_addresses_of_admin_allow_are_answered(start_admin):
    proxy = start_admin(admin_allow=["192.0.2.0/24", "2001:db8::/32"])
    answer = Answer(proxy.admin_port, "/metrics")
    assert answer.status == 403 and "admin_allow" in answer.text
    proxy.write_config(admin_allow="127.0.0.0/8")
    proxy.reload()
    assert Answer(proxy.admin_port, "/healthz").status == 200


def is_ready_by(path):
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        client.sendall(b"GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n")
        return b"200 OK" in client.recv(4096)


def test_a_path_serves_as_well(start_admin, tmp_path):
    path = tmp_path / "admin.sock"
    proxy = start_admin(admin=f"unix:{path}")
    assert os.stat(path).st_mode & 0o777 == 0o600
    assert is_ready_by(path)
    path.unlink()
    proxy.wait_for("admin_listens", count=2)
    wait_until(lambda: is_ready_by(path), "the path is served again")
    proxy.stop()
    assert not path.exists()


def test_a_reload_changes_the_address(start_admin):
    proxy = start_admin()
    before, proxy.admin_port = proxy.admin_port, free_port()
    proxy.write_config(admin=f"127.0.0.1:{proxy.admin_port}")
    proxy.reload()
    proxy.wait_for("admin_listens", count=2)
    assert Answer(proxy.admin_port, "/healthz").status == 200
    with pytest.raises(ConnectionRefusedError):
        Answer(before, "/healthz")
    proxy.write_config(admin="off")
    proxy.reload()
    wait_until(lambda: refused(proxy.admin_port), "nobody listens")


def refused(port):
    try:
        Answer(port, "/healthz")
    except OSError:
        return True
    return False


def test_a_taken_address_does_not_keep_it_from_serving(start_proxy, origin):
    with socket.create_server(("127.0.0.1", 0)) as other:
        proxy = start_proxy(origin.address, admin=f"127.0.0.1:{other.getsockname()[1]}")
        assert "held by" in proxy.wait_for("no_admin_socket")["reason"]
        assert ask(proxy) == 200
    proxy.wait_for("admin_listens")


def test_one_that_dies_is_replaced(start_admin):
    proxy = start_admin()
    (pid,) = proxy.children("admin")
    os.kill(pid, signal.SIGKILL)
    proxy.wait_for("admin_up", count=2)
    assert Answer(proxy.admin_port, "/readyz").status == 200
    assert ask(proxy) == 200


def test_scrapes_that_hang_cost_nothing(start_admin):
    proxy = start_admin()
    hanging = []
    for i in range(60):
        hanging.append(socket.create_connection(("127.0.0.1", proxy.admin_port)))
        hanging[-1].sendall(b"GET /metrics HTTP/1.1\r\nHost: a\r\n" + b"\r\n" * (i % 2))
    assert Answer(proxy.admin_port, "/metrics").status == 200
    (pid,) = proxy.children("admin")
    assert proxy.descriptors(pid) < 30
    assert ask(proxy) == 200
    for one in hanging:
        one.close()


def test_odd_requests_are_refused(start_admin):
    proxy = start_admin()
    bad = b"HTTP/1.1 400 Bad Request"
    for odd, status in [(b"\x16\x03\x01\x02\x00" * 9, bad), (b"GET /\r\n\r\n", bad),
                        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 9000,
                         b"HTTP/1.1 431 Request Header Fields Too Large"),
                        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", bad),
                        (b"HEAD / HTTP/1.1\r\n\r\n", bad)]:
        with socket.create_connection(("127.0.0.1", proxy.admin_port), timeout=10) as client:
            client.sendall(odd)
            with client.makefile("rb") as stream:
                head, _, body = stream.read().partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        assert lines[0] == status and lines[1].startswith(b"Date: "), odd
        wanted = 0 if odd.startswith(b"HEAD") else len(body)
        assert len(body) == wanted and (wanted == 0 or b"Content-Length: %d" % wanted in lines)
    assert Answer(proxy.admin_port, "/healthz").status == 200


def test_the_status_is_there_for_programs(start_admin):
    proxy = start_admin()
    answer = Answer(proxy.admin_port, "/status.json")
    assert answer.type == "application/json" and "default-src 'none'" in \
        answer.headers["Content-Security-Policy"]
    status = json.loads(answer.text)
    assert status["ok"] and status["services"][0]["backends"] == [
        {"address": status["services"][0]["connect"][0], "tls": False, "up": True, "weight": 1,
         "backup": False, "active": 0, "state": "up", "share": 100, "drained": False}]


def test_answers_do_not_wait_for_heartbeats(start_admin):
    """Each is there within moments: the channel to the master does not block."""
    proxy = start_admin()
    began = time.monotonic()
    for _ in range(20):
        assert Answer(proxy.admin_port, "/metrics").status == 200
    assert time.monotonic() - began < 8


def test_it_holds_no_key_and_may_not_open_anything(start_admin, pki):
    from frame.memory import found_in, key_secrets
    proxy = start_admin()
    Answer(proxy.admin_port, "/metrics")
    (pid,) = proxy.children("admin")
    assert found_in(pid, key_secrets(pki.rsa.key)) == set()
    if "Sanitizer" not in subprocess.run(["ldd", proxy.program], capture_output=True,
                                         text=True).stdout and proxy.events("confined", by="seccomp"):
        with open(f"/proc/{pid}/status") as status:
            assert "Seccomp:\t2" in status.read()


def test_an_upgrade_brings_its_own(start_admin):
    proxy = start_admin()
    (before,) = proxy.children("admin")
    proxy.signal(signal.SIGUSR2)
    successor = int(proxy.wait_for("upgraded")["successor"])
    try:
        proxy.wait_for("admin_listens", count=2, timeout=30)
        wait_until(lambda: gone(before), "the old one has ended")
        assert Answer(proxy.admin_port, "/readyz").status == 200
    finally:
        os.kill(successor, signal.SIGTERM)
        wait_until(lambda: gone(successor), "it has ended")
