-- Stage     30 ticks
-- Makes     market.ticks
-- Kind      table
-- Grain     one row a record of a feed: (ts, symbol, seq, source)
-- Known at  received_at
-- Reads     –
-- Nulls     values that the record lacks; never filled, never zero instead
-- Why       The tick store. A tick keeps the record's values exactly, and a
--           tick delivered twice is stored once.

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
    'Market time: the exchange''s time of the event.';
comment on column market.ticks.symbol is
    'The series: the root (ES) from a feed that follows the front month, '
    'the month with its year (ESH24) from one that names it.';
comment on column market.ticks.seq is
    'Number given once by the collector, increasing within a source; breaks '
    'ties.';
comment on column market.ticks.source is
    'Source of the tick, in reference.sources.';
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
    'Whether the feed samples the market instead of reporting every change.';
comment on column market.ticks.received_at is
    'When the source received it, by the source''s clock.';
comment on column market.ticks.created_at is
    'When its transaction began, by the database''s clock.';
comment on column market.ticks.trade_date is
    'The exchange''s day: turns at 17:00 America/Chicago.';
