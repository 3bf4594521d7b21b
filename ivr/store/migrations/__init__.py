"""Alembic's directory. A new step: change tables/, then write the next file under versions/."""
