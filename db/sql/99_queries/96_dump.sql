-- Stage     95 ops
-- The queries of a dump and a restore, on Thor's database or another.

-- name: database_named
select
    d.datname as name,
    pg_get_userbyid(d.datdba) as owner,
    shobj_description(d.oid, 'pg_database') as comment,
    (
        select count(*) from pg_catalog.pg_stat_activity as a
        where a.datid = d.oid and a.backend_type = 'client backend'
    ) as clients
from pg_catalog.pg_database as d
where d.datname = %(name)s::text;

-- A restore into a database has this lock until the database has its name.
-- name: lock_restore
select pg_try_advisory_lock(7405112, hashtext(%(name)s::text)) as is_locked;

-- Objects that a new database does not have; those of extensions are ignored.
-- name: holdings
with held as (
    select
        'pg_class'::regclass as catalogue,
        c.oid,
        quote_ident(n.nspname) || '.' || quote_ident(c.relname) as name,
        n.nspname as schema_name
    from pg_catalog.pg_class as c
    inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S', 'c')
    union all
    select
        'pg_proc',
        p.oid,
        quote_ident(n.nspname) || '.' || quote_ident(p.proname) || '()',
        n.nspname
    from pg_catalog.pg_proc as p
    inner join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
    union all
    select
        'pg_type',
        t.oid,
        'type ' || quote_ident(n.nspname) || '.' || quote_ident(t.typname),
        n.nspname
    from pg_catalog.pg_type as t
    inner join pg_catalog.pg_namespace as n on n.oid = t.typnamespace
    where t.typtype in ('d', 'e', 'r')
    union all
    select
        'pg_namespace',
        s.oid,
        'schema ' || quote_ident(s.nspname),
        s.nspname
    from pg_catalog.pg_namespace as s
    where s.nspname <> 'public'
    union all
    select
        'pg_extension',
        x.oid,
        'extension ' || quote_ident(x.extname),
        ''
    from pg_catalog.pg_extension as x
    where x.extname not in ('plpgsql', 'timescaledb', 'pg_stat_statements')
    union all
    select
        'pg_largeobject_metadata',
        l.oid,
        'large object ' || l.oid,
        ''
    from pg_catalog.pg_largeobject_metadata as l
)

select h.name
from held as h
where
    h.schema_name !~ '^(pg|_timescaledb)_'
    and h.schema_name <> 'information_schema'
    and not exists (
        select from pg_catalog.pg_depend as d
        where d.classid = h.catalogue and d.objid = h.oid and d.deptype = 'e'
    )
order by h.name
limit 5;

-- name: timescaledb_versions
select v.version
from pg_catalog.pg_available_extension_versions as v
where v.name = 'timescaledb';

-- name: set_search_path
select set_config('search_path', %(path)s::text, false) as path;

-- Parts that a dump omits: the database's own search_path, its statistics.
-- name: keep_search_path
do '
begin
    execute ''alter database '' || quote_ident(current_database())
        || '' set search_path from current'';
end
';

-- name: analyse
analyse;
