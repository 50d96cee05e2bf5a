-- Stage     50 features
-- Makes     feat.context(text, text[], timestamptz, timestamptz)
-- Kind      function
-- Grain     one row a bar with a trade
-- Known at  known_at
-- Reads     feat.bars(text, text[], timestamptz, timestamptz, integer,
--           interval),
--           feat._prior_sessions(text[], timestamptz, timestamptz),
--           reference.instruments, reference.series, reference.sessions
-- Nulls     outside sessions; without regular hours; prior_* where the session
--           before has no bars, and ratios of prices not above 0
-- Why       Where in its session a bar lies, and where its close lies in the
--           range of the session before. A vendor's daily bar may be known only
--           after the next session has begun: it counts from then on.

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
        case when b.close > 0 and p.close > 0
            then b.close / p.close - 1 end as prior_close_distance,
        case when b.close > 0 and p.high > 0
            then b.close / p.high - 1 end as prior_high_distance,
        case when b.close > 0 and p.low > 0
            then b.close / p.low - 1 end as prior_low_distance,
        case when b.close > 0 and p.low > 0 and p.high > p.low
            then (b.close - p.low) / (p.high - p.low)
        end as prior_range_position
    from bars as b
    left join feat._prior_sessions(of_symbols, ts_from, ts_to) as p
        on
            p.symbol = b.symbol
            and p.trade_date = b.trade_date
            and p.known_at <= b.known_at;
end;

comment on function feat.context(text, text[], timestamptz, timestamptz) is
    'Where in their session the bars with ts_from <= bar_start < ts_to lie, '
    'and where their closes lie in the session before.';
