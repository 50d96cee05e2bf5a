-- Stage     50 features
-- Makes     feat.bands(text, text[], timestamptz, timestamptz)
-- Kind      function
-- Grain     one row a bar with a trade
-- Known at  known_at
-- Reads     feat.bars(text, text[], timestamptz, timestamptz, integer,
--           interval), feat.block(bigint), feat.block_offset(bigint),
--           feat.lower_bound(timestamptz)
-- Nulls     before a look-back's first bar; where the price stood still; ratios
--           of prices not above 0
-- Why       Where the close lies in the range of the last bars. The mean
--           deviation of CCI is taken around the newest mean, which no window
--           frame can express: hence twenty lags.

create function feat.bands(
    of_width text, of_symbols text[], ts_from timestamptz, ts_to timestamptz
)
returns table (
    symbol text,
    bar_start timestamptz,
    known_at timestamptz,
    sma_20 float8,
    sma_50 float8,
    sma_200 float8,
    bollinger_upper_20 float8,
    bollinger_lower_20 float8,
    bollinger_position_20 float8,
    bollinger_width_20 float8,
    stochastic_k_14 float8,
    stochastic_d_3 float8,
    cci_20 float8
)
language sql stable parallel safe rows 5000
set enable_nestloop = off set work_mem = '64MB'
begin atomic
    with bars as (
        select
            b.*,
            (b.high + b.low + b.close) / 3 as typical,
            row_number() over w as number,
            min(b.low) over fourteen as low_14,
            max(b.high) over fourteen as high_14,
            avg(b.close) over twenty as sma_20,
            stddev_pop(b.close) over twenty as deviation
        from feat.bars(
            of_width, of_symbols, ts_from, ts_to, 199, interval '0 hours'
        ) as b
        window
            w as (partition by b.symbol, b.run order by b.bar_start),
            fourteen as (w rows between 13 preceding and current row),
            twenty as (w rows between 19 preceding and current row)
    ),

    -- Sums of many closes are differences of running sums, in blocks of 256.
    sums as (
        select
            b.*,
            sum(b.close) over (
                partition by b.symbol, b.run, feat.block(b.number)
                order by b.number
                rows between unbounded preceding and current row
            ) as running,
            feat.block_offset(b.number)::integer as k,
            case when b.high_14 > b.low_14
                then 100 * (b.close - b.low_14) / (b.high_14 - b.low_14)
                else 0 end as fast_k
        from bars as b
    ),

    lags as (
        select
            p.*,
            p.running - lag(p.running, 50, 0) over w
            + case when p.k < 50
                then lag(p.running, p.k + 1, 0) over w else 0 end as sum_50,
            p.running - lag(p.running, 200, 0) over w
            + case when p.k < 200
                then lag(p.running, p.k + 1, 0) over w else 0 end as sum_200,
            lag(p.fast_k, 1) over w as k1, lag(p.fast_k, 2) over w as k2,
            lag(p.fast_k, 3) over w as k3, lag(p.fast_k, 4) over w as k4,
            lag(p.typical, 1) over w as t1, lag(p.typical, 2) over w as t2,
            lag(p.typical, 3) over w as t3, lag(p.typical, 4) over w as t4,
            lag(p.typical, 5) over w as t5, lag(p.typical, 6) over w as t6,
            lag(p.typical, 7) over w as t7, lag(p.typical, 8) over w as t8,
            lag(p.typical, 9) over w as t9, lag(p.typical, 10) over w as t10,
            lag(p.typical, 11) over w as t11, lag(p.typical, 12) over w as t12,
            lag(p.typical, 13) over w as t13, lag(p.typical, 14) over w as t14,
            lag(p.typical, 15) over w as t15, lag(p.typical, 16) over w as t16,
            lag(p.typical, 17) over w as t17, lag(p.typical, 18) over w as t18,
            lag(p.typical, 19) over w as t19
        from sums as p
        window w as (partition by p.symbol, p.run order by p.number)
    ),

    means as (
        select
            t.*,
            (
                t.typical + t.t1 + t.t2 + t.t3 + t.t4 + t.t5 + t.t6 + t.t7
                + t.t8 + t.t9 + t.t10 + t.t11 + t.t12 + t.t13 + t.t14 + t.t15
                + t.t16 + t.t17 + t.t18 + t.t19
            ) / 20 as typical_mean
        from lags as t
        where t.bar_start >= feat.lower_bound(ts_from)
    ),

    deviations as (
        select
            t.*,
            (
                abs(t.typical - t.typical_mean)
                + abs(t.t1 - t.typical_mean) + abs(t.t2 - t.typical_mean)
                + abs(t.t3 - t.typical_mean) + abs(t.t4 - t.typical_mean)
                + abs(t.t5 - t.typical_mean) + abs(t.t6 - t.typical_mean)
                + abs(t.t7 - t.typical_mean) + abs(t.t8 - t.typical_mean)
                + abs(t.t9 - t.typical_mean) + abs(t.t10 - t.typical_mean)
                + abs(t.t11 - t.typical_mean) + abs(t.t12 - t.typical_mean)
                + abs(t.t13 - t.typical_mean) + abs(t.t14 - t.typical_mean)
                + abs(t.t15 - t.typical_mean) + abs(t.t16 - t.typical_mean)
                + abs(t.t17 - t.typical_mean) + abs(t.t18 - t.typical_mean)
                + abs(t.t19 - t.typical_mean)
            ) / 20 as mean_deviation
        from means as t
    )

    select
        s.symbol,
        s.bar_start,
        s.known_at,
        case when s.number >= 20 then s.sma_20 end as sma_20,
        case when s.number >= 50 then s.sum_50 / 50 end as sma_50,
        case when s.number >= 200 then s.sum_200 / 200 end as sma_200,
        case when s.number >= 20
            then s.sma_20 + 2 * s.deviation end as bollinger_upper_20,
        case when s.number >= 20
            then s.sma_20 - 2 * s.deviation end as bollinger_lower_20,
        case when s.number >= 20
            then (s.close - s.sma_20) / nullif(4 * s.deviation, 0) + 0.5::float8
        end as bollinger_position_20,
        case when s.number >= 20 and s.close > 0 and s.sma_20 > 0
            then 4 * s.deviation / s.sma_20 end as bollinger_width_20,
        case when s.number >= 16
            then (s.fast_k + s.k1 + s.k2) / 3 end as stochastic_k_14,
        case when s.number >= 18
            then (s.fast_k + 2 * s.k1 + 3 * s.k2 + 2 * s.k3 + s.k4) / 9
        end as stochastic_d_3,
        case when s.number >= 20
            then (s.typical - s.typical_mean)
            / nullif(0.015::float8 * s.mean_deviation, 0)
        end as cci_20
    from deviations as s;
end;

comment on function feat.bands(text, text[], timestamptz, timestamptz) is
    'Where the close lies in the range of the last bars, for the bars with '
    'ts_from <= bar_start < ts_to.';
