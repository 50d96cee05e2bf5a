-- Stage     95 ops
-- Makes     ops.parts
-- Kind      view
-- Grain     one row a partition
-- Known at  –
-- Reads     –
-- Nulls     range_start, range_end where it is not a range of time;
--           bytes_in_rows
-- Why       What takes the disk, and how old it is: the same columns as where
--           TimescaleDB keeps chunks.

create view ops.parts as
select
    format('%I.%I', pn.nspname, p.relname) as relation,
    format('%I.%I', n.nspname, c.relname) as part,
    substring(b.bounds from 'FROM \(''([^'']+)''\)')::timestamptz
        as range_start,
    substring(b.bounds from 'TO \(''([^'']+)''\)')::timestamptz as range_end,
    false as is_in_columns,
    pg_total_relation_size(c.oid) as total_bytes,
    pg_indexes_size(c.oid) as index_bytes,
    null::bigint as bytes_in_rows
from pg_class as c
inner join pg_namespace as n on n.oid = c.relnamespace
inner join pg_inherits as i on i.inhrelid = c.oid
inner join pg_class as p on p.oid = i.inhparent
inner join pg_namespace as pn on pn.oid = p.relnamespace
cross join lateral (
    select pg_get_expr(c.relpartbound, c.oid) as bounds
) as b
where c.relispartition and c.relkind = 'r';

comment on view ops.parts is
    'The partitions of Thor''s tables (chunks, on the timescale edition), with '
    'what each takes.';
comment on column ops.parts.relation is
    'The table or continuous aggregate it is a part of, with its schema.';
comment on column ops.parts.part is 'Its own name, with its schema.';
comment on column ops.parts.range_start is
    'The earliest instant whose rows go into it.';
comment on column ops.parts.range_end is
    'The first instant whose rows no longer do.';
comment on column ops.parts.is_in_columns is
    'Whether it is in the columnstore; never on the plain edition.';
comment on column ops.parts.total_bytes is
    'What it takes on disk, indexes and columns included.';
comment on column ops.parts.index_bytes is 'What its indexes take of that.';
comment on column ops.parts.bytes_in_rows is
    'What it took before it went into the columnstore; null where it did not.';
