-- Stage     50 features
-- Makes     feat.returns(text, text[], timestamptz, timestamptz)
-- Kind      function
-- Grain     one row a bar with a trade
-- Known at  known_at
-- Reads     feat.bars(text, text[], timestamptz, timestamptz, integer,
--           interval), feat.lower_bound(timestamptz)
-- Nulls     before a look-back's first bar; ratios and logarithms of prices not
--           above 0
-- Why       How far the price moved, over bars and over minutes.

create function feat.returns(
    of_width text, of_symbols text[], ts_from timestamptz, ts_to timestamptz
)
returns table (
    symbol text,
    bar_start timestamptz,
    known_at timestamptz,
    return_1 float8,
    return_5 float8,
    return_20 float8,
    log_return_1 float8,
    log_return_5 float8,
    log_return_20 float8,
    return_15min float8,
    return_60min float8,
    slope_20 float8,
    efficiency_20 float8,
    drawdown_60 float8
)
language sql stable parallel safe rows 5000
set enable_nestloop = off set work_mem = '64MB'
begin atomic
    with bars as (
        select
            b.*,
            date_part('epoch', b.bar_start) as start_s
        from feat.bars(
            of_width, of_symbols, ts_from, ts_to, 80, interval '0 hours'
        ) as b
    ),

    steps as (
        select
            b.*,
            row_number() over w as number,
            b.start_s - lag(b.start_s) over w as gap_s,
            lag(b.close) over w as close_1,
            lag(b.close, 5) over w as close_5,
            lag(b.close, 20) over w as close_20,
            first_value(b.close) over quarter as close_15min,
            first_value(b.close) over hour as close_60min,
            max(b.high) over sixty as high_60
        from bars as b
        window
            w as (partition by b.symbol, b.run order by b.start_s),
            quarter as (w range between 900 preceding and current row),
            hour as (w range between 3600 preceding and current row),
            sixty as (w rows between 59 preceding and current row)
    ),

    spans as (
        select
            s.*,
            regr_slope(s.close, s.number) over twenty as slope,
            sum(abs(s.close - s.close_1)) over twenty as path
        from steps as s
        window twenty as (
            partition by s.symbol, s.run order by s.number
            rows between 19 preceding and current row
        )
    )

    select
        s.symbol,
        s.bar_start,
        s.known_at,
        case when s.close > 0 and s.close_1 > 0
            then s.close / s.close_1 - 1 end as return_1,
        case when s.close > 0 and s.close_5 > 0
            then s.close / s.close_5 - 1 end as return_5,
        case when s.close > 0 and s.close_20 > 0
            then s.close / s.close_20 - 1 end as return_20,
        case when s.close > 0 and s.close_1 > 0
            then ln(s.close / s.close_1) end as log_return_1,
        case when s.close > 0 and s.close_5 > 0
            then ln(s.close / s.close_5) end as log_return_5,
        case when s.close > 0 and s.close_20 > 0
            then ln(s.close / s.close_20) end as log_return_20,
        case when s.gap_s <= 900 and s.close > 0 and s.close_15min > 0
            then s.close / s.close_15min - 1 end as return_15min,
        case when s.gap_s <= 3600 and s.close > 0 and s.close_60min > 0
            then s.close / s.close_60min - 1 end as return_60min,
        case when s.number >= 20 then s.slope end as slope_20,
        case when s.number > 20
            then abs(s.close - s.close_20) / nullif(s.path, 0)
        end as efficiency_20,
        case when s.number >= 60 and s.close > 0
            then s.close / s.high_60 - 1 end as drawdown_60
    from spans as s
    where s.bar_start >= feat.lower_bound(ts_from);
end;

comment on function feat.returns(text, text[], timestamptz, timestamptz) is
    'How far the price moved, for the bars with ts_from <= bar_start < ts_to.';
