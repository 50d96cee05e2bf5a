-- Stage     50 features
-- Makes     feat.range(text, text[], timestamptz, timestamptz)
-- Kind      function
-- Grain     one row a bar with a trade
-- Known at  known_at
-- Reads     feat.bars(text, text[], timestamptz, timestamptz, integer,
--           interval), feat.block(bigint), feat.block_offset(bigint),
--           feat.ema_decay(integer, double precision), feat.ema_input(bigint,
--           bigint, double precision, double precision, double precision),
--           feat.lower_bound(timestamptz)
-- Nulls     before a look-back's first bar; where nothing moved; natr_14 of
--           prices not above 0
-- Why       Wilder's means are sums in blocks, as in feat.trend. ADX is a mean
--           of means, so its first stage begins two blocks before the range.

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
        window w as (partition by b.symbol, b.run order by b.bar_start)
    ),

    bars as (
        select
            m.symbol,
            m.run,
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
            b.run,
            min(b.block) as block
        from bars as b
        where b.bar_start >= feat.lower_bound(ts_from)
        group by b.symbol, b.run
    ),

    seeds as (
        select
            b.symbol,
            b.run,
            avg(b.true_range) filter (where b.number between 2 and 15) as atr,
            sum(b.true_range) filter (where b.number between 2 and 14) as reach,
            sum(b.plus) filter (where b.number between 2 and 14) as plus,
            sum(b.minus) filter (where b.number between 2 and 14) as minus
        from bars as b
        where b.number <= 15
        group by b.symbol, b.run
    ),

    steps as (
        select
            b.symbol,
            b.run,
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
        inner join seeds as s on s.symbol = b.symbol and s.run = b.run
    ),

    sums as (
        select
            s.*,
            sum(s.atr / s.decay) over w * s.decay as atr_sum,
            sum(s.reach / s.decay) over w * s.decay as reach_sum,
            sum(s.plus / s.decay) over w * s.decay as plus_sum,
            sum(s.minus / s.decay) over w * s.decay as minus_sum
        from steps as s
        window w as (
            partition by s.symbol, s.run, s.block
            order by s.k
            rows between unbounded preceding and current row
        )
    ),

    -- The values at the ends of the two blocks before.
    carries as (
        select
            r.symbol,
            r.run,
            r.block + 1 as block,
            r.atr_sum + feat.ema_decay(27, 256) * lag(r.atr_sum, 1, 0) over w
                as atr,
            r.reach_sum
            + feat.ema_decay(27, 256) * lag(r.reach_sum, 1, 0) over w as reach,
            r.plus_sum + feat.ema_decay(27, 256) * lag(r.plus_sum, 1, 0) over w
                as plus,
            r.minus_sum
            + feat.ema_decay(27, 256) * lag(r.minus_sum, 1, 0) over w as minus
        from sums as r
        where r.k = 255
        window w as (partition by r.symbol, r.run order by r.block)
    ),

    smooth as (
        select
            r.symbol,
            r.run,
            r.bar_start,
            r.known_at,
            r.close,
            r.number,
            r.block,
            r.k,
            r.decay,
            r.true_range,
            r.atr_sum + feat.ema_decay(27, 1) * r.decay * coalesce(c.atr, 0)
                as atr,
            r.reach_sum + feat.ema_decay(27, 1) * r.decay * coalesce(c.reach, 0)
                as reach,
            r.plus_sum + feat.ema_decay(27, 1) * r.decay * coalesce(c.plus, 0)
                as plus,
            r.minus_sum + feat.ema_decay(27, 1) * r.decay * coalesce(c.minus, 0)
                as minus
        from sums as r
        inner join firsts as f on f.symbol = r.symbol and f.run = r.run
        left join carries as c
            on c.symbol = r.symbol and c.run = r.run and c.block = r.block
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
            d.run,
            avg(d.dx) filter (where d.number between 15 and 28) as adx
        from directions as d
        group by d.symbol, d.run
    ),

    adx_steps as (
        select
            d.*,
            feat.ema_input(d.number, 28, f.adx, d.dx, 1.0::float8 / 14) as adx
        from directions as d
        inner join adx_seeds as f on f.symbol = d.symbol and f.run = d.run
    ),

    adx_sums as (
        select
            s.*,
            sum(s.adx / s.decay) over (
                partition by s.symbol, s.run, s.block
                order by s.k
                rows between unbounded preceding and current row
            ) * s.decay as adx_sum
        from adx_steps as s
    ),

    adx_carries as (
        select
            r.symbol,
            r.run,
            r.block + 1 as block,
            r.adx_sum + feat.ema_decay(27, 256) * lag(r.adx_sum, 1, 0) over w
                as adx
        from adx_sums as r
        where r.k = 255
        window w as (partition by r.symbol, r.run order by r.block)
    ),

    strengths as (
        select
            r.*,
            r.adx_sum + feat.ema_decay(27, 1) * r.decay * coalesce(c.adx, 0)
                as strength
        from adx_sums as r
        left join adx_carries as c
            on c.symbol = r.symbol and c.run = r.run and c.block = r.block
    )

    select
        s.symbol,
        s.bar_start,
        s.known_at,
        case when s.number >= 2 then s.true_range end as true_range,
        case when s.number >= 15 then s.atr end as atr_14,
        case when s.number >= 15 and s.close > 0
            then 100 * s.atr / s.close end as natr_14,
        case when s.number >= 15
            then 100 * s.plus / nullif(s.reach, 0) end as di_plus_14,
        case when s.number >= 15
            then 100 * s.minus / nullif(s.reach, 0) end as di_minus_14,
        case when s.number >= 28 then s.strength end as adx_14
    from strengths as s
    where s.bar_start >= feat.lower_bound(ts_from);
end;

comment on function feat.range(text, text[], timestamptz, timestamptz) is
    'Ranges and directions of the bars with ts_from <= bar_start < ts_to, '
    'after Wilder.';
