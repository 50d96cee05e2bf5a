"""The feature store, and a note of every bar that it lacks."""

from pathlib import Path

from alembic import context, op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """Run the SQL of the database's edition."""
    edition = context.config.attributes["edition"]
    text = Path(__file__).with_suffix(f".{edition}.sql").read_text()
    op.get_bind().exec_driver_sql(text.replace("%", "%%"))
