-- Stage     50 features
-- Makes     feat.range(text, text[], timestamptz, timestamptz)
-- Kind      function
-- Grain     one row a bar with a trade
-- Known at  known_at
-- Reads     feat.bars(text, text[], timestamptz, timestamptz, integer,
--           interval),
--           feat.block(bigint), feat.block_offset(bigint),
--           feat.ema_decay(integer, double precision),
--           feat.ema_input(bigint, bigint, double precision, double precision,
--           double precision)
-- Nulls     before a look-back's first bar; where nothing moved
-- Why       Wilder's smoothings as in feat.trend; ADX smooths what is smoothed,
--           so the first stage begins two blocks before the range.

create function feat.range(
    of_width text, of_symbols text[], ts_from timestamptz, ts_to timestamptz
)
returns table (
    symbol text,
    bar_start timestamptz,
    known_at timestamptz,
    true_range float8,
    atr_14 float8,
    natr_14 float8,
    di_plus_14 float8,
    di_minus_14 float8,
    adx_14 float8
)
language sql stable parallel safe rows 5000
set enable_nestloop = off set work_mem = '64MB'
begin atomic
    with moves as (
        select
            b.*,
            row_number() over w as number,
            lag(b.close) over w as close_1,
            b.high - lag(b.high) over w as rise,
            lag(b.low) over w - b.low as fall
        from feat.bars(
            of_width, of_symbols, ts_from, ts_to, 544, interval '0 hours'
        ) as b
        window w as (partition by b.symbol order by b.bar_start)
    ),

    bars as (
        select
            m.symbol,
            m.bar_start,
            m.known_at,
            m.close,
            m.number,
            feat.block(m.number) as block,
            feat.block_offset(m.number) as k,
            greatest(m.high, m.close_1) - least(m.low, m.close_1) as true_range,
            case when m.rise > m.fall and m.rise > 0
                then m.rise else 0 end as plus,
            case when m.fall > m.rise and m.fall > 0
                then m.fall else 0 end as minus
        from moves as m
    ),

    firsts as (
        select
            b.symbol,
            min(b.block) as block
        from bars as b
        where b.bar_start >= ts_from
        group by b.symbol
    ),

    seeds as (
        select
            b.symbol,
            avg(b.true_range) filter (where b.number between 2 and 15) as atr,
            sum(b.true_range) filter (where b.number between 2 and 14) as reach,
            sum(b.plus) filter (where b.number between 2 and 14) as plus,
            sum(b.minus) filter (where b.number between 2 and 14) as minus
        from bars as b
        where b.number <= 15
        group by b.symbol
    ),

    steps as (
        select
            b.symbol,
            b.bar_start,
            b.known_at,
            b.close,
            b.number,
            b.block,
            b.k,
            b.true_range,
            feat.ema_decay(27, b.k) as decay,
            feat.ema_input(b.number, 15, s.atr, b.true_range, 1.0::float8 / 14)
                as atr,
            feat.ema_input(b.number, 14, s.reach, b.true_range, 1) as reach,
            feat.ema_input(b.number, 14, s.plus, b.plus, 1) as plus,
            feat.ema_input(b.number, 14, s.minus, b.minus, 1) as minus
        from bars as b
        inner join seeds as s on s.symbol = b.symbol
    ),

    runs as (
        select
            s.*,
            sum(s.atr / s.decay) over w * s.decay as atr_run,
            sum(s.reach / s.decay) over w * s.decay as reach_run,
            sum(s.plus / s.decay) over w * s.decay as plus_run,
            sum(s.minus / s.decay) over w * s.decay as minus_run
        from steps as s
        window w as (
            partition by s.symbol, s.block
            order by s.k
            rows between unbounded preceding and current row
        )
    ),

    -- What the two blocks before one left at their ends.
    carries as (
        select
            r.symbol,
            r.block + 1 as block,
            r.atr_run + feat.ema_decay(27, 256) * lag(r.atr_run, 1, 0) over w
                as atr,
            r.reach_run
            + feat.ema_decay(27, 256) * lag(r.reach_run, 1, 0) over w as reach,
            r.plus_run + feat.ema_decay(27, 256) * lag(r.plus_run, 1, 0) over w
                as plus,
            r.minus_run
            + feat.ema_decay(27, 256) * lag(r.minus_run, 1, 0) over w as minus
        from runs as r
        where r.k = 255
        window w as (partition by r.symbol order by r.block)
    ),

    smooth as (
        select
            r.symbol,
            r.bar_start,
            r.known_at,
            r.close,
            r.number,
            r.block,
            r.k,
            r.decay,
            r.true_range,
            r.atr_run + feat.ema_decay(27, 1) * r.decay * coalesce(c.atr, 0)
                as atr,
            r.reach_run + feat.ema_decay(27, 1) * r.decay * coalesce(c.reach, 0)
                as reach,
            r.plus_run + feat.ema_decay(27, 1) * r.decay * coalesce(c.plus, 0)
                as plus,
            r.minus_run + feat.ema_decay(27, 1) * r.decay * coalesce(c.minus, 0)
                as minus
        from runs as r
        inner join firsts as f on f.symbol = r.symbol
        left join carries as c
            on c.symbol = r.symbol and c.block = r.block
        where r.block >= f.block - 2
    ),

    directions as (
        select
            s.*,
            100 * abs(s.plus - s.minus) / nullif(s.plus + s.minus, 0) as dx
        from smooth as s
    ),

    adx_seeds as (
        select
            d.symbol,
            avg(d.dx) filter (where d.number between 15 and 28) as adx
        from directions as d
        group by d.symbol
    ),

    adx_steps as (
        select
            d.*,
            feat.ema_input(d.number, 28, f.adx, d.dx, 1.0::float8 / 14) as adx
        from directions as d
        inner join adx_seeds as f on f.symbol = d.symbol
    ),

    adx_runs as (
        select
            s.*,
            sum(s.adx / s.decay) over (
                partition by s.symbol, s.block
                order by s.k
                rows between unbounded preceding and current row
            ) * s.decay as adx_run
        from adx_steps as s
    ),

    adx_carries as (
        select
            r.symbol,
            r.block + 1 as block,
            r.adx_run + feat.ema_decay(27, 256) * lag(r.adx_run, 1, 0) over w
                as adx
        from adx_runs as r
        where r.k = 255
        window w as (partition by r.symbol order by r.block)
    ),

    strengths as (
        select
            r.*,
            r.adx_run + feat.ema_decay(27, 1) * r.decay * coalesce(c.adx, 0)
                as strength
        from adx_runs as r
        left join adx_carries as c
            on c.symbol = r.symbol and c.block = r.block
    )

    select
        s.symbol,
        s.bar_start,
        s.known_at,
        case when s.number >= 2 then s.true_range end as true_range,
        case when s.number >= 15 then s.atr end as atr_14,
        case when s.number >= 15
            then 100 * s.atr / nullif(s.close, 0) end as natr_14,
        case when s.number >= 15
            then 100 * s.plus / nullif(s.reach, 0) end as di_plus_14,
        case when s.number >= 15
            then 100 * s.minus / nullif(s.reach, 0) end as di_minus_14,
        case when s.number >= 28 then s.strength end as adx_14
    from strengths as s
    where s.bar_start >= ts_from;
end;

comment on function feat.range(text, text[], timestamptz, timestamptz) is
    'How far the bars with ts_from <= bar_start < ts_to reached, by Wilder.';
