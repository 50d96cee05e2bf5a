-- Room      00 house
-- Makes     schema reference, schema market, schema ops
-- Kind      schema
-- Grain     –
-- Known at  –
-- Reads     –
-- Nulls     –
-- Why       One schema a floor of the house, so that a name in psql says
--           where a thing belongs.

create schema if not exists reference;
create schema if not exists market;
create schema if not exists ops;

comment on schema reference is
    'What things are: instruments, series, sources, tapes, sessions.';
comment on schema market is
    'What the market said: ticks, what was refused, what was counted, gaps.';
comment on schema ops is
    'What the house knows of itself: its edition and its logic''s files.';
-- Room      95 ops
-- Makes     ops.edition
-- Kind      table
-- Grain     exactly one row
-- Known at  when the database is made
-- Reads     –
-- Nulls     never
-- Why       A database is simulated or live, and of one edition, from the day
--           it is made; meeting another later is an error, not a surprise.

create table ops.edition (
    is_only boolean primary key default true check (is_only),
    edition text not null check (edition in ('plain', 'timescale')),
    nature text not null check (nature in ('simulated', 'live')),
    made_at timestamptz not null default now()
);

comment on table ops.edition is
    'What this database is, fixed when it was made: one row.';
comment on column ops.edition.is_only is
    'Always true: the key that keeps the table at one row.';
comment on column ops.edition.edition is
    'plain: ordinary PostgreSQL tables; timescale: TimescaleDB Community.';
comment on column ops.edition.nature is
    'simulated or live; the simulator refuses a live database.';
comment on column ops.edition.made_at is
    'When the database was made, by its own clock.';
-- Room      95 ops
-- Makes     ops.logic_files
-- Kind      table
-- Grain     one row a logic file of db/sql
-- Known at  when the file was last applied
-- Reads     –
-- Nulls     never
-- Why       Where no checksum changed, an upgrade drops nothing.

create table ops.logic_files (
    path text primary key,
    sha256 text not null,
    makes text[] not null,
    applied_at timestamptz not null default now()
);

comment on table ops.logic_files is
    'The view and function files this database was last given.';
comment on column ops.logic_files.path is 'The file, below db/sql.';
comment on column ops.logic_files.sha256 is 'SHA-256 of its text, in hex.';
comment on column ops.logic_files.makes is
    'What it makes, as the drop statement names it.';
comment on column ops.logic_files.applied_at is
    'When it was applied, by the database''s clock.';
-- Room      10 reference
-- Makes     reference.versions, reference.keep_version()
-- Kind      table and its trigger function
-- Grain     one row a replaced version of a reference row
-- Known at  valid_to
-- Reads     –
-- Nulls     never
-- Why       A tick is judged by the grid of its day: a change of reference
--           data keeps what was true before, whoever makes the change.

create table reference.versions (
    relation text not null,
    key text not null,
    version integer not null,
    valid_from timestamptz not null,
    valid_to timestamptz not null default now(),
    changed_by text not null default current_user,
    content jsonb not null,
    primary key (relation, key, version, valid_to)
);

comment on table reference.versions is
    'Every version of a reference row that has been replaced or deleted.';
comment on column reference.versions.relation is
    'The table the row was in, without its schema.';
comment on column reference.versions.key is
    'The row''s key, its parts joined by a slash.';
comment on column reference.versions.version is
    'The version that ended, from 1.';
comment on column reference.versions.valid_from is
    'When that version was written.';
comment on column reference.versions.valid_to is
    'When it was replaced or deleted.';
comment on column reference.versions.changed_by is
    'The database role that ended it.';
comment on column reference.versions.content is
    'The whole row as it was.';

-- The key's columns are the trigger's arguments.
create function reference.keep_version() returns trigger
language plpgsql as $$
declare
    content jsonb := to_jsonb(old);
    key_text text := '';
    part text;
    -- Generated columns are not yet made in the new row.
    beside text[] := array(
        select a.attname::text
        from pg_catalog.pg_attribute as a
        where a.attrelid = tg_relid and a.attgenerated <> ''
    ) || array['version', 'changed_at'];
begin
    if tg_op = 'UPDATE' then
        if to_jsonb(new) - beside = content - beside then
            return null;
        end if;
        new.version := old.version + 1;
        new.changed_at := now();
    end if;
    foreach part in array tg_argv loop
        key_text := key_text
            || case when key_text = '' then '' else '/' end
            || coalesce(content ->> part, '');
    end loop;
    insert into reference.versions (
        relation, key, version, valid_from, content
    )
    values (
        tg_table_name, key_text, old.version, old.changed_at, content
    )
    on conflict (relation, key, version, valid_to) do nothing;
    return case when tg_op = 'DELETE' then old else new end;
end
$$;

comment on function reference.keep_version() is
    'Keeps the version of a reference row that an update or delete ends.';
-- Room      10 reference
-- Makes     reference.instruments, reference.series
-- Kind      table
-- Grain     one row a root; one row a symbol that ticks may carry
-- Known at  changed_at
-- Reads     reference.keep_version()
-- Nulls     margin where nobody stated it
-- Why       The feed's grid (quote_increment) is not the money's (tick_size):
--           the feed's DX is the cash index at 0.001, the future ticks 0.005.

create table reference.instruments (
    symbol text primary key
        check (symbol ~ '^[A-Z0-9][A-Z0-9._$]{0,15}$'),
    name text not null,
    exchange text not null,
    asset_class text not null,
    calendar text not null,
    currency text not null default 'USD',
    tick_size numeric(18, 8) not null check (tick_size > 0),
    quote_increment numeric(18, 8) not null check (quote_increment > 0),
    multiplier numeric(18, 8) not null
        check (multiplier > 0 and multiplier < 'NaN'),
    tick_value numeric generated always as (tick_size * multiplier) stored,
    display_precision smallint not null check (display_precision >= 0),
    margin numeric(18, 2) check (margin >= 0 and margin < 'NaN'),
    is_negative_legal boolean not null default false,
    sort_order integer not null default 1000,
    aliases text[] not null default '{}',
    version integer not null default 1,
    changed_at timestamptz not null default now(),
    check (tick_size % quote_increment = 0)
);

create trigger keep_version
before update or delete on reference.instruments
for each row execute function reference.keep_version('symbol');

create table reference.series (
    symbol text primary key
        check (symbol ~ '^[A-Z0-9][A-Z0-9._$]{0,15}$'),
    root text not null references reference.instruments (symbol),
    kind text not null check (kind in ('root', 'month')),
    version integer not null default 1,
    changed_at timestamptz not null default now()
);

create trigger keep_version
before update or delete on reference.series
for each row execute function reference.keep_version('symbol');

comment on table reference.instruments is
    'What is traded: one row a root, with its grid, money and calendar.';
comment on column reference.instruments.symbol is 'The root, ES say.';
comment on column reference.instruments.name is 'The exchange''s name for it.';
comment on column reference.instruments.exchange is 'Where it trades.';
comment on column reference.instruments.asset_class is
    'equity_index, energy, metal, volatility, currency, rates or equity.';
comment on column reference.instruments.calendar is
    'Whose hours it keeps: calendar of reference.sessions.';
comment on column reference.instruments.currency is 'ISO code of its money.';
comment on column reference.instruments.tick_size is
    'Smallest move of the contract, in points.';
comment on column reference.instruments.quote_increment is
    'Grid of the feed''s prices, in points; may be finer than tick_size.';
comment on column reference.instruments.multiplier is
    'Money one point is worth a contract, in currency.';
comment on column reference.instruments.tick_value is
    'Money one tick is worth: tick_size times multiplier.';
comment on column reference.instruments.display_precision is
    'Decimals shown to people.';
comment on column reference.instruments.margin is
    'Initial margin a contract, in currency; null where not stated.';
comment on column reference.instruments.is_negative_legal is
    'Whether a price below zero is legal, as crude''s was in April 2020.';
comment on column reference.instruments.sort_order is
    'Place in lists: index futures, energy and metals, then the rest.';
comment on column reference.instruments.aliases is
    'Other names feeds give it.';
comment on column reference.instruments.version is
    'Counts the changes of this row, from 1.';
comment on column reference.instruments.changed_at is
    'When this version was written.';

comment on table reference.series is
    'Every symbol a tick may carry: a root, or a month code of a root.';
comment on column reference.series.symbol is
    'The root (ES) for a feed that follows the front month, or ESH4.';
comment on column reference.series.root is 'The instrument behind it.';
comment on column reference.series.kind is
    'root or month.';
comment on column reference.series.version is
    'Counts the changes of this row, from 1.';
comment on column reference.series.changed_at is
    'When this version was written.';
-- Room      10 reference
-- Makes     reference.sources, reference.source_preferences, reference.tapes
-- Kind      table
-- Grain     one row a source; a (symbol, source); a file
-- Known at  changed_at
-- Reads     reference.keep_version(), reference.instruments
-- Nulls     stale_after and cadence where the source keeps no rhythm
-- Why       A tick says who said it; one symbol has one active source, and
--           this is where the order of preference stands.

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
    'Who may say what the market did: feeds, the simulator, tapes.';
comment on column reference.sources.source is
    'EXCEL, SCHWAB, SIM, or TAPE: and 8 hex of a file''s SHA-256.';
comment on column reference.sources.kind is 'feed, simulator or tape.';
comment on column reference.sources.priority is
    'Order of preference where two speak of a symbol: the lowest is heard.';
comment on column reference.sources.stale_after is
    'Silence after which the next source takes over.';
comment on column reference.sources.cadence is
    'Longest silence on a symbol that is normal; a longer one is a gap.';
comment on column reference.sources.is_sampled is
    'Whether it samples the market instead of telling every change.';
comment on column reference.sources.description is 'What it is, in words.';
comment on column reference.sources.version is
    'Counts the changes of this row, from 1.';
comment on column reference.sources.changed_at is
    'When this version was written.';

comment on table reference.source_preferences is
    'Where one symbol prefers its sources in another order than all.';
comment on column reference.source_preferences.symbol is 'The root.';
comment on column reference.source_preferences.source is 'The source.';
comment on column reference.source_preferences.priority is
    'Takes the place of reference.sources.priority for this symbol.';
comment on column reference.source_preferences.version is
    'Counts the changes of this row, from 1.';
comment on column reference.source_preferences.changed_at is
    'When this version was written.';

comment on table reference.tapes is
    'The files that were replayed, told apart by content, not by name.';
comment on column reference.tapes.source is 'The source its ticks carry.';
comment on column reference.tapes.sha256 is 'SHA-256 of the file, in hex.';
comment on column reference.tapes.file_name is
    'The name it had when first replayed, without its folder.';
comment on column reference.tapes.format is
    'parquet, csv or dbn with its schema.';
comment on column reference.tapes.vendor is
    'Who made it, where the file says so.';
comment on column reference.tapes.records is 'Records in the file.';
comment on column reference.tapes.symbols is 'Series its ticks carry.';
comment on column reference.tapes.first_ts is 'Its first market time.';
comment on column reference.tapes.last_ts is 'Its last market time.';
comment on column reference.tapes.replayed_at is 'When it was first replayed.';
-- Room      10 reference
-- Makes     reference.sessions, reference.session_overrides
-- Kind      table
-- Grain     one row a (calendar, trade_date)
-- Known at  changed_at
-- Reads     reference.keep_version()
-- Nulls     an override's times where they stay as they were
-- Why       The exchange's day is not the calendar's: hours, the daily break,
--           holidays and early closes in one table that everyone joins.

create table reference.sessions (
    calendar text not null,
    trade_date date not null,
    session_number integer not null,
    open_at timestamptz not null,
    close_at timestamptz not null,
    regular_open_at timestamptz,
    regular_close_at timestamptz,
    is_early_close boolean not null default false,
    note text,
    version integer not null default 1,
    changed_at timestamptz not null default now(),
    primary key (calendar, trade_date),
    unique (calendar, session_number),
    check (open_at < close_at),
    check (regular_open_at < regular_close_at),
    check (num_nulls(regular_open_at, regular_close_at) <> 1)
);

create index sessions_open_at on reference.sessions (calendar, open_at);

create trigger keep_version
before update or delete on reference.sessions
for each row execute function reference.keep_version('calendar', 'trade_date');

create table reference.session_overrides (
    calendar text not null,
    trade_date date not null,
    is_closed boolean not null default false,
    open_at timestamptz,
    close_at timestamptz,
    has_regular_hours boolean not null default true,
    note text not null,
    version integer not null default 1,
    changed_at timestamptz not null default now(),
    primary key (calendar, trade_date),
    check (open_at < close_at),
    check (is_closed <> (num_nonnulls(open_at, close_at) > 0))
);

create trigger keep_version
before update or delete on reference.session_overrides
for each row execute function reference.keep_version('calendar', 'trade_date');

comment on table reference.sessions is
    'When each market is open: one row a calendar and trade date.';
comment on column reference.sessions.calendar is
    'Whose hours: CME_EQUITY, CME_RATES, CME_ENERGY, CME_METALS, CFE, ICE.';
comment on column reference.sessions.trade_date is
    'The exchange''s day, as market.ticks.trade_date.';
comment on column reference.sessions.session_number is
    'The session''s own number in its calendar, ascending.';
comment on column reference.sessions.open_at is
    'First instant of the session.';
comment on column reference.sessions.close_at is
    'First instant after the session.';
comment on column reference.sessions.regular_open_at is
    'First instant of regular hours; null where the day has none.';
comment on column reference.sessions.regular_close_at is
    'First instant after regular hours; null where the day has none.';
comment on column reference.sessions.is_early_close is
    'Whether it closes before its usual hour.';
comment on column reference.sessions.note is
    'Why it differs from a usual day.';
comment on column reference.sessions.version is
    'Counts the changes of this row, from 1.';
comment on column reference.sessions.changed_at is
    'When this version was written.';

comment on table reference.session_overrides is
    'What a person knows better than the calendar library.';
comment on column reference.session_overrides.calendar is 'Whose hours.';
comment on column reference.session_overrides.trade_date is 'Which day.';
comment on column reference.session_overrides.is_closed is
    'Whether the day has no session at all.';
comment on column reference.session_overrides.open_at is
    'First instant of the session; null leaves it as it was.';
comment on column reference.session_overrides.close_at is
    'First instant after the session; null leaves it as it was.';
comment on column reference.session_overrides.has_regular_hours is
    'Whether the day has regular hours, cut to open_at and close_at.';
comment on column reference.session_overrides.note is 'Whose word this is.';
comment on column reference.session_overrides.version is
    'Counts the changes of this row, from 1.';
comment on column reference.session_overrides.changed_at is
    'When this version was written.';
-- Room      30 ticks
-- Makes     market.ticks
-- Kind      table
-- Grain     one row a record of a feed: (ts, symbol, seq, source)
-- Known at  received_at
-- Reads     –
-- Nulls     what the record did not say; never filled, never zero instead
-- Why       The ledger. A tick keeps what the record said, exactly, and can be
--           delivered twice without standing here twice.

create table market.ticks (
    ts timestamptz not null,
    symbol text not null,
    seq bigint not null,
    source text not null,
    contract text,
    last numeric(18, 8),
    bid numeric(18, 8),
    ask numeric(18, 8),
    last_size integer,
    bid_size integer,
    ask_size integer,
    side text,
    volume bigint,
    volume_delta bigint,
    is_trade boolean not null,
    is_sampled boolean not null,
    received_at timestamptz not null,
    created_at timestamptz not null default now(),
    trade_date date not null generated always as (
        ((ts at time zone 'America/Chicago') + interval '7 hours')::date
    ) stored,
    constraint ticks_values_are_sane check (
        (last is null or last <> 'NaN')
        and (bid is null or bid <> 'NaN')
        and (ask is null or ask <> 'NaN')
        and (side is null or side in ('B', 'S'))
    )
);

create unique index ticks_identity on market.ticks (symbol, ts, seq, source);

comment on table market.ticks is
    'Every record of every feed, one row each; order by (ts, seq, source).';
comment on column market.ticks.ts is
    'Market time: when the exchange says it happened.';
comment on column market.ticks.symbol is
    'The series: the root (ES) from a feed that follows the front month, '
    'the month code (ESH4) from one that names it.';
comment on column market.ticks.seq is
    'Number given once at the edge, increasing within a source; breaks ties.';
comment on column market.ticks.source is
    'Who said it: a source of reference.sources.';
comment on column market.ticks.contract is
    'Month code of the contract where known.';
comment on column market.ticks.last is
    'Trade price, in points; null where the record had none.';
comment on column market.ticks.bid is
    'Best bid, in points; null where the record had none.';
comment on column market.ticks.ask is
    'Best ask, in points; null where the record had none.';
comment on column market.ticks.last_size is
    'Contracts of the trade; 0 is legal.';
comment on column market.ticks.bid_size is 'Contracts at the best bid.';
comment on column market.ticks.ask_size is 'Contracts at the best ask.';
comment on column market.ticks.side is
    'Aggressor of the trade: B bought, S sold; null where unknown.';
comment on column market.ticks.volume is
    'The feed''s cumulative volume of the session, in contracts.';
comment on column market.ticks.volume_delta is
    'Contracts traded since the symbol''s previous tick of this source.';
comment on column market.ticks.is_trade is
    'Whether it is a trade: a print, or a rise of volume on a sampled feed.';
comment on column market.ticks.is_sampled is
    'Whether the feed samples the market instead of telling every change.';
comment on column market.ticks.received_at is
    'When the source received it, by the source''s clock.';
comment on column market.ticks.created_at is
    'When its transaction began, by the database''s clock.';
comment on column market.ticks.trade_date is
    'The exchange''s day: turns at 17:00 America/Chicago.';
-- Room      30 ticks
-- Makes     market.rejected_ticks
-- Kind      table
-- Grain     one row a refused tick, or a refused entry of n ticks
-- Known at  rejected_at
-- Reads     –
-- Nulls     symbol, ts, seq, source where the payload did not yield them
-- Why       Refused is not dropped: the payload stays, with the field, its
--           value and the reason, and can be tried again.

create table market.rejected_ticks (
    rejected_id bigint generated always as identity primary key,
    rejected_at timestamptz not null default now(),
    symbol text,
    ts timestamptz,
    seq bigint,
    source text,
    field text not null,
    value text not null,
    reason text not null,
    ticks integer not null check (ticks >= 0),
    entry_id text not null,
    payload text not null,
    retried_at timestamptz
);

create index rejected_ticks_rejected_at on market.rejected_ticks (rejected_at);

comment on table market.rejected_ticks is
    'What was refused, why, and the payload as it came.';
comment on column market.rejected_ticks.rejected_id is 'Its number.';
comment on column market.rejected_ticks.rejected_at is
    'When it was refused, by the database''s clock.';
comment on column market.rejected_ticks.symbol is 'Symbol, where readable.';
comment on column market.rejected_ticks.ts is 'Market time, where readable.';
comment on column market.rejected_ticks.seq is 'Number, where readable.';
comment on column market.rejected_ticks.source is 'Source, where readable.';
comment on column market.rejected_ticks.field is
    'The field that is wrong; entry where the whole entry is.';
comment on column market.rejected_ticks.value is
    'The value it had, as text, shortened where very long.';
comment on column market.rejected_ticks.reason is 'What is wrong with it.';
comment on column market.rejected_ticks.ticks is
    'Ticks this row accounts for: 1, or the n of a malformed entry.';
comment on column market.rejected_ticks.entry_id is
    'Id of the stream entry it came in.';
comment on column market.rejected_ticks.payload is
    'The tick or the entry as it came; bytes that are no text escaped.';
comment on column market.rejected_ticks.retried_at is
    'When it was last published again by thor ticks rejected --retry.';
-- Room      30 ticks
-- Makes     market.ingest_batches
-- Kind      table
-- Grain     one row a committed batch; old ones are folded together
-- Known at  committed_at
-- Reads     –
-- Nulls     consumer where batches were folded
-- Why       The account of what came off the bus, written in the transaction
--           that inserts the ticks. No two rows may cover the same tick, so a
--           redelivered entry can never be counted twice, whoever races.

create table market.ingest_batches (
    batch_id bigint generated always as identity primary key,
    ordinals int8multirange not null check (not isempty(ordinals)),
    received bigint not null check (received > 0),
    inserted bigint not null check (inserted >= 0),
    duplicate bigint not null check (duplicate >= 0),
    rejected bigint not null check (rejected >= 0),
    consumer text,
    committed_at timestamptz not null default now(),
    check (received = inserted + duplicate + rejected),
    exclude using gist (ordinals with &&)
);

create index ingest_batches_committed_at
on market.ingest_batches (committed_at);

comment on table market.ingest_batches is
    'What each transaction took from the bus: received = inserted + '
    'duplicate + rejected, row by row.';
comment on column market.ingest_batches.batch_id is 'Its number.';
comment on column market.ingest_batches.ordinals is
    'The ticks it accounts for, by their ordinals on the bus.';
comment on column market.ingest_batches.received is
    'Ticks it accounts for.';
comment on column market.ingest_batches.inserted is
    'Ticks that became rows of market.ticks.';
comment on column market.ingest_batches.duplicate is
    'Ticks that stood there already.';
comment on column market.ingest_batches.rejected is
    'Ticks that went to market.rejected_ticks.';
comment on column market.ingest_batches.consumer is
    'The ingestor that wrote it.';
comment on column market.ingest_batches.committed_at is
    'When its transaction began, by the database''s clock.';
-- Room      30 ticks
-- Makes     market.gaps
-- Kind      table
-- Grain     one row a hole in one source's ticks of one symbol
-- Known at  recorded_at
-- Reads     –
-- Nulls     filled_by while nothing has filled it
-- Why       What was not heard is a fact about the data like any other.

create table market.gaps (
    symbol text not null,
    source text not null,
    trade_date date not null,
    gap_start timestamptz not null,
    gap_end timestamptz not null,
    cause text not null check (cause in ('symbol silent', 'source silent')),
    filled_by text,
    recorded_at timestamptz not null default now(),
    primary key (symbol, source, gap_start),
    check (gap_start < gap_end)
);

create index gaps_trade_date on market.gaps (trade_date);

comment on table market.gaps is
    'Every silence within a session longer than the source''s cadence.';
comment on column market.gaps.symbol is 'The series that was silent.';
comment on column market.gaps.source is 'The source that was silent on it.';
comment on column market.gaps.trade_date is
    'The exchange''s day it lies in.';
comment on column market.gaps.gap_start is
    'The last tick before it, or the session''s open.';
comment on column market.gaps.gap_end is
    'The next tick, the session''s close, or how far was looked.';
comment on column market.gaps.cause is
    'source silent where the source told nothing of any symbol meanwhile, '
    'else symbol silent.';
comment on column market.gaps.filled_by is
    'A source that has since told ticks within it.';
comment on column market.gaps.recorded_at is
    'When it was last written, by the database''s clock.';
