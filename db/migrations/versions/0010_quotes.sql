create table reference.quote_limits (
    is_only boolean primary key default true check (is_only),
    stale_after interval not null default '5 seconds'
    check (stale_after > interval '0'),
    dead_after interval not null default '30 seconds',
    version integer not null default 1,
    changed_at timestamptz not null default now(),
    check (dead_after >= stale_after)
);

create trigger keep_version
before update or delete on reference.quote_limits
for each row execute function reference.keep_version('is_only');

comment on table reference.quote_limits is
    'From which age on a quote is STALE, and from which DEAD: one row, written '
    'from THOR_STALE_S and THOR_DEAD_S.';
comment on column reference.quote_limits.is_only is
    'Always true: the key that keeps the table at one row.';
comment on column reference.quote_limits.stale_after is
    'A quote is FRESH while it was heard less than this ago, then STALE.';
comment on column reference.quote_limits.dead_after is
    'A quote that was heard longer ago than this is DEAD.';
comment on column reference.quote_limits.version is
    'Counts the changes of this row, from 1.';
comment on column reference.quote_limits.changed_at is
    'When this version was written.';

insert into reference.quote_limits default values;

create table market.last_values (
    symbol text not null,
    trade_date date not null,
    first_ts timestamptz not null,
    ts timestamptz not null,
    seq bigint not null,
    source text not null,
    received_at timestamptz not null,
    contract text,
    contract_key market.tick_key,
    last numeric(18, 8),
    last_key market.tick_key,
    bid numeric(18, 8),
    bid_key market.tick_key,
    ask numeric(18, 8),
    ask_key market.tick_key,
    last_size integer,
    last_size_key market.tick_key,
    bid_size integer,
    bid_size_key market.tick_key,
    ask_size integer,
    ask_size_key market.tick_key,
    volume bigint,
    volume_key market.tick_key,
    open numeric(18, 8),
    open_key market.tick_key,
    high numeric(18, 8),
    low numeric(18, 8),
    primary key (symbol, trade_date)
) with (fillfactor = 50);

comment on table market.last_values is
    'The newest value of each field that the ticks of a symbol and trade date '
    'gave, each with the tick that gave it. Read quotes.';
comment on column market.last_values.symbol is 'The series.';
comment on column market.last_values.trade_date is 'The exchange''s day.';
comment on column market.last_values.first_ts is
    'Market time of the date''s first tick.';
comment on column market.last_values.ts is
    'Market time of the date''s newest tick.';
comment on column market.last_values.seq is 'Number of that tick.';
comment on column market.last_values.source is 'Source of that tick.';
comment on column market.last_values.received_at is
    'When the source received that tick, by the source''s clock.';
comment on column market.last_values.contract is
    'Month of the contract; null where no tick said it.';
comment on column market.last_values.contract_key is
    'The tick that said contract; null where none did.';
comment on column market.last_values.last is
    'Trade price, in points; null where no tick said it.';
comment on column market.last_values.last_key is
    'The tick that said last; null where none did.';
comment on column market.last_values.bid is
    'Best bid, in points; null where no tick said it.';
comment on column market.last_values.bid_key is
    'The tick that said bid; null where none did.';
comment on column market.last_values.ask is
    'Best ask, in points; null where no tick said it.';
comment on column market.last_values.ask_key is
    'The tick that said ask; null where none did.';
comment on column market.last_values.last_size is
    'Contracts of the trade; null where no tick said it.';
comment on column market.last_values.last_size_key is
    'The tick that said last_size; null where none did.';
comment on column market.last_values.bid_size is
    'Contracts at the best bid; null where no tick said it.';
comment on column market.last_values.bid_size_key is
    'The tick that said bid_size; null where none did.';
comment on column market.last_values.ask_size is
    'Contracts at the best ask; null where no tick said it.';
comment on column market.last_values.ask_size_key is
    'The tick that said ask_size; null where none did.';
comment on column market.last_values.volume is
    'Cumulative session volume of the feed, in contracts; null where no tick '
    'said it.';
comment on column market.last_values.volume_key is
    'The tick that said volume; null where none did.';
comment on column market.last_values.open is
    'The date''s first last, in points; null where no tick said one.';
comment on column market.last_values.open_key is
    'The tick that said open; null where none did.';
comment on column market.last_values.high is
    'The highest last of the date, in points; null where no tick said one.';
comment on column market.last_values.low is
    'The lowest last of the date, in points; null where no tick said one.';

create table market.heard (
    symbol text not null,
    source text not null references reference.sources (source),
    heard_from timestamptz not null,
    heard_at timestamptz not null,
    primary key (symbol, source),
    check (heard_from <= heard_at)
) with (fillfactor = 50);

comment on table market.heard is
    'When each source last looked at each symbol, whether or not it had '
    'something new to say.';
comment on column market.heard.symbol is 'The series.';
comment on column market.heard.source is 'The source.';
comment on column market.heard.heard_from is
    'Since when it has looked without a pause of more than 5 s.';
comment on column market.heard.heard_at is
    'When it last looked, by its own clock.';

create table market.marks (
    symbol text not null,
    trade_date date not null,
    source text not null references reference.sources (source),
    prev_close numeric(18, 8),
    settlement numeric(18, 8),
    open numeric(18, 8),
    high numeric(18, 8),
    low numeric(18, 8),
    open_interest bigint,
    high_52w numeric(18, 8),
    low_52w numeric(18, 8),
    received_at timestamptz not null,
    changed_at timestamptz not null default now(),
    primary key (symbol, trade_date, source)
);

comment on table market.marks is
    'What a feed says once a day of a symbol: previous close, settlement, the '
    'session''s open, high and low, open interest, 52 weeks.';
comment on column market.marks.symbol is 'The series.';
comment on column market.marks.trade_date is
    'The exchange''s day that they are of.';
comment on column market.marks.source is 'The source that says them.';
comment on column market.marks.prev_close is
    'Close of the session before, as the source says it, in points; null '
    'where not said.';
comment on column market.marks.settlement is
    'Settlement of this trade date, in points; null where not said.';
comment on column market.marks.open is
    'First price of the session, in points; null where not said.';
comment on column market.marks.high is
    'Highest price of the session so far, in points; null where not said.';
comment on column market.marks.low is
    'Lowest price of the session so far, in points; null where not said.';
comment on column market.marks.open_interest is
    'Contracts open; null where not said.';
comment on column market.marks.high_52w is
    'Highest price of 52 weeks, in points; null where not said.';
comment on column market.marks.low_52w is
    'Lowest price of 52 weeks, in points; null where not said.';
comment on column market.marks.received_at is
    'When the source had the newest of them, by the source''s clock.';
comment on column market.marks.changed_at is
    'When this was written, by the database''s clock.';

create table market.mark_versions (
    symbol text not null,
    trade_date date not null,
    source text not null references reference.sources (source),
    prev_close numeric(18, 8),
    settlement numeric(18, 8),
    open numeric(18, 8),
    high numeric(18, 8),
    low numeric(18, 8),
    open_interest bigint,
    high_52w numeric(18, 8),
    low_52w numeric(18, 8),
    received_at timestamptz not null,
    changed_at timestamptz not null default now(),
    primary key (symbol, trade_date, source, received_at)
);

comment on table market.mark_versions is
    'Each state that a row of marks has had, so that a question about the past '
    'is answered with what was known then.';
comment on column market.mark_versions.symbol is 'The series.';
comment on column market.mark_versions.trade_date is
    'The exchange''s day that they are of.';
comment on column market.mark_versions.source is 'The source that says them.';
comment on column market.mark_versions.prev_close is
    'Close of the session before, as the source says it, in points; null '
    'where not said.';
comment on column market.mark_versions.settlement is
    'Settlement of this trade date, in points; null where not said.';
comment on column market.mark_versions.open is
    'First price of the session, in points; null where not said.';
comment on column market.mark_versions.high is
    'Highest price of the session so far, in points; null where not said.';
comment on column market.mark_versions.low is
    'Lowest price of the session so far, in points; null where not said.';
comment on column market.mark_versions.open_interest is
    'Contracts open; null where not said.';
comment on column market.mark_versions.high_52w is
    'Highest price of 52 weeks, in points; null where not said.';
comment on column market.mark_versions.low_52w is
    'Lowest price of 52 weeks, in points; null where not said.';
comment on column market.mark_versions.received_at is
    'When the source had the newest of them, by the source''s clock.';
comment on column market.mark_versions.changed_at is
    'When this was written, by the database''s clock.';

-- The ticks that are there already.
insert into market.last_values
select
    d.symbol,
    d.trade_date,
    oldest.ts,
    newest.ts,
    newest.seq,
    newest.source,
    newest.received_at,
    of_contract.contract,
    of_contract.key,
    of_last.last,
    of_last.key,
    of_bid.bid,
    of_bid.key,
    of_ask.ask,
    of_ask.key,
    of_last_size.last_size,
    of_last_size.key,
    of_bid_size.bid_size,
    of_bid_size.key,
    of_ask_size.ask_size,
    of_ask_size.key,
    of_volume.volume,
    of_volume.key,
    of_open.open,
    of_open.key,
    reach.high,
    reach.low
from (
    select
        t.symbol,
        t.trade_date,
        (t.trade_date - 1 + time '17:00') at time zone 'America/Chicago'
            as ts_from,
        (t.trade_date + time '17:00') at time zone 'America/Chicago' as ts_to
    from market.ticks as t
    group by t.symbol, t.trade_date
) as d
cross join lateral (
    select t.ts
    from market.ticks as t
    where t.symbol = d.symbol and t.ts >= d.ts_from and t.ts < d.ts_to
    order by t.ts
    limit 1
) as oldest
cross join lateral (
    select
        t.ts,
        t.seq,
        t.source,
        t.received_at
    from market.ticks as t
    where t.symbol = d.symbol and t.ts >= d.ts_from and t.ts < d.ts_to
    order by t.ts desc, t.seq desc, t.source desc
    limit 1
) as newest
left join lateral (
    select
        t.contract,
        row(t.ts, t.seq, t.source)::market.tick_key as key
    from market.ticks as t
    where
        t.symbol = d.symbol
        and t.ts >= d.ts_from
        and t.ts < d.ts_to
        and t.contract is not null
    order by t.ts desc, t.seq desc, t.source desc
    limit 1
) as of_contract on true
left join lateral (
    select
        t.last,
        row(t.ts, t.seq, t.source)::market.tick_key as key
    from market.ticks as t
    where
        t.symbol = d.symbol
        and t.ts >= d.ts_from
        and t.ts < d.ts_to
        and t.last is not null
    order by t.ts desc, t.seq desc, t.source desc
    limit 1
) as of_last on true
left join lateral (
    select
        t.bid,
        row(t.ts, t.seq, t.source)::market.tick_key as key
    from market.ticks as t
    where
        t.symbol = d.symbol
        and t.ts >= d.ts_from
        and t.ts < d.ts_to
        and t.bid is not null
    order by t.ts desc, t.seq desc, t.source desc
    limit 1
) as of_bid on true
left join lateral (
    select
        t.ask,
        row(t.ts, t.seq, t.source)::market.tick_key as key
    from market.ticks as t
    where
        t.symbol = d.symbol
        and t.ts >= d.ts_from
        and t.ts < d.ts_to
        and t.ask is not null
    order by t.ts desc, t.seq desc, t.source desc
    limit 1
) as of_ask on true
left join lateral (
    select
        t.last_size,
        row(t.ts, t.seq, t.source)::market.tick_key as key
    from market.ticks as t
    where
        t.symbol = d.symbol
        and t.ts >= d.ts_from
        and t.ts < d.ts_to
        and t.last_size is not null
    order by t.ts desc, t.seq desc, t.source desc
    limit 1
) as of_last_size on true
left join lateral (
    select
        t.bid_size,
        row(t.ts, t.seq, t.source)::market.tick_key as key
    from market.ticks as t
    where
        t.symbol = d.symbol
        and t.ts >= d.ts_from
        and t.ts < d.ts_to
        and t.bid_size is not null
    order by t.ts desc, t.seq desc, t.source desc
    limit 1
) as of_bid_size on true
left join lateral (
    select
        t.ask_size,
        row(t.ts, t.seq, t.source)::market.tick_key as key
    from market.ticks as t
    where
        t.symbol = d.symbol
        and t.ts >= d.ts_from
        and t.ts < d.ts_to
        and t.ask_size is not null
    order by t.ts desc, t.seq desc, t.source desc
    limit 1
) as of_ask_size on true
left join lateral (
    select
        t.volume,
        row(t.ts, t.seq, t.source)::market.tick_key as key
    from market.ticks as t
    where
        t.symbol = d.symbol
        and t.ts >= d.ts_from
        and t.ts < d.ts_to
        and t.volume is not null
    order by t.ts desc, t.seq desc, t.source desc
    limit 1
) as of_volume on true
left join lateral (
    select
        t.last as open,
        row(t.ts, t.seq, t.source)::market.tick_key as key
    from market.ticks as t
    where
        t.symbol = d.symbol
        and t.ts >= d.ts_from
        and t.ts < d.ts_to
        and t.last is not null
    order by t.ts, t.seq, t.source
    limit 1
) as of_open on true
cross join lateral (
    select
        max(t.last) as high,
        min(t.last) as low
    from market.ticks as t
    where t.symbol = d.symbol and t.ts >= d.ts_from and t.ts < d.ts_to
) as reach;

create table reference.margins (
    symbol text not null references reference.instruments (symbol),
    from_date date not null,
    initial numeric(18, 2) not null check (initial >= 0 and initial < 'NaN'),
    maintenance numeric(18, 2)
    check (maintenance >= 0 and maintenance < 'NaN'),
    intraday numeric(18, 2) check (intraday >= 0 and intraday < 'NaN'),
    source text not null,
    version integer not null default 1,
    changed_at timestamptz not null default now(),
    primary key (symbol, from_date)
);

create trigger keep_version
before update or delete on reference.margins
for each row execute function reference.keep_version('symbol', 'from_date');

comment on table reference.margins is
    'What a contract binds of an account, by the trade date from which it '
    'holds.';
comment on column reference.margins.symbol is 'The root.';
comment on column reference.margins.from_date is
    'First trade date it holds for.';
comment on column reference.margins.initial is
    'Margin to open and hold a contract overnight, in the instrument''s '
    'currency.';
comment on column reference.margins.maintenance is
    'Least that a held contract needs, in currency; null where not stated.';
comment on column reference.margins.intraday is
    'Margin within regular hours, in currency; null where not stated.';
comment on column reference.margins.source is 'Whose figures they are.';
comment on column reference.margins.version is
    'Counts the changes of this row, from 1.';
comment on column reference.margins.changed_at is
    'When this version was written.';

insert into reference.margins (symbol, from_date, initial, source)
select
    i.symbol,
    date '2025-10-01',
    i.margin,
    'the desk''s list of October 2025'
from reference.instruments as i
where i.margin is not null;
