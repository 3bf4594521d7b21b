"""From audio to text to notice: playback, reading, deliveries; models and deletions"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    _messages()
    _told()
    _deliveries()
    _deletions()
    _models()


def _messages() -> None:
    json = sa.JSON(none_as_null=True)
    for column in (
        sa.Column("transcript_at", sa.DateTime(), nullable=True),
        sa.Column("transcript_seconds", sa.Double(), nullable=True),
        sa.Column("sha256", sa.String(64), nullable=True),
        sa.Column("urgent", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("kind", sa.String(16), nullable=True),
        sa.Column("audio_state", sa.String(16), nullable=False, server_default="none"),
        sa.Column("audio_reason", sa.Text(), nullable=True),
        sa.Column("audio_attempts", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("audio_next_at", sa.DateTime(), nullable=True),
        sa.Column("audio_at", sa.DateTime(), nullable=True),
        sa.Column("playback", sa.String(200), nullable=True),
        sa.Column("playback_start", sa.Double(), nullable=True),
        sa.Column("playback_seconds", sa.Double(), nullable=True),
        sa.Column("peaks", json, nullable=True),
        sa.Column("reading_state", sa.String(16), nullable=False, server_default="none"),
        sa.Column("reading_reason", sa.Text(), nullable=True),
        sa.Column("reading_attempts", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("reading_next_at", sa.DateTime(), nullable=True),
        sa.Column("reading_at", sa.DateTime(), nullable=True),
        sa.Column("reading", json, nullable=True),
        sa.Column("corrected_text", sa.Text(), nullable=True),
        sa.Column("corrected_by", sa.String(64), nullable=True),
        sa.Column("corrected_at", sa.DateTime(), nullable=True),
        sa.Column("audio_deleted_at", sa.DateTime(), nullable=True),
        sa.Column("text_deleted_at", sa.DateTime(), nullable=True),
        sa.Column("heard_at", sa.DateTime(), nullable=True),
        sa.Column("heard_by", sa.Text(), nullable=True),
        sa.Column("cleared_at", sa.DateTime(), nullable=True),
        sa.Column("cleared_by", sa.Text(), nullable=True),
    ):
        op.add_column("messages", column)
    for stage in ("audio", "reading"):
        due = [f"{stage}_state", f"{stage}_next_at"]
        op.create_index(f"ix_messages_{stage}_state_{stage}_next_at", "messages", due)
    kept = sa.text("state = 'stored' AND cleared_at IS NULL")
    op.create_index(
        "ix_messages_uncleared", "messages", ["tenant", "line"], sqlite_where=kept, postgresql_where=kept
    )


def _told() -> None:
    """What is there already is told to nobody."""
    untold = sa.text("told_at IS NULL")
    for table in ("messages", "callbacks"):
        op.add_column(table, sa.Column("told_at", sa.DateTime(), nullable=True))
        op.execute(f"UPDATE {table} SET told_at = created_at")
        op.create_index(
            f"ix_{table}_untold", table, ["created_at"], sqlite_where=untold, postgresql_where=untold
        )


def _deliveries() -> None:
    op.create_table(
        "deliveries",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("line", sa.String(64), nullable=False),
        sa.Column("event", sa.String(32), nullable=False),
        sa.Column("subject", sa.String(200), nullable=False),
        sa.Column("message_id", sa.String(40), nullable=True),
        sa.Column("channel", sa.String(16), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("awaits_text", sa.Boolean(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.DateTime(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("key", sa.String(100), nullable=False),
        sa.Column("data", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("sent_at", sa.DateTime(), nullable=True),
        sa.Column("seen_at", sa.DateTime(), nullable=True),
        sa.Column("text_deleted_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_deliveries"),
        sa.UniqueConstraint("key", name="uq_deliveries_key"),
    )
    op.create_index("ix_deliveries_state_next_at", "deliveries", ["state", "next_at"])
    op.create_index("ix_deliveries_line_created_at", "deliveries", ["line", "created_at"])
    op.create_index("ix_deliveries_subject", "deliveries", ["subject"])


def _deletions() -> None:
    op.create_table(
        "deletions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("line", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("subject", sa.String(64), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=True),
        sa.Column("at", sa.DateTime(), nullable=True),
        sa.Column("by", sa.String(64), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_deletions"),
    )
    op.create_index("ix_deletions_line_at", "deletions", ["line", "at"])
    op.create_index("ix_deletions_subject", "deletions", ["subject"])
    begun = sa.text("at IS NULL")
    op.create_index("ix_deletions_begun", "deletions", ["id"], sqlite_where=begun, postgresql_where=begun)
    for name, table, at, what in (
        ("ix_messages_audio_kept", "messages", "created_at", "audio_deleted_at IS NULL"),
        ("ix_messages_text_kept", "messages", "created_at", "transcript_text IS NOT NULL"),
        ("ix_messages_number_kept", "messages", "created_at", "number IS NOT NULL"),
        ("ix_calls_number_kept", "calls", "started_at", "number IS NOT NULL"),
    ):
        where = sa.text(what)
        op.create_index(name, table, ["line", at], sqlite_where=where, postgresql_where=where)


def _models() -> None:
    op.create_table(
        "model_uses",
        sa.Column("line", sa.String(64), nullable=False),
        sa.Column("model", sa.String(100), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("by", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("line", name="pk_model_uses"),
    )
