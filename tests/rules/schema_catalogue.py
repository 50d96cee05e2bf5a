"""PostgreSQL's catalogue of a database: its objects and what each reads.

On the timescale edition TimescaleDB's catalogue is asked too: a continuous aggregate is one object
there, though it is a view, two more views and a table to PostgreSQL.
"""

import re
from typing import Any, NamedTuple

import psycopg

Connection = psycopg.Connection[Any]

# For a pg_namespace named n: neither the system's nor an extension's.
OURS = """(
    n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'public')
    and not exists (
        select from pg_depend as x
        where x.classid = 'pg_namespace'::regclass and x.objid = n.oid and x.deptype = 'e'
    )
)"""

# Objects that a file of db/sql may make: catalogue, oid, name, kind, and what it is a part of.
OBJECTS = f"""
with mine as (select n.oid, n.nspname from pg_namespace as n where {OURS})
select 'pg_namespace', oid::bigint, 'schema ' || nspname, 'schema', null::bigint from mine
union all
select 'pg_extension', oid::bigint, format('extension %I', extname), 'extension', null
from pg_extension where extname <> 'plpgsql'
union all
select 'pg_class', c.oid::bigint, format('%I.%I', mine.nspname, c.relname),
    case c.relkind when 'v' then 'view' when 'm' then 'materialized view' else 'table' end, null
from pg_class as c join mine on mine.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm', 'f')
union all
select 'pg_proc', p.oid::bigint, format('%I.%I(%s)', mine.nspname, p.proname, (
        select coalesce(string_agg(
            replace(format_type(t.type, null), 'timestamp with time zone', 'timestamptz'),
            ', ' order by t.place
        ), '')
        from unnest(p.proargtypes) with ordinality as t (type, place)
    )), case
        when p.prokind = 'p' then 'procedure'
        when p.prorettype = 'trigger'::regtype then 'trigger function'
        else 'function'
    end, null
from pg_proc as p join mine on mine.oid = p.pronamespace
union all
select 'pg_trigger', t.oid::bigint,
    format('trigger %I on %I.%I', t.tgname, mine.nspname, c.relname), 'trigger', c.oid::bigint
from pg_trigger as t
join pg_class as c on c.oid = t.tgrelid
join mine on mine.oid = c.relnamespace
where not t.tgisinternal
union all
select 'pg_type', t.oid::bigint, format('type %I.%I', mine.nspname, t.typname), 'type', null
from pg_type as t join mine on mine.oid = t.typnamespace
left join pg_class as c on c.oid = t.typrelid
where t.typtype in ('d', 'e', 'r') or c.relkind = 'c'
order by 2
"""

# Every part with the object that it is a part of: a table's index, an array's element.
PARTS = """
select 'pg_class', c.oid::bigint, 'pg_class', coalesce(i.indrelid, c.oid)::bigint
from pg_class as c left join pg_index as i on i.indexrelid = c.oid
where c.relkind <> 'c'
union all select 'pg_class', oid, 'pg_type', reltype from pg_class where relkind = 'c'
union all select 'pg_rewrite', oid, 'pg_class', ev_class from pg_rewrite
union all select 'pg_trigger', oid, 'pg_class', tgrelid from pg_trigger where not tgisinternal
union all select 'pg_constraint', oid, 'pg_class', conrelid from pg_constraint where conrelid > 0
union all select 'pg_attrdef', oid, 'pg_class', adrelid from pg_attrdef
union all select 'pg_proc', oid, 'pg_proc', oid from pg_proc
union all
select 'pg_type', t.oid,
    case when c.relkind <> 'c' then 'pg_class' else 'pg_type' end,
    case when c.relkind <> 'c' then c.oid else b.oid end
from pg_type as t
join pg_type as b on b.oid = case when t.typcategory = 'A' then t.typelem else t.oid end
left join pg_class as c on c.oid = b.typrelid
"""

DEPENDENCIES = """
select classid::regclass::text, objid::bigint, refclassid::regclass::text, refobjid::bigint
from pg_depend
"""

# Bodies kept as text: PostgreSQL does not parse them before they run.
OPAQUE_BODIES = "select oid::bigint, prosrc from pg_proc where prosqlbody is null"

HAS_TIMESCALEDB = "select exists (select from pg_extension where extname = 'timescaledb')"

# The views that hold an aggregate's query, and the table of its rows, with its own view.
AGGREGATES = """
select format('%I.%I', a.user_view_schema, a.user_view_name)::regclass::oid::bigint,
    p.name::regclass::oid::bigint
from _timescaledb_catalog.continuous_agg as a
join _timescaledb_catalog.hypertable as h on h.id = a.mat_hypertable_id
cross join lateral (
    values
    (format('%I.%I', h.schema_name, h.table_name)),
    (format('%I.%I', a.direct_view_schema, a.direct_view_name)),
    (format('%I.%I', a.partial_view_schema, a.partial_view_name))
) as p (name)
"""

HYPERTABLES = f"""
select format('%I.%I', hypertable_schema, hypertable_name)::regclass::oid::bigint
from timescaledb_information.hypertables
join pg_namespace as n on n.nspname = hypertable_schema
where {OURS}
order by 1
"""

POLICIES = """
select j.job_id::bigint, j.proc_name,
    format('%I.%I', j.hypertable_schema, j.hypertable_name)::regclass::oid::bigint
from timescaledb_information.jobs as j
where j.job_id >= 1000
order by 1
"""
POLICY_NAMES = {
    "policy_refresh_continuous_aggregate": "refresh policy",
    "convert_chunks": "columnstore policy",
}


class Key(NamedTuple):
    """A catalogue and an oid in it."""

    catalogue: str
    oid: int


class Made(NamedTuple):
    """An object: where it is, its name as headers write it, its kind, and what it is part of."""

    key: Key
    name: str
    kind: str
    of: Key | None = None


def objects(connection: Connection) -> list[Made]:
    """Return every object outside the system's and extensions' schemas, in the order of making."""
    with connection.transaction(force_rollback=True):
        connection.execute("set local search_path = ''")
        found = [
            Made(Key(catalogue, oid), name, kind, of and Key("pg_class", of))
            for catalogue, oid, name, kind, of in connection.execute(OBJECTS.encode()).fetchall()
        ]
        return _with_timescaledb(connection, found) if _has_timescaledb(connection) else found


def made_since(connection: Connection, before: set[Made]) -> list[Made]:
    """Return new objects; parts of a new object are left out."""
    new = [thing for thing in objects(connection) if thing not in before]
    keys = {thing.key for thing in new}
    return [thing for thing in new if thing.of not in keys]


def reads(connection: Connection, made: list[Made]) -> set[str]:
    """Return the names of what the objects stand on, themselves left out."""
    keys = {thing.key for thing in made}
    everything = objects(connection)
    names = {thing.key: thing.name for thing in everything}
    whole = _whole(connection) | {key: key for key in keys}
    found = {thing.of for thing in made if thing.of is not None}
    for catalogue, oid, on_catalogue, on in connection.execute(DEPENDENCIES.encode()).fetchall():
        reader, read = whole.get(Key(catalogue, oid)), whole.get(Key(on_catalogue, on))
        if reader in keys and read is not None:
            found.add(read)
    for key, text in opaque_bodies(connection).items():
        if key in keys:
            spoken = spoken_of(text)
            found |= {thing.key for thing in everything if bare(thing.name) in spoken}
    return {names[key] for key in found - keys if key in names}


def opaque_bodies(connection: Connection) -> dict[Key, str]:
    """Return the functions whose body is text, each with that text."""
    rows = connection.execute(OPAQUE_BODIES.encode()).fetchall()
    return {Key("pg_proc", oid): text for oid, text in rows}


def spoken_of(text: str) -> set[str]:
    """Return the names of Thor's schemas that a body mentions, bare."""
    text = re.sub(r"--[^\n]*|'(?:[^']|'')*'", "", text)
    return set(re.findall(r"\b(?:reference|market|feat|store|trade|ops)\.\w+", text))


def bare(name: str) -> str:
    """Return an object's name without arguments, and a type's without the word."""
    return name.split("(")[0].removeprefix("type ")


def _has_timescaledb(connection: Connection) -> bool:
    row = connection.execute(HAS_TIMESCALEDB.encode()).fetchone()
    return bool(row and row[0])


def _with_timescaledb(connection: Connection, found: list[Made]) -> list[Made]:
    aggregates = {view for view, _ in connection.execute(AGGREGATES.encode()).fetchall()}
    found = [
        thing._replace(kind="continuous aggregate")
        if thing.key.catalogue == "pg_class" and thing.key.oid in aggregates
        else thing
        for thing in found
    ]
    names = {thing.key: thing.name for thing in found}
    for (oid,) in connection.execute(HYPERTABLES.encode()).fetchall():
        of = Key("pg_class", oid)
        found.append(Made(Key("hypertable", oid), f"hypertable {names[of]}", "hypertable", of))
    for job, kind, oid in connection.execute(POLICIES.encode()).fetchall():
        of = Key("pg_class", oid)
        name = f"{POLICY_NAMES.get(kind, kind)} of {names[of]}"
        found.append(Made(Key("policy", job), name, "policy", of))
    return found


def _whole(connection: Connection) -> dict[Key, Key]:
    whole = {
        Key(part_catalogue, part): Key(catalogue, oid)
        for part_catalogue, part, catalogue, oid in connection.execute(PARTS.encode()).fetchall()
    }
    if not _has_timescaledb(connection):
        return whole
    rows = connection.execute(AGGREGATES.encode()).fetchall()
    view_of = {Key("pg_class", part): Key("pg_class", view) for view, part in rows}
    return {part: view_of.get(key, key) for part, key in whole.items()}
