"""Workers and masters that die, logs that cannot be written, limits that are too low."""
import os
import resource
import signal
import socket
import subprocess

import pytest

from frame.client import Tls, get
from frame.clock import Clock
from frame.processes import gone
from frame.wait import wait_until


def works(port):
    with Tls(port) as client:
        return client.request(get("/", close=True)).status == 200


def cpu_ticks(pid):
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT])
def test_all_workers_at_once(start_proxy, origin, number):
    proxy = start_proxy(origin.address, workers=3)
    workers = proxy.workers()
    for pid in workers:
        os.kill(pid, number)
    wait_until(lambda: all(gone(pid) for pid in workers))
    for _ in range(6):
        assert works(proxy.port)
    wait_until(lambda: len(proxy.workers()) == 3)
    assert not set(proxy.workers()) & set(workers)


def test_a_worker_that_keeps_crashing_is_started_less_and_less_often(start_proxy, origin):
    proxy = start_proxy(origin.address, workers=1)
    for turn in range(5):
        wait_until(lambda: len(proxy.events("worker_up")) > turn)
        (worker,) = proxy.workers()
        os.kill(worker, signal.SIGSEGV)
        wait_until(lambda: gone(worker))
    proxy.wait_for("worker_pause", count=3)
    pauses = [int(one["ms"]) for one in proxy.events("worker_pause")]
    assert pauses == sorted(pauses) and pauses[-1] > pauses[0]
    assert works(proxy.port)


def test_a_hung_worker_holds_up_only_its_own_clients(start_proxy, origin):
    proxy = start_proxy(origin.address, workers=2)
    hung = proxy.workers()[0]
    os.kill(hung, signal.SIGSTOP)
    proxy.wait_for("worker_killed")
    wait_until(lambda: gone(hung))
    for _ in range(8):
        assert works(proxy.port)


def test_a_master_that_was_killed_has_a_successor(start_proxy, origin, wlbproxy):
    """The requests under way are finished; the next start takes the port at once."""
    proxy = start_proxy(origin.address, workers=2)
    workers = proxy.workers()
    with Tls(proxy.port) as client:
        client.send(get("/?size=100000&piece=10000&pause=50"))
        first = client.receive()
        os.kill(proxy.pid, signal.SIGKILL)
        proxy.wait_exit()
        assert proxy.control.exists()  # a left socket must not stop the next one
        proxy.notifications.clear()
        proxy._notify.close()
        os.unlink(proxy.folder / "notify.sock")
        proxy.start()
        data = first
        while len(data) < 100_000:
            data += client.receive()
    assert works(proxy.port) and proxy.status()["ok"]
    for pid in workers:
        wait_until(lambda: gone(pid), timeout=30)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_a_full_log_disk_stops_nothing(start_proxy, origin, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", disk],
                      capture_output=True).returncode != 0:
        pytest.skip("cannot mount")
    try:
        log = disk / "log"
        proxy = start_proxy(origin.address, log=log, access_log=disk / "access",
                            log_level="debug")
        for _ in range(300):
            with Tls(proxy.port) as client:
                assert client.request(get("/" + "x" * 300, close=True)).status == 200
        wait_until(lambda: proxy.status()["workers"][0]["log_lines_lost"] > 0)
        os.truncate(disk / "access", 0)
        os.truncate(log, 0)
        assert works(proxy.port)
        wait_until(lambda: "event=" in log.read_text())  # goes on when there is room
        for line in log.read_text().splitlines():
            assert line[:2] in ("20", ""), line
        proxy.stop()
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def test_a_log_device_that_is_always_full_stops_nothing(start_proxy, origin):
    proxy = start_proxy(origin.address, log="/dev/full", access_log="/dev/full")
    assert works(proxy.port)
    proxy.hup()
    assert works(proxy.port)
    wait_until(lambda: proxy.status()["workers"][0]["log_lines_lost"] > 0)


def test_a_log_pipe_whose_reader_is_gone_stops_nothing(start_proxy, origin, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    proxy = start_proxy(origin.address, log=pipe, access_log=pipe)
    assert works(proxy.port)
    for _ in range(200):  # nobody reads: it fills up
        assert works(proxy.port)
    os.close(reader)
    assert works(proxy.port)
    proxy.hup()
    assert works(proxy.port)


def test_few_descriptors_are_a_small_house_not_a_broken_one(start_proxy, origin):
    """ulimit -n 96: fewer connections, told at start; beyond them the backlog waits."""
    proxy = start_proxy(origin.address, max_connections_per_source=0,
                        wrapper=["prlimit", "--nofile=96:96", "--"])
    room = int(proxy.wait_for("descriptors")["max_connections"])
    assert room < 48
    inside = [Tls(proxy.port) for _ in range(room)]
    for one in inside:
        one.send(get("/?delay=300"))
    for one in inside:
        assert one.read_reply().status == 200
    with socket.create_connection(("127.0.0.1", proxy.port)):
        assert not proxy.events("accept_failed")
        proxy.hup()
        for one in inside:
            one.close()
    wait_until(lambda: works(proxy.port))


def more_addresses(proxy, origin, count):
    hosts = [f"127.0.3.{1 + i}:{proxy.port}" for i in range(count)]
    proxy.extra = "".join(
        f"[more{i}]\nconnect = {origin.address}\ncert = {proxy.cert}\nkey = {proxy.key}\n"
        + "".join(f"accept = {host}\n" for host in hosts[i:i + 60])
        for i in range(0, count, 60))
    proxy.write_config()


def test_a_reload_needs_no_second_descriptor_for_a_socket(start_proxy, origin):
    proxy = start_proxy(origin.address, wrapper=["prlimit", "--nofile=200:200", "--"])
    more_addresses(proxy, origin, 120)
    proxy.reload()
    (worker,), before = proxy.workers(), proxy.descriptors()
    with Tls(proxy.port) as client:
        assert client.request(get("/")).status == 200
        for i in range(3):
            proxy.write_config(head_timeout=f"{20 + i}s")
            proxy.reload()
        assert client.request(get("/")).status == 200
    assert proxy.workers() == [worker]
    wait_until(lambda: proxy.descriptors() == before)


def test_a_worker_without_room_for_its_listeners_says_so(start_proxy, origin):
    proxy = start_proxy(origin.address, max_connections_per_source=0,
                        wrapper=["prlimit", "--nofile=100:100", "--"])
    (worker,), quiet = proxy.workers(), proxy.descriptors()
    room = int(proxy.wait_for("descriptors")["max_connections"])
    inside = [Tls(proxy.port) for _ in range(room)]
    for one in inside:
        one.send(get("/?delay=30000"))
    wait_until(lambda: proxy.descriptors() == quiet + 2 * room)
    more_addresses(proxy, origin, 60)
    assert "LimitNOFILE" in proxy.reload(check=1).stdout
    assert proxy.workers() == [worker]
    for one in inside:
        one.reset()
    wait_until(lambda: proxy.descriptors() == quiet)
    proxy.reload()
    assert proxy.workers() == [worker] and works(proxy.port)


def address_space(pid):
    with open(f"/proc/{pid}/statm") as statm:
        return int(statm.read().split()[0]) * resource.getpagesize()


def test_a_worker_without_memory_is_replaced(start_proxy, origin):
    """A limit that a many_clients of half-open handshakes exceeds, with a ClientHello in several
    records, which costs most: a worker may die of it, the service does not."""
    usual = start_proxy(origin.address)
    enough = max(map(address_space, [usual.pid, *usual.workers()])) + (12 << 20)
    proxy = start_proxy(origin.address, wrapper=["prlimit", f"--as={enough}", "--"])
    (worker,) = proxy.workers()
    many_clients = []
    for _ in range(700):
        try:
            many_clients.append(socket.create_connection(("127.0.0.1", proxy.port), timeout=20))
            many_clients[-1].sendall(b"\x16\x03\x01\x00\x56\x01\x00\x00\xfc\x03\x03" + b"x" * 80)
        except OSError:
            break
    wait_until(lambda: gone(worker), "the limit is met")
    for one in many_clients:
        one.close()
    wait_until(lambda: len(proxy.workers()) == 1)
    assert works(proxy.port)
    assert proxy.process.poll() is None


def test_a_master_short_of_memory_refuses_a_reload_at_most(start_proxy, origin):
    proxy = start_proxy(origin.address)
    before = resource.prlimit(proxy.pid, resource.RLIMIT_AS)
    now = address_space(proxy.pid)
    resource.prlimit(proxy.pid, resource.RLIMIT_AS, (now, before[1]))
    for _ in range(3):
        proxy.command("reload", "-c", proxy.config)
        assert proxy.status()["ok"]
    resource.prlimit(proxy.pid, resource.RLIMIT_AS, before)
    proxy.reload()
    assert works(proxy.port)


def test_a_last_backend_whose_name_does_not_resolve_refuses_the_reload(start_proxy, origin):
    proxy = start_proxy(origin.address)
    proxy.write_config(connect="no-such-host.invalid:8013")
    refused = proxy.reload(check=1)
    assert "no-such-host.invalid" in refused.stdout + refused.stderr
    checked = proxy.command("check", "-c", proxy.config, "--control", proxy.control, check=1)
    assert "a reload would be refused" in " ".join(checked.stdout.split())
    assert works(proxy.port)
    proxy.write_config(connect=["no-such-host.invalid:8013", origin.address])
    proxy.reload()
    assert works(proxy.port)
    proxy.write_config(connect="no-such-host.invalid:8013")
    proxy.command("reload", "--force", "-c", proxy.config, check=0)
    assert not works(proxy.port)


def test_nobody_spins_when_idle(start_proxy, origin):
    """After all that was thrown at it, an idle worker does not run."""
    proxy = start_proxy(origin.address, idle_timeout="60s")
    (worker,) = proxy.workers()
    idle = [Tls(proxy.port) for _ in range(20)]
    for one in idle:
        assert one.request(get("/")).status == 200
    before = cpu_ticks(worker)
    quiet = socket.socketpair()
    quiet[0].settimeout(1.5)
    with pytest.raises(TimeoutError):
        quiet[0].recv(1)
    assert cpu_ticks(worker) - before < 30
    for one in (*idle, *quiet):
        one.close()


def test_clock_jumps_both_ways_stop_nothing(start_proxy, origin, tmp_path):
    """Deadlines and heartbeats run on the monotonic clock; the wall clock is for reading."""
    clock = Clock(tmp_path)
    proxy = start_proxy(origin.address, environment=clock.environment)
    workers = proxy.workers()
    with Tls(proxy.port) as client:
        for years in (1, -1, 5, -5, 0):
            clock.jump(years * 365 * 86400)
            assert client.request(get("/")).status == 200
            assert works(proxy.port)
            proxy.hup()
            assert 0 <= proxy.status()["uptime"] < 86400
    assert proxy.workers() == workers
    assert not proxy.events("worker_killed")
    for who in ("master", "worker"):
        seen = {one["time"][:4] for one in proxy.events() if one["who"].startswith(who)}
        assert len(seen) > 2, (who, seen)  # it did jump


def test_a_worker_that_hangs_does_not_hold_up_a_reload(start_proxy, origin, pki):
    """It is found out by its heartbeat, not by the timeout that large generations get."""
    proxy = start_proxy(origin.address, workers=2)
    os.kill(proxy.workers()[0], signal.SIGSTOP)
    pki.other.install(proxy.cert, proxy.key)
    proxy.reload()
    killed = proxy.events("worker_killed")
    assert [one["reason"] for one in killed] == ["does not answer its heartbeat"]
    for _ in range(6):
        with Tls(proxy.port) as client:
            assert client.certificate() == pki.other.der()
