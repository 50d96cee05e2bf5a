-- Stage     60 store
-- Makes     store.features_to_refresh, store.feature_texts
-- Kind      table
-- Grain     one row a range of bars that changed; one row a family
-- Known at  recorded_at; applied_at
-- Reads     –
-- Nulls     symbol: all series; family: all families
-- Why       An empty table means that every closed bar has its row, of the
--           bar and of the SQL of today. It holds the bars that changed, never
--           what depends on them: that is worked out when it is repaired, since
--           rows may have come meanwhile. Slices that are done are cut off a
--           range, newest first: that is progress, and where a cut build goes
--           on.

create table store.features_to_refresh (
    range_id bigint generated always as identity primary key,
    width text not null check (width in ('1m', '5m', '1h')),
    symbol text,
    family text,
    ts_from timestamptz not null,
    ts_to timestamptz not null,
    reason text not null check (
        reason in (
            'closed', 'late', 'import', 'rebuild', 'text', 'calendar',
            'missing', 'asked'
        )
    ),
    recorded_at timestamptz not null default now(),
    check (ts_from < ts_to)
);

create table store.feature_texts (
    family text primary key,
    sha256 text not null,
    applied_at timestamptz not null default now()
);

comment on table store.features_to_refresh is
    'Ranges of bars whose stored features are to be made or repaired; '
    'empty: no row is stale and none is missing.';
comment on column store.features_to_refresh.range_id is
    'Its number.';
comment on column store.features_to_refresh.width is
    'Width of the bars that changed: 1m, 5m, 1h.';
comment on column store.features_to_refresh.symbol is
    'The series; null: all.';
comment on column store.features_to_refresh.family is
    'The family whose values are to be made anew; null: all.';
comment on column store.features_to_refresh.ts_from is
    'Start of the first bar that changed.';
comment on column store.features_to_refresh.ts_to is
    'First instant after the last one.';
comment on column store.features_to_refresh.reason is
    'closed: its source''s clock passed its end; late: ticks came after '
    'that; import, rebuild: the bars were written anew; text: the SQL '
    'changed; calendar: sessions or instruments did; missing: no row was '
    'ever made; asked: by `thor features build`.';
comment on column store.features_to_refresh.recorded_at is
    'When its transaction began, by the database''s clock.';

comment on table store.feature_texts is
    'The SQL that the stored values of each family were made with, or are '
    'being made with.';
comment on column store.feature_texts.family is
    'The family.';
comment on column store.feature_texts.sha256 is
    'SHA-256 of the SQL it is made of, without comments, in hex.';
comment on column store.feature_texts.applied_at is
    'When `thor db up` applied it, by the database''s clock.';
