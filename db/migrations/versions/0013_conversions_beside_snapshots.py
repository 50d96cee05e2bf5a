"""Convert chunks to columnstore only while nobody reads an older state of the database."""

from pathlib import Path

from alembic import context, op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Run the SQL of the database's edition."""
    edition = context.config.attributes["edition"]
    text = Path(__file__).with_suffix(f".{edition}.sql").read_text()
    op.get_bind().exec_driver_sql(text.replace("%", "%%"))
