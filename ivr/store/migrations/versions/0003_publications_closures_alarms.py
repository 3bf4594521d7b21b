"""Publications with their reason, sudden closings, PINs, alarms, roles, times of a call's path"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

STANDING = sa.text("cleared_at IS NULL")


def upgrade() -> None:
    op.create_table(
        "publications",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("line", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("by", sa.String(64), nullable=False),
        sa.Column("why", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_publications"),
    )
    op.create_index("ix_publications_line_at", "publications", ["line", "at"])
    op.execute(
        'INSERT INTO publications (line, hash, at, "by")'
        " SELECT line, hash, published_at, published_by FROM dialplan_versions ORDER BY published_at"
    )
    _closures_and_pins()
    op.create_table(
        "alarms",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(100), nullable=False),
        sa.Column("tenant", sa.String(64), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("raised_at", sa.DateTime(), nullable=False),
        sa.Column("last_at", sa.DateTime(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("cleared_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_alarms"),
    )
    op.create_index(
        "uq_alarms_standing", "alarms", ["key"], unique=True, sqlite_where=STANDING, postgresql_where=STANDING
    )
    # Who could log in until now could do all there was: they stay masters of their pages.
    op.add_column("users", sa.Column("role", sa.String(16), nullable=False, server_default="admin"))
    op.add_column("callbacks", sa.Column("request_id", sa.String(200), nullable=True))
    op.create_index("uq_callbacks_request_id", "callbacks", ["request_id"], unique=True)
    op.add_column("calls", sa.Column("path_times", sa.JSON(none_as_null=True), nullable=True))


def _closures_and_pins() -> None:
    op.create_table(
        "closures",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("line", sa.String(64), nullable=False),
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("begins_at", sa.DateTime(), nullable=False),
        sa.Column("ends_at", sa.DateTime(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("by", sa.String(64), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("ended_at", sa.DateTime(), nullable=True),
        sa.Column("ended_by", sa.String(64), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_closures"),
    )
    op.create_index("ix_closures_line_ends_at", "closures", ["line", "ends_at"])
    op.create_table(
        "pins",
        sa.Column("line", sa.String(64), nullable=False),
        sa.Column("digest", sa.String(200), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("locked_until", sa.DateTime(), nullable=True),
        sa.Column("changed_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("line", name="pk_pins"),
    )
