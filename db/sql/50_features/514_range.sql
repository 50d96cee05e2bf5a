-- Room      50 features
-- Makes     feat.range(text, text[], timestamptz, timestamptz)
-- Kind      function
-- Grain     one row a bar with a trade
-- Known at  known_at
-- Reads     feat.bars(text, text[], timestamptz, timestamptz, integer,
--           interval),
--           feat.fade(integer, double precision),
--           feat.step(bigint, bigint, double precision, double precision,
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
            floor((m.number - 1) / 256.0::float8) as block,
            m.number - 1 - 256 * floor((m.number - 1) / 256.0::float8) as k,
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
            feat.step(b.number, 15, s.atr, b.true_range, 1.0::float8 / 14)
                as atr,
            feat.step(b.number, 14, s.reach, b.true_range, 1) as reach,
            feat.step(b.number, 14, s.plus, b.plus, 1) as plus,
            feat.step(b.number, 14, s.minus, b.minus, 1) as minus
        from bars as b
        inner join seeds as s on s.symbol = b.symbol
    ),

    ends as (
        select
            s.symbol,
            s.block,
            sum(s.atr * feat.fade(27, 255 - s.k)) as atr,
            sum(s.reach * feat.fade(27, 255 - s.k)) as reach,
            sum(s.plus * feat.fade(27, 255 - s.k)) as plus,
            sum(s.minus * feat.fade(27, 255 - s.k)) as minus
        from steps as s
        group by s.symbol, s.block
    ),

    carries as (
        select
            e.symbol,
            e.block,
            lag(e.atr, 1, 0) over w
            + feat.fade(27, 256) * lag(e.atr, 2, 0) over w as atr,
            lag(e.reach, 1, 0) over w
            + feat.fade(27, 256) * lag(e.reach, 2, 0) over w as reach,
            lag(e.plus, 1, 0) over w
            + feat.fade(27, 256) * lag(e.plus, 2, 0) over w as plus,
            lag(e.minus, 1, 0) over w
            + feat.fade(27, 256) * lag(e.minus, 2, 0) over w as minus
        from ends as e
        window w as (partition by e.symbol order by e.block)
    ),

    smooth as (
        select
            s.symbol,
            s.bar_start,
            s.known_at,
            s.close,
            s.number,
            s.block,
            s.k,
            s.true_range,
            (sum(s.atr * feat.fade(27, -s.k)) over w
            + feat.fade(27, 1) * c.atr) * feat.fade(27, s.k) as atr,
            (sum(s.reach * feat.fade(27, -s.k)) over w
            + feat.fade(27, 1) * c.reach) * feat.fade(27, s.k) as reach,
            (sum(s.plus * feat.fade(27, -s.k)) over w
            + feat.fade(27, 1) * c.plus) * feat.fade(27, s.k) as plus,
            (sum(s.minus * feat.fade(27, -s.k)) over w
            + feat.fade(27, 1) * c.minus) * feat.fade(27, s.k) as minus
        from steps as s
        inner join carries as c
            on c.symbol = s.symbol and c.block = s.block
        inner join firsts as f on f.symbol = s.symbol
        where s.block >= f.block - 2
        window w as (
            partition by s.symbol, s.block
            order by s.k
            rows between unbounded preceding and current row
        )
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
            feat.step(d.number, 28, f.adx, d.dx, 1.0::float8 / 14) as adx
        from directions as d
        inner join adx_seeds as f on f.symbol = d.symbol
    ),

    adx_ends as (
        select
            s.symbol,
            s.block,
            sum(s.adx * feat.fade(27, 255 - s.k)) as adx
        from adx_steps as s
        group by s.symbol, s.block
    ),

    adx_carries as (
        select
            e.symbol,
            e.block,
            lag(e.adx, 1, 0) over w
            + feat.fade(27, 256) * lag(e.adx, 2, 0) over w as adx
        from adx_ends as e
        window w as (partition by e.symbol order by e.block)
    ),

    strengths as (
        select
            s.*,
            (sum(s.adx * feat.fade(27, -s.k)) over w
            + feat.fade(27, 1) * c.adx) * feat.fade(27, s.k) as strength
        from adx_steps as s
        inner join adx_carries as c
            on c.symbol = s.symbol and c.block = s.block
        window w as (
            partition by s.symbol, s.block
            order by s.k
            rows between unbounded preceding and current row
        )
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
