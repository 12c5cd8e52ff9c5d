"""Processes: who they are, what happens when one ends, how the whole ends."""
import json
import os
import signal
import socket
import ssl
import subprocess
import tempfile
import threading

import pytest

from frame.callers import Callers
from frame.client import TLS12, TLS13, Tls, context, get
from frame.processes import field, gone
from frame.wait import TIMEOUT, wait_until

pytestmark = pytest.mark.core


def works(port):
    with Tls(port) as client:
        return client.request(get("/", close=True)).status == 200


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@needs_root
def test_workers_are_not_root_and_cannot_come_back(start_proxy, origin):
    proxy = start_proxy(origin.address, workers=2)
    for pid in proxy.workers():
        assert set(field(pid, "Uid")) == set(field(pid, "Uid")[:1]) != {"0"}
        assert "0" not in field(pid, "Gid")
        assert field(pid, "Groups") == []
        assert field(pid, "CapEff") == ["0" * 16]
        assert field(pid, "NoNewPrivs") == ["1"]
    assert field(proxy.pid, "Uid")[0] == "0"


@needs_root
def test_an_unknown_user_means_nobody_and_is_told(start_proxy, origin):
    proxy = start_proxy(origin.address, user="nosuchuser")
    told = proxy.wait_for("finding", id="no-such-user")
    assert "nosuchuser" in told["text"] and told["level"] == "warning"
    checked = proxy.command("check", "-c", proxy.config, check=0).stdout
    assert "there is no account 'nosuchuser'" in checked
    assert works(proxy.port)


def confinement(proxy):
    """The confinement that the worker reports; skips instrumented builds, which are not
    confined."""
    words = proxy.wait_for("confined")["by"]
    if "instrumented" in words:
        pytest.skip(words)
    return words


def test_a_worker_is_confined_before_it_serves(start_proxy, origin):
    proxy = start_proxy(origin.address)
    words = confinement(proxy)
    assert words.startswith("seccomp, ")
    assert field(proxy.workers()[0], "Seccomp") == ["2"]
    status = proxy.status()
    assert [status["sandbox"], status["workers"][0]["sandbox"],
            status["signer"]["sandbox"]] == [words] * 3
    assert "\nsandbox  seccomp, " in proxy.command("status", "-c", proxy.config, check=0).stdout


@needs_root
def test_a_worker_and_the_signer_have_an_empty_root(start_proxy, origin):
    proxy = start_proxy(origin.address)
    if "no empty root" in confinement(proxy):
        pytest.skip(confinement(proxy))
    for pid in proxy.children():
        assert os.listdir(f"/proc/{pid}/root/") == []
        assert os.readlink(f"/proc/{pid}/root").endswith(" (deleted)")
        assert os.readlink(f"/proc/{pid}/cwd") == os.readlink(f"/proc/{pid}/root")
    assert works(proxy.port)


def test_a_reload_brings_no_unix_socket_to_workers_that_cannot_connect(start_proxy, origin):
    proxy = start_proxy(origin.address)
    before = proxy.config.read_text()
    proxy.write_config(connect=f"unix:{proxy.folder}/backend.sock")
    refused = proxy.reload(check=1)
    assert "restart the service" in " ".join((refused.stdout + refused.stderr).split())
    assert works(proxy.port)
    proxy.config.write_text(before)
    proxy.reload(check=0)


def test_a_unix_backend_behind_tls_keeps_it_too(start_proxy):
    proxy = start_proxy("tls:unix:/run/nobody-is-there.sock", backend_verify="off")
    if not proxy.sanitized:
        assert "the root is kept for unix sockets" in confinement(proxy)


def test_workers_with_fixed_ports_connect_to_no_other(start_proxy, origin):
    """A reload that brings another one is refused; another backend on the same port is not."""
    proxy = start_proxy(origin.address, fixed_ports="on")
    port = origin.address.split(":")[1]
    if confinement(proxy).startswith("no "):
        pytest.skip(confinement(proxy))
    assert f"TCP to {port}" in confinement(proxy) or "TCP to any port" in confinement(proxy)
    assert works(proxy.port)
    proxy.write_config(connect="127.0.0.1:1")
    refused = proxy.reload(check=1)
    assert "(fixed_ports)" in " ".join((refused.stdout + refused.stderr).split())
    proxy.write_config(connect=[origin.address, f"127.0.0.2:{port}"])
    proxy.reload(check=0)
    assert works(proxy.port)


def test_a_unix_backend_keeps_its_path_to_it(start_proxy):
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{folder}/backend.sock")
        os.chmod(folder, 0o755)
        os.chmod(f"{folder}/backend.sock", 0o666)
        listener.listen()
        proxy = start_proxy(f"unix:{folder}/backend.sock", protocol="tcp")
        with Tls(proxy.port) as client:
            client.send(b"hello")
            one, _ = listener.accept()
            with one:
                assert one.recv(5) == b"hello"
        if "instrumented" not in proxy.status()["sandbox"]:
            assert "the root is kept for unix sockets" in proxy.status()["sandbox"]


@needs_root
def test_the_master_has_the_capabilities_that_it_uses(start_proxy, origin):
    proxy = start_proxy(origin.address)
    for which in "CapPrm", "CapEff", "CapBnd":
        kept = int(field(proxy.pid, which)[0], 16)
        assert kept & ~sum(1 << number for number in (2, 5, 6, 7, 8, 10, 12, 14, 18, 19, 24)) == 0
    for pid in proxy.children():
        for which in "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb":
            assert int(field(pid, which)[0], 16) == 0


def test_a_child_gets_no_environment_but_what_it_needs(start_proxy, origin):
    proxy = start_proxy(origin.address, environment={"SECRET": "x", "TZ": "UTC",
                                                     "ASAN_SYMBOLIZER_PATH": "/nowhere"})
    for pid in proxy.children():
        with open(f"/proc/{pid}/environ", "rb") as variables:
            names = {one.split(b"=")[0] for one in variables.read().split(b"\0")[:-1]}
        assert b"TZ" in names
        assert not names & {b"SECRET", b"PATH", b"HOME", b"NOTIFY_SOCKET", b"ASAN_SYMBOLIZER_PATH"}


def test_keepalive_is_set_by_a_confined_worker(start_proxy, origin):
    """Its timer is a minute, not the two hours of the system."""
    proxy = start_proxy(origin.address)
    with Tls(proxy.port) as client:
        assert client.request(get("/")).status == 200

        def timer():
            return subprocess.run(["ss", "-tnoH", "state", "established",
                                   f"sport = :{proxy.port}"],
                                  capture_output=True, text=True, check=True).stdout

        wait_until(lambda: "timer:(keepalive," in timer())  # once everything is acknowledged
        assert "min" not in timer(), timer()


def test_a_killed_worker_is_replaced_and_the_port_never_refuses(start_proxy, origin):
    proxy = start_proxy(origin.address, workers=1)
    for _ in range(3):
        (worker,) = proxy.workers()
        ups = len(proxy.events("worker_up"))
        os.kill(worker, signal.SIGKILL)
        assert works(proxy.port)  # waits in the backlog for the next worker
        proxy.wait_for("worker_up", count=ups + 1)
    assert proxy.workers() != [worker]


def test_a_hung_worker_is_replaced(start_proxy, origin):
    proxy = start_proxy(origin.address, workers=1)
    (worker,) = proxy.workers()
    os.kill(worker, signal.SIGSTOP)
    proxy.wait_for("worker_killed")
    wait_until(lambda: gone(worker))
    assert works(proxy.port)


def test_a_worker_gets_the_current_generation(start_proxy, origin, pki):
    proxy = start_proxy(origin.address, workers=1)
    pki.other.install(proxy.cert, proxy.key)
    proxy.hup()
    pki.rsa.install(proxy.cert, proxy.key)  # it is on disk, and no reload was asked for
    os.kill(proxy.workers()[0], signal.SIGKILL)
    proxy.wait_for("worker_up", count=2)
    with Tls(proxy.port) as client:
        assert client.certificate() == pki.other.der()


def test_term_lets_the_reply_finish_and_refuses_new_clients(start_proxy, backend):
    may_answer = threading.Event()

    def slow(talk):
        talk.read_request()
        may_answer.wait(20)
        talk.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone")

    origin = backend(slow)
    proxy = start_proxy(origin.address)
    with Tls(proxy.port) as client:
        client.send(get("/"))
        wait_until(lambda: proxy.status()["counters"]["backend_connects"] >= 1)
        proxy.signal(signal.SIGTERM)
        proxy.wait_for("draining")

        def refused():
            with socket.socket() as one:
                return one.connect_ex(("127.0.0.1", proxy.port)) != 0

        wait_until(refused)
        may_answer.set()
        data, end = client.read_to_end()
    assert data.endswith(b"done") and end == "close_notify"
    assert proxy.wait_exit() == 0
    assert any("STOPPING=1" in note for note in proxy.read_notifications())


def test_a_second_term_stops_now(start_proxy, backend):
    origin = backend(lambda talk: (talk.read_request(), talk.wait_for_end()))
    proxy = start_proxy(origin.address)
    with Tls(proxy.port) as client:
        client.send(get("/"))
        wait_until(lambda: proxy.status()["counters"]["backend_connects"] >= 1)
        proxy.signal(signal.SIGTERM)
        proxy.wait_for("draining")
        proxy.signal(signal.SIGTERM)
        assert proxy.wait_exit(10) == 0
        data, end = client.read_to_end()
        assert end != "close_notify" or data == b"" or data.startswith(b"HTTP/1.1 50")


def test_workers_outlive_a_killed_master_only_to_finish(start_proxy, origin):
    proxy = start_proxy(origin.address, workers=2)
    proxy.expect_exit = -signal.SIGKILL
    workers = proxy.workers()
    with Tls(proxy.port) as client:
        assert client.request(get("/")).status == 200
        proxy.signal(signal.SIGKILL)
        proxy.wait_exit()
        for worker in workers:
            wait_until(lambda: gone(worker), timeout=30)


def test_usr1_reopens_the_log(start_proxy, origin, tmp_path):
    log = tmp_path / "own.log"
    proxy = start_proxy(origin.address, log=log)
    wait_until(lambda: "event=started" in log.read_text())
    assert log.stat().st_mode & 0o777 == 0o640
    log.rename(tmp_path / "own.log.1")
    proxy.signal(signal.SIGUSR1)
    wait_until(lambda: log.exists() and "event=logs_reopened" in log.read_text())
    assert works(proxy.port)
    wait_until(lambda: "worker 0" in log.read_text())


def test_usr2_replaces_the_binary_without_losing_a_connection(start_proxy, origin):
    proxy = start_proxy(origin.address, workers=2)
    with Tls(proxy.port) as client:
        assert client.request(get("/")).status == 200
        proxy.signal(signal.SIGUSR2)
        successor = int(proxy.wait_for("upgraded")["successor"])
        try:
            assert any(f"MAINPID={successor}" in note for note in wait_until(
                proxy.read_notifications))
            for _ in range(10):
                assert works(proxy.port)
        finally:
            os.kill(successor, signal.SIGTERM)
            wait_until(lambda: gone(successor))
    assert proxy.wait_exit() == 0


def test_a_failed_upgrade_leaves_the_old_one_serving(start_proxy, origin):
    proxy = start_proxy(origin.address)
    text = proxy.config.read_text()
    proxy.config.write_text("nonsense = 1\n")
    proxy.signal(signal.SIGUSR2)
    proxy.wait_for("upgrade_failed")
    proxy.config.write_text(text)
    assert works(proxy.port)
    proxy.hup()


def test_a_start_that_cannot_be_says_why(wlbproxy, start_proxy, origin, tmp_path):
    config = tmp_path / "bad.conf"
    config.write_text("control = off\n[wlb]\naccept = 127.0.0.1:1\nconnect = 127.0.0.1:2\n"
                      f"cert = {tmp_path}/none.pem\n")
    done = subprocess.run([wlbproxy, "run", "-c", config], capture_output=True, timeout=30)
    assert done.returncode == 2
    told = [line for line in done.stderr.decode().splitlines() if "none.pem" in line]
    assert len(told) == 1 and "event=start_refused" in told[0], done.stderr.decode()


def test_status_tells_what_clients_negotiate_and_why_handshakes_fail(
        start_proxy, origin, pki):
    proxy = start_proxy(origin.address, workers=2)
    old = context(versions=TLS12, ciphers="ECDHE-RSA-AES128-GCM-SHA256", curve="secp384r1")
    for tls in (old, old, context(versions=TLS13, curve="prime256v1")):
        with Tls(proxy.port, tls=tls) as client:
            assert client.request(get("/", close=True)).status == 200
    distrustful = ssl.create_default_context()
    for tls in (distrustful, context(curve="secp521r1")):
        with pytest.raises(ssl.SSLError):
            Tls(proxy.port, tls=tls)
    with socket.create_connection(("127.0.0.1", proxy.port)) as plain:
        plain.sendall(get("/"))
        while plain.recv(4096):
            pass

    def some(kinds):
        return {name: count for name, count in kinds.items() if count}

    wait_until(lambda: proxy.status()["counters"]["handshakes_failed"] == 3)
    tls = proxy.status()["tls"]
    assert tls["versions"] == {"TLSv1.3": 1, "TLSv1.2": 2, "other": 0}
    assert some(tls["groups"]) == {"P-384": 2, "P-256": 1}
    assert tls["ciphers"]["ECDHE-RSA-AES128-GCM-SHA256"] == 2
    assert sum(tls["ciphers"].values()) == 3
    assert some(tls["signatures"]) == {"RSA": 3}
    assert some(tls["failures"]) == {"unknown-ca": 1, "no-common-group": 1, "plain-http": 1}
    lines = proxy.command("status", "--control", proxy.control, check=0).stdout.splitlines()
    assert "version    TLSv1.3=1 TLSv1.2=2" in lines
    assert all(len(line) <= 80 for line in lines if "/" not in line)


def test_the_control_socket_is_private_and_bounded(start_proxy, origin):
    proxy = start_proxy(origin.address)
    assert proxy.control.stat().st_mode & 0o777 == 0o600
    silent = []
    for _ in range(40):
        one = socket.socket(socket.AF_UNIX)
        one.connect(str(proxy.control))
        silent.append(one)
    assert works(proxy.port)
    for one in silent:
        one.close()
    wait_until(lambda: proxy.command("status", "-c", proxy.config).returncode == 0)
    with socket.socket(socket.AF_UNIX) as one:
        one.connect(str(proxy.control))
        one.sendall(b"x" * 5000)
        assert b"too long" in one.recv(4096)
    assert proxy.status()["ok"]


def half_closed(path, line):
    """The answer to a client like `nc -N`, which shuts its side down after its line."""
    with socket.socket(socket.AF_UNIX) as one:
        one.settimeout(TIMEOUT)
        one.connect(str(path))
        one.sendall(line)
        one.shutdown(socket.SHUT_WR)
        return one.makefile("rb").read()


@pytest.mark.sampled(3)
@pytest.mark.parametrize("end", [b"\n", b""], ids=["line", "no-newline"])
@pytest.mark.parametrize("request_", ["status", "reload", "reopen", "rotate-tickets"])
def test_a_control_client_that_half_closes_gets_its_answer(start_proxy, origin, request_, end):
    proxy = start_proxy(origin.address)
    line = json.dumps({"request": request_}).encode() + end
    answer = half_closed(proxy.control, line)
    assert answer.endswith(b"\n") and json.loads(answer)["ok"] is True


def test_a_control_client_that_says_nothing_gets_no_answer(start_proxy, origin):
    proxy = start_proxy(origin.address)
    assert half_closed(proxy.control, b"") == b""
    assert json.loads(half_closed(proxy.control, b'{"request": "sta'))["ok"] is False
    before = proxy.descriptors(proxy.pid)
    for _ in range(20):  # gone before the answer
        with socket.socket(socket.AF_UNIX) as one:
            one.connect(str(proxy.control))
            one.sendall(b'{"request": "status"}\n')
    wait_until(lambda: proxy.descriptors(proxy.pid) == before)
    assert proxy.status()["ok"]


@needs_root
def test_a_worker_cannot_read_files_but_reload_can(start_proxy, origin, pki):
    """The key stays 0600 root; a reload under confinement still works, twice."""
    proxy = start_proxy(origin.address, xenserver="off")
    for pair in (pki.other, pki.ec, pki.rsa):
        pair.install(proxy.cert, proxy.key)
        assert proxy.key.stat().st_mode & 0o777 == 0o600
        proxy.hup()
        with Tls(proxy.port) as client:
            assert client.certificate() == pair.der()


OPEN_AS = """
import os, sys
uid, gid, path = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
os.setgroups([]); os.setresgid(gid, gid, gid); os.setresuid(uid, uid, uid)
try:
    os.close(os.open(path, os.O_RDONLY))
except PermissionError:
    print("refused")
"""


@needs_root
def test_no_worker_can_open_the_key(start_proxy, origin):
    """The same uid, gid and no groups, without its system call filter.

    It begins in the folder of the key: those above it are in nobody's way."""
    proxy = start_proxy(origin.address, workers=2)
    proxy.folder.chmod(0o755)
    assert (proxy.key.stat().st_uid, proxy.key.stat().st_mode & 0o777) == (0, 0o600)
    for pid in proxy.workers():
        uid, gid = field(pid, "Uid")[0], field(pid, "Gid")[0]

        def opened(path):
            return subprocess.run(["python3", "-c", OPEN_AS, uid, gid, path], check=True,
                                  capture_output=True, text=True,
                                  cwd=proxy.folder).stdout.strip()

        assert opened(proxy.cert.name) == "" and opened(proxy.key.name) == "refused"
        for name in ("mem", "maps", "environ"):  # not dumpable: not even for its own user
            assert opened(f"/proc/{pid}/{name}") == "refused"


def test_a_worker_killed_under_load_ends_its_own_connections_only(start_proxy, origin):
    proxy = start_proxy(origin.address, workers=2, log_level="info")
    stay = [Tls(proxy.port) for _ in range(20)]
    survivor = proxy.workers()[0]
    with Callers([proxy.port]) as callers:
        for i in range(5):
            (other,) = set(proxy.workers()) - {survivor}
            os.kill(other, signal.SIGKILL)
            proxy.wait_for("worker_up", count=3 + i)
    alive = 0
    for one in stay:
        try:
            alive += one.request(get("/")).status == 200
        except (OSError, AssertionError):
            pass
        one.close()
    print(callers.outcomes, f"{alive} of 20 idle clients stayed")
    assert "refused" not in callers.outcomes and callers.outcomes["served"] > 0
    assert alive > 0  # those of the survivor


def test_more_sockets_than_fit_in_a_message(start_proxy, origin, pki):
    """SCM_RIGHTS passes 253 descriptors at most."""
    proxy = start_proxy(origin.address)
    hosts = [f"127.0.{2 + i // 200}.{1 + i % 200}" for i in range(300)]
    proxy.extra = "".join(
        f"[more{i}]\nconnect = {origin.address}\ncert = {proxy.cert}\nkey = {proxy.key}\n"
        + "".join(f"accept = {host}:{proxy.port}\n" for host in hosts[i:i + 60])
        for i in range(0, 300, 60))
    proxy.write_config()
    pki.other.install(proxy.cert, proxy.key)
    proxy.hup()
    for host in (hosts[0], hosts[252], hosts[253], hosts[-1]):
        with Tls(proxy.port, host=host) as client:
            assert client.certificate() == pki.other.der()
    os.kill(proxy.workers()[0], signal.SIGKILL)
    proxy.wait_for("worker_up", count=2)
    with Tls(proxy.port, host=hosts[-1]) as client:
        assert client.request(get("/")).status == 200
