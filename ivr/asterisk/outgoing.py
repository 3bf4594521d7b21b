"""Calls that we make: a telephone rings, and who answers is a caller like any other, with the words of `Call`."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ivr.asterisk.ari import Ari, AriRefused
from ivr.asterisk.caller import AriCall, Sounds
from ivr.asterisk.channel import AGENT
from ivr.asterisk.waiting import RING_SLACK, dial
from ivr.asterisk.ways import NoPlace, Ways
from ivr.call import Announcement, Caller, CallerHungUp, CallState
from ivr.errors import AsteriskError
from ivr.outside import NoWay, Way, national

log = logging.getLogger("ivr.asterisk.outgoing")

Reason = Literal["busy", "no_answer", "refused", "not_in_use", "failed"]
CANCELLED = 487  # SIP: it rang until we gave up


@dataclass(frozen=True, slots=True)
class NotReached:
    """`said`: why, in Japanese, as the history of a callback tells it. "failed": nothing has rung there."""

    reason: Reason
    said: str


_BUSY = NotReached("busy", "お話し中でした。")
_NO_ANSWER = NotReached("no_answer", "応答がありませんでした。")
_ABSENT = NotReached("no_answer", "電源が入っていないか、電波の届かない場所におられます。")
_REFUSED = NotReached("refused", "着信を拒否されたか、事業者の規制により、つながりませんでした。")
_NOT_IN_USE = NotReached("not_in_use", "この電話番号は、現在使われていません。")
_LOGIN = NotReached(
    "failed", "事業者に認証を断られました。外線のユーザー名とパスワードの確認を、管理者にご依頼ください。"
)
_SILENT = NotReached(
    "failed", "事業者から応答がありません。しばらくしてからおかけ直しになるか、管理者にご連絡ください。"
)
_FULL = NotReached(
    "failed", "事業者の設備が混み合っているか、停止しています。しばらくしてからおかけ直しください。"
)
_FORMAT = NotReached("failed", "事業者と音声の形式が合いません。管理者にご連絡ください。")
_FAILED = NotReached("failed", "電話をかけられませんでした。続くようでしたら、管理者にご連絡ください。")

# What a carrier answers (SIP). It says more than the cause that Asterisk makes of it.
_BY_STATUS: Mapping[int, NotReached] = {
    **dict.fromkeys((486, 600), _BUSY),
    480: _ABSENT,
    **dict.fromkeys((403, 433, 603, 607, 608), _REFUSED),
    **dict.fromkeys((404, 410, 484, 604), _NOT_IN_USE),
    **dict.fromkeys((401, 407), _LOGIN),
    408: _SILENT,
    **dict.fromkeys((500, 502, 503, 504, 580), _FULL),
    **dict.fromkeys((415, 488, 606), _FORMAT),
}
_BY_CAUSE: Mapping[int, NotReached] = {  # Q.850
    16: NotReached("no_answer", "応答の直後に切れました。"),
    17: _BUSY,
    **dict.fromkeys((18, 19), _NO_ANSWER),
    20: _ABSENT,
    **dict.fromkeys((21, 55), _REFUSED),
    **dict.fromkeys((1, 22, 28), _NOT_IN_USE),
    **dict.fromkeys((27, 34, 38, 41, 42, 44), _FULL),
}
_NO_WAY: Mapping[NoWay, NotReached] = {
    "never": NotReached("failed", "この番号には発信できません。"),
    "barred": NotReached("failed", "この番号には、外線の設定（trunks.yaml の barred）により発信できません。"),
    "nowhere": NotReached("failed", "発信に使う外線が設定されていません。管理者にご連絡ください。"),
}
_NO_PLACE: Mapping[NoPlace, NotReached] = {
    "full": NotReached("failed", "外線がすべて使用中です。しばらくしてから発信してください。"),
    "unknown": _FAILED,
}


def explained(cause: int, status: int = 0) -> NotReached:
    """`cause`: Q.850, 0 if it rang to the end; `status`: SIP's, 0 if none is known."""
    if not cause or status == CANCELLED:
        return _NO_ANSWER
    return _BY_STATUS.get(status) or _BY_CAUSE.get(cause, _FAILED)


class Outgoing:
    """`begins` and `over` are told of each call, which others wait for at a stop."""

    def __init__(
        self,
        ari: Ari,
        sounds: Sounds,
        recordings: Path,
        ways: Ways,
        begins: Callable[[AriCall], None],
        over: Callable[[AriCall], Awaitable[None]],
    ) -> None:
        self._ari = ari
        self._sounds = sounds
        self._recordings = recordings
        self._ways = ways
        self._begins = begins
        self._over = over

    def way(self, number: str, ours: str) -> Way | NotReached:
        """To a number outside, which sees `ours`, the line's own (both E.164), or one of its trunk."""
        found = self._ways.to_person(number, ours)
        return found if isinstance(found, Way) else _NO_WAY[found]

    @asynccontextmanager
    async def holding(self, id: str, *ways: Way) -> AsyncIterator[NotReached | None]:
        """As `Ways.holding`, with why not in words."""
        async with self._ways.holding(id, *ways) as refused:
            yield _NO_PLACE[refused] if refused else None

    async def ring(
        self, to: str | Way, seconds: float, *, id: str, line: str, ours: str = ""
    ) -> AriCall | NotReached:
        """Rings for `seconds` at most; who answers is hung up by `end`, in a `finally`.

        `to`: an endpoint such as "PJSIP/tanaka", a number (E.164), or a way whose place is held; the first two are shown
        `ours` (E.164). `id`: of the channel, with AGENT in it; one that is there already rings no second time.
        """
        if isinstance(to, str) and to.startswith("+"):
            way = self.way(to, ours)
            if isinstance(way, NotReached):
                return way
            async with self.holding(id.partition(AGENT)[0], way) as full:
                return full or await self._ring(way, to, seconds, id, line)
        way = to if isinstance(to, Way) else Way(to, national(ours) if ours else "")
        return await self._ring(way, None, seconds, id, line)

    async def _ring(
        self, way: Way, number: str | None, seconds: float, id: str, line: str
    ) -> AriCall | NotReached:
        state = CallState(id, line, "")
        call = AriCall(
            self._ari, id, Caller(number), way.shown, state, self._sounds, self._recordings, self._ways
        )
        answered = begun = False
        try:
            refused = await self._originate(call, way, seconds)
            if refused is not None:
                return refused
            begun = True
            self._begins(call)
            await call.until(lambda: call.up, seconds + RING_SLACK)
            answered = call.up and not call.gone
            return call if answered else _NO_ANSWER
        except CallerHungUp:
            return explained(call.cause, call.status)
        finally:
            if begun and not answered:
                await self.end(call)
            elif not begun:
                call.close()

    async def _originate(self, call: AriCall, way: Way, seconds: float) -> NotReached | None:
        body = {
            "endpoint": way.endpoint,
            "app": self._ari.app,
            "channelId": call.id,
            "timeout": max(1, round(seconds)),
            "callerId": way.shown or "anonymous",
        }
        try:
            await self._ari.http("POST", "channels", body)
        except AriRefused as error:
            log.warning("a telephone cannot be rung", extra={"channel": call.id, "status": error.status})
            return _FAILED
        except AsteriskError as error:
            log.warning("a telephone cannot be rung", extra={"channel": call.id, "error": str(error)})
            await call.hang_up()  # it may ring all the same
            return _FAILED
        except asyncio.CancelledError:
            await call.hang_up()
            raise
        return None

    async def put_through(self, call: AriCall, way: Way, seconds: float, *texts: str) -> NotReached | None:
        """Says `texts`, then one hears it ring, while a further telephone does; None: the two are bridged, and `talk`."""
        if call.gone or call.leaving:
            raise CallerHungUp
        dialled = await dial(call, way, seconds, [Announcement(lambda: texts)], "ring")
        if dialled.ended_by == "answered":
            return None
        if dialled.ended_by == "failed" and not dialled.cause:
            return _FAILED
        return explained(dialled.cause, dialled.status)

    async def end(self, call: AriCall) -> None:
        """Hangs up, wherever the call is."""
        await call.hang_up()
        await self._over(call)

    async def leave(self, call: AriCall) -> None:
        """We stop, and who talks goes on talking."""
        call.bridge = None
        await self._over(call)
