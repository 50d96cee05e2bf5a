-- Stage     50 features
-- Makes     feat.trend(text, text[], timestamptz, timestamptz)
-- Kind      function
-- Grain     one row a bar with a trade
-- Known at  known_at
-- Reads     feat.block(bigint), feat.block_offset(bigint), feat.closes(text,
--           text[], timestamptz, timestamptz, integer, interval),
--           feat.ema_decay(integer, double precision), feat.ema_input(bigint,
--           bigint, double precision, double precision, double precision),
--           feat.lower_bound(timestamptz)
-- Nulls     a mean before its first n bars
-- Why       Exponential means without recursion: sums of weighted closes within
--           blocks of 256 bars, and the ends of earlier blocks carried in. A
--           carry counts only as far back as a mean still feels it (2 blocks,
--           4, 14): the weights of older ones leave the range of a float.
--           docs/features/smoothing.md has the short form, which a test holds
--           equal to this one.

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
    with numbers as (
        select
            c.*,
            row_number() over (
                partition by c.symbol, c.run order by c.bar_start
            ) as number
        from feat.closes(
            of_width, of_symbols, ts_from, ts_to, 2900, interval '0 hours'
        ) as c
    ),

    bars as (
        select
            n.*,
            feat.block(n.number) as block,
            feat.block_offset(n.number)::bigint as k
        from numbers as n
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

    -- Weights of a close that lies k bars into its block: in the running sum,
    -- and in the value at the end of the block.
    decays as (
        select
            k.k,
            feat.ema_decay(9, k.k) as decay_9,
            feat.ema_decay(12, k.k) as decay_12,
            feat.ema_decay(20, k.k) as decay_20,
            feat.ema_decay(26, k.k) as decay_26,
            feat.ema_decay(50, k.k) as decay_50,
            feat.ema_decay(200, k.k) as decay_200,
            feat.ema_decay(9, -k.k) * (1 - feat.ema_decay(9, 1)) as add_9,
            feat.ema_decay(12, -k.k) * (1 - feat.ema_decay(12, 1)) as add_12,
            feat.ema_decay(20, -k.k) * (1 - feat.ema_decay(20, 1)) as add_20,
            feat.ema_decay(26, -k.k) * (1 - feat.ema_decay(26, 1)) as add_26,
            feat.ema_decay(50, -k.k) * (1 - feat.ema_decay(50, 1)) as add_50,
            feat.ema_decay(200, -k.k) * (1 - feat.ema_decay(200, 1)) as add_200,
            feat.ema_decay(9, 255 - k.k) * (1 - feat.ema_decay(9, 1)) as end_9,
            feat.ema_decay(12, 255 - k.k) * (1 - feat.ema_decay(12, 1))
                as end_12,
            feat.ema_decay(20, 255 - k.k) * (1 - feat.ema_decay(20, 1))
                as end_20,
            feat.ema_decay(26, 255 - k.k) * (1 - feat.ema_decay(26, 1))
                as end_26,
            feat.ema_decay(50, 255 - k.k) * (1 - feat.ema_decay(50, 1))
                as end_50,
            feat.ema_decay(200, 255 - k.k) * (1 - feat.ema_decay(200, 1))
                as end_200
        from generate_series(0, 255) as k (k)
    ),

    -- Divided by the share of a bar, so that a seed enters as a close does.
    seeds as (
        select
            b.symbol,
            b.run,
            avg(b.close) filter (where b.number <= 9)
                / (1 - feat.ema_decay(9, 1)) as seed_9,
            avg(b.close) filter (where b.number <= 12)
                / (1 - feat.ema_decay(12, 1)) as seed_12,
            avg(b.close) filter (where b.number <= 20)
                / (1 - feat.ema_decay(20, 1)) as seed_20,
            avg(b.close) filter (where b.number <= 26)
                / (1 - feat.ema_decay(26, 1)) as seed_26,
            avg(b.close) filter (where b.number <= 50)
                / (1 - feat.ema_decay(50, 1)) as seed_50,
            avg(b.close) filter (where b.number <= 200)
                / (1 - feat.ema_decay(200, 1)) as seed_200
        from bars as b
        where b.number <= 200
        group by b.symbol, b.run
    ),

    ends as (
        select
            b.symbol,
            b.run,
            b.block,
            sum(
                feat.ema_input(b.number, 9, s.seed_9, b.close, 1) * f.end_9
            ) filter (where b.block >= r.block - 2) as ema_9,
            sum(
                feat.ema_input(b.number, 12, s.seed_12, b.close, 1) * f.end_12
            ) filter (where b.block >= r.block - 2) as ema_12,
            sum(
                feat.ema_input(b.number, 20, s.seed_20, b.close, 1) * f.end_20
            ) filter (where b.block >= r.block - 2) as ema_20,
            sum(
                feat.ema_input(b.number, 26, s.seed_26, b.close, 1) * f.end_26
            ) filter (where b.block >= r.block - 2) as ema_26,
            sum(
                feat.ema_input(b.number, 50, s.seed_50, b.close, 1) * f.end_50
            ) filter (where b.block >= r.block - 4) as ema_50,
            sum(
                feat.ema_input(b.number, 200, s.seed_200, b.close, 1)
                * f.end_200
            ) as ema_200
        from bars as b
        inner join firsts as r on r.symbol = b.symbol and r.run = b.run
        inner join seeds as s on s.symbol = b.symbol and s.run = b.run
        inner join decays as f on f.k = b.k
        group by b.symbol, b.run, b.block
    ),

    carries as (
        select
            e.symbol,
            e.run,
            e.block,
            sum(p.ema_9 * feat.ema_decay(9, 256 * d.back - 255))
                filter (where d.back <= 2) as ema_9,
            sum(p.ema_12 * feat.ema_decay(12, 256 * d.back - 255))
                filter (where d.back <= 2) as ema_12,
            sum(p.ema_20 * feat.ema_decay(20, 256 * d.back - 255))
                filter (where d.back <= 2) as ema_20,
            sum(p.ema_26 * feat.ema_decay(26, 256 * d.back - 255))
                filter (where d.back <= 2) as ema_26,
            sum(p.ema_50 * feat.ema_decay(50, 256 * d.back - 255))
                filter (where d.back <= 4) as ema_50,
            sum(p.ema_200 * feat.ema_decay(200, 256 * d.back - 255)) as ema_200
        from ends as e
        inner join firsts as r on r.symbol = e.symbol and r.run = e.run
        cross join generate_series(1, 14) as d (back)
        inner join ends as p
            on
                p.symbol = e.symbol
                and p.run = e.run
                and p.block = e.block - d.back
        where e.block >= r.block
        group by e.symbol, e.run, e.block
    ),

    adds as (
        select
            b.symbol,
            b.run,
            b.bar_start,
            b.known_at,
            b.number,
            b.block,
            b.k,
            feat.ema_input(b.number, 9, s.seed_9, b.close, 1) * f.add_9
                as add_9,
            feat.ema_input(b.number, 12, s.seed_12, b.close, 1) * f.add_12
                as add_12,
            feat.ema_input(b.number, 20, s.seed_20, b.close, 1) * f.add_20
                as add_20,
            feat.ema_input(b.number, 26, s.seed_26, b.close, 1) * f.add_26
                as add_26,
            feat.ema_input(b.number, 50, s.seed_50, b.close, 1) * f.add_50
                as add_50,
            feat.ema_input(b.number, 200, s.seed_200, b.close, 1) * f.add_200
                as add_200
        from bars as b
        inner join firsts as r on r.symbol = b.symbol and r.run = b.run
        inner join seeds as s on s.symbol = b.symbol and s.run = b.run
        inner join decays as f on f.k = b.k
        where b.block >= r.block
    ),

    locals as (
        select
            a.*,
            sum(a.add_9) over w as ema_9,
            sum(a.add_12) over w as ema_12,
            sum(a.add_20) over w as ema_20,
            sum(a.add_26) over w as ema_26,
            sum(a.add_50) over w as ema_50,
            sum(a.add_200) over w as ema_200
        from adds as a
        window w as (
            partition by a.symbol, a.run, a.block
            order by a.k
            rows between unbounded preceding and current row
        )
    )

    select
        l.symbol,
        l.bar_start,
        l.known_at,
        case when l.number >= 9
            then (l.ema_9 + coalesce(c.ema_9, 0)) * f.decay_9
        end as ema_9,
        case when l.number >= 12
            then (l.ema_12 + coalesce(c.ema_12, 0)) * f.decay_12
        end as ema_12,
        case when l.number >= 20
            then (l.ema_20 + coalesce(c.ema_20, 0)) * f.decay_20
        end as ema_20,
        case when l.number >= 26
            then (l.ema_26 + coalesce(c.ema_26, 0)) * f.decay_26
        end as ema_26,
        case when l.number >= 50
            then (l.ema_50 + coalesce(c.ema_50, 0)) * f.decay_50
        end as ema_50,
        case when l.number >= 200
            then (l.ema_200 + coalesce(c.ema_200, 0)) * f.decay_200
        end as ema_200
    from locals as l
    inner join decays as f on f.k = l.k
    left join carries as c
        on c.symbol = l.symbol and c.run = l.run and c.block = l.block
    where l.bar_start >= feat.lower_bound(ts_from);
end;

comment on function feat.trend(text, text[], timestamptz, timestamptz) is
    'Exponential means of the closes, for the bars with ts_from <= bar_start '
    '< ts_to.';
