-- Stage     10 reference
-- Makes     reference.sources, reference.source_preferences, reference.tapes
-- Kind      table
-- Grain     one row a source; a (symbol, source); a file
-- Known at  changed_at
-- Reads     reference.keep_version(), reference.instruments
-- Nulls     stale_after and cadence where the source has no rhythm
-- Why       A tick names its source; a symbol has one active source, chosen by
--           the order of preference here.

create table reference.sources (
    source text primary key
        check (source ~ '^[A-Z]+$' or source ~ '^TAPE:[0-9a-f]{8}$'),
    kind text not null check (kind in ('feed', 'simulator', 'tape')),
    priority smallint not null default 100,
    stale_after interval check (stale_after > interval '0'),
    cadence interval check (cadence > interval '0'),
    is_sampled boolean not null default false,
    description text not null,
    version integer not null default 1,
    changed_at timestamptz not null default now()
);

create trigger keep_version
before update or delete on reference.sources
for each row execute function reference.keep_version('source');

create table reference.source_preferences (
    symbol text not null references reference.instruments (symbol),
    source text not null references reference.sources (source),
    priority smallint not null,
    version integer not null default 1,
    changed_at timestamptz not null default now(),
    primary key (symbol, source)
);

create trigger keep_version
before update or delete on reference.source_preferences
for each row execute function reference.keep_version('symbol', 'source');

create table reference.tapes (
    source text primary key references reference.sources (source),
    sha256 text not null unique check (sha256 ~ '^[0-9a-f]{64}$'),
    file_name text not null,
    format text not null,
    vendor text,
    records bigint not null check (records >= 0),
    symbols text[] not null,
    first_ts timestamptz not null,
    last_ts timestamptz not null,
    replayed_at timestamptz not null default now()
);

comment on table reference.sources is
    'Sources of market data: feeds, the simulator, tapes.';
comment on column reference.sources.source is
    'EXCEL, SCHWAB, SIM, or TAPE: and 8 hex of a file''s SHA-256.';
comment on column reference.sources.kind is 'feed, simulator or tape.';
comment on column reference.sources.priority is
    'Order of preference among sources of a symbol: the lowest is used.';
comment on column reference.sources.stale_after is
    'Silence after which the next source takes over.';
comment on column reference.sources.cadence is
    'Longest silence on a symbol that is normal; a longer one is a gap.';
comment on column reference.sources.is_sampled is
    'Whether it samples the market instead of reporting every change.';
comment on column reference.sources.description is 'Description for people.';
comment on column reference.sources.version is
    'Counts the changes of this row, from 1.';
comment on column reference.sources.changed_at is
    'When this version was written.';

comment on table reference.source_preferences is
    'Order of preference of sources for one symbol, where it differs.';
comment on column reference.source_preferences.symbol is 'The root.';
comment on column reference.source_preferences.source is 'The source.';
comment on column reference.source_preferences.priority is
    'Replaces reference.sources.priority for this symbol.';
comment on column reference.source_preferences.version is
    'Counts the changes of this row, from 1.';
comment on column reference.source_preferences.changed_at is
    'When this version was written.';

comment on table reference.tapes is
    'The replayed files, identified by content, not by name.';
comment on column reference.tapes.source is 'The source of its ticks.';
comment on column reference.tapes.sha256 is 'SHA-256 of the file, in hex.';
comment on column reference.tapes.file_name is
    'The name it had when first replayed, without its folder.';
comment on column reference.tapes.format is
    'parquet, csv or dbn with its schema.';
comment on column reference.tapes.vendor is 'Vendor, where the file names one.';
comment on column reference.tapes.records is 'Records in the file.';
comment on column reference.tapes.symbols is 'The series of its ticks.';
comment on column reference.tapes.first_ts is 'Its first market time.';
comment on column reference.tapes.last_ts is 'Its last market time.';
comment on column reference.tapes.replayed_at is 'When it was first replayed.';
