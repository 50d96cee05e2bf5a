-- Stage     60 store
-- Makes     store.features_1m, store.features_5m, store.features_1h
-- Kind      table
-- Grain     one row a (symbol, bar_start) of a closed bar with a trade
-- Known at  bar_start + width + 1 s
-- Reads     –
-- Nulls     features as their families
-- Why       Features at the price of a table. The key and the bookkeeping are
--           state; the feature columns are added from the families' functions
--           by 610_columns.sql, so a new feature needs no migration. Partitions
--           are made as rows come: a month of 1m, a year of the others, since
--           each one costs planning.

create table store.features_1m (
    symbol text not null,
    bar_start timestamptz not null,
    bar_ticks bigint not null,
    made_at timestamptz not null,
    changed_at timestamptz not null,
    primary key (symbol, bar_start)
) partition by range (bar_start);

create index features_1m_bar_start on store.features_1m
using brin (bar_start) with (pages_per_range = 32);

create table store.features_5m (
    symbol text not null,
    bar_start timestamptz not null,
    bar_ticks bigint not null,
    made_at timestamptz not null,
    changed_at timestamptz not null,
    primary key (symbol, bar_start)
) partition by range (bar_start);

create index features_5m_bar_start on store.features_5m
using brin (bar_start) with (pages_per_range = 32);

create table store.features_1h (
    symbol text not null,
    bar_start timestamptz not null,
    bar_ticks bigint not null,
    made_at timestamptz not null,
    changed_at timestamptz not null,
    primary key (symbol, bar_start)
) partition by range (bar_start);

create index features_1h_bar_start on store.features_1h
using brin (bar_start) with (pages_per_range = 32);

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
