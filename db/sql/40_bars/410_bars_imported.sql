-- Stage     40 bars
-- Makes     market.bar_files, market.bars_imported
-- Kind      table
-- Grain     one row a file; one row a (symbol, width, bar_start)
-- Known at  imported_at
-- Reads     –
-- Nulls     values that the file lacks
-- Why       History that came as bars, apart from the bars that ticks made: the
--           public views show it where no computed bar stands. Wider bars that
--           no file has are made of these at the import, and give way to a file
--           that has them.

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
    ends_at timestamptz,
    made_of text,
    primary key (symbol, width, bar_start),
    constraint bars_imported_high_and_low_enclose check (
        low <= open and low <= close and high >= open and high >= close
        and high <> 'NaN'
    ),
    constraint bars_imported_day_ends_later check (
        ends_at is null or width = '1d'
    ),
    constraint bars_imported_made_of_narrower check (
        made_of is null
        or (width, made_of) in (
            ('1m', '1s'), ('5m', '1m'), ('1h', '5m'), ('1d', '1h')
        )
    )
);

create index bars_imported_file on market.bars_imported (file);

comment on table market.bar_files is
    'The files of imported bars, identified by content.';
comment on column market.bar_files.file is
    'BARS: and 8 hex of the file''s SHA-256.';
comment on column market.bar_files.sha256 is 'SHA-256 of the file, in hex.';
comment on column market.bar_files.file_name is
    'The name it had when first imported, without its folder.';
comment on column market.bar_files.format is 'parquet, csv or dbn.';
comment on column market.bar_files.vendor is
    'Vendor, where the file names one.';
comment on column market.bar_files.records is
    'Records it holds, refused ones too.';
comment on column market.bar_files.symbols is 'Series it has bars of.';
comment on column market.bar_files.widths is 'Widths it has bars of.';
comment on column market.bar_files.first_bar is 'Start of its first bar.';
comment on column market.bar_files.last_bar is 'Start of its last bar.';
comment on column market.bar_files.imported_at is
    'When it was first imported, by the database''s clock.';

comment on table market.bars_imported is
    'Bars as a vendor made them, and wider ones made of these; bars_1s … '
    'bars_1d show them where no ticks cover the bar.';
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
comment on column market.bars_imported.file is
    'The file it came from; of a made bar that of its last narrower one.';
comment on column market.bars_imported.imported_at is
    'When it was imported, by the database''s clock; of a made bar when the '
    'newest of its narrower ones was.';
comment on column market.bars_imported.ends_at is
    'When a vendor''s day ended, where that is not the exchange''s end of it.';
comment on column market.bars_imported.made_of is
    'The width that Thor made it of; null in a bar that a file holds.';
