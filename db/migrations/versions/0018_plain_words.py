"""Say what tables and columns are in plain words."""

from pathlib import Path

from alembic import context, op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Run the SQL beside this file, then that of the database's edition."""
    edition = context.config.attributes["edition"]
    for suffix in (".sql", f".{edition}.sql"):
        text = Path(__file__).with_suffix(suffix).read_text()
        op.get_bind().exec_driver_sql(text.replace("%", "%%"))
