-- Stage     45 studies
-- Makes     studies.extremes(timestamptz),
--           studies.extreme_events_of(text, date)
-- Kind      function
-- Grain     one row a symbol and kind; one row an event
-- Known at  as_of; at
-- Reads     market.extremes_before(text, text, date, timestamptz),
--           market.last_values, market.quote_metrics(timestamptz),
--           market.ticks, reference.listed(text)
-- Nulls     high_on and low_on where the source gave the extreme without a date
-- Why       Extremes come from trade dates: a symbol without one before has no
--           extreme, so a first tick is no event. 52 weeks are those of the
--           board.

create function studies.extremes(as_of timestamptz)
returns table (
    symbol text,
    kind text,
    high numeric,
    high_on date,
    low numeric,
    low_on date,
    as_of timestamptz,
    basis text,
    since date
)
language sql stable strict parallel safe rows 50
begin atomic
    with board as materialized (
        select
            m.symbol,
            m.sort_order,
            m.trade_date,
            m.high,
            m.low,
            m.high_52w,
            m.high_52w_on,
            m.low_52w,
            m.low_52w_on
        from market.quote_metrics(extremes.as_of) as m
    )

    select
        e.symbol as symbol,
        e.kind as kind,
        e.high as high,
        e.high_on as high_on,
        e.low as low,
        e.low_on as low_on,
        extremes.as_of as as_of,
        e.basis as basis,
        e.since as since
    from (
        -- The board has them: one definition.
        select
            b.symbol,
            b.sort_order,
            '52w' as kind,
            b.high_52w as high,
            b.high_52w_on as high_on,
            b.low_52w as low,
            b.low_52w_on as low_on,
            case
                when b.high_52w_on is null or b.low_52w_on is null
                    then 'source'
                else 'daily_bars'
            end as basis,
            x.since
        from board as b
        left join lateral market.extremes_before(
            b.symbol, '52w', b.trade_date, extremes.as_of
        ) as x on true
        where b.high_52w is not null or b.low_52w is not null
        union all
        select
            b.symbol,
            b.sort_order,
            'all',
            greatest(x.high, b.high),
            case when b.high >= x.high then b.trade_date else x.high_on end,
            least(x.low, b.low),
            case when b.low <= x.low then b.trade_date else x.low_on end,
            'daily_bars',
            x.since
        from board as b
        cross join lateral market.extremes_before(
            b.symbol, 'all', b.trade_date, extremes.as_of
        ) as x
    ) as e
    order by e.sort_order, e.symbol, e.kind;
end;

comment on function studies.extremes(timestamptz) is
    'Highest and lowest price of each symbol as of a moment, kind 52w of the '
    'trade dates after the same date a year before, kind all of all that are '
    'known, each with the newest trade date it was reached on. basis is '
    'daily_bars, or source where the source gave its own 52 weeks; since the '
    'oldest trade date that Thor has of them.';

create function studies.extreme_events_of(of_symbol text, of_trade_date date)
returns table (
    kind text,
    price numeric,
    previous numeric,
    previous_on date,
    at timestamptz,
    source text,
    since date
)
language plpgsql stable strict parallel safe rows 4 as $$
#variable_conflict use_column
declare
    day market.last_values;
    of_kind text;
    before record;
begin
    of_symbol := reference.listed(of_symbol);
    select k.* into day
    from market.last_values as k
    where k.symbol = of_symbol and k.trade_date = of_trade_date;
    if day.high is null then
        return;
    end if;
    foreach of_kind in array array['52w', 'all'] loop
        select x.* into before
        from market.extremes_before(
            of_symbol, of_kind, of_trade_date, day.ts
        ) as x;
        if day.high > before.high then
            return query
            select
                case of_kind
                    when '52w' then 'HIGH_52W' else 'ALL_TIME_HIGH'
                end,
                t.last, before.high, before.high_on, t.ts, t.source,
                before.since
            from market.ticks as t
            where
                t.symbol = of_symbol
                and t.ts >= day.first_ts
                and t.ts <= day.ts
                and t.last > before.high
            order by t.ts, t.seq, t.source
            limit 1;
        end if;
        if day.low < before.low then
            return query
            select
                case of_kind
                    when '52w' then 'LOW_52W' else 'ALL_TIME_LOW'
                end,
                t.last, before.low, before.low_on, t.ts, t.source,
                before.since
            from market.ticks as t
            where
                t.symbol = of_symbol
                and t.ts >= day.first_ts
                and t.ts <= day.ts
                and t.last < before.low
            order by t.ts, t.seq, t.source
            limit 1;
        end if;
    end loop;
end $$;

comment on function studies.extreme_events_of(text, date) is
    'The events of a symbol and trade date, computed from its ticks and the '
    'daily bars before: at most one of each kind, of the first price beyond.';
