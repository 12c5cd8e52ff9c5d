"""The results as a table, as JSON, and as one self-contained page with charts."""
import html
import json


COLORS = ["#0a7", "#7cb", "#c55", "#d93", "#57b", "#a6b"]


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
        self.scenarios = [one for one in options.scenario
                          if any((peer, one.name) in figures for peer in self.peers)]

    def of(self, peer, scenario, name):
        return self.figures.get((peer, scenario.name), {}).get(name)

    def best_peer(self, scenario, name="cpu_us"):
        """(name, figure) of the best that is not ours."""
        found = [(self.of(peer, scenario, name), peer) for peer in self.peers
                 if not peer.startswith("wlbproxy") and self.of(peer, scenario, name)]
        return min(found) if found else (None, None)

    # --- text ------------------------------------------------------------------------------

    def _row(self, cells, widths):
        return "  ".join(str(cell).ljust(width) if i == 0 else str(cell).rjust(width)
                         for i, (cell, width) in enumerate(zip(cells, widths))).rstrip()

    def _table(self, rows):
        widths = [max(len(str(row[i])) for row in rows) for i in range(len(rows[0]))]
        return "\n".join(self._row(row, widths) for row in rows)

    def cpu_rows(self):
        rows = [["CPU us per operation", *self.peers, "of best peer", "goal"]]
        for scenario in self.scenarios:
            if scenario.kind != "load":
                continue
            best, _ = self.best_peer(scenario)
            ours = self.of("wlbproxy", scenario, "cpu_us")
            rows.append([
                scenario.name,
                *(number(self.of(peer, scenario, "cpu_us")) for peer in self.peers),
                number(ours / best if ours and best else None, 2),
                number(scenario.goal, 2)])
        return rows

    def latency_rows(self):
        rows = [["operations/s; p50/p99/max ms", *self.peers]]
        for scenario in self.scenarios:
            if scenario.kind != "load":
                continue
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
        for scenario in self.scenarios:
            if scenario.kind == "load":
                rows.append([scenario.name,
                             *(number(self.of(peer, scenario, "page_faults"), 2)
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
                    ("times_reckoned", "the same, reckoned on two CPUs from CPU clocks"),
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

    def tables(self):
        return [rows for rows in (self.cpu_rows(), self.latency_rows(),
                                  self.page_fault_rows(), self.other_rows(),
                                  self.curve_rows()) if len(rows) > 1]

    def table(self):
        return "\n\n".join(self._table(rows) for rows in self.tables())

    def _facts_text(self):
        lines = [f"{name}: {_in_words(value)}" for name, value in self.facts.items()
                 if name != "floor"]
        how = (f"medians of {self.options.rounds} rounds of {self.options.seconds:g} s, "
               "interleaved; server on CPU 0, client and backend on CPU 1")
        return [f"{self.began:%Y-%m-%d %H:%M} UTC; {how}", *lines]

    def markdown(self):
        parts = ["# Side by side\n", *(f"* {line}" for line in self._facts_text()), ""]
        parts += ["The floor, handshakes in memory:", "", "```", self.facts["floor"], "```", ""]
        for rows in self.tables():
            parts.append("| " + " | ".join(map(str, rows[0])) + " |")
            parts.append("|" + "---|" * len(rows[0]))
            parts += ["| " + " | ".join(map(str, row)) + " |" for row in rows[1:]]
            parts.append("")
        if self.errors:
            parts += ["Errors (no figure where there is one):", ""]
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
        tables = "".join(
            "<table>" + "".join(
                "<tr>" + "".join(f"<{tag}>{html.escape(str(cell))}</{tag}>" for cell in row)
                + "</tr>" for tag, row in zip(["th"] + ["td"] * len(rows), rows)) + "</table>"
            for rows in self.tables())
        facts = "".join(f"<li>{html.escape(line)}</li>" for line in self._facts_text())
        errors = "".join(f"<li>{html.escape(error)}</li>" for error in self.errors)
        return f"""<!doctype html><html lang="en"><meta charset="utf-8">
<title>wlbproxy side by side</title>
<style>
body {{ font: 14px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 72em; color: #222 }}
table {{ border-collapse: collapse; margin: 1em 0 }}
th, td {{ padding: .2em .7em; text-align: right; border-bottom: 1px solid #ddd }}
th:first-child, td:first-child {{ text-align: left }}
figure {{ display: inline-block; margin: 1em 1em 1em 0 }} svg text {{ font-size: 12px }}
.errors {{ color: #b00 }}
</style>
<h1>wlbproxy and its peers, side by side</h1>
<ul>{facts}</ul>
<ul class="errors">{errors}</ul>
<p>The floor, handshakes in memory:</p>
<pre>{html.escape(self.facts["floor"])}</pre>
{self.charts()}
{tables}
<p>Every server had one worker on CPU 0; the load generator and the backend shared CPU 1.
Certificates, ciphers and groups were
the same; backend connections were kept alive where a peer can. CPU is the scheduler's count over
all processes and threads of a server, ended threads included. Medians of interleaved rounds.</p>
</html>
"""

    def write(self, folder):
        folder.mkdir(parents=True, exist_ok=True)
        figures = [{"peer": peer, "scenario": name, **values}
                   for (peer, name), values in self.figures.items()]
        texts = {
            "results.json": json.dumps({"began": self.began.isoformat(), "facts": self.facts,
                                        "rounds": self.options.rounds, "figures": figures,
                                        "errors": self.errors}, indent=1, default=str),
            "results.md": self.markdown(),
            "report.html": self.page(),
        }
        for name, text in texts.items():
            (folder / name).write_text(text)
            yield folder / name
