-- Stage     95 ops
-- Makes     ops.parts
-- Kind      view
-- Grain     one row a chunk
-- Known at  –
-- Reads     –
-- Nulls     bytes_in_rows where it is not in columns
-- Why       What takes the disk, and how old it is: the same columns as where
--           tables have partitions.

create view ops.parts as
with kept as (
    select
        format('%I.%I', h.hypertable_schema, h.hypertable_name) as relation,
        format('%I.%I', h.hypertable_schema, h.hypertable_name)::regclass
            as hypertable
    from timescaledb_information.hypertables as h
    union all
    select
        format('%I.%I', a.view_schema, a.view_name) as relation,
        format(
            '%I.%I',
            a.materialization_hypertable_schema,
            a.materialization_hypertable_name
        )::regclass as hypertable
    from timescaledb_information.continuous_aggregates as a
)

select
    k.relation,
    format('%I.%I', c.chunk_schema, c.chunk_name) as part,
    c.range_start,
    c.range_end,
    c.is_compressed as is_in_columns,
    s.total_bytes,
    s.index_bytes,
    z.before_compression_total_bytes as bytes_in_rows
from kept as k
cross join lateral public.chunks_detailed_size(k.hypertable) as s
inner join timescaledb_information.chunks as c
    on c.chunk_schema = s.chunk_schema and c.chunk_name = s.chunk_name
left join lateral public.chunk_compression_stats(k.hypertable) as z
    on z.chunk_schema = s.chunk_schema and z.chunk_name = s.chunk_name;

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
