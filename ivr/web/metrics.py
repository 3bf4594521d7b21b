"""`/metrics` for Prometheus: what an operator watches, read from the store at each scrape. A token of the operator opens it."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from ivr.callbacks.states import CLOSED
from ivr.errors import NotFound
from ivr.store import agents, alarms, callbacks, health, stages
from ivr.store.tables import CallbackRow, CallRow, Delivery, Health, Order
from ivr.web.keys import CLOCK, STORE, VIEWER

RECENT = timedelta(minutes=5)
UNSENT = ("waiting", "sending", "unsure", "failed")


async def metrics(request: web.Request) -> web.Response:
    if request[VIEWER].tenant is not None:
        raise NotFound("metrics are the operator's")
    async with request.app[STORE].read() as db:
        families = [
            *await _of_engine(db, request.app[CLOCK].now()),
            *await _of_work(db, request.app[CLOCK].now()),
        ]
    registry = CollectorRegistry()
    registry.register(_Once(families))
    return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})


class _Once(Collector):
    def __init__(self, families: Iterable[GaugeMetricFamily]) -> None:
        self._families = families

    def collect(self) -> Iterator[GaugeMetricFamily]:
        yield from self._families


async def _of_engine(db: AsyncSession, now: datetime) -> list[GaugeMetricFamily]:
    engine, trunks = await health.get(db, "engine"), await health.get(db, "trunks")
    detail = engine.detail if engine and _is_up(engine, now) else {}
    queues: dict[str, Any] = detail.get("queues", {})
    recent = select(CallRow.line, CallRow.outcome, func.count()).where(CallRow.ended_at > now - RECENT)
    ended = await db.execute(recent.group_by(CallRow.line, CallRow.outcome))
    states: dict[tuple[str, ...], int] = {}
    for row in await agents.listing(db):
        state = agents.state_at(row, now)
        states[(state,)] = states.get((state,), 0) + 1
    up = {
        (name,): int(one["state"] in ("registered", "reachable"))
        for name, one in (trunks.detail if trunks else {}).items()
    }
    return [
        _gauge(
            "ivr_engine_up", "1: the engine has its link to Asterisk and takes calls", {(): int(bool(detail))}
        ),
        _gauge("ivr_calls", "calls that the engine leads now", {(): detail.get("calls", 0)}),
        _gauge(
            "ivr_waiting",
            "callers in a queue",
            {(key,): one.get("waiting", 0) for key, one in queues.items()},
            "line",
        ),
        _gauge(
            "ivr_talking",
            "callers who talk to an agent",
            {(key,): one.get("talking", 0) for key, one in queues.items()},
            "line",
        ),
        _gauge("ivr_agents", "agents by state", states, "state"),
        _gauge("ivr_trunk_up", "1: the carrier knows us, or is there", up, "trunk"),
        _gauge(
            "ivr_calls_ended_recently",
            "calls that ended within the last five minutes",
            _counted(ended),
            "line",
            "outcome",
        ),
    ]


async def _of_work(db: AsyncSession, now: datetime) -> list[GaugeMetricFamily]:
    open_ = await _count(db, (CallbackRow.line, CallbackRow.state), CallbackRow.state.not_in(CLOSED))
    unsent = await _count(db, (Delivery.channel, Delivery.state), Delivery.state.in_(UNSENT))
    orders = await _count(db, (Order.recipient,), Order.done_at.is_(None))
    work: dict[tuple[str, ...], int] = {}
    for stage in stages.STAGES:
        state = stages.column(stage, "state")
        found = await _count(db, (state,), state.in_(("waiting", "working", "failed")))
        work |= {(stage, *key): count for key, count in found.items()}
    late = {(line,): count for line, (_, count) in (await callbacks.overdue(db, sorted(CLOSED), now)).items()}
    return [
        _gauge("ivr_callbacks", "callbacks that are not over", open_, "line", "state"),
        _gauge("ivr_callbacks_overdue", "callbacks past the time that was told, not begun", late, "line"),
        _gauge("ivr_messages", "stages of messages that are not done", work, "stage", "state"),
        _gauge("ivr_notices", "notices that have not arrived", unsent, "channel", "state"),
        _gauge("ivr_orders", "orders that a process has not carried out", orders, "recipient"),
        _gauge("ivr_alarms", "alarms that stand", {(): len(await alarms.standing(db))}),
    ]


def _is_up(row: Health, now: datetime) -> bool:
    return row.ok and health.is_fresh(row, now)


async def _count(
    db: AsyncSession, by: tuple[InstrumentedAttribute[Any], ...], where: ColumnElement[bool]
) -> dict[tuple[str, ...], int]:
    return _counted(await db.execute(select(*by, func.count()).where(where).group_by(*by)))


def _counted(rows: Iterable[Any]) -> dict[tuple[str, ...], int]:
    return {tuple(str(value) for value in key): count for *key, count in rows}


def _gauge(name: str, help: str, values: Mapping[Any, float], *labels: str) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, help, labels=labels)
    for key, value in values.items():
        family.add_metric(key, value)
    return family
