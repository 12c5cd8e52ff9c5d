"""One measurement of one server: run the load generator, read the server's CPU clock."""
import collections
import json
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time

CLIENT_CPU = "1"
TIMEOUT = 300  # s with a load generator that says nothing
TRACED_MS, TRACED_TIMES = 700, 8  # under strace, until it has seen requests enough
REQUESTS_LEAST, REQUESTS_ENOUGH = 20, 200  # to say how many system calls one takes


class LoadError(Exception):
    """A client saw an error: a figure with errors is no figure."""


class Load:
    """The load generator as a process: begun() and result() in that order."""

    def __init__(self, program, port, arguments, cpu=CLIENT_CPU):
        self.process = subprocess.Popen(
            ["taskset", "-c", cpu, str(program), "--port", str(port), *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def _line(self):
        watchdog = threading.Timer(TIMEOUT, self.process.kill)
        watchdog.start()
        line = self.process.stdout.readline()
        watchdog.cancel()
        if not line:
            raise LoadError(f"the load generator ended with {self.process.wait()}")
        return line.strip()

    def begun(self):
        line = self._line()
        if line not in ("begin", "held"):
            raise LoadError(line)

    def result(self, errors_allowed=False):
        self.process.stdin.close()  # idle ones are held until then
        result = json.loads(self._line())
        self.process.stdout.close()
        self.process.wait()
        if result["errors"] and not errors_allowed:
            raise LoadError(f"{result['errors']} errors, the first: {result['first_error']}")
        return result


def _spent(before, after):
    return sum(value - before.get(pid, 0) for pid, value in after.items())


def _requests(trace):
    """The number of requests that went to the backend."""
    return sum(1 for line in trace if re.search(
        r' (sendto|sendmsg|write|writev)\(\d+, .{0,40}"(GET|POST) ', line))


def calls_per_request(trace):
    """Calls by name for each request that went to the backend. Requests that were under way
    when it began make up for those that were when it ended. None: too few."""
    calls = [line for line in trace if " resumed>" not in line]
    requests = _requests(calls)
    if requests < REQUESTS_LEAST:
        return None
    found = collections.Counter(name.group(1) for line in calls
                                if (name := re.match(r"\d+ +(\w+)\(", line)))
    return {name: count / requests for name, count in found.most_common()}


def _is_traced(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return "TracerPid:\t0\n" not in text


class Bench:
    """The programs and how long to measure."""

    def __init__(self, tools, seconds, warmup, backend_pid):
        self.load_program, self.backend_pid = tools / "load", backend_pid
        self.duration_ms = int(seconds * 1000)
        self.times = ["--warmup", str(int(warmup * 1000)), "--duration",
                      str(self.duration_ms)]

    def _load(self, server, arguments, **options):
        return Load(self.load_program, server.port, [*self.times, *arguments], **options)

    def load(self, server, scenario, cpu=CLIENT_CPU):
        load = self._load(server, scenario.load, cpu=cpu)
        load.begun()
        return self._count(server, scenario, load)

    def point(self, server, scenario):
        """As load(), and the server's memory while the connections stand, and its system
        calls: one point of a curve."""
        load = self._load(server, scenario.load)
        load.begun()
        memory = server.memory_kb()
        figures = {**self._count(server, scenario, load), "memory_kb": memory}
        return {**figures, **(self.system_calls(server, scenario) or {})}

    def _count(self, server, scenario, load):
        before, faults, threads = server.cpu_ns(), server.page_faults(), server.thread_ns()
        backend = self._backend_ns()
        result = load.result()
        after, busiest = server.cpu_ns(), max(
            ns - threads.get(thread, 0) for thread, ns in server.thread_ns().items())
        backend = self._backend_ns() - backend
        spent = _spent(before, after)
        faults = _spent(faults, server.page_faults())
        if scenario.resumes and result["resumed"] < 0.9 * result["handshakes"]:
            raise LoadError("sessions are not resumed")
        operations = max(result["operations"], 1)
        return {
            "cpu_us": spent / 1000 / operations,
            "page_faults": faults / operations,
            "per_second": operations / result["seconds"],
            "cpu_us_per_kb": spent / max(result["bytes"], 1),
            "busy": spent / 1e9 / result["seconds"],
            "client_busy": (result["cpu_seconds"] + backend / 1e9) / result["seconds"],
            "largest_share": busiest / spent,
            **{name: result[name] for name in ("p50_us", "p99_us", "max_us")},
            "settings": f"{result['protocol']} {result['cipher']} {result['group']}",
        }

    def _backend_ns(self):
        return time.clock_gettime_ns((~self.backend_pid << 3) | 2)

    def system_calls(self, server, scenario):
        """System calls per operation, by name: counted by strace, which slows the server down
        so much that no other figure is taken meanwhile. None without strace."""
        if shutil.which("strace") is None:
            return None
        load = Load(self.load_program, server.port,
                    [*scenario.load, "--duration", str(TRACED_MS * TRACED_TIMES + 60_000)])
        try:
            load.begun()
            with tempfile.NamedTemporaryFile("r") as trace:
                self._trace(server, trace.name)
                calls = calls_per_request(trace)
        finally:
            load.process.kill()
            load.process.wait()
            load.process.stdout.close()
        if calls is None:
            return None
        return {"system_calls": sum(calls.values()), "calls_by_name": calls}

    @staticmethod
    def _trace(server, path):
        pids = list(server.cpu_ns())
        strace = subprocess.Popen(
            ["strace", "-f", "-s", "8", "-o", path,
             *(part for pid in pids for part in ("-p", str(pid)))],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while strace.poll() is None and not all(map(_is_traced, pids)):
            time.sleep(0.01)
        for _ in range(TRACED_TIMES):
            time.sleep(TRACED_MS / 1000)
            with open(path) as trace:
                if _requests(trace) >= REQUESTS_ENOUGH:
                    break
        strace.send_signal(signal.SIGINT)
        strace.wait()

    def idle(self, server, count):
        """Memory per idle connection: with `count` of them against with none."""
        warm = Load(self.load_program, server.port, ["--idle", "50"])
        warm.begun()
        warm.result()
        time.sleep(0.3)
        before = server.memory_kb()
        load = Load(self.load_program, server.port,
                    ["--idle", str(count), "--concurrency", "16"])
        load.begun()
        time.sleep(1)
        after = server.memory_kb()
        load.result()
        return {"kb_each": (after - before) / count, "connections": count}

    def reload(self, server, scenario, certificates):
        """The slowest request and the time until all connections show the new certificate."""
        quiet = self._load(server, scenario.load)
        quiet.begun()
        quiet = quiet.result()
        load = self._load(server, [*scenario.load, "--certificates"])
        load.begun()
        time.sleep(0.3)
        server.install(certificates.rsa2)
        asked = time.clock_gettime(time.CLOCK_MONOTONIC)
        server.reload()
        result = load.result(errors_allowed=True)
        shown = sorted(result["certificates"], key=lambda one: one["first"])
        server.install(certificates.rsa)
        server.reload()
        time.sleep(0.5)
        return {
            "failed": result["errors"],
            "slowest_us": result["max_us"],
            "quiet_p99_us": quiet["p99_us"],
            "all_new_ms": (shown[0]["last"] - asked) * 1000 if len(shown) > 1 else None,
        }

    def flood(self, server):
        """p99 of one kept-alive client, alone and beside 64 clients that only shake hands."""
        polite = ["--keep-alive"]
        alone = self._load(server, polite)
        alone.begun()
        alone = alone.result()
        flood = Load(self.load_program, server.port, [
            "--xapi", "--handshake-only", "--concurrency", "64", "--duration",
            str(int(self.times[1]) + int(self.times[3]) + 1000)])
        flood.begun()
        beside = self._load(server, polite)
        beside.begun()
        beside = beside.result()
        flooded = flood.result(errors_allowed=True)
        return {"alone_p99_us": alone["p99_us"], "beside_p99_us": beside["p99_us"],
                "flood_per_second": flooded["operations"] / flooded["seconds"]}

    def idle_beside(self, server, scenario, count):
        """CPU of a request while `count` other connections are idle."""
        idle = Load(self.load_program, server.port,
                    ["--idle", str(count), "--concurrency", "16"])
        idle.begun()
        figures = self.point(server, scenario)
        idle.result(errors_allowed=True)
        return figures

    def reload_services(self, server, scenario, certificates):
        """What a reload costs by itself, and what clients see of three of them under load.
        Every one of them brings a new certificate to every service."""
        def reload(number):
            server.install((certificates.rsa, certificates.rsa2)[number % 2])
            server.ask("reload", "--force")

        reload(1)
        memory = server.memory_kb()
        began, before = time.monotonic(), server.cpu_ns()
        for number in range(3):
            reload(number)
        time.sleep(0.2)  # it frees what was served before
        figures = {"cpu_us": _spent(before, server.cpu_ns()) / 3000,
                   "took_ms": (time.monotonic() - began - 0.2) * 1000 / 3,
                   "memory_kb": memory}
        load = Load(self.load_program, server.port,
                    [*scenario.load, "--duration", str(self.duration_ms + 2000)])
        load.begun()
        for number in range(1, 4):
            reload(number)
        result = load.result()
        return {**figures, "p99_us": result["p99_us"], "max_us": result["max_us"]}

    def status_services(self, server):
        """CPU of an answer to `status`: that of the proxy, not of the command."""
        server.ask("status", "--json")
        began, before = time.monotonic(), server.cpu_ns()
        for _ in range(5):
            server.ask("status", "--json")
        return {"cpu_us": _spent(before, server.cpu_ns()) / 5000,
                "took_ms": (time.monotonic() - began) * 1000 / 5,
                "memory_kb": server.memory_kb()}
