-- Stage     95 ops
-- Makes     ops.sizes
-- Kind      view
-- Grain     one row a table or continuous aggregate
-- Known at  –
-- Reads     ops.parts
-- Nulls     bytes_in_rows where nothing is in columns
-- Why       pg_total_relation_size of a table leaves its parts out.

create view ops.sizes as
with whole as (
    select
        format('%I.%I', n.nspname, c.relname) as relation,
        pg_total_relation_size(c.oid) as total_bytes,
        pg_indexes_size(c.oid) as index_bytes
    from pg_class as c
    inner join pg_namespace as n on n.oid = c.relnamespace
    where
        c.relkind in ('r', 'p')
        and not c.relispartition
        and n.nspname in (
            'reference', 'market', 'studies', 'feat', 'store', 'model',
            'trade', 'people', 'feedback', 'ops'
        )
),

parted as (
    select
        p.relation,
        count(*) as parts,
        count(*) filter (where p.is_in_columns) as parts_in_columns,
        sum(p.total_bytes)::bigint as total_bytes,
        sum(p.index_bytes)::bigint as index_bytes,
        sum(p.total_bytes) filter (where p.is_in_columns)::bigint
            as bytes_in_columns,
        sum(p.bytes_in_rows)::bigint as bytes_in_rows
    from ops.parts as p
    group by p.relation
)

select
    coalesce(w.relation, p.relation) as relation,
    coalesce(p.parts, 0) as parts,
    coalesce(p.parts_in_columns, 0) as parts_in_columns,
    coalesce(w.total_bytes, 0) + coalesce(p.total_bytes, 0) as total_bytes,
    coalesce(w.index_bytes, 0) + coalesce(p.index_bytes, 0) as index_bytes,
    coalesce(p.bytes_in_columns, 0) as bytes_in_columns,
    p.bytes_in_rows
from whole as w
full join parted as p on p.relation = w.relation;

comment on view ops.sizes is
    'What each of Thor''s tables and continuous aggregates takes on disk, its '
    'partitions or chunks included.';
comment on column ops.sizes.relation is 'Its name, with its schema.';
comment on column ops.sizes.parts is 'How many partitions or chunks it has.';
comment on column ops.sizes.parts_in_columns is
    'How many of those are in the columnstore.';
comment on column ops.sizes.total_bytes is
    'All that it takes, indexes included.';
comment on column ops.sizes.index_bytes is 'What its indexes take of that.';
comment on column ops.sizes.bytes_in_columns is
    'What its parts in the columnstore take.';
comment on column ops.sizes.bytes_in_rows is
    'What the same parts took as rows; null where nothing is in columns.';
