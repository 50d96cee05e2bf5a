-- Stage     40 bars
-- Makes     market.day_sums(text[], date, timestamptz)
-- Kind      function
-- Grain     one row a symbol that traded on the date so far
-- Known at  as_of
-- Reads     market._bars_1h, market._bars_1m, market._bars_1s, market.bars_1m,
--           market.bars_imported, market.last_values, reference.listed(text),
--           reference.own_date_symbols()
-- Nulls     volume and vwap where no trade has a size
-- Why       The sums of a trade date up to a moment, to the last whole second,
--           without reading its ticks: the hours that are over, the minutes of
--           the open hour, the seconds of the open minute; a vendor's minutes
--           of the date beside them. Where both may lie in one minute, the bars
--           of minutes say which of the two stands. All symbols in one call,
--           since a call costs more than its reads.

create function market.day_sums(
    of_symbols text [], of_trade_date date, as_of timestamptz
)
returns table (
    symbol text,
    open numeric,
    high numeric,
    low numeric,
    volume bigint,
    vwap numeric
)
language plpgsql stable strict parallel safe rows 50 as $$
#variable_conflict use_column
declare
    named constant text[] := array(
        select reference.listed(u.symbol)
        from unnest(of_symbols) as u (symbol)
    );
    own constant text[] := array(
        select n.symbol
        from unnest(named) as n (symbol)
        where n.symbol = any(reference.own_date_symbols())
    );
    -- Midnight in New York for those.
    turns constant time := case
        when own = '{}' then time '17:00' else time '23:00'
    end;
    begins constant timestamptz
        := (of_trade_date - 1 + turns) at time zone 'America/Chicago';
    ends constant timestamptz := least(
        (of_trade_date + turns) at time zone 'America/Chicago',
        date_bin('1 second', as_of, timestamptz 'epoch')
    );
    hour constant timestamptz
        := date_bin('1 hour', ends, timestamptz 'epoch');
    minute constant timestamptz
        := date_bin('1 minute', ends, timestamptz 'epoch');
    -- Whose ticks begin before the vendor's minutes end.
    mixed constant text[] := array(
        select i.symbol
        from market.bars_imported as i
        inner join market.last_values as k
            on k.symbol = i.symbol and k.trade_date = of_trade_date
        where
            i.symbol = any(named)
            and i.width = '1m'
            and i.bar_start >= begins
            and i.bar_start < minute
        group by i.symbol, k.open_key
        having max(i.bar_start) + interval '1 minute' > (k.open_key).ts
    );
begin
    if cardinality(own) between 1 and cardinality(named) - 1 then
        return query
        select s.* from market.day_sums(own, of_trade_date, as_of) as s
        union all
        select s.*
        from market.day_sums(
            array(
                select n.symbol
                from unnest(named) as n (symbol)
                where n.symbol <> all(own)
            ),
            of_trade_date,
            as_of
        ) as s;
        return;
    end if;
    return query
    select
        b.symbol,
        (array_agg(b.open order by greatest(
            b.bar_start, case when not b.is_imported then (k.open_key).ts end
        )))[1],
        max(b.high),
        min(b.low),
        sum(b.volume)::bigint,
        round(sum(b.notional) / nullif(sum(b.volume), 0), 8)
    from (
        select
            h.symbol, h.bar_start, h.open, h.high, h.low, h.volume,
            h.notional, false as is_imported
        from market._bars_1h as h
        where
            h.symbol = any(named)
            and h.symbol <> all(mixed)
            and h.bar_start >= begins
            and h.bar_start < hour
        union all
        select
            m.symbol, m.bar_start, m.open, m.high, m.low, m.volume,
            m.notional, false
        from market._bars_1m as m
        where
            m.symbol = any(named)
            and m.symbol <> all(mixed)
            and m.bar_start >= greatest(begins, hour)
            and m.bar_start < minute
        union all
        select
            m.symbol, m.bar_start, m.open, m.high, m.low, m.volume,
            m.notional, false
        from market._bars_1m as m
        inner join market.bars_1m as v
            on v.symbol = m.symbol and v.bar_start = m.bar_start
        where
            m.symbol = any(mixed)
            and m.bar_start >= begins
            and m.bar_start < minute
            and v.bar_start >= begins
            and v.bar_start < minute
            and not v.is_imported
        union all
        select
            s.symbol, s.bar_start, s.open, s.high, s.low, s.volume,
            s.notional, false
        from market._bars_1s as s
        where
            s.symbol = any(named)
            and s.bar_start >= greatest(begins, minute)
            and s.bar_start < ends
        union all
        select
            i.symbol, i.bar_start, i.open, i.high, i.low, i.volume,
            i.volume * (i.high + i.low + i.close) / 3, true
        from market.bars_imported as i
        where
            i.symbol = any(named)
            and i.symbol <> all(mixed)
            and i.width = '1m'
            and i.bar_start >= begins
            and i.bar_start < minute
        union all
        select
            v.symbol, v.bar_start, v.open, v.high, v.low, v.volume,
            v.volume * (v.high + v.low + v.close) / 3, true
        from market.bars_1m as v
        where
            v.symbol = any(mixed)
            and v.bar_start >= begins
            and v.bar_start < minute
            and v.is_imported
    ) as b
    -- The time of the first trade, which its hour does not show.
    left join market.last_values as k
        on k.symbol = b.symbol and k.trade_date = of_trade_date
    where b.open is not null
    group by b.symbol;
end $$;

comment on function market.day_sums(text [], date, timestamptz) is
    'Open, high, low, volume and volume-weighted mean price of the trades of '
    'a trade date up to the whole second of as_of, from its bars. A vendor''s '
    'bar counts with (high + low + close) / 3.';
