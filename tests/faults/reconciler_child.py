"""A process that takes a message, says READY at a chosen point, and waits there to be killed.

Arguments: database URL, recordings directory, point, length of silence before speech is cut.
"""

import asyncio
import sqlite3
import sys
from pathlib import Path

from ivr.call import CallbackPromise, Recorded
from ivr.messages import mailbox as mailbox_module
from ivr.messages.mailbox import StoreMailbox
from ivr.store.database import Store
from tests.messages_helpers import ManualClock, calendars, cut_off, said, unsaid, visit

AS_SHIPPED = mailbox_module.PATIENCE


def hold(url: str) -> sqlite3.Connection:
    """Keeps every other writer out as long as this process lives."""
    mailbox_module.PATIENCE = AS_SHIPPED
    holder = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    return holder


async def take_a_message(url: str, recordings: Path, point: str) -> None:
    mailbox_module.PATIENCE = 60.0  # a busy machine is no held store
    store = await Store.open(url)
    mailbox = StoreMailbox(store, recordings, calendars, ManualClock(), lambda: None)
    call, promise = visit(), CallbackPromise("medium", "1 business day", "office")
    holder = hold(url) if point == "intent without row" else None
    draft = await mailbox.begin(call, promise)
    call.state.message_id = draft.id
    match point:
        case "in mid-sentence":
            cut_off(said(draft.file))
        case "header written":
            cut_off(unsaid(draft.file, 0))
        case "in the second take":
            unsaid(draft.file)
            cut_off(said((await mailbox.another(draft, "unheard")).file))
        case "in a further take":
            said(draft.file)
            cut_off(said((await mailbox.another(draft, "matter")).file))
        case "recorded, not finished":
            said(draft.file)
        case "finished, not committed":
            said(draft.file)
            holder = hold(url)
            await mailbox.finish(draft, Recorded("hangup", 3.0))
        case "committed, sidecar left":
            said(draft.file)
            sidecar = recordings / "messages" / f"{draft.id}.json"
            content = sidecar.read_bytes()
            await mailbox.finish(draft, Recorded("hangup", 3.0))
            sidecar.write_bytes(content)
    print("READY", draft.id, holder is not None, flush=True)
    await asyncio.Event().wait()


asyncio.run(take_a_message(sys.argv[1], Path(sys.argv[2]), sys.argv[3]))
