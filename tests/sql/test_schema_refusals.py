"""thor.database.schema.up: what it refuses, and that a refusal or a failure leaves no trace."""

import shutil
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
import sqlalchemy.exc

from thor import database
from thor.database import schema
from thor.database.edition import Edition
from thor.errors import Refused, Unavailable

pytestmark = pytest.mark.editions("plain", "timescale")

EVERYTHING = """
select n.nspname || ' ' || coalesce(c.relname, ''), c.oid::bigint, c.relfilenode::bigint
from pg_namespace as n
left join pg_class as c on c.relnamespace = n.oid
where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
union all
select p.oid::regprocedure::text, p.oid::bigint, null
from pg_proc as p
join pg_namespace as n on n.oid = p.pronamespace
where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
order by 1, 2
"""


def everything(url: str) -> list[Any]:
    """Return every object of the database that is not the system's."""
    with psycopg.connect(url) as connection:
        return connection.execute(EVERYTHING).fetchall()


def _do(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())


def _is_in_parts(revision: Path) -> bool:
    return revision.with_suffix(".plain.sql").exists() and revision.with_suffix(".sql").exists()


@pytest.fixture
def next_revision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The SQL file of a revision after the last, which `up` then finds."""
    shutil.copytree(database.DB / "migrations", tmp_path / "migrations")
    monkeypatch.setattr(schema, "DB", tmp_path)
    versions = tmp_path / "migrations" / "versions"
    last = max(versions.glob("*.py"))
    number = f"{int(last.stem[:4]) + 1:04}"
    # One that has a part for each edition beside the part for both.
    text = max(file for file in versions.glob("*.py") if _is_in_parts(file)).read_text()
    after = text[: text.index("revision = ")] + (
        f'revision = "{number}"\ndown_revision = "{last.stem[:4]}"\n'
    )
    after += text[text.index("\n\ndef upgrade") :]
    (versions / f"{number}_next.py").write_text(after)
    for part in ("", ".plain", ".timescale"):
        (versions / f"{number}_next{part}.sql").write_text("select 1;\n")
    return versions / f"{number}_next.sql"


def test_a_database_of_another_application_is_refused_untouched(bare_database_url: str) -> None:
    _do(bare_database_url, "create schema market")
    _do(bare_database_url, "create table market.stalls (fruit text)")
    before = everything(bare_database_url)
    with pytest.raises(Refused, match=r"market\.stalls"):
        schema.up(bare_database_url)
    assert everything(bare_database_url) == before


def test_a_table_outside_thors_schemas_is_none_of_its_business(bare_database_url: str) -> None:
    _do(bare_database_url, "create table public.notes (note text)")
    _do(bare_database_url, "create schema shop")
    _do(bare_database_url, "create table shop.ticks (id integer)")
    schema.up(bare_database_url)
    kept = [name for name, *_ in everything(bare_database_url)]
    assert {"public notes", "shop ticks", "market ticks"} <= set(kept)


@pytest.mark.parametrize(("made", "asked"), [("simulated", "live"), ("live", "simulated")])
def test_another_nature_is_refused(bare_database_url: str, made: Any, asked: Any) -> None:
    schema.up(bare_database_url, made)
    before = everything(bare_database_url)
    with pytest.raises(Refused, match=rf"made for {made} data.*{asked}"):
        schema.up(bare_database_url, asked)
    assert everything(bare_database_url) == before
    with psycopg.connect(bare_database_url) as connection:
        assert connection.execute("select nature from ops.edition").fetchall() == [(made,)]


def test_another_edition_is_refused(database_url: str, edition: Edition) -> None:
    other = {"plain": "timescale", "timescale": "plain"}[edition]
    _do(database_url, f"update ops.edition set edition = '{other}'")
    before = everything(database_url)
    with pytest.raises(Refused, match=rf"(is of the|made as) {other}"):
        schema.up(database_url)
    assert everything(database_url) == before


def test_a_revision_of_a_newer_thor_is_refused_by_its_number(database_url: str) -> None:
    _do(database_url, "update ops.alembic_version set version_num = '9999'")
    before = everything(database_url)
    with pytest.raises(Refused, match=r"9999.*newer"):
        schema.up(database_url)
    assert everything(database_url) == before


def test_a_migration_runs_and_the_logic_is_created_again_after_it(
    database_url: str, next_revision: Path
) -> None:
    next_revision.write_text(
        "alter table market.ingest_batches add column more text;\n"
        "comment on column market.ingest_batches.more is '100 % new';\n"
    )
    said: list[str] = []
    schema.up(database_url, report=said.append)
    assert len(said) == 1
    assert said[0].startswith("1 migration")
    with psycopg.connect(database_url) as connection:
        row = connection.execute("select version_num from ops.alembic_version").fetchone()
        assert row == (next_revision.stem[:4],)
        found = connection.execute(
            "select col_description('market.ingest_batches'::regclass, a.attnum) "
            "from pg_attribute as a "
            "where a.attrelid = 'market.ingest_batches'::regclass and a.attname = 'more'"
        ).fetchall()
        assert found == [("100 % new",)]


@pytest.mark.parametrize("part", ["of every edition", "of one"])
def test_a_migration_that_fails_half_way_leaves_the_database_as_it_was(
    database_url: str, next_revision: Path, edition: Edition, part: str
) -> None:
    suffix = f".{edition}.sql" if part == "of one" else ".sql"
    next_revision.with_suffix(suffix).write_text(
        "create table market.half (n integer);\n"
        "drop table market.gaps cascade;\n"
        "drop table market.bars_to_refresh cascade;\n"
        "insert into market.half values (1 / 0);\n"
    )
    _do(
        database_url,
        "insert into market.ticks (ts, symbol, seq, source, is_trade, is_sampled, received_at) "
        "values ('2024-01-02Z', 'ES', 1, 'SIM', true, false, '2024-01-02Z')",
    )
    before = everything(database_url)
    with pytest.raises(sqlalchemy.exc.DataError, match="division by zero"):
        schema.up(database_url)
    assert everything(database_url) == before
    with psycopg.connect(database_url) as connection:
        assert connection.execute("select count(*) from ticks").fetchone() == (1,)
        row = connection.execute("select version_num from ops.alembic_version").fetchone()
        assert row == (f"{int(next_revision.stem[:4]) - 1:04}",)


def test_a_first_migration_that_fails_leaves_nothing(
    bare_database_url: str, next_revision: Path
) -> None:
    next_revision.write_text("select 1 / 0;\n")
    before = everything(bare_database_url)
    with pytest.raises(sqlalchemy.exc.DataError, match="division by zero"):
        schema.up(bare_database_url)
    assert everything(bare_database_url) == before


def test_a_server_that_is_away_is_unavailable() -> None:
    # Port 1 of this machine: nothing listens there.
    with pytest.raises(Unavailable, match="PostgreSQL"):
        schema.up("postgresql://thor@127.0.0.1:1/thor")


def test_a_user_without_rights_gets_one_line_with_the_cure(database_url: str) -> None:
    name = f"thor_test_guest_{uuid.uuid4().hex[:8]}"
    _do(database_url, f"create role {name} login password '{name}'")
    parts = urlsplit(database_url)
    guest = urlunsplit(parts._replace(netloc=f"{name}:{name}@{parts.netloc.rpartition('@')[2]}"))
    try:
        with pytest.raises(Refused) as refused:
            schema.up(guest)
        assert str(refused.value) == (
            "PostgreSQL: permission denied for schema ops: name the owner of the database in its "
            "URL, or have that owner grant the right"
        )
        _do(database_url, "update ops.logic_files set sha256 = ''")
        _do(database_url, f"grant usage on schema ops to {name}")
        _do(database_url, f"grant select on all tables in schema ops to {name}")
        with pytest.raises(Refused, match=r"^PostgreSQL: .*: name the owner of the database"):
            schema.up(guest)
        with pytest.raises(Unavailable, match="read-only transaction: .*; name one that can be"):
            schema.up(f"{database_url}?options=-c%20default_transaction_read_only%3Don")
    finally:
        _do(database_url, f"drop owned by {name}")
        _do(database_url, f"drop role {name}")
