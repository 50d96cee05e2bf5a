-- Room      50 features
-- Makes     feat._bars_1h(text[], timestamptz, timestamptz, integer, interval)
-- Kind      function
-- Grain     one row a (symbol, hour) with a trade
-- Known at  known_at
-- Reads     reference.series, market.bars_1h
-- Nulls     volumes nobody told; quotes of imported bars
-- Why       What the families read of this width, as float8: the bars of a
--           range and, of each symbol, what it takes before it, no more.

create function feat._bars_1h(
    of_symbols text[],
    ts_from timestamptz,
    ts_to timestamptz,
    bars_back integer,
    time_back interval
)
returns table (
    symbol text,
    bar_start timestamptz,
    bar_end timestamptz,
    known_at timestamptz,
    trade_date date,
    open float8,
    high float8,
    low float8,
    close float8,
    volume float8,
    volume_buy float8,
    volume_sell float8,
    trades float8,
    bid_close float8,
    ask_close float8,
    spread_mean float8,
    number bigint,
    place bigint
)
language sql stable parallel safe rows 5000
begin atomic
    select
        b.symbol,
        b.bar_start,
        b.bar_end,
        b.known_at,
        b.trade_date,
        b.open::float8,
        b.high::float8,
        b.low::float8,
        b.close::float8,
        b.volume::float8,
        b.volume_buy::float8,
        b.volume_sell::float8,
        b.trades::float8,
        b.bid_close::float8,
        b.ask_close::float8,
        b.spread_mean::float8,
        row_number() over (partition by b.symbol order by b.bar_start),
        row_number() over (partition by b.symbol order by b.bar_start)
        - count(*) filter (where b.bar_start < ts_from) over (
            partition by b.symbol
        ) - 1
    from unnest(
        coalesce(of_symbols, array(select r.symbol from reference.series as r))
    ) as s (symbol)
    cross join lateral (
        select least(min(p.bar_start), ts_from - time_back) as bar_start
        from (
            select m.bar_start
            from market.bars_1h as m
            where
                m.symbol = s.symbol
                and m.bar_start < ts_from
                and m.close is not null
            order by m.bar_start desc
            limit bars_back
        ) as p
    ) as f
    cross join lateral (
        select m.*
        from market.bars_1h as m
        where
            m.symbol = s.symbol
            and m.bar_start >= f.bar_start
            and m.bar_start < ts_to
            and m.close is not null
    ) as b;
end;

comment on function feat._bars_1h(
    text[], timestamptz, timestamptz, integer, interval
) is
    'As feat.bars, of this width.';
