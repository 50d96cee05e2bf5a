-- Stage     60 store
-- Makes     store.feature_sets
-- Kind      table
-- Grain     one row a (set, version)
-- Known at  made_at
-- Reads     –
-- Nulls     never
-- Why       A model learned of features by their names and by the SQL that
--           made them. Where one of the two changes it is another set.

create table store.feature_sets (
    name text not null check (name ~ '^[a-z][a-z0-9_]{0,30}$'),
    version integer not null check (version > 0),
    hash text not null unique check (hash ~ '^[0-9a-f]{64}$'),
    names text[] not null check (cardinality(names) > 0),
    width text not null check (width in ('1m', '5m', '1h', '1d')),
    look_back interval not null check (look_back >= interval '0 hours'),
    made_at timestamptz not null default now(),
    primary key (name, version)
);

comment on table store.feature_sets is
    'Features that a model is shown together. A set whose features or their '
    'SQL change gets a new version.';
comment on column store.feature_sets.name is 'Its name, base say.';
comment on column store.feature_sets.version is 'Counts its versions, from 1.';
comment on column store.feature_sets.hash is
    'SHA-256 of the width, the names in order and the SQL of their families, '
    'in hex: a model is only shown rows of the set that it learned.';
comment on column store.feature_sets.names is
    'Its features, in the order of a model''s columns.';
comment on column store.feature_sets.width is
    'Width of the bars: 1m, 5m, 1h, 1d.';
comment on column store.feature_sets.look_back is
    'How much time before a bar its features read, at most, while every bar '
    'has a trade.';
comment on column store.feature_sets.made_at is
    'When it was first used, by the database''s clock.';
