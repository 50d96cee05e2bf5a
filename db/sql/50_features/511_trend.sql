-- Room      50 features
-- Makes     feat.trend(text, text[], timestamptz, timestamptz)
-- Kind      function
-- Grain     one row a bar with a trade
-- Known at  known_at
-- Reads     feat.bars(text, text[], timestamptz, timestamptz, integer,
--           interval),
--           feat.fade(integer, double precision)
-- Nulls     a mean before its first n bars
-- Why       Exponential means without recursion: in a block of 256 bars they
--           are sums of faded values, and the ends of the blocks before it are
--           carried in. Bars before the range are only added up by block.

create function feat.trend(
    of_width text, of_symbols text[], ts_from timestamptz, ts_to timestamptz
)
returns table (
    symbol text,
    bar_start timestamptz,
    known_at timestamptz,
    ema_9 float8,
    ema_12 float8,
    ema_20 float8,
    ema_26 float8,
    ema_50 float8,
    ema_200 float8
)
language sql stable parallel safe rows 5000
set enable_nestloop = off set work_mem = '64MB'
begin atomic
    with bars as (
        select
            b.*,
            floor(b.place / 256.0::float8) as block,
            b.place - 256 * floor(b.place / 256.0::float8) as k
        from feat.bars(
            of_width, of_symbols, ts_from, ts_to, 2900, interval '0 hours'
        ) as b
    ),

    seeds as (
        select
            b.symbol,
            avg(b.close) filter (where b.number <= 9) as ema_9,
            avg(b.close) filter (where b.number <= 12) as ema_12,
            avg(b.close) filter (where b.number <= 20) as ema_20,
            avg(b.close) filter (where b.number <= 26) as ema_26,
            avg(b.close) filter (where b.number <= 50) as ema_50,
            avg(b.close) filter (where b.number <= 200) as ema_200
        from bars as b
        where b.number <= 200
        group by b.symbol
    ),

    steps as (
        select
            b.symbol,
            b.bar_start,
            b.known_at,
            b.place,
            b.number,
            b.block,
            b.k,
            case
                when b.number > 9 then b.close * (1 - feat.fade(9, 1))
                when b.number = 9 then s.ema_9
                else 0
            end as ema_9,
            case
                when b.number > 12 then b.close * (1 - feat.fade(12, 1))
                when b.number = 12 then s.ema_12
                else 0
            end as ema_12,
            case
                when b.number > 20 then b.close * (1 - feat.fade(20, 1))
                when b.number = 20 then s.ema_20
                else 0
            end as ema_20,
            case
                when b.number > 26 then b.close * (1 - feat.fade(26, 1))
                when b.number = 26 then s.ema_26
                else 0
            end as ema_26,
            case
                when b.number > 50 then b.close * (1 - feat.fade(50, 1))
                when b.number = 50 then s.ema_50
                else 0
            end as ema_50,
            case
                when b.number > 200 then b.close * (1 - feat.fade(200, 1))
                when b.number = 200 then s.ema_200
                else 0
            end as ema_200
        from bars as b
        inner join seeds as s on s.symbol = b.symbol
    ),

    ends as (
        select
            s.symbol,
            s.block,
            sum(s.ema_9 * feat.fade(9, 255 - s.k)) as ema_9,
            sum(s.ema_12 * feat.fade(12, 255 - s.k)) as ema_12,
            sum(s.ema_20 * feat.fade(20, 255 - s.k)) as ema_20,
            sum(s.ema_26 * feat.fade(26, 255 - s.k)) as ema_26,
            sum(s.ema_50 * feat.fade(50, 255 - s.k)) as ema_50,
            sum(s.ema_200 * feat.fade(200, 255 - s.k)) as ema_200
        from steps as s
        group by s.symbol, s.block
    ),

    carries as (
        select
            e.symbol,
            e.block,
            sum(p.ema_9 * feat.fade(9, 256 * (d.back - 1))) as ema_9,
            sum(p.ema_12 * feat.fade(12, 256 * (d.back - 1))) as ema_12,
            sum(p.ema_20 * feat.fade(20, 256 * (d.back - 1))) as ema_20,
            sum(p.ema_26 * feat.fade(26, 256 * (d.back - 1))) as ema_26,
            sum(p.ema_50 * feat.fade(50, 256 * (d.back - 1))) as ema_50,
            sum(p.ema_200 * feat.fade(200, 256 * (d.back - 1))) as ema_200
        from ends as e
        cross join generate_series(1, 14) as d (back)
        inner join ends as p
            on p.symbol = e.symbol and p.block = e.block - d.back
        where e.block >= 0
        group by e.symbol, e.block
    ),

    locals as (
        select
            s.symbol,
            s.bar_start,
            s.known_at,
            s.number,
            s.block,
            s.k,
            sum(s.ema_9 * feat.fade(9, -s.k)) over w as ema_9,
            sum(s.ema_12 * feat.fade(12, -s.k)) over w as ema_12,
            sum(s.ema_20 * feat.fade(20, -s.k)) over w as ema_20,
            sum(s.ema_26 * feat.fade(26, -s.k)) over w as ema_26,
            sum(s.ema_50 * feat.fade(50, -s.k)) over w as ema_50,
            sum(s.ema_200 * feat.fade(200, -s.k)) over w as ema_200
        from steps as s
        where s.place >= 0
        window w as (
            partition by s.symbol, s.block
            order by s.k
            rows between unbounded preceding and current row
        )
    )

    select
        l.symbol,
        l.bar_start,
        l.known_at,
        case
            when l.number >= 9
                then (l.ema_9 + feat.fade(9, 1) * coalesce(c.ema_9, 0))
                * feat.fade(9, l.k)
        end as ema_9,
        case
            when l.number >= 12
                then (l.ema_12 + feat.fade(12, 1) * coalesce(c.ema_12, 0))
                * feat.fade(12, l.k)
        end as ema_12,
        case
            when l.number >= 20
                then (l.ema_20 + feat.fade(20, 1) * coalesce(c.ema_20, 0))
                * feat.fade(20, l.k)
        end as ema_20,
        case
            when l.number >= 26
                then (l.ema_26 + feat.fade(26, 1) * coalesce(c.ema_26, 0))
                * feat.fade(26, l.k)
        end as ema_26,
        case
            when l.number >= 50
                then (l.ema_50 + feat.fade(50, 1) * coalesce(c.ema_50, 0))
                * feat.fade(50, l.k)
        end as ema_50,
        case
            when l.number >= 200
                then (l.ema_200 + feat.fade(200, 1) * coalesce(c.ema_200, 0))
                * feat.fade(200, l.k)
        end as ema_200
    from locals as l
    left join carries as c on c.symbol = l.symbol and c.block = l.block;
end;

comment on function feat.trend(text, text[], timestamptz, timestamptz) is
    'Moving means of the bars with ts_from <= bar_start < ts_to.';
