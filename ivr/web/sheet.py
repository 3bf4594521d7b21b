"""Tables for spreadsheets: CSV in UTF-8 with a BOM, by which Excel knows it."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Final

BOM: Final = b"\xef\xbb\xbf"
FORMULA: Final = tuple("=+-@＝＋－＠\t\r\n")  # with these begins what a spreadsheet would carry out


def lines(rows: Iterable[Sequence[str]]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows([[_harmless(cell) for cell in row] for row in rows])
    return out.getvalue().encode()


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.lstrip(" \u3000").startswith(FORMULA) else cell
