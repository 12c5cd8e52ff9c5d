"""How cost grows: each curve is one scenario measured with 1, 10, ... of something."""
import dataclasses
import resource

from chart import number
from measure import LoadError

# A proxy needs two descriptors for each connection, and some of its own.
CONNECTIONS_MAX = min(9500, (resource.getrlimit(resource.RLIMIT_NOFILE)[1] - 1000) // 2)
STEP = 1.25  # times as much as the point before needs a reason
NO_REASON = "no reason is known"
CPU, CALLS = "CPU", "system calls"


@dataclasses.dataclass
class Curve:
    of: str  # the number that grows
    counts: list
    cost: str = "CPU us per operation"
    figure: str = "cpu_us"  # that has to be level
    per_count: bool = False  # level is what one of them costs
    reasons: dict = dataclasses.field(default_factory=dict)  # {(figure, n): why}


def _to(counts, what, reason):
    """The reason of steps of one figure to these numbers."""
    return {(what, n): reason for n in counts}


CACHES = "so many connections, about 10 KB each, do not fit into the CPU's caches"
ALONE = "each worker has fewer clients, so fewer events come with one wait"
PARTS = "a reply that is longer than a record is passed on in parts, as it comes"

CURVES = {
    "chains": Curve("certificates in the chain", [1, 2, 3, 4, 5]),
    "services": Curve("services", [1, 10, 100, 1000]),
    "worker_count": Curve("workers", [1, 2, 3, 4], reasons=_to((2, 3, 4), CALLS, ALONE)),
    "idle_beside": Curve("idle connections", [1, 10, 100, 1000, CONNECTIONS_MAX]),
    "busy": Curve("busy connections", [1, 10, 100, 1000, CONNECTIONS_MAX],
                  reasons=_to((1000, CONNECTIONS_MAX), CPU, CACHES)),
    "handshakes": Curve("handshakes at a time", [1, 10, 100, 1000]),
    "bodies": Curve("bytes of a reply", [1000, 10_000, 100_000, 1_000_000, 10_000_000,
                                         100_000_000], "CPU us per KB", "cpu_us_per_kb",
                    reasons=_to((10 ** n for n in range(4, 9)), CALLS, PARTS)),
    "reload_services": Curve("services", [1, 10, 100, 1000],
                             "CPU us per reload and service", per_count=True),
    "status_services": Curve("services", [1, 10, 100, 1000],
                             "CPU us per answer and service", per_count=True),
}


def is_curve(scenario):
    return scenario.name in CURVES


def measure(run, peer, scenario):
    """{n: figures}, each of a server that has done nothing else. A point that fails is an
    error, and does not cost the others."""
    points = {}
    for n in CURVES[scenario.name].counts[:3 if run.options.quick else None]:
        try:
            points[n] = _point(run, peer, scenario, n)
        except (LoadError, RuntimeError, OSError) as error:
            run.failed(f"{scenario.name} {peer.name}, {n:,}: {error}")
    return {"curve": points}


def _point(run, peer, scenario, n):
    bench, certificate = run.bench, getattr(run.certificates, scenario.certificate)

    def with_load(*more):
        changed = dataclasses.replace(scenario, load=[*scenario.load, *more])
        return lambda server: bench.point(server, changed)

    if scenario.kind == "chains":
        return run.fresh(peer, with_load(), certificate=run.certificates.chain(n))
    if scenario.kind == "services":
        return run.fresh(peer, with_load(), services=n)
    if scenario.kind == "worker_count":
        return run.fresh(peer, with_load(), workers=n, cpus=run.all_cpus)
    if scenario.kind == "busy":
        return run.fresh(peer, with_load("--concurrency", str(n)), certificate)
    if scenario.kind == "bodies":
        return run.fresh(peer, with_load("--path", f"/?size={n}", "--reply", str(n)))
    if scenario.kind == "idle_beside":
        return run.fresh(peer, lambda server: bench.idle_beside(server, scenario, n),
                         certificate)
    if scenario.kind == "reload_services":
        return run.fresh(peer, lambda server: bench.reload_services(
            server, scenario, run.certificates), services=n)
    return run.fresh(peer, bench.status_services, services=n)


def level(name, points):
    """[(n, the figure that has to be level)] of one curve."""
    curve = CURVES[name]
    return [(n, point[curve.figure] / (n if curve.per_count else 1))
            for n, point in points.items()]


def _rises(found):
    return [(a, b, cost / before) for (a, before), (b, cost) in zip(found, found[1:])
            if before and cost > STEP * before]


def steps(name, points):
    """[(the figure, from, to, factor, reason)] of each step of CPU and of system calls."""
    calls = [(n, point["system_calls"]) for n, point in points.items()
             if point.get("system_calls")]
    reasons = CURVES[name].reasons
    return [(what, a, b, factor, reasons.get((what, b), NO_REASON))
            for what, found in ((CPU, level(name, points)), (CALLS, calls))
            for a, b, factor in _rises(found)]


def _memory_of_each(points):
    """{n: KB that each one adds to the point before}."""
    found = [(n, point["memory_kb"]) for n, point in points.items() if "memory_kb" in point]
    return {n: (kb - before) / (n - fewer)
            for (fewer, before), (n, kb) in zip(found, found[1:])}


def rows(name, points):
    """A table of one curve."""
    curve, of_each = CURVES[name], _memory_of_each(points)
    more = [(key, title, digits) for key, title, digits in (
        ("system_calls", "system calls per operation", 1), ("memory_kb", "memory, KB", 0),
        ("per_second", "operations/s", 0), ("took_ms", "it takes, ms", 0),
        ("p50_us", "p50, us", 0), ("p99_us", "p99, us", 0), ("max_us", "slowest, us", 0))
        if any(key in point for point in points.values())]
    table = [[curve.of, curve.cost, "times the one before", *(title for _, title, _ in more),
              "KB that each adds"]]
    before = None
    for n, cost in level(name, points):
        table.append([f"{n:,}", number(cost, 2), number(before and cost / before, 2),
                      *(number(points[n].get(key), digits) for key, _, digits in more),
                      number(of_each.get(n), 2)])
        before = cost
    return table
