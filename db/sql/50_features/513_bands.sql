-- Room      50 features
-- Makes     feat.bands(text, text[], timestamptz, timestamptz)
-- Kind      function
-- Grain     one row a bar with a trade
-- Known at  known_at
-- Reads     feat.bars(text, text[], timestamptz, timestamptz, integer,
--           interval)
-- Nulls     before a look-back's first bar; where the price stood still
-- Why       Where the close lies between what the last bars reached. The mean
--           deviation of CCI is around the newest mean, which no frame can
--           say: hence twenty lags.

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
            min(b.low) over fourteen as low_14,
            max(b.high) over fourteen as high_14,
            avg(b.close) over twenty as sma_20,
            stddev_pop(b.close) over twenty as deviation,
            avg(b.close) over fifty as sma_50,
            avg(b.close) over two_hundred as sma_200
        from feat.bars(
            of_width, of_symbols, ts_from, ts_to, 199, interval '0 hours'
        ) as b
        window
            w as (partition by b.symbol order by b.number),
            fourteen as (w rows between 13 preceding and current row),
            twenty as (w rows between 19 preceding and current row),
            fifty as (w rows between 49 preceding and current row),
            two_hundred as (w rows between 199 preceding and current row)
    ),

    lags as (
        select
            b.*,
            avg(b.typical) over twenty as typical_mean,
            case
                when b.high_14 > b.low_14
                    then 100 * (b.close - b.low_14) / (b.high_14 - b.low_14)
                else 0
            end as fast_k,
            lag(b.typical, 1) over w as t1, lag(b.typical, 2) over w as t2,
            lag(b.typical, 3) over w as t3, lag(b.typical, 4) over w as t4,
            lag(b.typical, 5) over w as t5, lag(b.typical, 6) over w as t6,
            lag(b.typical, 7) over w as t7, lag(b.typical, 8) over w as t8,
            lag(b.typical, 9) over w as t9, lag(b.typical, 10) over w as t10,
            lag(b.typical, 11) over w as t11, lag(b.typical, 12) over w as t12,
            lag(b.typical, 13) over w as t13, lag(b.typical, 14) over w as t14,
            lag(b.typical, 15) over w as t15, lag(b.typical, 16) over w as t16,
            lag(b.typical, 17) over w as t17, lag(b.typical, 18) over w as t18,
            lag(b.typical, 19) over w as t19
        from bars as b
        where b.place >= -19
        window
            w as (partition by b.symbol order by b.number),
            twenty as (w rows between 19 preceding and current row)
    ),

    slow as (
        select
            t.*,
            avg(t.fast_k) over three as slow_k,
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
        from lags as t
        window three as (
            partition by t.symbol order by t.number
            rows between 2 preceding and current row
        )
    ),

    slower as (
        select
            s.*,
            avg(s.slow_k) over three as slow_d
        from slow as s
        window three as (
            partition by s.symbol order by s.number
            rows between 2 preceding and current row
        )
    )

    select
        s.symbol,
        s.bar_start,
        s.known_at,
        case when s.number >= 20 then s.sma_20 end as sma_20,
        case when s.number >= 50 then s.sma_50 end as sma_50,
        case when s.number >= 200 then s.sma_200 end as sma_200,
        case when s.number >= 20
            then s.sma_20 + 2 * s.deviation end as bollinger_upper_20,
        case when s.number >= 20
            then s.sma_20 - 2 * s.deviation end as bollinger_lower_20,
        case when s.number >= 20
            then (s.close - s.sma_20) / nullif(4 * s.deviation, 0) + 0.5::float8
        end as bollinger_position_20,
        case when s.number >= 20
            then 4 * s.deviation / nullif(s.sma_20, 0)
        end as bollinger_width_20,
        case when s.number >= 16 then s.slow_k end as stochastic_k_14,
        case when s.number >= 18 then s.slow_d end as stochastic_d_3,
        case when s.number >= 20
            then (s.typical - s.typical_mean)
            / nullif(0.015::float8 * s.mean_deviation, 0)
        end as cci_20
    from slower as s
    where s.place >= 0;
end;

comment on function feat.bands(text, text[], timestamptz, timestamptz) is
    'Where the close lies in the reach of the bars before it, of the bars with '
    'ts_from <= bar_start < ts_to.';
