-- Stage     40 bars
-- Makes     market.quote_metrics(timestamptz)
-- Kind      function
-- Grain     one row a root, and a month that has a quote
-- Known at  as_of
-- Reads     market.basis_of(text, date, text, timestamptz),
--           market.day_sums(text[], date, timestamptz),
--           market.extremes_before(text, text, date, timestamptz),
--           market.last_values, market.mark_versions,
--           market.quotes_at(timestamptz),
--           reference.instruments, reference.margins, reference.series,
--           reference.trade_date(timestamptz)
-- Nulls     where an input is missing, or the base of a percentage is 0; 52
--           weeks of a symbol without a trade date before
-- Why       The futures board is one select: the quote, its basis, the day so
--           far, and its position within 52 weeks. The source's own open, high,
--           low and 52 weeks take precedence over those of bars.

create function market.quote_metrics(as_of timestamptz)
returns table (
    symbol text,
    name text,
    root text,
    kind text,
    sort_order integer,
    exchange text,
    asset_class text,
    currency text,
    display_precision smallint,
    tick_size numeric,
    tick_value numeric,
    multiplier numeric,
    margin numeric,
    trade_date date,
    contract text,
    source text,
    last numeric,
    bid numeric,
    ask numeric,
    last_size integer,
    bid_size integer,
    ask_size integer,
    volume bigint,
    ts timestamptz,
    received_at timestamptz,
    heard_at timestamptz,
    age_ms bigint,
    heard_age_ms bigint,
    state text,
    basis numeric,
    basis_kind text,
    basis_source text,
    basis_date date,
    net_change numeric,
    net_change_percent numeric,
    open numeric,
    high numeric,
    low numeric,
    prev_close numeric,
    open_prev_diff numeric,
    open_prev_percent numeric,
    high_prev_diff numeric,
    high_prev_percent numeric,
    low_prev_diff numeric,
    low_prev_percent numeric,
    range_diff numeric,
    range_percent numeric,
    spread numeric,
    spread_ticks numeric,
    vwap numeric,
    high_52w numeric,
    high_52w_on date,
    low_52w numeric,
    low_52w_on date,
    above_low_52w_diff numeric,
    above_low_52w_percent numeric,
    below_high_52w_diff numeric,
    below_high_52w_percent numeric
)
language sql stable strict parallel safe rows 50
begin atomic
    with quotes as materialized (
        select n.*
        from market.quotes_at(as_of) as n
    ),

    sums as materialized (
        select t.*
        from (
            select
                q.trade_date,
                array_agg(q.symbol) as symbols
            from quotes as q
            group by q.trade_date
        ) as d
        cross join lateral market.day_sums(
            d.symbols, d.trade_date, as_of
        ) as t
    )

    select
        r.symbol as symbol,
        i.name as name,
        r.root as root,
        r.kind as kind,
        i.sort_order as sort_order,
        i.exchange as exchange,
        i.asset_class as asset_class,
        i.currency as currency,
        i.display_precision as display_precision,
        i.tick_size as tick_size,
        i.tick_value as tick_value,
        i.multiplier as multiplier,
        coalesce(g.initial, i.margin) as margin,
        d.trade_date as trade_date,
        q.contract as contract,
        q.source as source,
        q.last as last,
        q.bid as bid,
        q.ask as ask,
        q.last_size as last_size,
        q.bid_size as bid_size,
        q.ask_size as ask_size,
        coalesce(
            case when q.volume_date = q.trade_date then q.volume end, s.volume
        ) as volume,
        q.ts as ts,
        q.received_at as received_at,
        q.heard_at as heard_at,
        q.age_ms as age_ms,
        q.heard_age_ms as heard_age_ms,
        q.state as state,
        b.basis as basis,
        b.basis_kind as basis_kind,
        b.basis_source as basis_source,
        b.basis_date as basis_date,
        q.last - b.basis as net_change,
        round((q.last - b.basis) / nullif(b.basis, 0) * 100, 8)
            as net_change_percent,
        v.open as open,
        v.high as high,
        v.low as low,
        b.basis as prev_close,
        v.open - b.basis as open_prev_diff,
        round((v.open - b.basis) / nullif(b.basis, 0) * 100, 8)
            as open_prev_percent,
        v.high - b.basis as high_prev_diff,
        round((v.high - b.basis) / nullif(b.basis, 0) * 100, 8)
            as high_prev_percent,
        v.low - b.basis as low_prev_diff,
        round((v.low - b.basis) / nullif(b.basis, 0) * 100, 8)
            as low_prev_percent,
        v.high - v.low as range_diff,
        round((v.high - v.low) / nullif(b.basis, 0) * 100, 8) as range_percent,
        q.ask - q.bid as spread,
        round((q.ask - q.bid) / i.tick_size, 8) as spread_ticks,
        s.vwap as vwap,
        v.high_52w as high_52w,
        v.high_52w_on as high_52w_on,
        v.low_52w as low_52w,
        v.low_52w_on as low_52w_on,
        q.last - v.low_52w as above_low_52w_diff,
        round((q.last - v.low_52w) / nullif(v.low_52w, 0) * 100, 8)
            as above_low_52w_percent,
        v.high_52w - q.last as below_high_52w_diff,
        round((v.high_52w - q.last) / nullif(v.high_52w, 0) * 100, 8)
            as below_high_52w_percent
    from reference.series as r
    inner join reference.instruments as i on i.symbol = r.root
    left join quotes as q on q.symbol = r.symbol
    left join sums as s on s.symbol = r.symbol
    cross join lateral (
        select coalesce(q.trade_date, reference.trade_date(as_of))
            as trade_date
    ) as d
    left join lateral market.basis_of(
        r.symbol, d.trade_date, q.source, as_of
    ) as b on true
    left join lateral market.extremes_before(
        r.symbol, '52w', d.trade_date, as_of
    ) as x on true
    left join market.last_values as k
        on
            k.symbol = q.symbol
            and k.trade_date = q.trade_date
            and k.ts <= as_of
    left join lateral (
        select
            w.open,
            w.high,
            w.low,
            w.high_52w,
            w.low_52w
        from market.mark_versions as w
        where
            w.symbol = r.symbol
            and w.trade_date = d.trade_date
            and w.source = q.source
            and w.received_at <= as_of
        order by w.received_at desc
        limit 1
    ) as m on true
    left join lateral (
        select f.initial
        from reference.margins as f
        where f.symbol = r.root and f.from_date <= d.trade_date
        order by f.from_date desc
        limit 1
    ) as g on true
    cross join lateral (
        -- The newest tick's extremes are exact; in the past they come from
        -- bars, including a trade of the unfinished second.
        select
            coalesce(m.open, case
                when s.open is null then k.open else s.open
            end) as open,
            coalesce(m.high, greatest(
                s.high, k.high, case when s.high is not null then q.last end
            )) as high,
            coalesce(m.low, least(
                s.low, k.low, case when s.low is not null then q.last end
            )) as low
    ) as h
    cross join lateral (
        select
            h.open,
            h.high,
            h.low,
            -- Prices of one date alone are no 52 weeks.
            coalesce(m.high_52w, case
                when x.high is not null then greatest(x.high, h.high)
            end) as high_52w,
            case
                when m.high_52w is not null then null
                when h.high >= x.high then d.trade_date
                else x.high_on
            end as high_52w_on,
            coalesce(m.low_52w, case
                when x.low is not null then least(x.low, h.low)
            end) as low_52w,
            case
                when m.low_52w is not null then null
                when h.low <= x.low then d.trade_date
                else x.low_on
            end as low_52w_on
    ) as v
    where r.kind = 'root' or q.symbol is not null
    order by i.sort_order, r.symbol;
end;

comment on function market.quote_metrics(timestamptz) is
    'The futures board as of a moment, a row a symbol: quote, ages and state, '
    'basis and net change, the trade date''s open, high, low, volume and '
    'vwap, spread, 52 weeks, each with its distances. Percentages of the '
    'previous close, those of 52 weeks of the extreme itself.';
