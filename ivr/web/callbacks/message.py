"""What an agent does with the messages of a ticket: puts a text right, takes over what was read out of it, runs a stage again."""

from ivr.callbacks import edits, service
from ivr.errors import Conflict
from ivr.store import callbacks, contacts, messages, stages
from ivr.store.tables import MessageRow
from ivr.web import words
from ivr.web.callbacks.doing import Act, Doing
from ivr.web.callbacks.offered import FIELDS, can_take_over, kept_as


async def correct(doing: Doing) -> str:
    """An empty text takes the correction back."""
    message, text = await _shown(doing), doing.form.text("text") or None
    if str(message.corrected_at or "") != doing.form.text("seen"):
        by = message.corrected_by or "ほかの人"
        raise Conflict(
            f"{by}さんが、先に文字を直しました。確かめてから、もう一度保存してください。", id="changed"
        )
    if not await messages.correct(doing.db, message.id, text, by=doing.who.name, at=doing.now):
        raise Conflict("この録音の文字は、もう直せません。", id="state")
    await callbacks.note(doing.db, doing.row, who=doing.who.name, what="corrected", at=doing.now)
    return _shown_still(doing, message)


async def accept(doing: Doing) -> str:
    """A suggestion, as it stands in the reading; what the form says of it only names which one."""
    kind, value = doing.form.text("kind"), doing.form.text("value")
    message = await _shown(doing)
    read_out = (message.reading or {}).get("suggestions", [])
    offered = any(one["kind"] == kind and one["value"] == value for one in read_out)
    if not offered or not can_take_over(doing.row, kind, value):
        raise Conflict("この候補は、もう採用できません。今の内容を確かめてください。", id="changed")
    who, now = doing.who, doing.now
    if kind == "priority":
        due = doing.policy.due(value, now)
        await service.raise_priority(
            doing.db, doing.ticket, value, who=who, why="候補を採用", now=now, due=due
        )
        return _shown_still(doing, message)
    taken = f"{words.SUGGESTED[kind]}：{words.suggested(kind, value)}"
    said = {FIELDS[kind]: kept_as(kind, value)}
    await edits.edit(doing.db, doing.ticket, said, who=who, now=now, taken=taken)
    return _shown_still(doing, message)


async def run_again(doing: Doing) -> str:
    """A stage that is over."""
    message = await _shown(doing)
    stage = next((one for one in stages.STAGES if one == doing.form.text("stage")), None)
    if stage is None or not await stages.again(doing.db, stage, message.id, doing.now):
        said = "いまはやり直せません。処理の途中か、もとの録音や文字がありません。"
        raise Conflict(said, id="state")
    doing.wakes.append("jobs")
    return _shown_still(doing, message)


def _shown_still(doing: Doing, message: MessageRow) -> str:
    """Where to go on: the ticket with the same message."""
    first = message.id == doing.row.message_id
    return f"/callbacks/{doing.ticket}" + ("" if first else f"?message={message.id}")


async def _shown(doing: Doing) -> MessageRow:
    """The message of the form, which must be one of the ticket's."""
    named = doing.form.text("message")
    own = {
        doing.row.message_id,
        *(one.message_id for one in await contacts.of_ticket(doing.db, doing.ticket)),
    }
    if not named or named not in own:
        raise Conflict("この受付番号に、その録音はありません。", id="message")
    return await messages.get(doing.db, named)


SEEN: dict[str, Act] = {"accept": accept}
UNSEEN: dict[str, Act] = {"correct": correct, "run": run_again}
