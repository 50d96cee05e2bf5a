-- Stage     40 bars
-- Makes     market.bars_to_refresh, ops.bar_rebuilds
-- Kind      table
-- Grain     one row a range of ticks whose bars may be stale; one row a slice
--           of a rebuild
-- Known at  recorded_at; asked_at
-- Reads     –
-- Nulls     rebuilt_at while the slice is to be done
-- Why       An empty table means that no bar is stale. On the timescale edition
--           the transaction that inserts ticks older than the live range
--           records them here, and the job bars refreshes bottom-up.

create table market.bars_to_refresh (
    range_id bigint generated always as identity primary key,
    ts_from timestamptz not null,
    ts_to timestamptz not null,
    recorded_at timestamptz not null default now(),
    check (ts_from < ts_to)
);

create table ops.bar_rebuilds (
    asked_from timestamptz not null,
    asked_to timestamptz not null,
    ts_from timestamptz not null,
    ts_to timestamptz not null,
    ticks bigint,
    asked_at timestamptz not null default now(),
    rebuilt_at timestamptz,
    primary key (asked_from, asked_to, ts_from),
    check (ts_from < ts_to)
);

comment on table market.bars_to_refresh is
    'Ranges whose bars wait for a refresh; empty: no bar is stale.';
comment on column market.bars_to_refresh.range_id is 'Its number.';
comment on column market.bars_to_refresh.ts_from is
    'First instant of the range.';
comment on column market.bars_to_refresh.ts_to is
    'First instant after the range.';
comment on column market.bars_to_refresh.recorded_at is
    'When its ticks'' transaction began, by the database''s clock.';

comment on table ops.bar_rebuilds is
    'The slices of each thor bars rebuild, so that an interrupted one resumes.';
comment on column ops.bar_rebuilds.asked_from is
    'First instant of the requested rebuild.';
comment on column ops.bar_rebuilds.asked_to is
    'First instant after the requested rebuild.';
comment on column ops.bar_rebuilds.ts_from is 'First instant of the slice.';
comment on column ops.bar_rebuilds.ts_to is
    'First instant after the slice.';
comment on column ops.bar_rebuilds.ticks is
    'Ticks of its bars; null until it is done.';
comment on column ops.bar_rebuilds.asked_at is
    'When it was requested, by the database''s clock.';
comment on column ops.bar_rebuilds.rebuilt_at is
    'When it was done, by the database''s clock.';
