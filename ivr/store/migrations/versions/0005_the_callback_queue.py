"""The callback queue: contacts, aliases, dials, locks, lists of numbers, dedicated agents"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

# What a contact has of the callback that it made.
_ALIKE = (
    "tenant, line, cause, number, withheld, name, company, addressee, matter, preferred_time, reply_wanted,"
    " path, branch, priority, due_at, created_at, call_id, message_id, request_id, told_at"
)


def upgrade() -> None:
    _callbacks()
    _contacts()
    _dials()
    _lists()


def _callbacks() -> None:
    for column in (
        sa.Column("member", sa.Text(), nullable=True),
        sa.Column("contacts", sa.Integer(), nullable=False, server_default="1"),
        sa.Column("begun_at", sa.DateTime(), nullable=True),
        sa.Column("resolution_due_at", sa.DateTime(), nullable=True),
        sa.Column("news_due_at", sa.DateTime(), nullable=True),
        sa.Column("next_at", sa.DateTime(), nullable=True),
        sa.Column("dedicated", sa.String(64), nullable=True),
        sa.Column("offered_to", sa.String(64), nullable=True),
        sa.Column("second", sa.String(64), nullable=True),
        sa.Column("tier", sa.Integer(), nullable=False, server_default="1"),
        sa.Column("warned_at", sa.DateTime(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("misses", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("exhausted_at", sa.DateTime(), nullable=True),
        sa.Column("wrong_number", sa.String(20), nullable=True),
        sa.Column("careful", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("complaint", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("outcome", sa.String(16), nullable=True),
    ):
        op.add_column("callbacks", column)
    op.create_index("ix_callbacks_tenant_number", "callbacks", ["tenant", "number"])
    op.add_column("callback_events", sa.Column("merged_from", sa.String(16), nullable=True))


def _contacts() -> None:
    op.create_table(
        "callback_contacts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("ticket", sa.String(16), nullable=False),
        sa.Column("told_ticket", sa.String(16), nullable=False),
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("line", sa.String(64), nullable=False),
        sa.Column("source", sa.String(16), nullable=False),
        sa.Column("cause", sa.String(16), nullable=False),
        sa.Column("number", sa.String(20), nullable=True),
        sa.Column("withheld", sa.String(16), nullable=True),
        *(
            sa.Column(name, sa.Text(), nullable=True)
            for name in ("name", "company", "addressee", "member", "matter", "preferred_time")
        ),
        sa.Column("reply_wanted", sa.Boolean(), nullable=True),
        sa.Column("path", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("branch", sa.String(64), nullable=True),
        sa.Column("priority", sa.String(16), nullable=False),
        sa.Column("due_at", sa.DateTime(), nullable=True),
        sa.Column("begun_at", sa.DateTime(), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("call_id", sa.String(64), nullable=True),
        sa.Column("message_id", sa.String(40), nullable=True),
        sa.Column("request_id", sa.String(200), nullable=True),
        sa.Column("told_at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(["ticket"], ["callbacks.ticket"], name="fk_callback_contacts_ticket"),
        sa.ForeignKeyConstraint(["message_id"], ["messages.id"], name="fk_callback_contacts_message_id"),
        sa.PrimaryKeyConstraint("id", name="pk_callback_contacts"),
        sa.UniqueConstraint("message_id", name="uq_callback_contacts_message_id"),
        sa.UniqueConstraint("request_id", name="uq_callback_contacts_request_id"),
    )
    op.create_index("ix_callback_contacts_ticket", "callback_contacts", ["ticket"])
    op.create_index("ix_callback_contacts_call_id", "callback_contacts", ["call_id"])
    untold = sa.text("told_at IS NULL")
    op.create_index(
        "ix_callback_contacts_untold",
        "callback_contacts",
        ["created_at"],
        sqlite_where=untold,
        postgresql_where=untold,
    )
    op.execute(
        f"INSERT INTO callback_contacts (ticket, told_ticket, source, {_ALIKE})"
        f" SELECT ticket, ticket, CASE WHEN message_id IS NULL THEN 'key' ELSE 'message' END, {_ALIKE}"
        " FROM callbacks ORDER BY created_at"
    )
    for index, column in (("ix_callbacks_untold", "told_at"), ("uq_callbacks_request_id", "request_id")):
        op.drop_index(index, "callbacks")
        op.drop_column("callbacks", column)
    op.create_table(
        "callback_aliases",
        sa.Column("number", sa.String(16), nullable=False),
        sa.Column("ticket", sa.String(16), nullable=False),
        sa.ForeignKeyConstraint(["ticket"], ["callbacks.ticket"], name="fk_callback_aliases_ticket"),
        sa.PrimaryKeyConstraint("number", name="pk_callback_aliases"),
    )
    op.create_index("ix_callback_aliases_ticket", "callback_aliases", ["ticket"])


def _dials() -> None:
    op.create_table(
        "callback_dials",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("ticket", sa.String(16), nullable=False),
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("line", sa.String(64), nullable=False),
        sa.Column("number", sa.String(20), nullable=False),
        sa.Column("agent", sa.String(64), nullable=False),
        sa.Column("by_hand", sa.Boolean(), nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("began_at", sa.DateTime(), nullable=False),
        sa.Column("answered_at", sa.DateTime(), nullable=True),
        sa.Column("ended_at", sa.DateTime(), nullable=True),
        sa.Column("outcome", sa.String(16), nullable=True),
        sa.ForeignKeyConstraint(["ticket"], ["callbacks.ticket"], name="fk_callback_dials_ticket"),
        sa.PrimaryKeyConstraint("id", name="pk_callback_dials"),
        sa.UniqueConstraint("key", name="uq_callback_dials_key"),
    )
    op.create_index("ix_callback_dials_ticket", "callback_dials", ["ticket"])
    numbered = ["tenant", "number", "began_at"]
    op.create_index("ix_callback_dials_tenant_number_began_at", "callback_dials", numbered)
    op.create_table(
        "dial_locks",
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("number", sa.String(20), nullable=False),
        sa.Column("line", sa.String(64), nullable=False),
        sa.Column("ticket", sa.String(16), nullable=False),
        sa.Column("agent", sa.String(64), nullable=False),
        sa.Column("dial", sa.String(64), nullable=False),
        sa.Column("until", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "number", name="pk_dial_locks"),
    )
    op.create_index("ix_dial_locks_line_until", "dial_locks", ["line", "until"])


def _lists() -> None:
    op.create_table(
        "barred_numbers",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("number", sa.String(20), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("asked_by", sa.String(64), nullable=False),
        sa.Column("asked_at", sa.DateTime(), nullable=False),
        sa.Column("approved_by", sa.String(64), nullable=True),
        sa.Column("approved_at", sa.DateTime(), nullable=True),
        sa.Column("expires_at", sa.DateTime(), nullable=True),
        sa.Column("ended_at", sa.DateTime(), nullable=True),
        sa.Column("ended_by", sa.String(64), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_barred_numbers"),
    )
    op.create_index("ix_barred_numbers_tenant_number_kind", "barred_numbers", ["tenant", "number", "kind"])
    op.create_table(
        "dedicated_agents",
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("number", sa.String(20), nullable=False),
        sa.Column("agent", sa.String(64), nullable=False),
        sa.Column("deputy", sa.String(64), nullable=True),
        sa.Column("since", sa.DateTime(), nullable=False),
        sa.Column("by", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "number", name="pk_dedicated_agents"),
    )
