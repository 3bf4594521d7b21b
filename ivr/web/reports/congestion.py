"""混雑の地図: calls by weekday and hour, as a picture, and as a table for those who cannot see it."""

from collections.abc import Callable

from markupsafe import Markup, escape

from ivr.reports.tally import Tally
from ivr.web.reports.labels import WEEKDAYS
from ivr.web.reports.tables import Cell, Table

OFFICE = (9, 18)  # hours that are shown in any case
CELL_WIDTH, CELL_HEIGHT, LEFT, TOP = 46, 40, 30, 24  # pixels
SHADES = (
    "#ffffff",
    "#e8f1f7",
    "#cfe3ef",
    "#a3cbe2",
    "#2f76a3",
    "#0f5c8c",
)  # what is written on them has 4.5:1
LIGHT_FROM = 4  # shades from here on are written on in white
Address = Callable[[str, str], str]
"""Of the rows of a figure, by its name and scope."""


def hours_of(tally: Tally) -> range:
    slots = {int(scope.partition("-")[2]) for scope in tally.scopes("slot") if tally.n("call", scope)}
    return range(min({*slots, OFFICE[0]}), max({*slots, OFFICE[1] - 1}) + 1)


def table(tally: Tally) -> Table:
    hours = hours_of(tally)
    rows = []
    for weekday, name in enumerate(WEEKDAYS):
        cells = []
        for hour in hours:
            scope = f"slot:{weekday}-{hour}"
            cells += [Cell(str(tally.n(figure, scope)), figure, scope) for figure in ("call", "call.lost")]
        rows.append((f"{name}曜日", cells))
    head = ["曜日", *(f"{hour}時台 {what}" for hour in hours for what in ("通話", "取れなかった"))]
    return Table("congestion", "曜日と時間帯", "期間中の合計。", head, rows)


def picture(tally: Tally, address: Address) -> Markup:
    """SVG. It is hidden from screen readers and keys: the table says the same."""
    hours = hours_of(tally)
    width, height = LEFT + CELL_WIDTH * len(hours), TOP + CELL_HEIGHT * 7
    most = max((tally.n("call", scope) for scope in tally.scopes("slot")), default=0)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
        ' aria-hidden="true" class="congestion" text-anchor="middle">'
    ]
    for place, hour in enumerate(hours):
        parts.append(f'<text x="{LEFT + (place + 0.5) * CELL_WIDTH}" y="16" class="axis">{hour}時</text>')
    for weekday, name in enumerate(WEEKDAYS):
        middle = TOP + (weekday + 0.5) * CELL_HEIGHT
        parts.append(f'<text x="12" y="{middle + 5}" class="axis">{name}</text>')
        for place, hour in enumerate(hours):
            scope = f"slot:{weekday}-{hour}"
            count, lost = tally.n("call", scope), tally.n("call.lost", scope)
            x, y = LEFT + place * CELL_WIDTH, TOP + weekday * CELL_HEIGHT
            parts.append(_cell(x, y, count, lost, most, address("call", scope)))
    return Markup("".join([*parts, "</svg>"]))


def _cell(x: float, y: float, count: int, lost: int, most: int, address: str) -> str:
    shade = -(-count * (len(SHADES) - 1) // most) if most else 0
    ink = "light" if shade >= LIGHT_FROM else "dark"
    box = (
        f'<rect x="{x + 1}" y="{y + 1}" width="{CELL_WIDTH - 2}" height="{CELL_HEIGHT - 2}" rx="3"'
        f' fill="{SHADES[shade]}" class="slot"/>'
    )
    if not count:
        return box
    middle = x + CELL_WIDTH / 2
    first = f'<text x="{middle}" y="{y + (18 if lost else 25)}" class="{ink}">{count}</text>'
    second = f'<text x="{middle}" y="{y + 33}" class="{ink} small">✕{lost}</text>' if lost else ""
    return f'<a href="{escape(address)}" tabindex="-1">{box}{first}{second}</a>'
