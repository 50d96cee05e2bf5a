-- Stage     95 ops
-- The queries of a copy into another database: the tables in the catalogue,
-- with the statements that read, write and compare each. A checksum is the sum
-- of a hash of every row, so their order does not matter; the outer hash is
-- needed because the inner one is linear in the columns.

-- name: copy_settings
select
    set_config('TimeZone', 'UTC', false) as zone,
    set_config('DateStyle', 'ISO', false) as dates,
    set_config('IntervalStyle', 'postgres', false) as intervals,
    set_config('extra_float_digits', '1', false) as digits,
    set_config('statement_timeout', '0', false) as timeout,
    set_config('idle_in_transaction_session_timeout', '0', false) as idle;

-- name: copy_revision
select v.version_num as revision
from ops.alembic_version as v;

-- The target of a copy has this lock exclusively, a source has it shared.
-- name: lock_copy_target
select pg_try_advisory_lock(7405110) as is_locked;

-- name: share_copy_source
select pg_try_advisory_lock_shared(7405110) as is_shared;

-- name: copy_target
select
    to_regclass('ops.edition') is not null as is_thors,
    to_regclass('ops.copies') is not null as knows_copies;

-- Sessions of Thor's jobs that write ticks, or data made of them.
-- name: writers
select distinct substr(a.application_name, 6) as job
from pg_catalog.pg_stat_activity as a
where
    a.datname = current_database()
    and a.application_name ~ '^thor (ingest|replay|simulate|gaps)'
order by 1;

-- Every table except the excluded ones. Statements as text, since no statement
-- takes a table as its argument. A row that the migrations made, and nobody
-- changed, does not count as data: its version is 1 and it is as old as the
-- database; for rows that `thor db up` computes the version alone decides.
-- name: tables
with tables as (
    select
        c.oid,
        format('%%I.%%I', n.nspname, c.relname) as name
    from pg_catalog.pg_class as c
    inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
    where
        n.nspname in (
            'reference', 'market', 'studies', 'store', 'model', 'trade',
            'people', 'feedback', 'ops'
        )
        and c.relkind in ('r', 'p')
        and not c.relispartition
        and format('%%I.%%I', n.nspname, c.relname)
        <> all(%(left_out)s::text[])
),

columns as (
    select
        a.attrelid as oid,
        string_agg(quote_ident(a.attname), ', ' order by a.attnum)
            filter (where a.attgenerated = '') as stored,
        string_agg(quote_ident(a.attname), ', ' order by a.attnum) as every,
        array_agg(a.attname::text) @> '{version,changed_at}' as has_versions
    from pg_catalog.pg_attribute as a
    where a.attnum > 0 and not a.attisdropped
    group by a.attrelid
)

select
    t.name,
    array(
        select distinct p.name
        from pg_catalog.pg_constraint as x
        inner join tables as p on p.oid = x.confrelid
        where x.conrelid = t.oid and x.contype = 'f' and p.oid <> t.oid
    ) as parents,
    format('copy (select %%s from %%s) to stdout', c.stored, t.name)
        as copy_out,
    format('copy %%s (%%s) from stdin', t.name, c.stored) as copy_in,
    format('delete from %%s', t.name) as clear,
    format('alter table %%s disable trigger user', t.name) as silence,
    format('alter table %%s enable trigger user', t.name) as unsilence,
    format(
        'select count(*) as records, coalesce(sum(hash_numeric_extended('
        'hash_record_extended(row(%%s), 0)::numeric, 0)), 0) as checksum '
        'from %%s', c.every, t.name
    ) as measure,
    format('select count(*) as records from %%s', t.name)
    || case
        when t.name = any(%(computed)s::text[]) then ' where version <> 1'
        when
            t.name in (
                'trade.accounts', 'trade.cash_movements', 'trade.fees',
                'trade.limits'
            )
            then ' where who <> ''thor'''
        when c.has_versions
            then
                ' where version <> 1 or changed_at <> '
                '(select e.made_at from ops.edition as e)'
        else ''
    end as foreign_rows
from tables as t
inner join columns as c on c.oid = t.oid
order by t.name;

-- name: sequences
select
    format('%%I.%%I', s.schemaname, s.sequencename) as sequence,
    s.last_value
from pg_catalog.pg_sequences as s
where
    s.schemaname in (
            'reference', 'market', 'studies', 'store', 'model', 'trade',
            'people', 'feedback', 'ops'
    )
    and s.last_value is not null
    and not exists (
        select
        from pg_catalog.pg_depend as d
        inner join pg_catalog.pg_class as c on c.oid = d.refobjid
        inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
        where
            d.objid
            = format('%%I.%%I', s.schemaname, s.sequencename)::regclass
            and d.classid = 'pg_class'::regclass
            and d.deptype in ('a', 'i')
            and format('%%I.%%I', n.nspname, c.relname)
            = any(%(left_out)s::text[])
    )
order by 1;

-- name: set_sequence
select setval(%(sequence)s::regclass, %(last_value)s::bigint);
