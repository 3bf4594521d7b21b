"""`ivr draw`: the flow of a dialplan as Mermaid text and as SVG, from the model itself."""

import unicodedata
from collections.abc import Iterator, Mapping
from html import escape

from ivr.dialplan.layout import Layout, Spot, lay_out
from ivr.dialplan.model import Dialplan, LineModel, Step

# What a type of step and a way out are called; a new one shows its own name until it stands here.
TYPES = {
    "play": "アナウンス",
    "menu": "メニュー",
    "hours": "営業時間",
    "queue": "呼び出し",
    "voicemail": "留守番電話",
    "hangup": "終了",
    "collect": "番号入力",
    "consent": "同意",
    "branch": "分岐",
    "survey": "アンケート",
    "say_hours": "営業時間の案内",
    "callback": "折り返し",
    "ticket": "受付状況の確認",
    "transfer": "転送",
    "notify": "通知",
    "closing": "臨時休業",
    "mailbox": "メッセージの確認",
    "goto": "別の窓口へ",
}
WAYS = {
    "next": "",
    "open": "営業中",
    "closed": "営業時間外",
    "otherwise": "その他",
    "message": "ご用件の追加",
}
VISIT_OVER = "通話時間の上限"  # no step leads there, but the limit of the visit
LONGEST_TEXT = 20  # characters of what a step says


def label(way: str) -> str:
    """ "keys.#1" -> "#1", "when.0.next" -> "条件1", "otherwise" -> "その他"."""
    match way.split("."):
        case ["keys", key]:
            return key
        case ["when", number, "next"]:
            return f"条件{int(number) + 1}"
    return WAYS.get(way, way)


def lines_of(name: str, step: Step, line: LineModel) -> list[str]:
    """The name, what it is, and the beginning of what it says."""
    said = next(iter(step.says().values()), "").replace("{line}", line.spoken)
    if where := step.leads_out():
        said = f"{where.line}:{where.step}" if where.step else where.line
    shown = said if len(said) <= LONGEST_TEXT else said[: LONGEST_TEXT - 1] + "…"
    kind = TYPES.get(step.type, step.type)
    if line.visit is not None and line.visit.otherwise == name:
        kind += f"（{VISIT_OVER}）"
    return [name, kind, *([shown] if shown else [])]


def _labelled_ways(step: Step) -> dict[str, str]:
    """Target -> labels of all ways that lead there."""
    labels: dict[str, list[str]] = {}
    for way, target in step.exits().items():
        labels.setdefault(target, []).append(label(way))
    return {target: "、".join(filter(None, words)) for target, words in labels.items()}


def _on_way(words: str, taken: str) -> str:
    return " ".join(filter(None, (words, taken)))


# -- Mermaid --------------------------------------------------------------------------------


def mermaid(dialplan: Dialplan, taken: Mapping[tuple[str, str], str] | None = None) -> str:
    """`taken`: (step, next step) -> what stands on that way beside its label."""
    # Numbers, for a step may be called "end", which Mermaid takes for its own.
    ids = {name: f"s{number}" for number, name in enumerate(dialplan.steps)}
    lines = ["flowchart TD", f'    start(["{_quoted(dialplan.line.name)}"]) --> {ids[dialplan.start]}']
    for name, step in dialplan.steps.items():
        text = "<br/>".join(map(_quoted, lines_of(name, step, dialplan.line)))
        lines.append(f'    {ids[name]}["{text}"]')
    for name, step in dialplan.steps.items():
        for target, words in _labelled_ways(step).items():
            words = _on_way(words, (taken or {}).get((name, target), ""))
            arrow = f'-->|"{_quoted(words)}"|' if words else "-->"
            lines.append(f"    {ids[name]} {arrow} {ids[target]}")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """Mermaid's own way of writing a character by number: "#" begins it."""
    special = {"#": "#35;", '"': "#quot;", "<": "#lt;", ">": "#gt;", "`": "#96;", "\n": " "}
    return "".join(special.get(character, character) for character in text)


# -- SVG ------------------------------------------------------------------------------------

SIZE = 13  # of letters, pixels
LINE, PADDING = 18, 10
BETWEEN, LAYER_GAP, MARGIN = 36, 56, 24
FONT = "'Noto Sans CJK JP', 'Hiragino Sans', 'Yu Gothic', sans-serif"
COLOURS = {
    "menu": "#e3edfb",
    "queue": "#d7ecd9",
    "voicemail": "#f8e3d0",
    "hours": "#fff3c4",
    "hangup": "#eeeeee",
}


def svg(
    dialplan: Dialplan,
    taken: Mapping[tuple[str, str], str] | None = None,
    notes: Mapping[str, str] | None = None,
) -> str:
    """`taken`: (step, next step) -> what stands on that way; `notes`: step -> the last line of its box."""
    steps, taken, notes = dialplan.steps, taken or {}, notes or {}
    texts = {name: lines_of(name, step, dialplan.line) for name, step in steps.items()}
    for name, note in notes.items():
        texts[name].append(note)
    width = {name: max(map(_width, lines)) + 2 * PADDING for name, lines in texts.items()}
    ways = {name: list(_labelled_ways(step)) for name, step in steps.items()}
    layout = lay_out(ways, dialplan.start, width, BETWEEN)
    pen = _Pen(layout, width, height=max(map(len, texts.values())) * LINE + PADDING)
    arrows: list[str] = []
    labels: list[str] = []
    for name, step in steps.items():
        for target, words in _labelled_ways(step).items():
            path, at, arrives = pen.way(name, target)
            head = ' marker-end="url(#arrow)"' if arrives else ""
            arrows.append(f'<path d="{path}" fill="none" stroke="#555"{head}/>')
            rows = [row for row in (words, taken.get((name, target), "")) if row]
            labels += [
                part for number, row in enumerate(rows) for part in _label(row, at[0], at[1] + 13 * number)
            ]
    boxes = [part for name in steps for part in _box(pen, name, texts[name], steps[name].type, width[name])]
    title = escape(dialplan.line.name)
    return (
        "\n".join(
            [*_head(title, pen.right + MARGIN, pen.bottom + MARGIN), *arrows, *boxes, *labels, "</svg>"]
        )
        + "\n"
    )


def _head(title: str, width: float, height: float) -> Iterator[str]:
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}"'
        f' height="{height:.0f}" role="img" font-family="{FONT}" font-size="{SIZE}">'
    )
    yield f"<title>{title}</title>"
    yield (
        '<defs><marker id="arrow" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7"'
        ' orient="auto"><path d="M0 0L10 5L0 10z" fill="#555"/></marker></defs>'
    )
    yield f'<rect width="{width:.0f}" height="{height:.0f}" fill="#ffffff"/>'


class _Pen:
    """Pixels of a layout. Ways back run on the right of everything, each on a track of its own."""

    def __init__(self, layout: Layout, width: dict[str, float], *, height: float) -> None:
        self._layout = layout
        self._width = width
        self.height = height  # of every box
        boxes = max(layout.x[name] + width[name] / 2 for name in width)
        spots = max(layout.x.values())
        self.right = MARGIN + max(boxes, spots)
        self.bottom = MARGIN + max(layout.layer.values()) * (height + LAYER_GAP) + height
        self._drawn: set[Spot] = set()
        # The ways out of a step leave it side by side.
        self._out: dict[str, list[str]] = {name: [] for name in width}
        for name, target in layout.bends:
            self._out[name].append(target)
        for name, targets in self._out.items():
            targets.sort(key=lambda target, name=name: self._next(name, target))  # type: ignore[misc]

    def middle(self, spot: Spot) -> float:
        return MARGIN + self._layout.x[spot]

    def top(self, spot: Spot) -> float:
        return MARGIN + self._layout.layer[spot] * (self.height + LAYER_GAP)

    def way(self, name: str, target: str) -> tuple[str, tuple[float, float], bool]:
        """The path, where its label stands, and whether it leads to its end: it may join a way already drawn."""
        if (name, target) in self._layout.back:
            return *self._way_back(name, target), True
        targets = self._out[name]
        share = (targets.index(target) + 1) / (len(targets) + 1)
        x = self.middle(name) + (share - 0.5) * self._width[name]
        y = self.top(name) + self.height
        path = f"M{x:.1f} {y:.1f}"
        first: tuple[float, float] | None = None
        for spot in [*self._layout.bends[name, target], target]:
            to_x, to_y = self.middle(spot), self.top(spot)
            bow = LAYER_GAP / 2
            path += f"C{x:.1f} {y + bow:.1f} {to_x:.1f} {to_y - bow:.1f} {to_x:.1f} {to_y:.1f}"
            first = first or (x + (to_x - x) * 0.3, y + 20)
            x, y = to_x, to_y
            if not isinstance(spot, str):
                if spot in self._drawn:
                    return path, first, False
                self._drawn.add(spot)
                y += self.height
                path += f"L{x:.1f} {y:.1f}"
        assert first is not None
        return path, first, True

    def _way_back(self, name: str, target: str) -> tuple[str, tuple[float, float]]:
        self.right += BETWEEN / 2
        from_x = self.middle(name) + self._width[name] / 2
        to_x = self.middle(target) + self._width[target] / 2
        from_y, to_y = self.top(name) + self.height * 0.7, self.top(target) + self.height * 0.3
        path = f"M{from_x:.1f} {from_y:.1f}H{self.right:.1f}V{to_y:.1f}H{to_x:.1f}"
        return path, (from_x + 24, from_y)

    def _next(self, name: str, target: str) -> float:
        return self._layout.x[[*self._layout.bends[name, target], target][0]]


def _box(pen: _Pen, name: str, lines: list[str], type_: str, width: float) -> Iterator[str]:
    x, y = pen.middle(name), pen.top(name)
    colour = COLOURS.get(type_, "#ffffff")
    yield (
        f'<rect x="{x - width / 2:.1f}" y="{y:.1f}" width="{width:.1f}" height="{pen.height:.0f}" rx="6"'
        f' fill="{colour}" stroke="#555"/>'
    )
    for number, line in enumerate(lines, 1):
        look = ' font-weight="bold"' if number == 1 else ' fill="#444"'
        yield f'<text x="{x:.1f}" y="{y + number * LINE:.1f}" text-anchor="middle"{look}>{escape(line)}</text>'


def _label(words: str, x: float, y: float) -> Iterator[str]:
    if words:
        width = _width(words) * 0.85
        yield f'<rect x="{x - width / 2 - 2:.1f}" y="{y - 9:.1f}" width="{width + 4:.1f}" height="14" fill="#ffffff"/>'
        yield f'<text x="{x:.1f}" y="{y + 2:.1f}" text-anchor="middle" font-size="11">{escape(words)}</text>'


def _width(text: str) -> float:
    """About as wide as a browser sets it; no font is asked."""
    wide = sum(unicodedata.east_asian_width(character) in "WFA" for character in text)
    return SIZE * (wide + 0.58 * (len(text) - wide))
