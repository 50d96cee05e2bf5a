"""Bars of every width, what they were imported from, and what is to be refreshed."""

from pathlib import Path

from alembic import context, op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Run the SQL beside this file, then that of the database's edition."""
    edition = context.config.attributes["edition"]
    for suffix in (".sql", f".{edition}.sql"):
        text = Path(__file__).with_suffix(suffix).read_text()
        op.get_bind().exec_driver_sql(text.replace("%", "%%"))
