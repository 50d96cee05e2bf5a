"""Keep the plain edition's bars with fewer ticks put in order."""

from pathlib import Path

from alembic import context, op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Run the SQL of the database's edition."""
    edition = context.config.attributes["edition"]
    text = Path(__file__).with_suffix(f".{edition}.sql").read_text()
    op.get_bind().exec_driver_sql(text.replace("%", "%%"))
