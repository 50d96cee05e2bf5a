-- Stage     60 store
-- Makes     store.features_1m, store.features_5m, store.features_1h
-- Kind      table
-- Grain     one row a (symbol, bar_start) of a closed bar with a trade
-- Known at  bar_start + width + 1 s
-- Reads     –
-- Nulls     features as their families
-- Why       Features at the price of a table. The key and the bookkeeping are
--           state; the feature columns are added from the families' functions
--           by 610_columns.sql, so a new feature needs no migration. After a
--           week a chunk goes to columns, a feature each; what is repaired
--           later is unpacked a thousand rows at a time.

create table store.features_1m (
    symbol text not null,
    bar_start timestamptz not null,
    bar_ticks bigint not null,
    made_at timestamptz not null,
    changed_at timestamptz not null,
    primary key (symbol, bar_start)
);

create table store.features_5m (
    symbol text not null,
    bar_start timestamptz not null,
    bar_ticks bigint not null,
    made_at timestamptz not null,
    changed_at timestamptz not null,
    primary key (symbol, bar_start)
);

create table store.features_1h (
    symbol text not null,
    bar_start timestamptz not null,
    bar_ticks bigint not null,
    made_at timestamptz not null,
    changed_at timestamptz not null,
    primary key (symbol, bar_start)
);

select public.create_hypertable(
    'store.features_1m', public.by_range('bar_start', interval '1 month'),
    create_default_indexes => false
);
select public.create_hypertable(
    'store.features_5m', public.by_range('bar_start', interval '3 months'),
    create_default_indexes => false
);
select public.create_hypertable(
    'store.features_1h', public.by_range('bar_start', interval '1 year'),
    create_default_indexes => false
);

alter table store.features_1m set (
    timescaledb.enable_columnstore, timescaledb.segmentby = 'symbol',
    timescaledb.orderby = 'bar_start'
);
alter table store.features_5m set (
    timescaledb.enable_columnstore, timescaledb.segmentby = 'symbol',
    timescaledb.orderby = 'bar_start'
);
alter table store.features_1h set (
    timescaledb.enable_columnstore, timescaledb.segmentby = 'symbol',
    timescaledb.orderby = 'bar_start'
);

select _timescaledb_functions.alter_job_set_hypertable_id(
    public.add_job(
        'market.convert_chunks', interval '1 hour',
        config => '{"after": "7 days"}', fixed_schedule => false
    ),
    w.name::regclass
)
from (values
    (1, 'store.features_1m'), (2, 'store.features_5m'), (3, 'store.features_1h')
) as w (place, name)
order by w.place;

comment on table store.features_1m is
    'Every feature of every closed bar of one minute with a trade, a row a '
    'bar. Filter by symbol and bar_start, which are the key.';
comment on column store.features_1m.symbol is
    'The series.';
comment on column store.features_1m.bar_start is
    'First instant of the bar.';
comment on column store.features_1m.bar_ticks is
    'Ticks of the bar when the row was made; 0 of an imported bar. Where '
    'the bar has others now the row is stale.';
comment on column store.features_1m.made_at is
    'When the row was first written, by the database''s clock.';
comment on column store.features_1m.changed_at is
    'When a value of it last changed by more than 1e-9, by the database''s '
    'clock.';

comment on table store.features_5m is
    'Every feature of every closed bar of five minutes with a trade, a row '
    'a bar. Filter by symbol and bar_start, which are the key.';
comment on column store.features_5m.symbol is
    'The series.';
comment on column store.features_5m.bar_start is
    'First instant of the bar.';
comment on column store.features_5m.bar_ticks is
    'Ticks of the bar when the row was made; 0 of an imported bar. Where '
    'the bar has others now the row is stale.';
comment on column store.features_5m.made_at is
    'When the row was first written, by the database''s clock.';
comment on column store.features_5m.changed_at is
    'When a value of it last changed by more than 1e-9, by the database''s '
    'clock.';

comment on table store.features_1h is
    'Every feature of every closed bar of one hour with a trade, a row a '
    'bar. Filter by symbol and bar_start, which are the key.';
comment on column store.features_1h.symbol is
    'The series.';
comment on column store.features_1h.bar_start is
    'First instant of the bar.';
comment on column store.features_1h.bar_ticks is
    'Ticks of the bar when the row was made; 0 of an imported bar. Where '
    'the bar has others now the row is stale.';
comment on column store.features_1h.made_at is
    'When the row was first written, by the database''s clock.';
comment on column store.features_1h.changed_at is
    'When a value of it last changed by more than 1e-9, by the database''s '
    'clock.';
