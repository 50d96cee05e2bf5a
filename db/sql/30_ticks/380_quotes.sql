-- Stage     30 ticks
-- Makes     market.quotes
-- Kind      view
-- Grain     one row a symbol with a tick
-- Known at  received_at
-- Reads     market.heard, market.last_values, reference.series
-- Nulls     fields without a value on the newest trade date and the one before
-- Why       The current quotes, equal to quotes:latest:<symbol> on the bus. A
--           field without a value on the newest trade date is that of the date
--           before.

create view market.quotes as
select
    n.symbol,
    n.trade_date,
    n.ts,
    n.received_at,
    greatest(n.received_at, h.heard_at) as heard_at,
    n.source,
    n.seq,
    coalesce(n.contract, p.contract) as contract,
    coalesce(n.last, p.last) as last,
    coalesce(n.bid, p.bid) as bid,
    coalesce(n.ask, p.ask) as ask,
    coalesce(n.last_size, p.last_size) as last_size,
    coalesce(n.bid_size, p.bid_size) as bid_size,
    coalesce(n.ask_size, p.ask_size) as ask_size,
    coalesce(n.volume, p.volume) as volume,
    case
        when n.volume is not null then n.trade_date
        when p.volume is not null then p.trade_date
    end as volume_date
from reference.series as s
cross join lateral (
    select k.*
    from market.last_values as k
    where k.symbol = s.symbol
    order by k.trade_date desc
    limit 1
) as n
left join lateral (
    select k.*
    from market.last_values as k
    where k.symbol = s.symbol and k.trade_date < n.trade_date
    order by k.trade_date desc
    limit 1
) as p on true
left join market.heard as h on h.symbol = n.symbol and h.source = n.source;

comment on view market.quotes is
    'The newest quote of each symbol: for each field the newest value that is '
    'not null. Its age depends on the moment: see quotes_at(as_of).';
comment on column market.quotes.symbol is 'The series: a root (ES) or a month.';
comment on column market.quotes.trade_date is
    'The exchange''s day of the newest tick.';
comment on column market.quotes.ts is 'Market time of the newest tick.';
comment on column market.quotes.received_at is
    'When the source received the newest tick, by the source''s clock.';
comment on column market.quotes.heard_at is
    'When the source last looked at the symbol, with or without a tick.';
comment on column market.quotes.source is 'Source of the newest tick.';
comment on column market.quotes.seq is 'Number of the newest tick.';
comment on column market.quotes.contract is
    'Month of the contract; null where not given.';
comment on column market.quotes.last is
    'Price of the last trade, in points; null where not given.';
comment on column market.quotes.bid is
    'Best bid, in points; null where not given.';
comment on column market.quotes.ask is
    'Best ask, in points; null where not given.';
comment on column market.quotes.last_size is
    'Contracts of the last trade with a size; null where not given.';
comment on column market.quotes.bid_size is
    'Contracts at the best bid; null where not given.';
comment on column market.quotes.ask_size is
    'Contracts at the best ask; null where not given.';
comment on column market.quotes.volume is
    'Cumulative session volume of the feed, in contracts; null where not '
    'given.';
comment on column market.quotes.volume_date is 'The exchange''s day of volume.';
