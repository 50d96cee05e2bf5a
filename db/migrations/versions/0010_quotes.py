"""What quotes stand on: last values, when a source last looked, marks, and limits of age."""

from pathlib import Path

from alembic import context, op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Run the SQL of the database's edition, then that of both."""
    edition = context.config.attributes["edition"]
    for suffix in (f".{edition}.sql", ".sql"):
        text = Path(__file__).with_suffix(suffix).read_text()
        op.get_bind().exec_driver_sql(text.replace("%", "%%"))
