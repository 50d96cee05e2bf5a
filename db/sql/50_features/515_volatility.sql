-- Stage     50 features
-- Makes     feat.volatility(text, text[], timestamptz, timestamptz)
-- Kind      function
-- Grain     one row a bar with a trade
-- Known at  known_at
-- Reads     feat.bars(text, text[], timestamptz, timestamptz, integer,
--           interval), feat.lower_bound(timestamptz), feat.block(bigint),
--           feat.block_offset(bigint),
--           feat.ema_input(bigint, bigint, double precision, double precision,
--           double precision)
-- Nulls     before a look-back's first bar; prices not above 0
-- Why       How much the price moves. A volatility named in minutes leaves out
--           the return that leads into its first bar, because that return began
--           earlier. The forecast counts returns, not bars: a bar without a
--           return leaves it as it is. `offset 0` takes each logarithm once,
--           not once for every frame that holds it.

create function feat.volatility(
    of_width text, of_symbols text[], ts_from timestamptz, ts_to timestamptz
)
returns table (
    symbol text,
    bar_start timestamptz,
    known_at timestamptz,
    realised_15min float8,
    realised_60min float8,
    deviation_20 float8,
    parkinson_20 float8,
    garman_klass_20 float8,
    vol_forecast_ewma_94 float8
)
language sql stable parallel safe rows 5000
set enable_nestloop = off set work_mem = '64MB'
begin atomic
    with bars as (
        select
            b.*,
            date_part('epoch', b.bar_start) as start_s,
            case when b.low > 0 then power(ln(b.high / b.low), 2) end as reach,
            case when b.open > 0 and b.close > 0
                then power(ln(b.close / b.open), 2) end as body
        from feat.bars(
            of_width, of_symbols, ts_from, ts_to, 533, interval '0 hours'
        ) as b
    ),

    steps as (
        select
            b.*,
            row_number() over w as number,
            b.start_s - lag(b.start_s) over w as gap_s,
            lag(b.close) over w as close_1,
            avg(b.reach) over twenty as reach_mean,
            avg(b.body) over twenty as body_mean
        from bars as b
        window
            w as (partition by b.symbol, b.run order by b.start_s),
            twenty as (w rows between 19 preceding and current row)
    ),

    moves as (
        select
            s.*,
            case when s.close > 0 and s.close_1 > 0
                then ln(s.close / s.close_1) end as move
        from steps as s
        offset 0
    ),

    spans as (
        select
            m.*,
            sum(m.move * m.move) over quarter as squares_15min,
            first_value(m.move * m.move) over quarter as first_15min,
            sum(m.move * m.move) over hour as squares_60min,
            first_value(m.move * m.move) over hour as first_60min,
            stddev_samp(m.move) over twenty as deviation,
            count(m.move) over w as returns
        from moves as m
        window
            w as (partition by m.symbol, m.run order by m.start_s),
            quarter as (w range between 900 preceding and current row),
            hour as (w range between 3600 preceding and current row),
            twenty as (w rows between 19 preceding and current row)
    ),

    seeds as (
        select
            s.symbol,
            s.run,
            avg(s.move * s.move) as variance
        from spans as s
        where s.returns <= 20
        group by s.symbol, s.run
    ),

    inputs as (
        select
            s.*,
            feat.block(s.returns) as block,
            feat.block_offset(s.returns) as k,
            power(0.94::float8, feat.block_offset(s.returns)) as decay,
            case when s.move is not null then feat.ema_input(
                s.returns, 20, e.variance, s.move * s.move, 0.06
            ) else 0 end as input
        from spans as s
        inner join seeds as e on e.symbol = s.symbol and e.run = s.run
    ),

    sums as (
        select
            i.*,
            sum(i.input / i.decay) over (
                partition by i.symbol, i.run, i.block
                order by i.start_s
                rows between unbounded preceding and current row
            ) * i.decay as variance_sum
        from inputs as i
    ),

    -- The value at the end of a block, for the block after it.
    carries as (
        select
            s.symbol,
            s.run,
            s.block + 1 as block,
            s.variance_sum
            + power(0.94::float8, 256) * lag(s.variance_sum, 1, 0) over w
                as variance
        from sums as s
        where s.k = 255 and s.move is not null
        window w as (partition by s.symbol, s.run order by s.block)
    )

    select
        s.symbol,
        s.bar_start,
        s.known_at,
        case when s.gap_s <= 900 and s.move is not null then sqrt(greatest(
            s.squares_15min - coalesce(s.first_15min, 0), 0
        )) end as realised_15min,
        case when s.gap_s <= 3600 and s.move is not null then sqrt(greatest(
            s.squares_60min - coalesce(s.first_60min, 0), 0
        )) end as realised_60min,
        case when s.number > 20 and s.move is not null
            then s.deviation end as deviation_20,
        case when s.number >= 20 and s.reach is not null
            then sqrt(s.reach_mean / (4 * ln(2.0::float8)))
        end as parkinson_20,
        case when s.number >= 20 and s.low > 0 then sqrt(greatest(
            s.reach_mean / 2 - (2 * ln(2.0::float8) - 1) * s.body_mean, 0
        )) end as garman_klass_20,
        case when s.returns >= 20 and s.move is not null then sqrt(
            s.variance_sum + 0.94 * s.decay * coalesce(c.variance, 0)
        ) end as vol_forecast_ewma_94
    from sums as s
    left join carries as c
        on c.symbol = s.symbol and c.run = s.run and c.block = s.block
    where s.bar_start >= feat.lower_bound(ts_from);
end;

comment on function feat.volatility(
    text, text[], timestamptz, timestamptz
) is
    'How much the price moves, for the bars with ts_from <= bar_start < ts_to.';
