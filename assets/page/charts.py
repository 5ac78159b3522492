"""Pictures of a page as inline SVG: bars, columns by hour, a line over days. Plain functions.

Widths are in percent and heights in pixels, so that a picture fills its place and its text stays readable on a phone.
Colours are CSS classes. Everything that stands in a picture is escaped.
"""

from collections.abc import Sequence

from markupsafe import Markup

from flowlogs.printable import shortened

HEIGHT = 150
"""How high columns and lines are, in pixels; their labels are below."""

_LABELS_HEIGHT = 24
_TOP = 18


def bar(share: float) -> Markup:
    """One bar of a list, as long as its share of the longest one. The number stands beside it as text."""
    drawn = Markup('<svg class="bar" width="100%" height="10" aria-hidden="true"><rect width="{}%" height="10"/></svg>')
    return drawn.format(f"{_shown_share(share):.1f}")


def bars_picture(bars: Sequence[tuple[str, str, float]]) -> str:
    """Bars with their labels, values and shares as a picture of its own, for where no style is: Dagster's UI.

    It is as short as can be, as the UI shows little text at once, and readable on light and dark.
    """
    texts = [
        Markup('<text y="{}">{}: {}</text>').format(28 * number + 11, shortened(label, 60), value)
        for number, (label, value, _) in enumerate(bars)
    ]
    lines = [f"M0 {28 * number + 19}h{4 * _shown_share(share):.0f}" for number, (_, _, share) in enumerate(bars)]
    return Markup(
        '<svg xmlns="http://www.w3.org/2000/svg" width="400" height="{}" font-family="sans-serif" font-size="12" '
        'fill="#777">{}<path stroke="#c24" stroke-width="8" d="{}"/></svg>'
    ).format(28 * len(bars), Markup("").join(texts), "".join(lines))


def _shown_share(share: float) -> float:
    """The share in percent; what is not zero is seen."""
    return max(100 * share, 0.5 if share else 0)


def columns(
    labels: Sequence[str], values: Sequence[int], titles: Sequence[str], alternative: str, every: int
) -> Markup:
    """Columns side by side, each with a title; of the labels, each `every`-th is shown."""
    most = max([*values, 1])
    wide = 100 / len(values)
    parts = [_frame(most)]
    for number, (value, title) in enumerate(zip(values, titles, strict=True)):
        high = max(HEIGHT * value / most, 1.5 if value else 0)
        parts.append(
            Markup('<rect class="column" x="{}%" y="{}" width="{}%" height="{}"><title>{}</title></rect>').format(
                f"{wide * (number + 0.1):.2f}", f"{_TOP + HEIGHT - high:.1f}", f"{wide * 0.8:.2f}", f"{high:.1f}", title
            )
        )
    parts += _labels(labels, every, [wide * number for number in range(len(labels))], "start")
    return _picture(parts, alternative)


def line(labels: Sequence[str], values: Sequence[int], titles: Sequence[str], alternative: str, every: int) -> Markup:
    """A line through a value for each label, with a point and a title at each."""
    most = max([*values, 1])
    across = [2 + 96 * number / max(len(values) - 1, 1) for number in range(len(values))]
    down = [_TOP + HEIGHT - HEIGHT * value / most for value in values]
    parts = [_frame(most)]
    for number in range(1, len(values)):
        parts.append(
            Markup('<line class="line" x1="{}%" y1="{}" x2="{}%" y2="{}"/>').format(
                f"{across[number - 1]:.2f}", f"{down[number - 1]:.1f}", f"{across[number]:.2f}", f"{down[number]:.1f}"
            )
        )
    for x, y, title in zip(across, down, titles, strict=True):
        parts.append(
            Markup('<circle class="point" cx="{}%" cy="{}" r="4"><title>{}</title></circle>').format(
                f"{x:.2f}", f"{y:.1f}", title
            )
        )
    parts += _labels(labels, every, across, "middle")
    return _picture(parts, alternative)


def _frame(most: int) -> Markup:
    """The ground line, and a line at the greatest value, which it names."""
    ground = _TOP + HEIGHT
    return Markup(
        '<line class="ground" x1="0" y1="{0}" x2="100%" y2="{0}"/>'
        '<line class="grid" x1="0" y1="{1}" x2="100%" y2="{1}"/>'
        '<text class="scale" x="0" y="{2}">{3}</text>'
    ).format(ground, _TOP, _TOP - 5, f"{most:,}")


def _labels(labels: Sequence[str], every: int, across: Sequence[float], anchor: str) -> list[Markup]:
    shown = [(text, x) for number, (text, x) in enumerate(zip(labels, across, strict=True)) if number % every == 0]
    found = []
    for number, (text, x) in enumerate(shown):
        at = anchor
        if anchor == "middle" and len(shown) > 1:
            at = "start" if number == 0 else "end" if x > 97 else "middle"
        found.append(
            Markup('<text x="{}%" y="{}" text-anchor="{}">{}</text>').format(f"{x:.2f}", _TOP + HEIGHT + 17, at, text)
        )
    return found


def _picture(parts: Sequence[Markup], alternative: str) -> Markup:
    height = _TOP + HEIGHT + _LABELS_HEIGHT
    return Markup('<svg class="chart" role="img" width="100%" height="{}" aria-label="{}">{}</svg>').format(
        height, alternative, Markup("").join(parts)
    )
