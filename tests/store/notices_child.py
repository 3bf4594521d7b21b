"""A jobs process that tells one address of every callback. Arguments: directory, database URL, port of SMTP."""

import asyncio
import sys
from pathlib import Path

from ivr.clock import SystemClock, offset_for
from ivr.jobs import Jobs
from ivr.messages.reconciler import Reconciler
from ivr.notify.mail import MailServer
from ivr.notify.notices import Notices, Ways
from ivr.settings import Address
from ivr.store.database import Store
from tests.messages_helpers import EVENING, calendars, e164
from tests.store.test_notices import MAIL, Live


async def nothing() -> None:
    return None


def jobs_of(store: Store, directory: Path, url: str, port: int) -> Jobs:
    clock = SystemClock(offset_for(EVENING))
    recordings = directory / "recordings"
    live = Live()
    live.be(MAIL)
    server = MailServer(Address("127.0.0.1", port), "ivr@example.co.jp", "none")
    notices = Notices(store, live, Ways(server, None, "http://127.0.0.1:8080", recordings), clock)
    reconciler = Reconciler(store, recordings, calendars, clock, e164)
    return Jobs(directory, url, "jobs-1", (), reconciler, nothing, notices)


async def main(directory: Path, url: str, port: int) -> None:
    await jobs_of(await Store.open(url), directory, url, port).run()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
