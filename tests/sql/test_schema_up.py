"""schema.up brings a database to today's shape, and changes nothing that is current."""

import functools
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from thor import database
from thor.database import schema
from thor.database.edition import Edition
from thor.errors import Refused

pytestmark = pytest.mark.editions("plain", "timescale")

Connection = psycopg.Connection[Any]
Logic = Callable[[str, str, str], None]

TRADE_DATE = "10_reference/140_trade_date.sql"
ACCOUNTING = "30_ticks/340_accounting.sql"
BETWEEN = "30_ticks/350_ticks_last.sql"

OBJECTS = """
select c.oid::regclass::text, c.oid::bigint
from pg_class as c
where c.relnamespace::regnamespace::text
    in (
        'reference', 'market', 'studies', 'feat', 'store', 'model', 'trade', 'people', 'feedback',
        'ops'
    )
union all
select p.oid::regprocedure::text, p.oid::bigint
from pg_proc as p
where p.pronamespace::regnamespace::text
    in (
        'reference', 'market', 'studies', 'feat', 'store', 'model', 'trade', 'people', 'feedback',
        'ops'
    )
"""


def objects(url: str) -> dict[str, int]:
    """Return every object of Thor's schemas with its oid, which a re-created one changes."""
    with psycopg.connect(url, options="-c search_path=") as connection:
        return dict(connection.execute(OBJECTS).fetchall())


def _value(url: str, query: str) -> Any:
    with psycopg.connect(url) as connection:
        row = connection.execute(query.encode()).fetchone()
        return row[0] if row else None


def _do(url: str, *statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


@pytest.fixture
def logic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Logic:
    """Change a copy of db/sql, from which `up` then reads: a file, what to find, what instead."""
    folder = tmp_path / "sql"
    shutil.copytree(schema.SQL, folder)
    monkeypatch.setattr(schema, "files", functools.partial(schema.files, folder=folder))

    def change(path: str, old: str, new: str) -> None:
        text = (folder / path).read_text()
        assert old in text
        (folder / path).write_text(text.replace(old, new))

    return change


@pytest.fixture
def folder(logic: Logic, tmp_path: Path) -> Path:
    """The copy of db/sql itself."""
    return tmp_path / "sql"


@pytest.fixture
def role(database_url: str) -> Iterator[str]:
    """A role of its own, whose name needs quoting."""
    name = f"Grafana {uuid4().hex[:12]}"
    _do(database_url, f'create role "{name}"')
    yield name
    _do(database_url, f'drop owned by "{name}"', f'drop role "{name}"')


def test_an_empty_database_comes_to_today_s_shape(bare_database_url: str, edition: Edition) -> None:
    said: list[str] = []
    schema.up(bare_database_url, report=said.append)
    assert len(said) == 1
    made = objects(bare_database_url)
    missing = [
        name
        for file in schema.files(edition)
        for name in file.makes
        # What has its kind before its name is no relation.
        if " " not in name and not name.endswith(")") and name not in made
    ]
    assert missing == []


def test_a_new_database_is_what_its_server_offers_and_of_the_nature_asked_for(
    bare_database_url: str, edition: Edition
) -> None:
    schema.up(bare_database_url, "live")
    with psycopg.connect(bare_database_url) as connection:
        rows = connection.execute("select edition, nature from ops.edition").fetchall()
    assert rows == [(edition, "live")]


def test_names_need_no_schema_in_psql(bare_database_url: str) -> None:
    schema.up(bare_database_url)
    assert _value(bare_database_url, "show search_path") == ", ".join(database.SEARCH_PATH)
    assert _value(bare_database_url, "select count(*) from ticks") == 0


def test_a_second_run_touches_nothing(database_url: str) -> None:
    before = objects(database_url)
    applied = _value(database_url, "select array_agg(l::text order by path) from logic_files as l")
    said: list[str] = []
    schema.up(database_url, report=said.append)
    assert said == []
    assert objects(database_url) == before
    assert applied == _value(
        database_url, "select array_agg(l::text order by path) from logic_files as l"
    )


def test_several_runs_at_once_make_one_schema(bare_database_url: str) -> None:
    with ThreadPoolExecutor(4) as threads:
        for run in [threads.submit(schema.up, bare_database_url) for _ in range(4)]:
            run.result()
    assert _value(bare_database_url, "select count(*) from ops.edition") == 1
    assert _value(bare_database_url, "select count(*) from instruments") == 11


def test_changed_logic_is_created_again_and_state_is_not_touched(
    database_url: str, logic: Logic, edition: Edition
) -> None:
    _do(
        database_url,
        "insert into ticks (ts, symbol, seq, source, is_trade, is_sampled, received_at) "
        "values ('2024-01-02Z', 'ES', 1, 'SIM', true, false, '2024-01-02Z')",
    )
    before = objects(database_url)
    logic(ACCOUNTING, "count(*) as batches", "count(*) + 0 as batches")
    schema.up(database_url)
    after = objects(database_url)
    assert after.keys() == before.keys()
    renewed = {name for name in after if after[name] != before[name]}
    assert renewed == {
        name for f in schema.files(edition) if f.is_logic for name in _found(after, f)
    }
    assert "market.ticks" not in renewed
    assert "+ 0" in _value(database_url, "select pg_get_viewdef('market.ingest_totals')")
    assert _value(database_url, "select count(*) from ticks") == 1
    schema.up(database_url)
    assert objects(database_url) == after


def _found(made: dict[str, int], file: schema.SqlFile) -> list[str]:
    bare = {name.split("(")[0] for name in file.makes}
    return [name for name in made if name.split("(")[0] in bare]


def test_logic_whose_arguments_changed_leaves_no_other_behind(
    database_url: str, logic: Logic
) -> None:
    logic(BETWEEN, "timestamptz, timestamptz, integer", "timestamptz, timestamptz, bigint")
    logic(BETWEEN, "rows_max integer", "rows_max bigint")
    schema.up(database_url)
    kept = [name for name in objects(database_url) if "ticks_between" in name]
    assert kept == [
        "market.ticks_between(text,timestamp with time zone,timestamp with time zone,bigint,"
        "timestamp with time zone,bigint,text)"
    ]


def test_logic_whose_file_is_gone_is_gone(database_url: str, folder: Path) -> None:
    (folder / BETWEEN).unlink()
    schema.up(database_url)
    assert not any("ticks_between" in name for name in objects(database_url))
    assert _value(database_url, f"select count(*) from logic_files where path = '{BETWEEN}'") == 0


def test_broken_logic_leaves_the_database_as_it_was(database_url: str, logic: Logic) -> None:
    before = objects(database_url)
    logic(ACCOUNTING, "count(*) as batches", "count(*) as batches, b.no_such_column")
    with pytest.raises(psycopg.errors.UndefinedColumn):
        schema.up(database_url)
    assert objects(database_url) == before


GRANTED = """
select array_agg(
    concat_ws(' ', a.privilege_type, a.is_grantable) order by a.privilege_type
)
from pg_class as c, aclexplode(c.relacl) as a
where c.oid = 'market.ingest_totals'::regclass and a.grantee = (
    select oid from pg_roles where rolname = '{role}'
)
"""


def test_grants_are_given_back_to_a_view(database_url: str, logic: Logic, role: str) -> None:
    _do(
        database_url,
        f'grant select on market.ingest_totals to "{role}" with grant option',
        f'grant references on market.ingest_totals to "{role}"',
    )
    before = _value(database_url, GRANTED.format(role=role))
    assert before == ["REFERENCES f", "SELECT t"]
    logic(ACCOUNTING, "count(*) as batches", "count(*) + 0 as batches")
    schema.up(database_url)
    assert _value(database_url, GRANTED.format(role=role)) == before


def test_grants_on_single_columns_are_given_back(
    database_url: str, logic: Logic, role: str
) -> None:
    _do(database_url, f'grant select (received) on market.ingest_totals to "{role}"')
    logic(ACCOUNTING, "count(*) as batches", "count(*) + 0 as batches")
    schema.up(database_url)
    may = "select has_column_privilege('{role}', 'market.ingest_totals', '{column}', 'select')"
    assert _value(database_url, may.format(role=role, column="received")) is True
    assert _value(database_url, may.format(role=role, column="batches")) is False


def test_grants_are_given_back_to_a_function(database_url: str, logic: Logic, role: str) -> None:
    _do(
        database_url,
        f'grant execute on function market.accounting(bigint, bigint) to "{role}"',
    )
    logic(ACCOUNTING, "count(*) as batches", "count(*) + 0 as batches")
    schema.up(database_url)
    grantee = (
        "select count(*) from pg_proc as p, aclexplode(p.proacl) as a, pg_roles as r "
        "where p.oid = 'market.accounting(bigint, bigint)'::regprocedure "
        f"and r.oid = a.grantee and r.rolname = '{role}'"
    )
    assert _value(database_url, grantee) == 1


def test_what_was_taken_from_everyone_stays_taken(
    database_url: str, logic: Logic, role: str
) -> None:
    _do(
        database_url,
        "revoke execute on function market.accounting(bigint, bigint) from public",
    )
    logic(ACCOUNTING, "count(*) as batches", "count(*) + 0 as batches")
    schema.up(database_url)
    may = f"select has_function_privilege('{role}', 'market.accounting(bigint, bigint)', 'execute')"
    assert _value(database_url, may) is False


@pytest.mark.parametrize(
    ("mine", "made_of"),
    [
        ("view public.mine as select * from market.ingest_totals", "mine"),
        (
            "function public.mine() returns bigint language sql "
            "begin atomic select received from market.accounting(0, 1); end",
            "mine",
        ),
    ],
    ids=["view", "function"],
)
def test_what_a_user_built_on_thors_logic_is_named_and_not_lost(
    database_url: str, logic: Logic, mine: str, made_of: str
) -> None:
    _do(database_url, f"create {mine}")
    before = objects(database_url)
    logic(ACCOUNTING, "count(*) as batches", "count(*) + 0 as batches")
    with pytest.raises(Refused, match=made_of):
        schema.up(database_url)
    assert objects(database_url) == before
    source = "mine()" if mine.startswith("function") else "mine"
    assert _value(database_url, f"select count(*) from {source}") == 1


def test_a_users_view_on_unchanged_logic_stands_in_nobodys_way(database_url: str) -> None:
    _do(database_url, "create view public.mine as select * from market.ingest_totals")
    schema.up(database_url)
    assert _value(database_url, "select batches from mine") == 0


def test_a_users_view_on_a_table_stays_where_logic_changes(database_url: str, logic: Logic) -> None:
    _do(database_url, "create view public.mine as select symbol, last from market.ticks")
    logic(ACCOUNTING, "count(*) as batches", "count(*) + 0 as batches")
    schema.up(database_url)
    assert _value(database_url, "select count(*) from mine") == 0
