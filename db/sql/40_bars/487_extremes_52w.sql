-- Stage     40 bars
-- Makes     market.extremes_52w(text, date, timestamptz)
-- Kind      function
-- Grain     one row, or none
-- Known at  as_of
-- Reads     market.bars_imported, market.last_values,
--           reference.trade_date(timestamptz)
-- Nulls     where there is no bar of a date before
-- Why       52 weeks roll: a high of a year and a day ago no longer counts. The
--           trade date itself is not included.

create function market.extremes_52w(
    of_symbol text, of_trade_date date, as_of timestamptz
)
returns table (high numeric, high_on date, low numeric, low_on date)
language plpgsql stable strict parallel safe rows 1 as $$
begin
    return query
    with days as materialized (
        select
            k.trade_date as day,
            k.high,
            k.low
        from market.last_values as k
        where
            k.symbol = of_symbol
            and k.trade_date > (of_trade_date - interval '1 year')::date
            and k.trade_date < of_trade_date
            and k.high is not null
        union all
        select
            reference.trade_date(i.bar_start),
            i.high,
            i.low
        from market.bars_imported as i
        where
            i.symbol = of_symbol
            and i.width = '1d'
            and i.bar_start >= (
                (of_trade_date - interval '1 year')::date + time '17:00'
            ) at time zone 'America/Chicago'
            and i.bar_start
            < (of_trade_date - 1 + time '17:00') at time zone 'America/Chicago'
            and coalesce(i.ends_at < as_of, true)
    )

    select
        h.high,
        h.day,
        l.low,
        l.day
    from (
        select
            d.high,
            d.day
        from days as d
        order by d.high desc, d.day desc
        limit 1
    ) as h
    cross join (
        select
            d.low,
            d.day
        from days as d
        order by d.low, d.day desc
        limit 1
    ) as l;
end $$;

comment on function market.extremes_52w(text, date, timestamptz) is
    'Highest and lowest price of the trade dates after the same date a year '
    'before and before the given one, with the newest date that each was '
    'reached on; a vendor''s day that has not ended at as_of is none of them.';
