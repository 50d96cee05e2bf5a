-- Stage     30 ticks
-- Makes     market.last_values
-- Kind      table
-- Grain     one row a (symbol, trade date) with a tick
-- Known at  received_at
-- Reads     type market.tick_key
-- Nulls     a field that no tick of the date has, and its key
-- Why       A quote is the newest value of each field; a search for a field
--           without a value would read the whole date. The transaction that
--           inserts ticks updates this row, in whatever order they arrive.

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
    'Month of the contract; null where no tick has it.';
comment on column market.last_values.contract_key is
    'The tick that gave contract; null where none did.';
comment on column market.last_values.last is
    'Trade price, in points; null where no tick has it.';
comment on column market.last_values.last_key is
    'The tick that gave last; null where none did.';
comment on column market.last_values.bid is
    'Best bid, in points; null where no tick has it.';
comment on column market.last_values.bid_key is
    'The tick that gave bid; null where none did.';
comment on column market.last_values.ask is
    'Best ask, in points; null where no tick has it.';
comment on column market.last_values.ask_key is
    'The tick that gave ask; null where none did.';
comment on column market.last_values.last_size is
    'Contracts of the trade; null where no tick has it.';
comment on column market.last_values.last_size_key is
    'The tick that gave last_size; null where none did.';
comment on column market.last_values.bid_size is
    'Contracts at the best bid; null where no tick has it.';
comment on column market.last_values.bid_size_key is
    'The tick that gave bid_size; null where none did.';
comment on column market.last_values.ask_size is
    'Contracts at the best ask; null where no tick has it.';
comment on column market.last_values.ask_size_key is
    'The tick that gave ask_size; null where none did.';
comment on column market.last_values.volume is
    'Cumulative session volume of the feed, in contracts; null where no tick '
    'has it.';
comment on column market.last_values.volume_key is
    'The tick that gave volume; null where none did.';
comment on column market.last_values.open is
    'The date''s first last, in points; null where no tick has one.';
comment on column market.last_values.open_key is
    'The tick that gave open; null where none did.';
comment on column market.last_values.high is
    'The highest last of the date, in points; null where no tick has one.';
comment on column market.last_values.low is
    'The lowest last of the date, in points; null where no tick has one.';
