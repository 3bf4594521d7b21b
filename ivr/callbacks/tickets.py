"""受付番号: digits that can be read aloud, in no order that can be guessed, with a check digit.

The check digit is Damm's: it finds every wrong digit and every swap of two neighbours.
"""

import secrets

DIGITS = 6

# H. M. Damm, "Total anti-symmetrische Quasigruppen", 2004.
_DAMM = (
    "0317598642",
    "7092154863",
    "4206871359",
    "1750983426",
    "6123045978",
    "3674209581",
    "5869720134",
    "8945362017",
    "9438617205",
    "2581436790",
)


def new(tries: int = 0) -> str:
    """Seven digits. After many collisions (`tries` so far) it grows, for then most of those are given out."""
    digits = DIGITS + 2 * (tries // 8)
    # No zero in front: spreadsheets lose it.
    drawn = str(10 ** (digits - 1) + secrets.randbelow(9 * 10 ** (digits - 1)))
    return drawn + _check_digit(drawn)


def check(ticket: str) -> bool:
    """Whether a number as it was heard or typed can be a ticket."""
    long_enough = ticket.isascii() and ticket.isdigit() and len(ticket) > DIGITS
    return long_enough and ticket[0] != "0" and _check_digit(ticket) == "0"


def _check_digit(digits: str) -> str:
    row = "0"
    for digit in digits:
        row = _DAMM[int(row)][int(digit)]
    return row
