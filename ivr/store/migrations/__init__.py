"""Alembic's directory. A new step: change tables.py, then write the next file under versions/."""
