"""What a `notify` step tells is a row of the ledger for each place, whatever the store does meanwhile."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from sqlalchemy import select, text

from ivr.call import Notice
from ivr.messages import mailbox as mailbox_module
from ivr.messages.mailbox import StoreMailbox
from ivr.messages.reconciler import Reconciler
from ivr.store.database import Store
from ivr.store.tables import CallbackRow, Delivery, MessageRow
from tests.messages_helpers import NUMBER, ManualClock, calendars, e164, publish, visit

NOTICE = Notice("至急のご用件", (("mail", "oncall@example.co.jp"), ("slack", "night")), True)


@pytest.fixture
async def mailbox(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[StoreMailbox]:
    monkeypatch.setattr(mailbox_module, "PATIENCE", 60.0)  # a loaded machine is no slow store
    await publish(store)
    made = StoreMailbox(store, tmp_path, calendars, ManualClock(), lambda: None)
    yield made
    await made.close()


async def rows(store: Store) -> Sequence[Delivery]:
    async with store.read() as session:
        return (await session.scalars(select(Delivery).order_by(Delivery.id))).all()


async def test_each_place_is_told_once_of_a_call_and_a_step(
    store: Store, mailbox: StoreMailbox, tmp_path: Path
) -> None:
    for _ in range(2):  # taken back
        await mailbox.tell(visit(), NOTICE)
    await mailbox.tell(visit("ivr-1.2"), NOTICE)
    found = await rows(store)
    assert [(row.subject, row.channel, row.target) for row in found] == [
        ("ivr-1.1/ecforce/busy_message", "mail", "oncall@example.co.jp"),
        ("ivr-1.1/ecforce/busy_message", "slack", "night"),
        ("ivr-1.2/ecforce/busy_message", "mail", "oncall@example.co.jp"),
        ("ivr-1.2/ecforce/busy_message", "slack", "night"),
    ]
    assert {(row.state, row.event, row.data["about"]) for row in found} == {
        ("waiting", "step", "至急のご用件")
    }
    assert not [row for row in found if NUMBER in str(row.data)], "the ledger holds no number"
    assert list((tmp_path / "messages").iterdir()) == []


async def test_a_store_that_fails_costs_a_moment_and_no_notice(
    store: Store, mailbox: StoreMailbox, tmp_path: Path
) -> None:
    async with store.write() as session:
        await session.execute(text("ALTER TABLE deliveries RENAME TO away"))
    await mailbox.tell(visit(), NOTICE)
    async with store.write() as session:
        await session.execute(text("ALTER TABLE away RENAME TO deliveries"))
    assert await rows(store) == []
    reconciler = Reconciler(store, tmp_path, calendars, ManualClock(), e164)
    assert await reconciler.run() == 1
    assert [row.target for row in await rows(store)] == ["oncall@example.co.jp", "night"]
    assert list((tmp_path / "messages").iterdir()) == []
    async with store.read() as session:
        assert (await session.scalars(select(MessageRow))).all() == []
        assert (await session.scalars(select(CallbackRow))).all() == []
