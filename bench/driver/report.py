"""The results as a table, as JSON, and as one self-contained page with charts.

A reader finds first how many times less CPU an operation takes, then the charts, then how far
it is from the floor, then all figures and the method.
"""
import html
import json

import floor
import peers as known

SATURATED = 0.9  # of its CPU: below that a server waits for its client

COLORS = ["#0a7", "#7cb", "#3a9", "#9c6", "#286", "#c55", "#d93", "#57b", "#a6b", "#888"]


def brief(figures):
    parts = []
    for name, value in figures.items():
        if isinstance(value, float):
            parts.append(f"{name}={value:.1f}")
        elif not isinstance(value, str):
            parts.append(f"{name}={value}")
    return " ".join(parts)


def number(value, digits=1):
    return "-" if value is None else f"{value:,.{digits}f}"


def _in_words(value):
    if isinstance(value, dict):
        return ", ".join(f"{name} {figure}" for name, figure in value.items())
    return f"{value:.1f}" if isinstance(value, float) else value


class Results:
    def __init__(self, began, options, facts, figures, errors):
        self.began, self.options, self.facts = began, options, facts
        self.figures, self.errors = figures, errors
        self.peers = [name for name in facts["versions"]]
        self.kernel_floors, self.calls, self.arithmetic = {}, {}, {}
        self.scenarios = [one for one in options.scenario
                          if any((peer, one.name) in figures for peer in self.peers)]

    def of(self, peer, scenario, name):
        return self.figures.get((peer, scenario.name), {}).get(name)

    def best_peer(self, scenario, name="cpu_us"):
        """(name, figure) of the best that is not ours."""
        found = [(self.of(peer, scenario, name), peer) for peer in self.peers
                 if peer not in known.OURS and self.of(peer, scenario, name)]
        return min(found) if found else (None, None)

    # --- text ------------------------------------------------------------------------------

    def _row(self, cells, widths):
        return "  ".join(str(cell).ljust(width) if i == 0 else str(cell).rjust(width)
                         for i, (cell, width) in enumerate(zip(cells, widths))).rstrip()

    def _table(self, rows):
        widths = [max(len(str(row[i])) for row in rows) for i in range(len(rows[0]))]
        return "\n".join(self._row(row, widths) for row in rows)

    def loads(self):
        return [scenario for scenario in self.scenarios if scenario.kind == "load"]

    def saturation(self, peer, scenario):
        """Explains in words why the server does not limit the figure; "" where it does."""
        busy = self.of(peer, scenario, "busy")
        client = self.of(peer, scenario, "client_busy")
        if busy is None or busy >= SATURATED or not scenario.tries_to_saturate:
            return ""
        why = "the client is the limit" if client >= SATURATED else "it waits"
        return f"the server uses {busy:.0%} of its CPU: {why}"

    def sentence(self, ours, scenario):
        best, peer = self.best_peer(scenario)
        figure = self.of(ours, scenario, "cpu_us")
        if not best or not figure:
            return None
        ratio = figure / best
        words = (f"{1 / ratio:.1f} times as many per CPU as {peer}" if ratio < 0.95 else
                 f"as many per CPU as {peer}" if ratio <= 1.05 else
                 f"behind {peer}, which takes {1 / ratio:.2f} of it")
        notes = [words, self.saturation(ours, scenario)]
        if scenario.goal:
            notes.append("the goal is met" if ratio <= scenario.goal else "the goal is missed")
        return [scenario.title, ours, number(ratio, 2), number(scenario.goal, 2),
                "; ".join(filter(None, notes))]

    def summary_rows(self):
        found = [self.sentence(ours, scenario) for scenario in self.loads()
                 for ours in ("wlbproxy", "wlbproxy-native")]
        return [["server CPU per operation", "", "of best peer", "goal", "in words"],
                *filter(None, found)]

    def floor_rows(self):
        rows = [["CPU us per operation", "kernel", "arithmetic", "floor", *self.ours(),
                 "of the floor"]]
        for scenario in self.loads():
            kernel = self.kernel_floors.get(scenario.name)
            if kernel is None:
                continue
            sums = floor.of_handshake(self.arithmetic, scenario.handshake, scenario.concurrency)
            least = kernel + (sums or 0)
            figures = [self.of(peer, scenario, "cpu_us") for peer in self.ours()]
            best = min(filter(None, figures), default=None)
            rows.append([scenario.name, number(kernel), number(sums), number(least),
                         *map(number, figures), number(best / least if best else None, 2)])
        return rows

    def ours(self):
        return [peer for peer in self.peers if peer in known.OURS]

    def busy_rows(self):
        rows = [["busy: server/client and backend", *self.peers]]
        for scenario in self.loads():
            cells = [(self.of(peer, scenario, "busy"), self.of(peer, scenario, "client_busy"))
                     for peer in self.peers]
            rows.append([scenario.name, *("-" if server is None else f"{server:.0%}/{client:.0%}"
                                          for server, client in cells)])
        return rows

    def call_rows(self):
        rows = [["system calls per operation", *self.peers]]
        for scenario in self.loads():
            counts = [self.calls.get((peer, scenario.name), {}).get("system_calls")
                      for peer in self.peers]
            if any(counts):
                rows.append([scenario.name, *map(number, counts)])
        return rows

    def cpu_rows(self):
        rows = [["CPU us per operation", *self.peers]]
        for scenario in self.loads():
            rows.append([scenario.name, *(number(self.of(peer, scenario, "cpu_us"))
                                          for peer in self.peers)])
        return rows

    def latency_rows(self):
        rows = [["operations/s; p50/p99/max ms", *self.peers]]
        for scenario in self.loads():
            cells = []
            for peer in self.peers:
                one = self.figures.get((peer, scenario.name))
                cells.append("-" if one is None else
                             f"{one['per_second']:,.0f}; {one['p50_us'] / 1000:.2f}/"
                             f"{one['p99_us'] / 1000:.2f}/{one['max_us'] / 1000:.1f}")
            rows.append([scenario.name, *cells])
        return rows

    def page_fault_rows(self):
        rows = [["page faults per operation", *self.peers]]
        for scenario in self.loads():
            rows.append([scenario.name, *(number(self.of(peer, scenario, "page_faults"), 2)
                                          for peer in self.peers)])
        return rows

    OTHERS = {
        "idle": [("kb_each", "KB per idle connection")],
        "reload": [("failed", "failed requests"), ("slowest_us", "slowest request, us"),
                   ("quiet_p99_us", "p99 without reload, us"),
                   ("all_new_ms", "ms until only the new certificate")],
        "flood": [("alone_p99_us", "p99 alone, us"), ("beside_p99_us", "p99 beside, us"),
                  ("flood_per_second", "handshakes/s of the flood")],
        "workers": [("times", "times one worker's operations/s"),
                    ("times_reckoned", "the same, reckoned from CPU clocks"),
                    ("largest_share", "the busier worker's share")],
    }

    def other_rows(self):
        rows = [["", *self.peers]]
        for scenario in self.scenarios:
            for name, title in self.OTHERS.get(scenario.kind, []):
                if all(self.of(peer, scenario, name) is None for peer in self.peers):
                    continue
                rows.append([f"{scenario.name}: {title}",
                             *(number(self.of(peer, scenario, name), 2)
                               for peer in self.peers)])
        return rows

    def curve_rows(self):
        rows = []
        for scenario in self.scenarios:
            for peer in self.peers:
                curve = self.of(peer, scenario, "curve")
                if curve:
                    rows.append([f"{scenario.name} ({peer})",
                                 "  ".join(f"{n}: {us:.1f}" for n, us in curve.items())])
        return [["CPU us per operation", "by number"], *rows] if rows else []

    def first(self):
        return [rows for rows in (self.summary_rows(),) if len(rows) > 1]

    def tables(self):
        return [rows for rows in (self.floor_rows(), self.cpu_rows(), self.latency_rows(),
                                  self.busy_rows(), self.page_fault_rows(), self.call_rows(),
                                  self.other_rows(), self.curve_rows()) if len(rows) > 1]

    def table(self):
        return "\n\n".join(self._table(rows) for rows in self.first() + self.tables())

    def method(self):
        lines = [f"{name}: {_in_words(value)}" for name, value in self.facts.items()
                 if name != "floor"]
        return [f"{self.began:%Y-%m-%d %H:%M} UTC; medians of {self.options.rounds} rounds of "
                f"{self.options.seconds:g} s, all servers interleaved",
                "each server has one worker on CPU 0; load generator and backend share CPU 1",
                "equal certificates, ciphers and groups; backend connections are kept alive "
                "where a server can",
                "CPU is the scheduler's count over all processes and threads of a server, the "
                "signer and ended threads included",
                "the kernel's part of the floor: the same bytes through bench/relay.c; "
                "arithmetic's: a handshake in memory, by bench/handshake_floor.c",
                *lines]

    @staticmethod
    def _markdown_table(rows):
        head = ["| " + " | ".join(map(str, rows[0])) + " |", "|" + "---|" * len(rows[0])]
        return head + ["| " + " | ".join(map(str, row)) + " |" for row in rows[1:]] + [""]

    def markdown(self):
        parts = ["# Side by side", ""]
        for rows in self.first() + self.tables():
            parts += self._markdown_table(rows)
        parts += ["Handshakes in memory:", "", "```", self.facts["floor"], "```", "",
                  "## Method", "", *(f"* {line}" for line in self.method())]
        if self.errors:
            parts += ["", "Errors (no figure where there is one):", ""]
            parts += [f"* {error}" for error in self.errors]
        return "\n".join(parts) + "\n"

    # --- the page --------------------------------------------------------------------------

    def _bars(self, scenario, name, unit):
        values = [(peer, self.of(peer, scenario, name)) for peer in self.peers]
        values = [(peer, value) for peer, value in values if value is not None]
        if not values:
            return ""
        top = max(value for _, value in values) or 1
        bars = []
        for i, (peer, value) in enumerate(values):
            color = COLORS[self.peers.index(peer) % len(COLORS)]
            width = max(1, 420 * value / top)
            y = i * 22
            bars.append(
                f'<text x="118" y="{y + 14}" text-anchor="end">{html.escape(peer)}</text>'
                f'<rect x="124" y="{y + 2}" width="{width:.1f}" height="16" rx="2"'
                f' fill="{color}"/><text x="{130 + width:.1f}" y="{y + 14}">'
                f"{number(value)}</text>")
        return (f"<figure><figcaption>{html.escape(scenario.title)}: {unit}</figcaption>"
                f'<svg width="640" height="{22 * len(values) + 4}">{"".join(bars)}</svg>'
                "</figure>")

    def _line(self, scenario, peer):
        curve = self.of(peer, scenario, "curve")
        if not curve:
            return ""
        top = max(curve.values()) * 1.1
        step = 520 / max(1, len(curve) - 1)
        points = [(50 + i * step, 150 - 130 * us / top) for i, us in enumerate(curve.values())]
        marks = "".join(
            f'<circle cx="{x:.0f}" cy="{y:.0f}" r="3" fill="#0a7"/>'
            f'<text x="{x:.0f}" y="{y - 8:.0f}" text-anchor="middle">{us:.1f}</text>'
            f'<text x="{x:.0f}" y="168" text-anchor="middle">{n}</text>'
            for (x, y), (n, us) in zip(points, curve.items()))
        line = " ".join(f"{x:.0f},{y:.0f}" for x, y in points)
        return (f"<figure><figcaption>{html.escape(scenario.title)} ({peer}): CPU us per "
                'operation</figcaption><svg width="640" height="175"><polyline fill="none" '
                f'stroke="#0a7" stroke-width="2" points="{line}"/>{marks}</svg></figure>')

    def charts(self):
        parts = []
        for scenario in self.scenarios:
            if scenario.kind == "load":
                parts.append(self._bars(scenario, "cpu_us", "server CPU, us per operation"))
            for name, title in self.OTHERS.get(scenario.kind, []):
                if all(self.of(peer, scenario, name) is None for peer in self.peers):
                    continue
                parts.append(self._bars(scenario, name, title))
            parts += [self._line(scenario, peer) for peer in self.peers]
        return "\n".join(parts)

    def page(self):
        first, tables = ("".join(
            "<table>" + "".join(
                "<tr>" + "".join(f"<{tag}>{html.escape(str(cell))}</{tag}>" for cell in row)
                + "</tr>" for tag, row in zip(["th"] + ["td"] * len(rows), rows)) + "</table>"
            for rows in some) for some in (self.first(), self.tables()))
        method = "".join(f"<li>{html.escape(line)}</li>" for line in self.method())
        errors = "".join(f"<li>{html.escape(error)}</li>" for error in self.errors)
        return f"""<!doctype html><html lang="en"><meta charset="utf-8">
<title>wlbproxy side by side</title>
<style>
body {{ font: 14px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 72em; color: #222 }}
table {{ border-collapse: collapse; margin: 1em 0 }}
th, td {{ padding: .2em .7em; text-align: right; border-bottom: 1px solid #ddd }}
th:first-child, td:first-child, td:nth-child(5):last-child {{ text-align: left }}
figure {{ display: inline-block; margin: 1em 1em 1em 0 }} svg text {{ font-size: 12px }}
.errors {{ color: #b00 }}
</style>
<h1>wlbproxy and its peers, side by side</h1>
<ul class="errors">{errors}</ul>
{first}
{self.charts()}
{tables}
<h2>Handshakes in memory</h2>
<pre>{html.escape(self.facts["floor"])}</pre>
<h2>Method</h2>
<ul>{method}</ul>
</html>
"""

    def write(self, folder):
        folder.mkdir(parents=True, exist_ok=True)
        figures = [{"peer": peer, "scenario": name, **values}
                   for (peer, name), values in self.figures.items()]
        texts = {
            "results.json": json.dumps({
                "began": self.began.isoformat(), "facts": self.facts,
                "rounds": self.options.rounds, "figures": figures,
                "kernel_floor_us": self.kernel_floors,
                "system_calls": {f"{peer} {name}": calls
                                 for (peer, name), calls in self.calls.items()},
                "errors": self.errors}, indent=1, default=str),
            "results.md": self.markdown(),
            "report.html": self.page(),
        }
        for name, text in texts.items():
            (folder / name).write_text(text)
            yield folder / name
