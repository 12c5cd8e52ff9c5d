"""Side by side: wlbproxy and the installed peers, equal settings, interleaved rounds."""
import argparse
import datetime
import os
import pathlib
import signal
import statistics
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import curves  # noqa: E402
import floor  # noqa: E402
import machine  # noqa: E402
import peers  # noqa: E402
import report  # noqa: E402
import scenarios  # noqa: E402
from certificates import Certificates  # noqa: E402
from measure import Bench, LoadError  # noqa: E402

SERVER_CPU, CLIENT_CPU = "0", "1"
KERNEL = "kernel"  # the floor's samples stand beside the servers'
BESIDE_S = 0.8  # to count the system calls of one server in one scenario


def arguments():
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round")
    parser.add_argument("--only", metavar="PEER,..", help="of " + ", ".join(peers.ALL))
    parser.add_argument("--peer", metavar="NAME=PATH[:KIND]", action="append", default=[],
                        help="another build or release of a peer; KIND is one of "
                        + ", ".join(peers.ALL) + ", told from PATH where it is not said")
    parser.add_argument("--scenario", metavar="NAME,..",
                        help="of " + ", ".join(scenarios.BY_NAME)
                        + "; all but the curves unless said")
    parser.add_argument("--rounds", type=int, help="5 unless said")
    parser.add_argument("--seconds", type=float, help="of each measurement; 3 unless said")
    parser.add_argument("--warmup", type=float, default=0.5,
                        help="seconds before each measurement; 0.5 unless said")
    parser.add_argument("--minutes", type=float,
                        help="no round begins that would not end within so many")
    parser.add_argument("--curves", action="store_true",
                        help="how cost grows: the curves alone, of wlbproxy alone unless --only")
    parser.add_argument("--tools", default="build", help="where the programs are")
    parser.add_argument("--output", default=None, help="folder of the report")
    parser.add_argument("--report", type=pathlib.Path, metavar="FILE",
                        help="also puts the report there, below what a person wrote above the "
                        "line that marks it")
    options = parser.parse_args()
    if options.report and options.report.exists() and (
            report.MARK not in options.report.read_text()):
        sys.exit(f"bench: {options.report} would be lost: it has no line {report.MARK}")
    options.rounds = options.rounds or (1 if options.quick else 5)
    options.seconds = options.seconds or (1 if options.quick else 3)
    options.tools = pathlib.Path(options.tools).resolve()
    options.output = pathlib.Path(options.output or options.tools / "bench")
    try:
        others = {peer.name: peer for peer in map(peers.another, options.peer)}
    except ValueError as error:
        sys.exit(f"bench: --peer: {error}")
    if options.curves:
        options.only = options.only or "wlbproxy"
        options.scenario = options.scenario or ",".join(curves.CURVES)
    known = {**peers.ALL, **others}
    options.only = choose(
        options.only or ",".join(name for name in known if name not in peers.ASKED_FOR), known, "peer")
    usual = [one for name, one in scenarios.BY_NAME.items() if name not in curves.CURVES]
    options.scenario = (choose(options.scenario, scenarios.BY_NAME, "scenario")
                        if options.scenario else usual)
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
        self.servers, self.relays, self.samples, self.errors = {}, {}, {}, []
        self.calls = {}
        self.all_cpus = f"0-{os.cpu_count() - 1}"
        self.began = time.monotonic()
        self.present = [peer for peer in options.only if peer.program(options.tools)]
        for peer in options.only:
            if peer not in self.present:
                say(f"{peer.name} is not installed: left out")
        self.origin = subprocess.Popen(
            ["taskset", "-c", CLIENT_CPU, str(options.tools / "origin"), "--port", "0", "--idle",
             "120000"], stdout=subprocess.PIPE, text=True)
        self.backend_port = int(self.origin.stdout.readline().split()[-1])
        self.bench = Bench(options.tools, options.seconds, options.warmup, self.origin.pid)

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
        return curves.measure(self, peer, scenario)

    def several_workers(self, peer, scenario):
        """Measures what more workers on as many CPUs add, as times one worker's operations.

        With CPUs left for the client it is measured. With fewer, where servers, client and
        backend share them, it is computed from the servers' own clocks: what an operation
        costs beside the other workers, and how much of that one thread does, which can have
        no more than one CPU: a worker, or the signer.
        """
        enough = os.cpu_count() >= scenario.workers + 2
        cpus, client = ("0," + ",".join(str(2 + n) for n in range(scenario.workers - 1)),
                        CLIENT_CPU) if enough else (self.all_cpus,) * 2

        def figures(workers, cpus):
            return self.fresh(
                peer, lambda server: self.bench.load(server, scenario, cpu=client),
                workers=workers, cpus=cpus)

        one = figures(1, SERVER_CPU if enough else cpus)
        more = figures(scenario.workers, cpus)
        if enough:
            return {"times": more["per_second"] / one["per_second"]}
        on_cpus = min(scenario.workers, 1 / more["largest_share"])
        return {"times_reckoned": one["cpu_us"] / more["cpu_us"] * on_cpus,
                "largest_share": more["largest_share"]}

    def kernel_floor(self, scenario):
        """CPU us of the same bytes through bench/relay.c, with the first of ours behind it on
        the client's CPU."""
        kind = scenario.certificate
        if kind not in self.relays:
            behind = self.start(peers.Wlbproxy, getattr(self.certificates, kind),
                                f"behind-{kind}", cpus=CLIENT_CPU)
            self.relays[kind] = peers.Relay(self.folder / f"relay-{kind}", behind,
                                            self.options.tools, SERVER_CPU, CLIENT_CPU)
        return self.bench.load(self.relays[kind], scenario)

    def loads(self):
        return [scenario for scenario in self.options.scenario if scenario.kind == "load"]

    def count_calls(self):
        """Measures system calls per operation, once."""
        for scenario in self.loads():
            for peer in self.present:
                try:
                    calls = self.bench.system_calls(self.server(peer, scenario.certificate),
                                                    scenario)
                except (LoadError, RuntimeError, OSError) as error:
                    self.failed(f"system calls, {scenario.name} {peer.name}: {error}")
                    continue
                if calls is not None:
                    self.calls[peer.name, scenario.name] = calls
                    say(f"calls {scenario.name} {peer.name} {report.brief(calls)}")

    def failed(self, what):
        self.errors.append(what)
        say(f"ERROR {what}")

    def sample(self, number, name, scenario, work):
        label = f"round {number}/{self.options.rounds} {scenario.name} {name}"
        try:
            figures = work()
        except (LoadError, RuntimeError, OSError) as error:
            self.failed(f"{scenario.name} {name}: {error}")
            return
        self.samples.setdefault((name, scenario.name), []).append(figures)
        say(f"{label}: {report.brief(figures)}")

    def round(self, number):
        for scenario in self.options.scenario:
            is_curve = curves.is_curve(scenario)
            if number > (1 if is_curve else scenario.rounds or number):
                continue
            for peer in self.present:
                if peer.ours or not is_curve:
                    self.sample(number, peer.name, scenario, lambda: self.once(peer, scenario))
            if scenario.kind == "load":
                self.sample(number, KERNEL, scenario, lambda: self.kernel_floor(scenario))

    def rounds(self):
        """All rounds, or as many as end in time; their number."""
        for number in range(1, self.options.rounds + 1):
            began = time.monotonic()
            self.round(number)
            ended = time.monotonic()
            left = (self.options.minutes or 1e9) * 60 - (ended - self.began)
            if left - BESIDE_S * len(self.present) * len(self.loads()) < ended - began:
                break
        return number

    def stop(self):
        for server in (*self.servers.values(), *self.relays.values()):
            server.stop()
        self.origin.terminate()
        self.origin.wait()
        self.origin.stdout.close()

    def medians(self):
        return {key: {**{name: median([one.get(name) for one in samples])
                         for name in samples[0]}, **spread(samples)}
                for key, samples in self.samples.items()}


def median(values):
    values = [value for value in values if value is not None]
    if not values:
        return None
    return statistics.median(values) if isinstance(values[0], (int, float)) else values[0]


def spread(samples):
    """How far the rounds lie apart: half of it, as a part of their middle."""
    found = [one["cpu_us"] for one in samples if one.get("cpu_us")]
    if len(found) < 2:
        return {}
    return {"cpu_spread": (max(found) - min(found)) / 2 / statistics.median(found)}


def main():
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit("bench: ended by SIGTERM"))
    options = arguments()
    began = datetime.datetime.now(datetime.timezone.utc)
    with tempfile.TemporaryDirectory(prefix="wlbproxy-bench-") as folder:
        os.chmod(folder, 0o755)
        run = Run(options, folder)
        try:
            options.rounds = run.rounds()
            run.count_calls()
        finally:
            run.stop()
    facts = machine.facts(run.present, options)
    results = report.Results(began, options, facts, run.present, run.medians(), run.errors)
    results.calls, results.samples = run.calls, run.samples
    results.arithmetic = floor.arithmetic(facts["floor"])
    print(results.table())
    for path in results.write(options.output):
        say(f"written: {path}")
    if options.report:
        results.publish(options.report)
        say(f"written: {options.report}")
    for step in results.steps_without_reason():
        say(f"a step without a reason: {step}")
    if run.errors:
        sys.exit("bench: errors, and a figure with errors is no figure:\n  "
                 + "\n  ".join(run.errors))


if __name__ == "__main__":
    main()
