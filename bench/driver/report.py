"""The results as a table, as JSON, and as one self-contained page with charts.

A reader finds first how many times less CPU an operation takes, then the charts, then how far
it is from the floor, then all figures and the method.
"""
import html
import json

import re

import chart
import curves
import floor
from chart import number

SATURATED = 0.9  # of its CPU: below that a server waits for its client
MARK = "<!-- ./dev bench wrote what follows -->"
LEVEL = 0.03  # an older build and this one differ by less: no difference


def brief(figures):
    parts = []
    for name, value in figures.items():
        if isinstance(value, float):
            parts.append(f"{name}={value:.1f}")
        elif isinstance(value, dict) and name == "curve":
            parts += [f"{n}: {brief(point)};" for n, point in value.items()]
        elif not isinstance(value, (str, dict)):
            parts.append(f"{name}={value}")
    return " ".join(parts)


def _in_words(value):
    if isinstance(value, dict):
        return ", ".join(f"{name} {figure}" for name, figure in value.items())
    return f"{value:.1f}" if isinstance(value, float) else value


class Results:
    def __init__(self, began, options, facts, present, figures, errors):
        self.began, self.options, self.facts = began, options, facts
        self.figures, self.errors = figures, errors
        self.kinds = {peer.name: peer for peer in present}
        self.peers = list(self.kinds)
        self.calls, self.samples, self.arithmetic = {}, {}, {}
        self.scenarios = [one for one in options.scenario
                          if any((peer, one.name) in figures for peer in self.peers)]

    def of(self, peer, scenario, name):
        return self.figures.get((peer, scenario.name), {}).get(name)

    def ours(self):
        """The columns of this build; an older build is neither ours nor a peer."""
        return [name for name, peer in self.kinds.items() if peer.ours and not peer.path]

    def rivals(self, installed):
        """The peers, or those of them that the distribution has installed."""
        return [name for name, peer in self.kinds.items()
                if not peer.ours and not (installed and peer.path)]

    def best(self, names, scenario, figure="cpu_us"):
        """(figure, name) of the best of them."""
        found = [(self.of(name, scenario, figure), name) for name in names
                 if self.of(name, scenario, figure)]
        return min(found, default=(None, None))

    def openssl(self):
        found = re.search(r"OpenSSL (\d+)\.(\d+)", self.facts["OpenSSL"])
        return tuple(map(int, found.groups())) if found else (3, 0)

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

    def sentence(self, ours, scenario, figure="cpu_us"):
        """One row of the summary. The default engine's goal is of the installed peers, the
        native engine's of all, and is none where no others are here."""
        value = self.of(ours, scenario, figure)
        installed, rival = self.best(self.rivals(True), scenario, figure)
        of_all, rival_of_all = self.best(self.rivals(False), scenario, figure)
        if not value or not of_all:
            return None
        native = self.kinds[ours].tls_engine == "native"
        if native or not installed:
            rival = rival_of_all
        ratio = value / (of_all if native or not installed else installed)
        has_goal = scenario.goal and installed and (
            not native or self.rivals(True) != self.rivals(False))
        goal = scenario.goal.of(native, self.openssl()) if has_goal else None
        notes = [self.in_words(ratio, rival, figure), self.saturation(ours, scenario)]
        if goal:
            notes.append("the goal is met" if ratio <= goal else "the goal is missed")
        return [scenario.title, ours, number(installed and value / installed, 2),
                number(value / of_all, 2), number(goal, 2), "; ".join(filter(None, notes))]

    @staticmethod
    def in_words(ratio, rival, figure):
        if 0.95 < ratio <= 1.05:
            return f"level with {rival}"
        if ratio > 1:
            return f"behind {rival}, which takes {1 / ratio:.2f} of it"
        if figure == "kb_each":
            return f"{1 / ratio:.1f} times as many in the memory of {rival}"
        return f"{1 / ratio:.1f} times as many per CPU as {rival}"

    def workers_sentence(self, ours, scenario):
        times, note = self.of(ours, scenario, "times"), "measured"
        if times is None:
            times, note = self.of(ours, scenario, "times_reckoned"), (
                "computed from CPU clocks, because the client shares the workers' CPUs")
        if times is None:
            return None
        goal = 0.925 * scenario.workers
        return [scenario.title, ours, "-", "-", f"{goal:.2f} times one",
                f"{times:.2f} times as many as one worker, {note}; the goal is "
                + ("met" if times >= goal else "missed")]

    def summary_rows(self):
        found = []
        for scenario in self.scenarios:
            for ours in ("wlbproxy", "wlbproxy-native"):
                if ours not in self.kinds:
                    continue
                if scenario.kind == "load":
                    found.append(self.sentence(ours, scenario))
                elif scenario.kind == "idle":
                    found.append(self.sentence(ours, scenario, "kb_each"))
                elif scenario.kind == "workers":
                    found.append(self.workers_sentence(ours, scenario))
        return [["server CPU per operation", "", "of the best installed peer", "of the best of all",
                 "goal", "in words"], *filter(None, found)]

    def older_rows(self):
        """An older build of ours beside this one, set up alike."""
        rows = [["CPU us per operation", "older", "us", "this one, set up alike", "us", "ratio",
                 "in words"]]
        for name, peer in self.kinds.items():
            if not (peer.ours and peer.path):
                continue
            for scenario in self.loads():
                before = self.of(name, scenario, "cpu_us")
                now = self.of(peer.kind, scenario, "cpu_us")
                if not before or not now:
                    continue
                apart = max(self.of(one, scenario, "cpu_spread") or 0
                            for one in (name, peer.kind))
                change = now / before - 1
                words = ("the same" if abs(change) <= LEVEL else
                         f"{abs(change):.0%} {'less' if change < 0 else 'more'}" + (
                             ", within the spread of the rounds" if abs(change) <= apart else ""))
                rows.append([scenario.name, name, number(before), peer.kind, number(now),
                             f"{now / before:.2f}", words])
        return rows

    def least(self, scenario):
        """(kernel, arithmetic, both) us: the floor of one scenario, None where unknown."""
        kernel = self.figures.get(("kernel", scenario.name), {}).get("cpu_us")
        sums = floor.of_handshake(self.arithmetic, scenario.handshake, scenario.concurrency)
        return kernel, sums, None if kernel is None else kernel + (sums or 0)

    def floor_rows(self):
        rows = [["CPU us per operation", "kernel", "arithmetic", "floor", *self.ours(),
                 "of the floor"]]
        for scenario in self.loads():
            kernel, sums, least = self.least(scenario)
            if least is None:
                continue
            figures = [self.of(peer, scenario, "cpu_us") for peer in self.ours()]
            best = min(filter(None, figures), default=None)
            rows.append([scenario.name, number(kernel), number(sums), number(least),
                         *map(number, figures), number(best / least if best else None, 2)])
        return rows

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
            rows.append([scenario.name, *(self._with_spread(peer, scenario)
                                          for peer in self.peers)])
        return rows

    def _with_spread(self, peer, scenario):
        spread = self.of(peer, scenario, "cpu_spread")
        return number(self.of(peer, scenario, "cpu_us")) + (
            "" if spread is None else f" ±{spread:.0%}")

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
                    ("largest_share", "the busiest thread's share")],
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

    def curves(self):
        """[(title, name, points)] of what was measured by number."""
        return [(f"{scenario.title} ({peer})", scenario.name, self.of(peer, scenario, "curve"))
                for scenario in self.scenarios for peer in self.peers
                if self.of(peer, scenario, "curve")]

    def first(self):
        return [rows for rows in (self.summary_rows(), self.older_rows()) if len(rows) > 1]

    def tables(self):
        return [rows for rows in (self.floor_rows(), self.cpu_rows(), self.latency_rows(),
                                  self.busy_rows(), self.page_fault_rows(), self.call_rows(),
                                  self.other_rows(), *(curves.rows(name, points) for _, name, points
                                                       in self.curves())) if len(rows) > 1]

    def table(self):
        return "\n\n".join(self._table(rows) for rows in self.first() + self.tables())

    def title(self):
        return "Side by side" if self.loads() or not self.curves() else "How cost grows"

    def method(self):
        lines = [f"{name}: {_in_words(value)}" for name, value in self.facts.items()
                 if name != "floor"]
        alike = ["CPU is the scheduler's count over all processes and threads of a server, the "
                 "signer and ended threads included",
                 "system calls are counted by strace once the load has begun, for each request that "
                 "goes to the backend", *lines]
        if not self.loads():
            return [f"{self.began:%Y-%m-%d %H:%M} UTC; each point once, for "
                    f"{self.options.seconds:g} s, of a server that has done nothing else",
                    f"a step is a point that costs more than {curves.STEP:g} times the one before",
                    "the server is on CPU 0, but with several workers on all; load generator and "
                    "backend share CPU 1", *alike]
        return [f"{self.began:%Y-%m-%d %H:%M} UTC; medians of {self.options.rounds} rounds of "
                f"{self.options.seconds:g} s, all servers interleaved",
                "each server has one worker on CPU 0; load generator and backend share CPU 1",
                "equal certificates, ciphers and groups; backend connections are kept alive "
                "where a server can",
                "a figure of CPU is the median of its rounds, with half of the distance between "
                "the least and the most",
                "the kernel's part of the floor: the same bytes through bench/relay.c; "
                "arithmetic's: a handshake in memory, by bench/handshake_floor.c",
                *alike]

    @staticmethod
    def _markdown_table(rows):
        head = ["| " + " | ".join(map(str, rows[0])) + " |", "|" + "---|" * len(rows[0])]
        return head + ["| " + " | ".join(map(str, row)) + " |" for row in rows[1:]] + [""]

    def markdown(self):
        parts = []
        for rows in self.first():
            parts += self._markdown_table(rows)
        bars = [chart.text_bars(*one) for one in self.bars()]
        parts += ["```", "\n\n".join(bars), "```", ""] if bars else []
        for title, name, points in self.curves():
            parts += self._markdown_curve(title, name, points)
        for rows in self.tables()[:-len(self.curves()) or None]:
            parts += self._markdown_table(rows)
        if self.loads():
            parts += ["Handshakes in memory:", "", "```", self.facts["floor"], "```", ""]
        parts += ["## Method", "", *(f"* {line}" for line in self.method())]
        if self.errors:
            parts += ["", "Errors (no figure where there is one):", ""]
            parts += [f"* {error}" for error in self.errors]
        return "\n".join(parts) + "\n"

    def _markdown_curve(self, title, name, points):
        found = curves.steps(name, points)
        said = [f"* From {a:,} to {b:,} {factor:.2f} times as much {what}: {reason}."
                for what, a, b, factor, reason in found]
        bars = [(f"{n:,}", cost) for n, cost in curves.level(name, points)]
        return [f"## {title[0].upper()}{title[1:]}", "",
                *self._markdown_table(curves.rows(name, points)),
                "```", chart.text_bars(curves.CURVES[name].cost, bars), "```", "",
                *(said or ["No step."]), ""]

    def steps_without_reason(self):
        return [f"{title}, from {a:,} to {b:,}: {factor:.2f} times as much {what}"
                for title, name, points in self.curves()
                for what, a, b, factor, reason in curves.steps(name, points)
                if reason == curves.NO_REASON]

    # --- charts ----------------------------------------------------------------------------

    def bars(self):
        """[(title, [(name, figure)])]."""
        found = []
        for scenario in self.scenarios:
            if scenario.kind == "load":
                found.append((f"{scenario.title}: server CPU, us per operation",
                              [("floor", self.least(scenario)[2]),
                               *self._column(scenario, "cpu_us")]))
            found += [(f"{scenario.title}: {title}", self._column(scenario, name))
                      for name, title in self.OTHERS.get(scenario.kind, [])]
        found = [(title, [one for one in values if one[1] is not None])
                 for title, values in found]
        return [(title, values) for title, values in found if values]

    def _column(self, scenario, name):
        return [(peer, self.of(peer, scenario, name)) for peer in self.peers]

    def charts(self):
        return "\n".join([chart.svg_bars(*one) for one in self.bars()] + [
            chart.svg_line(f"{title}: {curves.CURVES[name].cost}", curves.level(name, points))
            for title, name, points in self.curves()])

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
th:first-child, td:first-child, td:nth-child(6):last-child {{ text-align: left }}
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

    def publish(self, path):
        """Puts the report below what a person wrote in that file."""
        words = path.read_text().split(MARK)[0] if path.exists() else f"# {self.title()}\n\n"
        path.write_text(f"{words}{MARK}\n\n{self.markdown()}")

    def write(self, folder):
        folder.mkdir(parents=True, exist_ok=True)
        figures = [{"peer": peer, "scenario": name, **values}
                   for (peer, name), values in self.figures.items()]
        texts = {
            "results.json": json.dumps({
                "began": self.began.isoformat(), "facts": self.facts,
                "rounds": self.options.rounds, "figures": figures,
                "rounds_cpu_us": {f"{peer} {name}": [one.get("cpu_us") for one in samples]
                                  for (peer, name), samples in self.samples.items()},
                "system_calls": {f"{peer} {name}": calls
                                 for (peer, name), calls in self.calls.items()},
                "errors": self.errors}, indent=1, default=str),
            "results.md": f"# {self.title()}\n\n{self.markdown()}",
            "report.html": self.page(),
        }
        for name, text in texts.items():
            (folder / name).write_text(text)
            yield folder / name
