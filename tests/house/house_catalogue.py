"""What PostgreSQL's own catalogue says of a database: its objects and what each reads."""

from typing import Any, NamedTuple

import psycopg

Connection = psycopg.Connection[Any]

# Objects that a file of db/sql may make; what belongs to one of them goes without saying.
OBJECTS = """
with mine as (
    select oid, nspname from pg_namespace
    where nspname !~ '^pg_' and nspname not in ('information_schema', 'public')
)
select 'pg_namespace', oid::bigint, 'schema ' || nspname, 'schema' from mine
union all
select 'pg_class', c.oid::bigint, format('%I.%I', mine.nspname, c.relname),
    case c.relkind when 'v' then 'view' when 'm' then 'materialized view' else 'table' end
from pg_class as c join mine on mine.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm', 'f')
union all
select 'pg_proc', p.oid::bigint, format('%I.%I(%s)', mine.nspname, p.proname, (
        select coalesce(string_agg(
            replace(format_type(t.type, null), 'timestamp with time zone', 'timestamptz'),
            ', ' order by t.place
        ), '')
        from unnest(p.proargtypes) with ordinality as t (type, place)
    )), 'function'
from pg_proc as p join mine on mine.oid = p.pronamespace
union all
select 'pg_type', t.oid::bigint, format('type %I.%I', mine.nspname, t.typname), 'type'
from pg_type as t join mine on mine.oid = t.typnamespace
left join pg_class as c on c.oid = t.typrelid
where t.typtype in ('d', 'e', 'r') or c.relkind = 'c'
order by 2
"""

# Every part with the relation or function that it is a part of.
PARTS = """
select 'pg_class', c.oid::bigint, 'pg_class', coalesce(i.indrelid, c.oid)::bigint
from pg_class as c left join pg_index as i on i.indexrelid = c.oid
union all select 'pg_rewrite', oid, 'pg_class', ev_class from pg_rewrite
union all select 'pg_trigger', oid, 'pg_class', tgrelid from pg_trigger where not tgisinternal
union all select 'pg_constraint', oid, 'pg_class', conrelid from pg_constraint where conrelid > 0
union all select 'pg_attrdef', oid, 'pg_class', adrelid from pg_attrdef
union all select 'pg_proc', oid, 'pg_proc', oid from pg_proc
union all
select 'pg_type', t.oid, 'pg_class', coalesce(nullif(t.typrelid, 0), e.typrelid)
from pg_type as t left join pg_type as e on e.oid = t.typelem
where t.typrelid > 0 or e.typrelid > 0
"""

DEPENDENCIES = """
select classid::regclass::text, objid::bigint, refclassid::regclass::text, refobjid::bigint
from pg_depend
"""


class Key(NamedTuple):
    """A catalogue and an oid in it."""

    catalogue: str
    oid: int


class Made(NamedTuple):
    """An object: where it is, its name as headers write it, and its kind."""

    key: Key
    name: str
    kind: str


def objects(connection: Connection) -> list[Made]:
    """Return every object outside the system's own schemas, in the order of making."""
    return [
        Made(Key(catalogue, oid), name, kind)
        for catalogue, oid, name, kind in connection.execute(OBJECTS.encode()).fetchall()
    ]


def reads(connection: Connection, made: set[Key]) -> set[Key]:
    """Return the relations and functions that the objects stand on, themselves left out."""
    whole = {
        Key(part_catalogue, part): Key(catalogue, oid)
        for part_catalogue, part, catalogue, oid in connection.execute(PARTS.encode()).fetchall()
    }
    found = set()
    for catalogue, oid, on_catalogue, on in connection.execute(DEPENDENCIES.encode()).fetchall():
        reader, read = whole.get(Key(catalogue, oid)), whole.get(Key(on_catalogue, on))
        if reader in made and read is not None:
            found.add(read)
    return found - made
