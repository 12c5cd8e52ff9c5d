"""Side by side: wlbproxy and the installed peers, equal settings, interleaved rounds."""
import argparse
import dataclasses
import datetime
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import floor  # noqa: E402
import machine  # noqa: E402
import peers  # noqa: E402
import report  # noqa: E402
import scenarios  # noqa: E402
from certificates import Certificates  # noqa: E402
from measure import Bench, LoadError  # noqa: E402

SERVER_CPU, CLIENT_CPU = "0", "1"
# A proxy needs two descriptors for each connection of its idle_beside, and some of its own.
IDLE_BESIDE_MAX = min(10000, (resource.getrlimit(resource.RLIMIT_NOFILE)[1] - 1000) // 2)
CURVES = {"chains": [1, 2, 3, 4, 5], "idle_beside": [1, 10, 100, 1000, IDLE_BESIDE_MAX],
          "services": [1, 10, 100, 1000], "busy": [1, 10, 100, 1000, IDLE_BESIDE_MAX],
          "bodies": [1000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000],
          "reload_services": [1, 10, 100, 1000]}


def arguments():
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round")
    parser.add_argument("--only", metavar="PEER,..", help="of " + ", ".join(peers.ALL))
    parser.add_argument("--peer", metavar="NAME=PATH[:KIND]", action="append", default=[],
                        help="another build or release of a peer; KIND is one of "
                        + ", ".join(peers.KINDS) + ", told from PATH where it is not said")
    parser.add_argument("--scenario", metavar="NAME,..",
                        help="of " + ", ".join(scenarios.BY_NAME))
    parser.add_argument("--rounds", type=int, help="5 unless said")
    parser.add_argument("--seconds", type=float, help="of each measurement; 3 unless said")
    parser.add_argument("--tools", default="build", help="where the programs are")
    parser.add_argument("--output", default=None, help="folder of the report")
    options = parser.parse_args()
    options.rounds = options.rounds or (1 if options.quick else 5)
    options.seconds = options.seconds or (1 if options.quick else 3)
    options.tools = pathlib.Path(options.tools).resolve()
    options.output = pathlib.Path(options.output or options.tools / "bench")
    try:
        others = {peer.name: peer for peer in map(peers.another, options.peer)}
    except ValueError as error:
        sys.exit(f"bench: --peer: {error}")
    options.only = choose(options.only, {**peers.ALL, **others}, "peer")
    options.scenario = choose(options.scenario, scenarios.BY_NAME, "scenario")
    return options


def choose(text, known, what):
    names = text.split(",") if text else list(known)
    for name in names:
        if name not in known:
            sys.exit(f"bench: there is no {what} {name!r}; there are {', '.join(known)}")
    return [known[name] for name in names]


def say(text):
    print(text, file=sys.stderr, flush=True)


class Run:
    def __init__(self, options, folder):
        self.options, self.folder = options, pathlib.Path(folder)
        self.certificates = Certificates(self.make("certificates"))
        self.servers, self.samples, self.errors = {}, {}, []
        self.floors, self.calls = {}, {}
        self.present = [peer for peer in options.only if peer.program(options.tools)]
        for peer in options.only:
            if peer not in self.present:
                say(f"{peer.name} is not installed: left out")
        self.origin = subprocess.Popen(
            ["taskset", "-c", CLIENT_CPU, str(options.tools / "origin"), "--port", "0", "--idle",
             "120000"], stdout=subprocess.PIPE, text=True)
        self.backend_port = int(self.origin.stdout.readline().split()[-1])
        self.bench = Bench(options.tools, options.seconds, 0.5, self.origin.pid)

    def make(self, name):
        path = self.folder / name
        path.mkdir()
        self.folder.chmod(0o755)
        return path

    def start(self, peer, certificate, name, workers=1, cpus=SERVER_CPU, services=1):
        return peer(self.folder / name, certificate, self.backend_port, cpus, workers,
                    self.options.tools, services)

    def server(self, peer, kind):
        """The one that runs all the time: idle it costs the others nothing."""
        key = (peer.name, kind)
        if key not in self.servers:
            self.servers[key] = self.start(peer, getattr(self.certificates, kind),
                                           f"{peer.name}-{kind}")
        return self.servers[key]

    def fresh(self, peer, work, certificate=None, **options):
        """A figure of a server that has done nothing else."""
        name = f"{peer.name}-{time.monotonic_ns()}"
        server = self.start(peer, certificate or self.certificates.rsa, name, **options)
        try:
            return work(server)
        finally:
            server.stop()

    def once(self, peer, scenario):
        bench, kind = self.bench, scenario.kind
        if kind == "load":
            return bench.load(self.server(peer, scenario.certificate), scenario)
        if kind == "idle":
            count = 300 if self.options.quick else 2000
            return self.fresh(peer, lambda server: bench.idle(server, count))
        if kind == "reload":
            return self.fresh(
                peer, lambda server: bench.reload(server, scenario, self.certificates))
        if kind == "flood":
            return self.fresh(peer, bench.flood)
        if kind == "workers":
            return self.several_workers(peer, scenario)
        return self.curve(peer, scenario)

    def several_workers(self, peer, scenario):
        """Measures what more workers on as many CPUs add, as times one worker's operations.

        With CPUs left for the client it is measured. With fewer, where servers, client and
        backend share them, it is computed from the servers' own clocks: what an operation
        costs beside the other workers, and how evenly they divide the work.
        """
        enough = os.cpu_count() >= scenario.workers + 2
        cpus, client = ("0," + ",".join(str(2 + n) for n in range(scenario.workers - 1)),
                        CLIENT_CPU) if enough else (f"0-{os.cpu_count() - 1}",) * 2

        def figures(workers, cpus):
            return self.fresh(
                peer, lambda server: self.bench.load(server, scenario, cpu=client),
                workers=workers, cpus=cpus)

        one = figures(1, SERVER_CPU if enough else cpus)
        more = figures(scenario.workers, cpus)
        if enough:
            return {"times": more["per_second"] / one["per_second"]}
        return {"times_reckoned": one["cpu_us"] / more["cpu_us"] / more["largest_share"],
                "largest_share": more["largest_share"]}

    def curve(self, peer, scenario):
        """Measures how the cost grows: {n: CPU us}. Only wlbproxy, only in the first round."""
        if not peer.ours or (peer.name, scenario.name) in self.samples:
            return None
        counts = CURVES[scenario.name][:3 if self.options.quick else None]
        return {"curve": {n: self.point(peer, scenario, n)["cpu_us"] for n in counts}}

    def point(self, peer, scenario, n):
        bench = self.bench

        def with_load(*more):
            changed = dataclasses.replace(scenario, load=[*scenario.load, *more])
            return lambda server: bench.load(server, changed)

        if scenario.kind == "chains":
            return self.fresh(peer, with_load(), certificate=self.certificates.chain(n))
        if scenario.kind == "services":
            return self.fresh(peer, with_load(), services=n)
        if scenario.kind == "busy":
            return self.fresh(peer, with_load("--concurrency", str(n)))
        if scenario.kind == "bodies":
            return self.fresh(peer, with_load("--path", f"/?size={n}", "--reply", str(n)))
        if scenario.kind == "reload_services":
            return self.fresh(peer, lambda server: bench.reload_cpu(server, scenario),
                              services=n)
        return self.fresh(peer, lambda server: bench.idle_beside(server, scenario, n))

    def kernel_floor(self, scenario):
        """CPU us of the same bytes through bench/relay.c, with the first of ours behind it."""
        behind = self.fresh_behind(scenario)
        relay = peers.Relay(self.folder / f"relay-{scenario.name}", behind, self.options.tools,
                            SERVER_CPU)
        try:
            return self.bench.load(relay, scenario)["cpu_us"]
        finally:
            relay.stop()
            behind.stop()

    def fresh_behind(self, scenario):
        """A wlbproxy that shares the client's CPU."""
        return self.start(peers.Wlbproxy, getattr(self.certificates, scenario.certificate),
                          f"behind-{scenario.name}", cpus=CLIENT_CPU)

    def beside(self):
        """Measures once: the kernel's floor, and system calls per operation."""
        for scenario in self.options.scenario:
            if scenario.kind != "load":
                continue
            try:
                self.floors[scenario.name] = self.kernel_floor(scenario)
                say(f"floor {scenario.name} kernel={self.floors[scenario.name]:.1f}")
                for peer in self.present:
                    calls = self.bench.system_calls(self.server(peer, scenario.certificate),
                                                    scenario)
                    if calls is not None:
                        self.calls[peer.name, scenario.name] = calls
                        say(f"calls {scenario.name} {peer.name} {report.brief(calls)}")
            except (LoadError, RuntimeError, OSError) as error:
                self.errors.append(f"{scenario.name} beside: {error}")

    def round(self, number):
        for scenario in self.options.scenario:
            for peer in self.present:
                label = f"round {number}/{self.options.rounds} {scenario.name} {peer.name}"
                try:
                    figures = self.once(peer, scenario)
                except (LoadError, RuntimeError, OSError) as error:
                    self.errors.append(f"{scenario.name} {peer.name}: {error}")
                    say(f"{label}: ERROR {error}")
                    continue
                if figures is None:
                    continue
                self.samples.setdefault((peer.name, scenario.name), []).append(figures)
                say(f"{label}: {report.brief(figures)}")

    def stop(self):
        for server in self.servers.values():
            server.stop()
        self.origin.terminate()
        self.origin.wait()
        self.origin.stdout.close()

    def medians(self):
        return {key: {name: median([one.get(name) for one in samples])
                      for name in samples[0]}
                for key, samples in self.samples.items()}


def median(values):
    values = [value for value in values if value is not None]
    if not values:
        return None
    return statistics.median(values) if isinstance(values[0], (int, float)) else values[0]


def main():
    options = arguments()
    began = datetime.datetime.now(datetime.timezone.utc)
    with tempfile.TemporaryDirectory(prefix="wlbproxy-bench-") as folder:
        os.chmod(folder, 0o755)
        run = Run(options, folder)
        try:
            for number in range(1, options.rounds + 1):
                run.round(number)
            run.beside()
        finally:
            run.stop()
    facts = machine.facts(run.present, options)
    results = report.Results(began, options, facts, run.medians(), run.errors)
    results.kernel_floors, results.calls = run.floors, run.calls
    results.arithmetic = floor.arithmetic(facts["floor"])
    print(results.table())
    for path in results.write(options.output):
        say(f"written: {path}")
    if run.errors:
        sys.exit("bench: errors, and a figure with errors is no figure:\n  "
                 + "\n  ".join(run.errors))


if __name__ == "__main__":
    main()
