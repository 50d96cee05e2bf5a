-- Room      30 ticks
-- Makes     market.dropped_ranges
-- Kind      table
-- Grain     one row a trade date whose ticks were dropped
-- Known at  dropped_at
-- Reads     –
-- Nulls     never
-- Why       Bars outlive their ticks. A range that was dropped is remembered,
--           so that no late tick goes into it and no refresh or rebuild makes
--           its bars anew from what is no longer there.

create table market.dropped_ranges (
    trade_date date primary key,
    ts_from timestamptz not null,
    ts_to timestamptz not null,
    ticks bigint not null check (ticks >= 0),
    evidence text not null,
    dropped_at timestamptz not null default now(),
    check (ts_from < ts_to),
    exclude using gist (tstzrange(ts_from, ts_to) with &&)
);

comment on table market.dropped_ranges is
    'Trade dates whose ticks were dropped after they were verified elsewhere: '
    'their bars stay as they are.';
comment on column market.dropped_ranges.trade_date is 'The exchange''s day.';
comment on column market.dropped_ranges.ts_from is
    'First instant of the range.';
comment on column market.dropped_ranges.ts_to is
    'First instant after the range.';
comment on column market.dropped_ranges.ticks is 'Ticks that were dropped.';
comment on column market.dropped_ranges.evidence is
    'Where they can be read now, and by what that was verified.';
comment on column market.dropped_ranges.dropped_at is
    'When they were dropped, by the database''s clock.';

-- Room      40 bars
-- Makes     market.bar_files, market.bars_imported
-- Kind      table
-- Grain     one row a file; one row a (symbol, width, bar_start)
-- Known at  imported_at
-- Reads     –
-- Nulls     what the file did not say
-- Why       History that came as bars, apart from the bars that ticks made: the
--           public views show it where no computed bar is.

create table market.bar_files (
    file text primary key check (file ~ '^BARS:[0-9a-f]{8}$'),
    sha256 text not null unique check (sha256 ~ '^[0-9a-f]{64}$'),
    file_name text not null,
    format text not null,
    vendor text,
    records bigint not null check (records >= 0),
    symbols text [] not null,
    widths text [] not null,
    first_bar timestamptz not null,
    last_bar timestamptz not null,
    imported_at timestamptz not null default now()
);

create table market.bars_imported (
    symbol text not null,
    width text not null check (width in ('1s', '1m', '5m', '1h', '1d')),
    bar_start timestamptz not null,
    open numeric(18, 8) not null,
    high numeric(18, 8) not null,
    low numeric(18, 8) not null,
    close numeric(18, 8) not null,
    volume bigint check (volume >= 0),
    volume_buy bigint check (volume_buy >= 0),
    volume_sell bigint check (volume_sell >= 0),
    trades bigint check (trades >= 0),
    open_interest bigint check (open_interest >= 0),
    file text not null references market.bar_files (file),
    imported_at timestamptz not null default now(),
    primary key (symbol, width, bar_start),
    constraint bars_imported_high_and_low_enclose check (
        low <= open and low <= close and high >= open and high >= close
        and high <> 'NaN'
    )
);

create index bars_imported_file on market.bars_imported (file);

comment on table market.bar_files is
    'The files that bars were imported from, told apart by content.';
comment on column market.bar_files.file is
    'BARS: and 8 hex of the file''s SHA-256.';
comment on column market.bar_files.sha256 is 'SHA-256 of the file, in hex.';
comment on column market.bar_files.file_name is
    'The name it had when first imported, without its folder.';
comment on column market.bar_files.format is 'parquet, csv or dbn.';
comment on column market.bar_files.vendor is 'Whose it is, where it says.';
comment on column market.bar_files.records is
    'Records it holds, refused ones too.';
comment on column market.bar_files.symbols is 'Series it has bars of.';
comment on column market.bar_files.widths is 'Widths it has bars of.';
comment on column market.bar_files.first_bar is 'Start of its first bar.';
comment on column market.bar_files.last_bar is 'Start of its last bar.';
comment on column market.bar_files.imported_at is
    'When it was first imported, by the database''s clock.';

comment on table market.bars_imported is
    'Bars as a vendor made them; bars_1s … bars_1d show them where no tick is.';
comment on column market.bars_imported.symbol is 'The series.';
comment on column market.bars_imported.width is '1s, 1m, 5m, 1h or 1d.';
comment on column market.bars_imported.bar_start is
    'First instant of the bar; of a 1d bar 17:00 America/Chicago of the day '
    'before its trade date.';
comment on column market.bars_imported.open is 'First price, in points.';
comment on column market.bars_imported.high is 'Highest price, in points.';
comment on column market.bars_imported.low is 'Lowest price, in points.';
comment on column market.bars_imported.close is 'Last price, in points.';
comment on column market.bars_imported.volume is 'Contracts traded.';
comment on column market.bars_imported.volume_buy is
    'Contracts that buyers took.';
comment on column market.bars_imported.volume_sell is
    'Contracts that sellers hit.';
comment on column market.bars_imported.trades is 'Trades.';
comment on column market.bars_imported.open_interest is
    'Contracts open, where the file says.';
comment on column market.bars_imported.file is 'The file it came from.';
comment on column market.bars_imported.imported_at is
    'When it was imported, by the database''s clock.';

-- Room      40 bars
-- Makes     market.bars_to_refresh, ops.bar_rebuilds
-- Kind      table
-- Grain     one row a range of ticks whose bars may be stale; one row a slice
--           of a rebuild
-- Known at  recorded_at; asked_at
-- Reads     –
-- Nulls     rebuilt_at while the slice is to be done
-- Why       An empty table means that no bar is stale. On the timescale edition
--           the transaction that inserts ticks older than what is read live
--           says so here, and the keeper of the bars refreshes bottom-up.

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
    'Ranges whose bars are being brought up to date; empty: none is stale.';
comment on column market.bars_to_refresh.range_id is 'Its number.';
comment on column market.bars_to_refresh.ts_from is
    'First instant of the range.';
comment on column market.bars_to_refresh.ts_to is
    'First instant after the range.';
comment on column market.bars_to_refresh.recorded_at is
    'When its ticks'' transaction began, by the database''s clock.';

comment on table ops.bar_rebuilds is
    'The slices of each thor bars rebuild, so that a cut one goes on.';
comment on column ops.bar_rebuilds.asked_from is
    'First instant that the rebuild was asked for.';
comment on column ops.bar_rebuilds.asked_to is
    'First instant after what was asked for.';
comment on column ops.bar_rebuilds.ts_from is 'First instant of the slice.';
comment on column ops.bar_rebuilds.ts_to is
    'First instant after the slice.';
comment on column ops.bar_rebuilds.ticks is
    'Ticks its bars were made of; null until it is done.';
comment on column ops.bar_rebuilds.asked_at is
    'When it was asked for, by the database''s clock.';
comment on column ops.bar_rebuilds.rebuilt_at is
    'When it was done, by the database''s clock.';

-- Room      40 bars
-- Makes     market.source_clocks
-- Kind      table
-- Grain     one row a source
-- Known at  changed_at
-- Reads     reference.sources
-- Nulls     never
-- Why       A bar closes by its source's clock, not by the next tick: this is
--           how far each source says that its own time has come.

create table market.source_clocks (
    source text primary key references reference.sources (source),
    ts timestamptz not null,
    changed_at timestamptz not null default now()
);

comment on table market.source_clocks is
    'How far each source''s own time has come; a bar is closed when its '
    'known_at is not later than that.';
comment on column market.source_clocks.source is 'The source.';
comment on column market.source_clocks.ts is
    'The source''s time, as its last clock entry said.';
comment on column market.source_clocks.changed_at is
    'When that was written, by the database''s clock.';

-- What the ledger holds already has no bars yet.
insert into market.bars_to_refresh (ts_from, ts_to)
select
    date_trunc('hour', min(t.ts), 'UTC'),
    date_trunc('hour', max(t.ts), 'UTC') + interval '1 hour'
from market.ticks as t
group by t.trade_date
order by 1;
