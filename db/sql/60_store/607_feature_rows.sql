-- Stage     60 store
-- Makes     store.feature_rows
-- Kind      table
-- Grain     one row a (set, bar, version)
-- Known at  written_at
-- Reads     store.feature_sets
-- Nulls     never
-- Why       What a model was shown can be shown again, to the last bit,
--           although bars and features are repaired later.

create table store.feature_rows (
    set_hash text not null references store.feature_sets (hash),
    symbol text not null,
    bar_start timestamptz not null,
    version integer not null default 1 check (version > 0),
    changed_at timestamptz not null,
    values real[] not null,
    written_at timestamptz not null default now(),
    primary key (set_hash, symbol, bar_start, version)
);

comment on table store.feature_rows is
    'What models were shown: the features of a set at a bar, as they stood '
    'then. A row that changed later is another version; none is overwritten.';
comment on column store.feature_rows.set_hash is
    'The set: store.feature_sets.hash.';
comment on column store.feature_rows.symbol is 'The series.';
comment on column store.feature_rows.bar_start is 'First instant of the bar.';
comment on column store.feature_rows.version is
    'Counts the different rows of this bar that were shown, from 1.';
comment on column store.feature_rows.changed_at is
    'When the stored features of the bar had last changed.';
comment on column store.feature_rows.values is
    'The values in the order of the set''s names, in single precision, as they '
    'are fitted; NaN where there is none.';
comment on column store.feature_rows.written_at is
    'When it was first shown, by the database''s clock.';
