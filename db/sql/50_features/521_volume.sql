-- Stage     50 features
-- Makes     feat.volume(text, text[], timestamptz, timestamptz)
-- Kind      function
-- Grain     one row a bar with a trade
-- Known at  known_at
-- Reads     feat.bars(text, text[], timestamptz, timestamptz, integer,
--           interval), feat.lower_bound(timestamptz)
-- Nulls     without volumes; before a look-back's first bar; ratios of prices
--           not above 0
-- Why       How much traded, and where the price lies beside what was paid.

create function feat.volume(
    of_width text, of_symbols text[], ts_from timestamptz, ts_to timestamptz
)
returns table (
    symbol text,
    bar_start timestamptz,
    known_at timestamptz,
    volume_ratio_20 float8,
    vwap_distance_20 float8,
    obv_share_20 float8
)
language sql stable parallel safe rows 5000
set enable_nestloop = off set work_mem = '64MB'
begin atomic
    with bars as (
        select
            b.*,
            coalesce(b.vwap, (b.high + b.low + b.close) / 3) * b.volume
                as notional,
            row_number() over w as number,
            lag(b.close) over w as close_1
        from feat.bars(
            of_width, of_symbols, ts_from, ts_to, 20, interval '0 hours'
        ) as b
        window w as (partition by b.symbol, b.run order by b.bar_start)
    ),

    sums as (
        select
            b.*,
            avg(b.volume) over before as volume_mean,
            sum(b.volume) over twenty as volume_sum,
            sum(b.notional) over twenty as notional_sum,
            sum(sign(b.close - b.close_1) * b.volume) over twenty as signed_sum
        from bars as b
        window
            w as (partition by b.symbol, b.run order by b.number),
            before as (w rows between 20 preceding and 1 preceding),
            twenty as (w rows between 19 preceding and current row)
    )

    select
        s.symbol,
        s.bar_start,
        s.known_at,
        case when s.number > 20
            then s.volume / nullif(s.volume_mean, 0) end as volume_ratio_20,
        case when s.number >= 20 and s.close > 0 and s.notional_sum > 0
            then s.close * s.volume_sum / s.notional_sum - 1
        end as vwap_distance_20,
        case when s.number > 20
            then s.signed_sum / nullif(s.volume_sum, 0) end as obv_share_20
    from sums as s
    where s.bar_start >= feat.lower_bound(ts_from);
end;

comment on function feat.volume(text, text[], timestamptz, timestamptz) is
    'What traded in the bars with ts_from <= bar_start < ts_to, and where the '
    'close lies beside what was paid.';
