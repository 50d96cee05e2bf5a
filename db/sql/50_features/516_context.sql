-- Stage     50 features
-- Makes     feat.context(text, text[], timestamptz, timestamptz)
-- Kind      function
-- Grain     one row a bar with a trade
-- Known at  known_at
-- Reads     feat.bars(text, text[], timestamptz, timestamptz, integer,
--           interval),
--           reference.instruments, reference.series, reference.sessions
-- Nulls     outside sessions; without regular hours; before a first session
-- Why       Where in its day a bar lies, and where the close lies in what the
--           session before reached. That is made of its hours: two sessions
--           are no more than 48 of them.

create function feat.context(
    of_width text, of_symbols text[], ts_from timestamptz, ts_to timestamptz
)
returns table (
    symbol text,
    bar_start timestamptz,
    known_at timestamptz,
    minutes_since_open float8,
    minutes_to_close float8,
    minutes_since_regular_open float8,
    is_regular float8,
    is_early_close float8,
    session_number float8,
    day_of_week float8,
    prior_close_distance float8,
    prior_high_distance float8,
    prior_low_distance float8,
    prior_range_position float8
)
language sql stable parallel safe rows 5000
set enable_nestloop = off set work_mem = '64MB'
begin atomic
    with bars as (
        select
            b.symbol,
            b.bar_start,
            b.known_at,
            b.trade_date,
            b.close,
            extract(epoch from b.bar_start)::float8 as starts_s,
            extract(epoch from b.bar_end)::float8 as ends_s,
            extract(epoch from s.open_at)::float8 as open_s,
            extract(epoch from s.close_at)::float8 as close_s,
            extract(epoch from s.regular_open_at)::float8 as regular_open_s,
            extract(epoch from s.regular_close_at)::float8 as regular_close_s,
            s.is_early_close,
            s.session_number
        from feat.bars(
            of_width, of_symbols, ts_from, ts_to, 0, interval '0 hours'
        ) as b
        inner join reference.series as r on r.symbol = b.symbol
        inner join reference.instruments as i on i.symbol = r.root
        left join reference.sessions as s
            on
                s.calendar = i.calendar
                and s.trade_date = b.trade_date
                and b.bar_start >= s.open_at
                and b.bar_start < s.close_at
    ),

    hours as (
        select h.*
        from feat.bars(
            '1h', of_symbols, ts_from, ts_to, 48, interval '0 hours'
        ) as h
    ),

    reaches as (
        select
            h.symbol,
            h.trade_date,
            max(h.high) as high,
            min(h.low) as low,
            max(h.bar_start) as last_start
        from hours as h
        group by h.symbol, h.trade_date
    ),

    days as (
        select
            d.symbol,
            d.trade_date,
            d.high,
            d.low,
            h.close,
            lead(d.trade_date) over (
                partition by d.symbol order by d.trade_date
            ) as next_date
        from reaches as d
        inner join hours as h
            on h.symbol = d.symbol and h.bar_start = d.last_start
    ),

    priors as (
        select
            t.symbol,
            t.trade_date,
            d.high,
            d.low,
            d.close
        from (select distinct b.symbol, b.trade_date from bars as b) as t
        inner join days as d
            on
                d.symbol = t.symbol
                and d.trade_date < t.trade_date
                and (d.next_date is null or d.next_date >= t.trade_date)
    )

    select
        b.symbol,
        b.bar_start,
        b.known_at,
        (b.ends_s - b.open_s) / 60 as minutes_since_open,
        (b.close_s - b.ends_s) / 60 as minutes_to_close,
        (b.ends_s - b.regular_open_s) / 60 as minutes_since_regular_open,
        case
            when
                b.starts_s >= b.regular_open_s
                and b.starts_s < b.regular_close_s
                then 1
            when b.open_s is not null then 0
        end::float8 as is_regular,
        case when b.is_early_close then 1 when b.open_s is not null then 0 end
            ::float8 as is_early_close,
        b.session_number::float8 as session_number,
        extract(isodow from b.trade_date)::float8 as day_of_week,
        b.close / nullif(p.close, 0) - 1 as prior_close_distance,
        b.close / nullif(p.high, 0) - 1 as prior_high_distance,
        b.close / nullif(p.low, 0) - 1 as prior_low_distance,
        (b.close - p.low) / nullif(p.high - p.low, 0) as prior_range_position
    from bars as b
    left join priors as p
        on p.symbol = b.symbol and p.trade_date = b.trade_date;
end;

comment on function feat.context(text, text[], timestamptz, timestamptz) is
    'Where in their session the bars with ts_from <= bar_start < ts_to lie.';
