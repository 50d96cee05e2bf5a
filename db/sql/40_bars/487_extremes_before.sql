-- Stage     40 bars
-- Makes     market.extremes_before(text, text, date, timestamptz)
-- Kind      function
-- Grain     one row, or none
-- Known at  as_of
-- Reads     market.bars_imported, market.last_values,
--           reference.trade_date(timestamptz), reference.listed(text)
-- Nulls     no row where there is no trade date before
-- Why       52 weeks roll: a high of a year and a day ago no longer counts. The
--           trade date itself is not included: it is compared with these.

create function market.extremes_before(
    of_symbol text, of_kind text, of_trade_date date, as_of timestamptz
)
returns table (
    high numeric, high_on date, low numeric, low_on date, since date
)
language plpgsql stable strict parallel safe rows 1 as $$
declare
    after_date date := '-infinity';
    starts timestamptz := '-infinity';
begin
    of_symbol := reference.listed(of_symbol);
    if of_kind = '52w' then
        after_date := of_trade_date - interval '1 year';
        starts := (after_date + time '17:00') at time zone 'America/Chicago';
    elsif of_kind <> 'all' then
        raise exception 'kind: %: take 52w or all', of_kind
        using errcode = 'invalid_parameter_value';
    end if;
    return query
    with of_ticks as materialized (
        select
            k.trade_date as day,
            k.high,
            k.low
        from market.last_values as k
        where
            k.symbol = of_symbol
            and k.trade_date > after_date
            and k.trade_date < of_trade_date
            and k.high is not null
    ),

    of_files as materialized (
        select
            i.bar_start,
            i.high,
            i.low
        from market.bars_imported as i
        where
            i.symbol = of_symbol
            and i.width = '1d'
            and i.bar_start >= starts
            and i.bar_start
            < (of_trade_date - 1 + time '17:00') at time zone 'America/Chicago'
            and coalesce(i.ends_at < as_of, true)
    ),

    reach as (
        select
            max(u.high) as high,
            min(u.low) as low
        from (
            select
                t.high,
                t.low
            from of_ticks as t
            union all
            select
                f.high,
                f.low
            from of_files as f
        ) as u
    )

    select
        r.high,
        greatest(
            (select max(t.day) from of_ticks as t where t.high = r.high),
            reference.trade_date((
                select max(f.bar_start)
                from of_files as f
                where f.high = r.high
            ))
        ),
        r.low,
        greatest(
            (select max(t.day) from of_ticks as t where t.low = r.low),
            reference.trade_date((
                select max(f.bar_start)
                from of_files as f
                where f.low = r.low
            ))
        ),
        least(
            (select min(t.day) from of_ticks as t),
            reference.trade_date((select min(f.bar_start) from of_files as f))
        )
    from reach as r
    where r.high is not null;
end $$;

comment on function market.extremes_before(text, text, date, timestamptz) is
    'Highest and lowest price of the trade dates before the given one, those '
    'after the same date a year before (52w) or all that are known (all), with '
    'the newest date that each was reached on and the oldest date among them; '
    'a vendor''s day that has not ended at as_of is none of them.';
