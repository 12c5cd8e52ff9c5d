"""Charts: bars and curves, as text and as SVG."""
import html

BAR = 46  # characters of the longest bar
WIDE = 420  # the same in pixels
COLORS = ["#0a7", "#7cb", "#3a9", "#9c6", "#286", "#5b8", "#c55", "#d93", "#57b", "#a6b", "#888",
          "#b85", "#669"]


def number(value, digits=1):
    return "-" if value is None else f"{value:,.{digits}f}"


def text_bars(title, values):
    """`values`: [(name, figure)]."""
    top = max((value for _, value in values), default=0) or 1
    widest = max((len(name) for name, _ in values), default=0)
    return "\n".join([title, *(
        f"  {name:<{widest}}  {'#' * max(1, round(BAR * value / top))} {number(value)}"
        for name, value in values)])


def svg_bars(title, values):
    top = max((value for _, value in values), default=0) or 1
    bars = []
    for i, (name, value) in enumerate(values):
        width, y = max(1, WIDE * value / top), i * 22
        color = COLORS[i % len(COLORS)]
        bars.append(
            f'<text x="188" y="{y + 14}" text-anchor="end">{html.escape(name)}</text>'
            f'<rect x="194" y="{y + 2}" width="{width:.1f}" height="16" rx="2"'
            f' fill="{color}"/><text x="{200 + width:.1f}" y="{y + 14}">'
            f"{number(value)}</text>")
    return (f"<figure><figcaption>{html.escape(title)}</figcaption>"
            f'<svg width="700" height="{22 * len(values) + 4}">{"".join(bars)}</svg></figure>')


def svg_line(title, points):
    """`points`: [(n, figure)], at equal distances."""
    top = max(value for _, value in points) * 1.1 or 1
    step = 520 / max(1, len(points) - 1)
    placed = [(50 + i * step, 150 - 130 * value / top) for i, (_, value) in enumerate(points)]
    marks = "".join(
        f'<circle cx="{x:.0f}" cy="{y:.0f}" r="3" fill="#0a7"/>'
        f'<text x="{x:.0f}" y="{y - 8:.0f}" text-anchor="middle">{number(value)}</text>'
        f'<text x="{x:.0f}" y="168" text-anchor="middle">{n}</text>'
        for (x, y), (n, value) in zip(placed, points))
    line = " ".join(f"{x:.0f},{y:.0f}" for x, y in placed)
    return (f'<figure><figcaption>{html.escape(title)}</figcaption><svg width="640" height="175">'
            f'<polyline fill="none" stroke="#0a7" stroke-width="2" points="{line}"/>{marks}'
            "</svg></figure>")
