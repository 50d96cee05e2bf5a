-- Stage     50 features
-- Makes     feat.volatility(text, text[], timestamptz, timestamptz)
-- Kind      function
-- Grain     one row a bar with a trade
-- Known at  known_at
-- Reads     feat.bars(text, text[], timestamptz, timestamptz, integer,
--           interval)
-- Nulls     before a look-back's first bar; prices not above 0
-- Why       How much the price moves. What is named in minutes leaves out the
--           return that leads into its first bar: it began before. `offset 0`
--           as in feat.bars: a logarithm is taken once, not once a frame.

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
    garman_klass_20 float8
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
            of_width, of_symbols, ts_from, ts_to, 64, interval '0 hours'
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
            w as (partition by b.symbol order by b.start_s),
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
            stddev_samp(m.move) over twenty as deviation
        from moves as m
        window
            w as (partition by m.symbol order by m.start_s),
            quarter as (w range between 900 preceding and current row),
            hour as (w range between 3600 preceding and current row),
            twenty as (w rows between 19 preceding and current row)
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
        case when s.number > 20 then s.deviation end as deviation_20,
        case when s.number >= 20
            then sqrt(s.reach_mean / (4 * ln(2.0::float8)))
        end as parkinson_20,
        case when s.number >= 20 then sqrt(greatest(
            s.reach_mean / 2 - (2 * ln(2.0::float8) - 1) * s.body_mean, 0
        )) end as garman_klass_20
    from spans as s
    where s.bar_start >= ts_from;
end;

comment on function feat.volatility(
    text, text[], timestamptz, timestamptz
) is
    'How much the price moves, of the bars with ts_from <= bar_start < ts_to.';
