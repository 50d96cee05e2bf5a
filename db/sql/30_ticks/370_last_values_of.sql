-- Stage     30 ticks
-- Makes     market.last_values_of(text, date)
-- Kind      function
-- Grain     one row, or none
-- Known at  received_at
-- Reads     market.last_values, market.ticks, type market.tick_key,
--           reference.listed(text), reference.own_date_symbols()
-- Nulls     as market.last_values
-- Why       Ticks that do not come from the bus, from the lake for example, get
--           their last values recomputed here.

create function market.last_values_of(of_symbol text, of_trade_date date)
returns setof market.last_values
language sql stable strict parallel safe rows 1
begin atomic
    select
        d.symbol,
        of_trade_date,
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
            reference.listed(of_symbol) as symbol,
            (of_trade_date - 1 + b.turns) at time zone 'America/Chicago'
                as ts_from,
            (of_trade_date + b.turns) at time zone 'America/Chicago' as ts_to
        from (
            select
                case
                    -- Midnight in New York.
                    when
                        upper(of_symbol) = any(
                            (select reference.own_date_symbols())::text[]
                        )
                        then time '23:00'
                    else time '17:00'
                end as turns
        ) as b
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
end;

comment on function market.last_values_of(text, date) is
    'The row of last_values for a symbol and trade date, computed from the '
    'ticks; no row where there are none.';
