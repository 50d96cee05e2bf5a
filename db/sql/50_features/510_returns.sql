-- Room      50 features
-- Makes     feat.returns(text, text[], timestamptz, timestamptz)
-- Kind      function
-- Grain     one row a bar with a trade
-- Known at  known_at
-- Reads     feat.bars(text, text[], timestamptz, timestamptz, integer,
--           interval)
-- Nulls     before a look-back's first bar; logarithms of prices not above 0
-- Why       How far the price went, over bars and over minutes.

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
            b.close - lag(b.close) over of_symbol as change,
            lag(b.close) over of_symbol as close_1,
            lag(b.close, 5) over of_symbol as close_5,
            lag(b.close, 20) over of_symbol as close_20
        from feat.bars(
            of_width, of_symbols, ts_from, ts_to, 80, interval '0 hours'
        ) as b
        window of_symbol as (partition by b.symbol order by b.bar_start)
    ),

    spans as (
        select
            b.*,
            first_value(b.close) over quarter as close_15min,
            count(*) over quarter as bars_15min,
            first_value(b.close) over hour as close_60min,
            count(*) over hour as bars_60min,
            max(b.high) over sixty as high_60,
            regr_slope(b.close, b.number) over twenty as slope,
            sum(abs(b.change)) over twenty as path
        from bars as b
        window
            quarter as (
                partition by b.symbol order by b.bar_start
                range between interval '15 minutes' preceding and current row
            ),
            hour as (
                partition by b.symbol order by b.bar_start
                range between interval '60 minutes' preceding and current row
            ),
            twenty as (
                partition by b.symbol order by b.bar_start
                rows between 19 preceding and current row
            ),
            sixty as (
                partition by b.symbol order by b.bar_start
                rows between 59 preceding and current row
            )
    )

    select
        s.symbol,
        s.bar_start,
        s.known_at,
        s.close / nullif(s.close_1, 0) - 1 as return_1,
        s.close / nullif(s.close_5, 0) - 1 as return_5,
        s.close / nullif(s.close_20, 0) - 1 as return_20,
        case when s.close > 0 and s.close_1 > 0
            then ln(s.close / s.close_1) end as log_return_1,
        case when s.close > 0 and s.close_5 > 0
            then ln(s.close / s.close_5) end as log_return_5,
        case when s.close > 0 and s.close_20 > 0
            then ln(s.close / s.close_20) end as log_return_20,
        case when s.bars_15min > 1
            then s.close / nullif(s.close_15min, 0) - 1 end as return_15min,
        case when s.bars_60min > 1
            then s.close / nullif(s.close_60min, 0) - 1 end as return_60min,
        case when s.number >= 20 then s.slope end as slope_20,
        case when s.number > 20
            then abs(s.close - s.close_20) / nullif(s.path, 0)
        end as efficiency_20,
        case when s.number >= 60
            then s.close / nullif(s.high_60, 0) - 1 end as drawdown_60
    from spans as s
    where s.place >= 0;
end;

comment on function feat.returns(text, text[], timestamptz, timestamptz) is
    'How far the price went, of the bars with ts_from <= bar_start < ts_to.';
