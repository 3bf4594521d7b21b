"""The agents' day: people's accounts, who looked at what, customers' addresses, agents' mobiles, duty"""

import sqlalchemy as sa
from alembic import op

from ivr.store import search

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    _people()
    _audit()
    _customers()
    _duty()
    _dials()
    _undos()
    _search()


def _people() -> None:
    op.add_column("calls", sa.Column("agent", sa.String(64), nullable=True))
    op.add_column("agents", sa.Column("mobile", sa.String(20), nullable=True))
    op.add_column("agents", sa.Column("unregistered_at", sa.DateTime(), nullable=True))
    for column in (
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("totp_secret", sa.String(64), nullable=True),
        sa.Column("totp_used", sa.Integer(), nullable=True),
        sa.Column("recovery", sa.JSON(), nullable=True),
        sa.Column("disabled_at", sa.DateTime(), nullable=True),
        sa.Column("epoch", sa.Integer(), nullable=False, server_default="0"),
    ):
        op.add_column("users", column)
    op.add_column("tokens", sa.Column("role", sa.String(16), nullable=False, server_default="agent"))
    op.add_column("tokens", sa.Column("expires_at", sa.DateTime(), nullable=True))
    op.add_column("tokens", sa.Column("used_at", sa.DateTime(), nullable=True))
    op.create_table(
        "user_links",
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("user", sa.String(64), nullable=False),
        sa.Column("made_by", sa.String(64), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("expires_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_user_links"),
    )
    op.create_index("ix_user_links_user", "user_links", ["user"])
    op.create_table(
        "tries",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("address", sa.String(64), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_tries"),
    )
    op.create_index("ix_tries_name_at", "tries", ["name", "at"])
    op.create_index("ix_tries_address_at", "tries", ["address", "at"])


def _audit() -> None:
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("who", sa.String(64), nullable=False),
        sa.Column("tenant", sa.String(64), nullable=True),
        sa.Column("what", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("about", sa.String(200), nullable=False),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("seal", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
    )
    op.create_index("ix_audit_tenant_at", "audit", ["tenant", "at"])
    op.create_index("ix_audit_kind_about", "audit", ["kind", "about"])
    op.create_index("ix_audit_seal", "audit", ["seal"])
    op.create_table(
        "audit_seals",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("newest", sa.DateTime(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("content", sa.String(64), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("cleared_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("number", name="pk_audit_seals"),
    )


def _customers() -> None:
    op.add_column("callbacks", sa.Column("email", sa.Text(), nullable=True))
    op.add_column("callbacks", sa.Column("news_warned_at", sa.DateTime(), nullable=True))
    op.add_column("callback_contacts", sa.Column("email", sa.Text(), nullable=True))
    asked = sa.text("begun_at IS NULL")
    op.create_index(
        "ix_callback_contacts_promised",
        "callback_contacts",
        ["line", "due_at"],
        sqlite_where=asked,
        postgresql_where=asked,
    )
    op.add_column("callback_events", sa.Column("told_at", sa.DateTime(), nullable=True))
    op.execute("UPDATE callback_events SET told_at = at")  # nobody waits for what happened before
    untold = sa.text("told_at IS NULL")
    op.create_index(
        "ix_callback_events_untold",
        "callback_events",
        ["id"],
        sqlite_where=untold,
        postgresql_where=untold,
    )


def _duty() -> None:
    op.create_table(
        "duty_rings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("ticket", sa.String(16), nullable=False),
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("line", sa.String(64), nullable=False),
        sa.Column("agent", sa.String(64), nullable=False),
        sa.Column("turn", sa.Integer(), nullable=False),
        sa.Column("began_at", sa.DateTime(), nullable=False),
        sa.Column("ended_at", sa.DateTime(), nullable=True),
        sa.Column("outcome", sa.String(16), nullable=True),
        sa.ForeignKeyConstraint(["ticket"], ["callbacks.ticket"], name="fk_duty_rings_ticket"),
        sa.PrimaryKeyConstraint("id", name="pk_duty_rings"),
        sa.UniqueConstraint("ticket", "turn", name="uq_duty_rings_ticket_turn"),
    )


def _dials() -> None:
    op.add_column("callback_dials", sa.Column("engine", sa.String(32), nullable=True))
    going_on = sa.text("ended_at IS NULL")
    op.create_index(
        "ix_callback_dials_going_on",
        "callback_dials",
        ["engine"],
        sqlite_where=going_on,
        postgresql_where=going_on,
    )
    op.add_column("callbacks", sa.Column("unrecorded", sa.String(64), nullable=True))
    owed = sa.text("unrecorded IS NOT NULL")
    op.create_index(
        "ix_callbacks_unrecorded", "callbacks", ["unrecorded"], sqlite_where=owed, postgresql_where=owed
    )


def _undos() -> None:
    op.create_table(
        "callback_undos",
        sa.Column("ticket", sa.String(16), nullable=False),
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("who", sa.String(64), nullable=False),
        sa.Column("what", sa.String(32), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("event", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("before", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["ticket"], ["callbacks.ticket"], name="fk_callback_undos_ticket"),
        sa.PrimaryKeyConstraint("ticket", name="pk_callback_undos"),
    )


def _search() -> None:
    """What is there already is found, too."""
    op.create_index("ix_callbacks_tenant_done_at", "callbacks", ["tenant", "done_at"])
    texts = op.create_table(
        "callback_texts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("ticket", sa.String(16), nullable=False),
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["ticket"], ["callbacks.ticket"], name="fk_callback_texts_ticket"),
        sa.PrimaryKeyConstraint("id", name="pk_callback_texts"),
        sa.UniqueConstraint("ticket", name="uq_callback_texts_ticket"),
    )
    bind = op.get_bind()
    said = "number, name, company, addressee, member, matter"
    heard = "SELECT {0}.ticket, coalesce(corrected_text, transcript_text) FROM {0} JOIN messages ON messages.id = {0}.message_id"
    found: dict[str, list[str | None]] = {}
    for query in (
        f"SELECT ticket, ticket, {said}, result FROM callbacks ORDER BY created_at, ticket",
        f"SELECT ticket, told_ticket, {said} FROM callback_contacts",
        heard.format("callbacks"),
        heard.format("callback_contacts"),
        "SELECT ticket, why FROM callback_events WHERE what = 'memo'",
        "SELECT ticket, number FROM callback_aliases",
    ):
        for ticket, *parts in bind.execute(sa.text(query)):
            found.setdefault(ticket, []).extend(parts)
    tenants = {
        row.ticket: row.tenant for row in bind.execute(sa.text("SELECT ticket, tenant FROM callbacks"))
    }
    rows = [
        {"ticket": ticket, "tenant": tenants[ticket], "text": search.together(parts)}
        for ticket, parts in found.items()
    ]
    if rows:
        op.bulk_insert(texts, rows)
