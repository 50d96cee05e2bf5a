"""The database is its own catalogue: everything in it says what it is."""

import psycopg
import pytest
from schema_catalogue import OURS

pytestmark = pytest.mark.edition("plain", "timescale")

# A partition's columns are those of its table.
UNSAID_COLUMNS = f"""
select format('%I.%I.%I', n.nspname, c.relname, a.attname)
from pg_attribute as a
join pg_class as c on c.oid = a.attrelid
join pg_namespace as n on n.oid = c.relnamespace
where
    {OURS}
    and c.relkind in ('r', 'p', 'v', 'm', 'f') and not c.relispartition
    and a.attnum > 0 and not a.attisdropped
    and format('%I.%I', n.nspname, c.relname) <> 'ops.alembic_version'
    and coalesce(col_description(c.oid, a.attnum), '') = ''
order by 1
"""

UNSAID_RELATIONS = f"""
select format('%I.%I', n.nspname, c.relname)
from pg_class as c
join pg_namespace as n on n.oid = c.relnamespace
where
    {OURS}
    and c.relkind in ('r', 'p', 'v', 'm', 'f')
    and format('%I.%I', n.nspname, c.relname) <> 'ops.alembic_version'
    and coalesce(obj_description(c.oid, 'pg_class'), '') = ''
order by 1
"""

UNSAID_FUNCTIONS = f"""
select p.oid::regprocedure::text
from pg_proc as p
join pg_namespace as n on n.oid = p.pronamespace
where {OURS} and coalesce(obj_description(p.oid, 'pg_proc'), '') = ''
order by 1
"""

UNSAID_TYPES = f"""
select t.oid::regtype::text
from pg_type as t
join pg_namespace as n on n.oid = t.typnamespace
left join pg_class as c on c.oid = t.typrelid
where
    {OURS}
    and (t.typtype in ('d', 'e', 'r') or c.relkind = 'c')
    and coalesce(obj_description(t.oid, 'pg_type'), '') = ''
order by 1
"""

UNSAID_SCHEMAS = f"""
select n.nspname
from pg_namespace as n
where {OURS} and coalesce(obj_description(n.oid, 'pg_namespace'), '') = ''
order by 1
"""


def _unsaid(url: str, query: str) -> list[str]:
    with psycopg.connect(url, options="-c search_path=") as connection:
        return [name for (name,) in connection.execute(query.encode()).fetchall()]


def test_every_column_says_what_it_is(database_url: str) -> None:
    unsaid = _unsaid(database_url, UNSAID_COLUMNS)
    assert unsaid == [], "write `comment on column` beside what makes it, and a migration if state"


def test_every_table_and_view_says_what_it_is(database_url: str) -> None:
    unsaid = _unsaid(database_url, UNSAID_RELATIONS)
    assert unsaid == [], "write `comment on table` or `view` beside what makes it"


def test_every_function_says_what_it_is(database_url: str) -> None:
    assert _unsaid(database_url, UNSAID_FUNCTIONS) == [], "write `comment on function` beside it"


def test_every_type_says_what_it_is(database_url: str) -> None:
    assert _unsaid(database_url, UNSAID_TYPES) == [], "write `comment on type` beside it"


def test_every_schema_says_what_it_is(database_url: str) -> None:
    assert _unsaid(database_url, UNSAID_SCHEMAS) == [], "write `comment on schema` in 001_schemas"


def test_what_says_nothing_would_be_seen(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("create view market.unsaid as select 1 as one")
        connection.execute("create function market.unsaid() returns int language sql return 1")
        connection.execute("create type market.unsaid_kind as enum ('one')")
        connection.execute("create type market.unsaid_pair as (one integer, two integer)")
        connection.execute("create schema unsaid")
    assert _unsaid(database_url, UNSAID_COLUMNS) == ["market.unsaid.one"]
    assert _unsaid(database_url, UNSAID_RELATIONS) == ["market.unsaid"]
    assert _unsaid(database_url, UNSAID_FUNCTIONS) == ["market.unsaid()"]
    assert _unsaid(database_url, UNSAID_TYPES) == ["market.unsaid_kind", "market.unsaid_pair"]
    assert _unsaid(database_url, UNSAID_SCHEMAS) == ["unsaid"]
