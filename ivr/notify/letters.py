"""Mails to people who log in: an invitation, a way back to a lost password.

The ledger holds no secret. The link is made when the mail goes out; one that is sent again brings a link of its own,
and the first that is used ends them all.
"""

from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from ivr.notify import mail, texts
from ivr.store import links, users
from ivr.store.links import Kind
from ivr.store.tables import Delivery, UserRow

_KINDS: dict[str, Kind] = {"invite": "invite", "reset": "reset"}  # event of the ledger -> kind of link
# A way back that comes later is a surprise, and no help.
TOO_LATE = timedelta(hours=1)

_SUBJECTS: dict[Kind, str] = {"invite": "アカウントのご案内", "reset": "パスワード再設定のご案内"}
_LEADS: dict[Kind, str] = {
    "invite": "電話受付システムのアカウントをご用意いたしました。\n次のページを開き、パスワードをお決めください。",
    "reset": "パスワードの再設定を承りました。\n次のページを開き、新しいパスワードをお決めください。",
}
_DOUBTS: dict[Kind, str] = {
    "invite": "お心当たりのない場合は、お手数ですが、このメールを破棄してくださいますよう、お願いいたします。",
    "reset": "お心当たりのない場合は、このメールを破棄してください。今のパスワードは、そのままお使いいただけます。",
}


def is_letter(row: Delivery) -> bool:
    return row.event in _KINDS


async def write(
    session: AsyncSession, row: Delivery, sender: str, base_url: str, now: datetime
) -> bytes | None:
    """The mail, with a new link; None if nobody needs it any more."""
    kind = _KINDS[row.event]
    user = await users.get(session, row.subject.partition("/")[2])
    if user is None or user.disabled_at is not None or user.email != row.target:
        return None
    # who was invited has set a password, or asks for one too late
    over = bool(user.password) if kind == "invite" else now - row.created_at > TOO_LATE
    if over:
        return None
    token = await links.make(session, kind, user.name, by=str(row.data.get("by", "")), at=now)
    # Each attempt is another mail with another link: a mail program must not take them for one.
    made = mail.envelope(sender, row.target, _SUBJECTS[kind], f"{row.key}.{row.attempts}", now)
    text = _text(kind, user, f"{base_url}/password/{token}", now + links.GOOD_FOR[kind])
    made.set_content(text, charset="utf-8", cte="base64")
    return made.as_bytes()


def _text(kind: Kind, user: UserRow, url: str, until: datetime) -> str:
    return (
        f"{user.name} 様\n\n{_LEADS[kind]}\n\n"
        f"ユーザー名：{user.name}\n{url}\n\n"
        f"このページは、{texts.moment(until)}まで、1回に限りご利用いただけます。\n"
        f"{_DOUBTS[kind]}\n\n{texts.FOOT}\n"
    )
