"""Lists are read page by page: `after` is the key of the last row of the page before."""

from typing import Any

from sqlalchemy import ColumnElement, tuple_
from sqlalchemy.orm import InstrumentedAttribute

from ivr.errors import NotFound


def beyond(
    order: tuple[ColumnElement[Any] | InstrumentedAttribute[Any], ...], last: Any, *, falling: bool
) -> ColumnElement[bool]:
    """The rows after `last` (values of the columns of `order`) in an order by these columns."""
    if last is None:
        raise NotFound("The list cannot go on after that entry, for there is none; start without `after`.")
    here = tuple_(*order)
    there = tuple_(*last, types=[column.type for column in order])
    return here < there if falling else here > there
