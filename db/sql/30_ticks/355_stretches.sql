-- Stage     30 ticks
-- Makes     market.stretches(text, text, timestamptz, timestamptz, interval)
-- Kind      function
-- Grain     one row an unbroken stretch of a source's ticks of a symbol
-- Known at  received_at of its last tick
-- Reads     market.ticks, reference.listed(text),
--           reference.range_from(timestamptz, timestamptz)
-- Nulls     never
-- Why       Silence is found by steps of a cadence through the index, not by
--           reading ticks: a session of a million ticks costs little more than
--           a session of a thousand.

create function market.stretches(
    of_symbol text,
    of_source text,
    ts_from timestamptz,
    ts_to timestamptz,
    cadence interval
)
returns table (first_ts timestamptz, last_ts timestamptz)
language sql stable parallel safe
begin atomic
    with recursive walk (first_ts, last_ts) as (
        (
            select
                t.ts,
                t.ts
            from market.ticks as t
            where
                t.symbol = reference.listed(of_symbol)
                and t.source = of_source
                and t.ts >= reference.range_from(ts_from, ts_to)
                and t.ts < coalesce(ts_to, 'infinity')
            order by t.ts
            limit 1
        )
        union all
        select
            case when near.ts is null then far.ts else w.first_ts end,
            coalesce(near.ts, far.ts)
        from walk as w
        left join lateral (
            -- The last tick within reach: from here to there none is far
            -- from its neighbour. Not max(), which would read them all.
            select t.ts
            from market.ticks as t
            where
                t.symbol = upper(of_symbol)
                and t.source = of_source
                and t.ts > w.last_ts
                and t.ts <= w.last_ts + cadence
                and t.ts < coalesce(ts_to, 'infinity')
            order by t.ts desc
            limit 1
        ) as near on true
        left join lateral (
            select t.ts
            from market.ticks as t
            where
                near.ts is null
                and t.symbol = upper(of_symbol)
                and t.source = of_source
                and t.ts > w.last_ts + cadence
                and t.ts < coalesce(ts_to, 'infinity')
            order by t.ts
            limit 1
        ) as far on true
        where near.ts is not null or far.ts is not null
    )

    select
        w.first_ts,
        max(w.last_ts)
    from walk as w
    group by w.first_ts;
end;

comment on function market.stretches(
    text, text, timestamptz, timestamptz, interval
) is
    'The stretches ts_from <= ts < ts_to in which a source''s ticks of a '
    'symbol follow each other within the cadence; a null bound is open.';
