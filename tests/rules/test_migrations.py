"""The road and the destination: migrations and db/sql end in the same schema."""

import ast
import re
from pathlib import Path
from typing import Any

import psycopg
import pytest
from schema_snapshot import snapshot
from source_tree import MIGRATIONS, ROOT, without_sql_prose

from thor.database import roles, schema
from thor.database.edition import Edition

pytestmark = pytest.mark.editions("plain", "timescale")

EDITIONS = ("plain", "timescale")
REVISIONS = sorted(MIGRATIONS.glob("*.py"))
every_revision = pytest.mark.parametrize("path", REVISIONS, ids=lambda path: path.stem)


def _constant(path: Path, name: str) -> Any:
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            return ast.literal_eval(node.value)
    return pytest.fail(f"{path.name} does not say its {name}")


@pytest.fixture(scope="module")
def road(kept_url: str) -> dict[str, str]:
    """Where the migrations end."""
    with psycopg.connect(kept_url) as connection:
        return snapshot(connection)


def test_migrations_and_db_sql_end_in_the_same_schema(
    road: dict[str, str], bare_database_url: str, edition: Edition
) -> None:
    with psycopg.connect(bare_database_url) as connection:
        for file in schema.files(edition):
            connection.execute(file.text.encode())
        roles.settle(connection)
        truth = snapshot(connection)
        connection.rollback()
    different = {
        name: {"migrations": road.get(name), "db/sql": truth.get(name)}
        for name in sorted(road.keys() | truth.keys())
        if road.get(name) != truth.get(name)
    }
    assert different == {}, "add the migration that is missing, or correct db/sql"


def _seen(url: str, road: dict[str, str], change: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(change.encode())
        assert snapshot(connection) != road
        connection.rollback()


@pytest.mark.editions("plain")
@pytest.mark.parametrize(
    "change",
    [
        "alter table market.gaps alter column filled_by set default 'x'",
        "alter table market.gaps add column more integer",
        "alter table market.ticks drop constraint ticks_values_are_sane",
        "comment on column market.gaps.symbol is 'another'",
        "drop index market.rejected_ticks_rejected_at",
        "alter table reference.series disable trigger keep_version",
        "alter function reference.trade_date(timestamptz) volatile",
        "grant select on market.gaps to public",
        "alter table market.ticks disable trigger keep_bars",
        "alter type market.tick_key add attribute more integer",
        "comment on type market.tick_key is 'another'",
        "alter table market._bars detach partition market._bars_1h",
        "alter table market._bars_1m reset (fillfactor)",
    ],
)
def test_a_difference_would_be_seen(kept_url: str, road: dict[str, str], change: str) -> None:
    _seen(kept_url, road, change)


@pytest.mark.editions("timescale")
@pytest.mark.parametrize(
    "change",
    [
        "select public.set_chunk_time_interval('market.ticks', interval '2 days')",
        "alter table market.ticks set (timescaledb.orderby = 'ts')",
        "alter materialized view market._bars_1m set (timescaledb.materialized_only = true)",
        "alter materialized view market._bars_1m set (timescaledb.enable_columnstore = false)",
        "alter materialized view market._bars_1m set (timescaledb.chunk_interval = '3 days')",
        "select public.delete_job(j.job_id) "
        "from timescaledb_information.jobs as j where j.hypertable_name = 'ticks'",
        "select public.remove_continuous_aggregate_policy('market._bars_1s')",
        "select public.add_retention_policy('market.ticks', interval '1 year')",
        "select public.alter_job(j.job_id, schedule_interval => interval '1 day') "
        "from timescaledb_information.jobs as j where j.hypertable_name = 'ticks'",
        "select public.alter_job(j.job_id, scheduled => false) "
        "from timescaledb_information.jobs as j where j.hypertable_name = 'ticks'",
        'select public.alter_job(j.job_id, config => j.config || \'{"after": "9 days"}\') '
        "from timescaledb_information.jobs as j where j.hypertable_name = 'ticks'",
        "comment on column market._bars_1s.open is 'another'",
        "drop index _timescaledb_internal.{index}",
    ],
)
def test_a_difference_of_timescaledb_s_would_be_seen(
    kept_url: str, road: dict[str, str], change: str
) -> None:
    with psycopg.connect(kept_url) as connection:
        query = (
            "select c.relname from pg_class as c join pg_index as i on i.indexrelid = c.oid "
            "where i.indrelid::regclass::text ~ '_materialized_hypertable_' order by 1 limit 1"
        )
        row = connection.execute(query).fetchone()
    assert row is not None
    _seen(kept_url, road, change.replace("{index}", row[0]))


@every_revision
def test_a_revision_is_named_by_its_number_and_has_its_sql_beside_it(path: Path) -> None:
    assert re.fullmatch(r"\d{4}_[a-z0-9]+(_[a-z0-9]+)*", path.stem), f"name it NNNN_{path.stem}"
    assert _constant(path, "revision") == path.stem[:4], f"{path.name}: revision is its number"
    beside = {file.name for file in beside_it(path)}
    of_each = {f"{path.stem}.{of}.sql" for of in EDITIONS}
    assert f"{path.stem}.sql" in beside or of_each <= beside, (
        f"write {path.stem}.sql beside {path.name}, or one for each edition"
    )


def beside_it(path: Path) -> list[Path]:
    """Return the SQL files of a revision: for every edition, and for one."""
    suffixes = (".sql", *(f".{of}.sql" for of in EDITIONS))
    return [file for suffix in suffixes if (file := path.with_suffix(suffix)).exists()]


def test_no_migration_lies_beside_the_road() -> None:
    of_revisions = {file for path in REVISIONS for file in beside_it(path)}
    orphans = {file.name for file in MIGRATIONS.glob("*.sql")} - {f.name for f in of_revisions}
    assert orphans == set(), "write the .py that runs it"


def test_the_revisions_follow_one_another() -> None:
    chain = [(_constant(p, "revision"), _constant(p, "down_revision")) for p in REVISIONS]
    numbers = [f"{number:04}" for number in range(1, len(chain) + 1)]
    assert chain == list(zip(numbers, [None, *numbers], strict=False)), "number without holes"


@every_revision
def test_a_migration_reads_no_file_of_db_sql(path: Path) -> None:
    """An old migration that read it would change its meaning with it."""
    assert "db/sql" not in path.read_text()
    assert "thor" not in path.read_text()
    texts = [without_sql_prose(file.read_text()) for file in beside_it(path)]
    assert not any("db/sql" in text for text in texts)
    texts += [
        node.value
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    assert not any("99_queries" in text or text == "sql" for text in texts)


def logic_made(text: str) -> list[str]:
    """Return the logic that an SQL file makes: views, and functions but for triggers'.

    A continuous aggregate is state though the word view is in its statement, and so is a procedure:
    the job that runs it names it, and a migration makes the job.
    """
    text = without_sql_prose(text)
    views = re.findall(
        r"\bcreate\s+(?:or\s+replace\s+)?(?:recursive\s+)?(?:temp(?:orary)?\s+)?"
        r"(?:materialized\s+)?view\s+(?:if\s+not\s+exists\s+)?([\w.]++)"
        r"(?!\s+with\s*\([^)]*\btimescaledb\.continuous\b)",
        text,
    )
    functions = re.findall(
        r"\bcreate\s+(?:or\s+replace\s+)?(?:function|aggregate)\s+([\w.]++)"
        r"(?!\s*\(\s*\)\s+returns\s+trigger\b)",
        text,
    )
    return views + functions


@every_revision
def test_a_migration_makes_no_logic(path: Path) -> None:
    found = {file.name: logic_made(file.read_text()) for file in beside_it(path)}
    made = {name: logic for name, logic in found.items() if logic}
    assert made == {}, "views and functions are files of db/sql, re-created by `thor db up`"


def test_logic_in_a_migration_would_be_seen() -> None:
    text = (
        "create view market.a as select 1;\n"
        "create materialized view market.b as select 2;\n"
        "create materialized view market.c\nwith (\n timescaledb.continuous\n) as select 3;\n"
        "create function market.d() returns trigger language plpgsql as '';\n"
        "create trigger d after insert on e execute function market.d();\n"
        "create or replace function market.f(n integer) returns integer return n;\n"
        "create procedure market.g(n integer, of jsonb) language plpgsql as '';\n"
    )
    assert logic_made(text) == ["market.a", "market.b", "market.f"]


def test_the_migrations_lie_where_the_rules_look() -> None:
    assert REVISIONS, f"no migration below {ROOT.name}/db/migrations/versions"
