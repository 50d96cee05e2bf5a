-- Stage     60 store
-- Makes     store.features_1m_before, store.features_5m_before,
--           store.features_1h_before
-- Kind      table
-- Grain     one row a version of a stored row that could be used and changed
-- Known at  changed_at of the version
-- Reads     –
-- Nulls     as the stored row
-- Why       A model may have been shown a row that a late tick then changed.
--           What it was stays here; feat.matrix_as_of reads it.

create table store.features_1m_before (
    symbol text not null,
    bar_start timestamptz not null,
    bar_ticks bigint not null,
    made_at timestamptz not null,
    changed_at timestamptz not null,
    replaced_at timestamptz not null,
    primary key (symbol, bar_start, replaced_at)
);

create table store.features_5m_before (
    symbol text not null,
    bar_start timestamptz not null,
    bar_ticks bigint not null,
    made_at timestamptz not null,
    changed_at timestamptz not null,
    replaced_at timestamptz not null,
    primary key (symbol, bar_start, replaced_at)
);

create table store.features_1h_before (
    symbol text not null,
    bar_start timestamptz not null,
    bar_ticks bigint not null,
    made_at timestamptz not null,
    changed_at timestamptz not null,
    replaced_at timestamptz not null,
    primary key (symbol, bar_start, replaced_at)
);

comment on table store.features_1m_before is
    'Rows of store.features_1m as they were before they changed, where they '
    'had been there in time to be used.';
comment on column store.features_1m_before.symbol is
    'The series.';
comment on column store.features_1m_before.bar_start is
    'First instant of the bar.';
comment on column store.features_1m_before.bar_ticks is
    'Ticks of the bar when this version was made.';
comment on column store.features_1m_before.made_at is
    'When the row was first written, by the database''s clock.';
comment on column store.features_1m_before.changed_at is
    'From when on it held these values.';
comment on column store.features_1m_before.replaced_at is
    'When other values took their place, or the bar went.';

comment on table store.features_5m_before is
    'Rows of store.features_5m as they were before they changed, where they '
    'had been there in time to be used.';
comment on column store.features_5m_before.symbol is
    'The series.';
comment on column store.features_5m_before.bar_start is
    'First instant of the bar.';
comment on column store.features_5m_before.bar_ticks is
    'Ticks of the bar when this version was made.';
comment on column store.features_5m_before.made_at is
    'When the row was first written, by the database''s clock.';
comment on column store.features_5m_before.changed_at is
    'From when on it held these values.';
comment on column store.features_5m_before.replaced_at is
    'When other values took their place, or the bar went.';

comment on table store.features_1h_before is
    'Rows of store.features_1h as they were before they changed, where they '
    'had been there in time to be used.';
comment on column store.features_1h_before.symbol is
    'The series.';
comment on column store.features_1h_before.bar_start is
    'First instant of the bar.';
comment on column store.features_1h_before.bar_ticks is
    'Ticks of the bar when this version was made.';
comment on column store.features_1h_before.made_at is
    'When the row was first written, by the database''s clock.';
comment on column store.features_1h_before.changed_at is
    'From when on it held these values.';
comment on column store.features_1h_before.replaced_at is
    'When other values took their place, or the bar went.';
