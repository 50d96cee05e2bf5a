"""The database is its own catalogue: everything in it has a comment."""

import psycopg
import pytest
from schema_catalogue import OURS

pytestmark = pytest.mark.editions("plain", "timescale")

# A partition's columns are those of its table.
COLUMNS_WITHOUT_COMMENT = f"""
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

RELATIONS_WITHOUT_COMMENT = f"""
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

FUNCTIONS_WITHOUT_COMMENT = f"""
select p.oid::regprocedure::text
from pg_proc as p
join pg_namespace as n on n.oid = p.pronamespace
where {OURS} and coalesce(obj_description(p.oid, 'pg_proc'), '') = ''
order by 1
"""

TYPES_WITHOUT_COMMENT = f"""
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

SCHEMAS_WITHOUT_COMMENT = f"""
select n.nspname
from pg_namespace as n
where {OURS} and coalesce(obj_description(n.oid, 'pg_namespace'), '') = ''
order by 1
"""


def _without_comment(url: str, query: str) -> list[str]:
    with psycopg.connect(url, options="-c search_path=") as connection:
        return [name for (name,) in connection.execute(query.encode()).fetchall()]


def test_every_column_has_a_comment(database_url: str) -> None:
    uncommented = _without_comment(database_url, COLUMNS_WITHOUT_COMMENT)
    assert uncommented == [], (
        "write `comment on column` beside what makes it, and a migration if state"
    )


def test_every_table_and_view_has_a_comment(database_url: str) -> None:
    uncommented = _without_comment(database_url, RELATIONS_WITHOUT_COMMENT)
    assert uncommented == [], "write `comment on table` or `view` beside what makes it"


def test_every_function_has_a_comment(database_url: str) -> None:
    assert _without_comment(database_url, FUNCTIONS_WITHOUT_COMMENT) == [], (
        "write `comment on function` beside it"
    )


def test_every_type_has_a_comment(database_url: str) -> None:
    assert _without_comment(database_url, TYPES_WITHOUT_COMMENT) == [], (
        "write `comment on type` beside it"
    )


def test_every_schema_has_a_comment(database_url: str) -> None:
    assert _without_comment(database_url, SCHEMAS_WITHOUT_COMMENT) == [], (
        "write `comment on schema` in 001_schemas"
    )


def test_a_missing_comment_would_be_seen(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("create view market.uncommented as select 1 as one")
        connection.execute("create function market.uncommented() returns int language sql return 1")
        connection.execute("create type market.uncommented_kind as enum ('one')")
        connection.execute("create type market.uncommented_pair as (one integer, two integer)")
        connection.execute("create schema uncommented")
    assert _without_comment(database_url, COLUMNS_WITHOUT_COMMENT) == ["market.uncommented.one"]
    assert _without_comment(database_url, RELATIONS_WITHOUT_COMMENT) == ["market.uncommented"]
    assert _without_comment(database_url, FUNCTIONS_WITHOUT_COMMENT) == ["market.uncommented()"]
    assert _without_comment(database_url, TYPES_WITHOUT_COMMENT) == [
        "market.uncommented_kind",
        "market.uncommented_pair",
    ]
    assert _without_comment(database_url, SCHEMAS_WITHOUT_COMMENT) == ["uncommented"]
