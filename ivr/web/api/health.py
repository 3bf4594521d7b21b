"""Whether calls can be taken, and what somebody must look at."""

from aiohttp import web

from ivr.store import alarms, health
from ivr.web.api.fields import Time, Told
from ivr.web.api.operation import Operation
from ivr.web.health import why_not
from ivr.web.keys import CLOCK, STORE, VIEWER


class Alarm(Told):
    key: str
    text: str
    """In Japanese, with what to do."""
    since: Time
    last: Time
    count: int


class Health(Told):
    ready: bool
    reason: str | None
    """Why calls cannot be taken now."""
    alarms: list[Alarm]


async def get_health(request: web.Request) -> Health:
    """Whether calls can be taken, and the alarms of the company."""
    async with request.app[STORE].read() as db:
        reason = why_not(await health.get(db, "engine"), request.app[CLOCK].now())
        standing = await alarms.standing(db, request[VIEWER].tenant)
    told = [
        Alarm(key=row.key, text=row.text, since=row.raised_at, last=row.last_at, count=row.count)
        for row in standing
    ]
    return Health(ready=reason is None, reason=reason, alarms=told)


OPERATIONS = [Operation("GET", "/api/v1/health", get_health, "health")]
