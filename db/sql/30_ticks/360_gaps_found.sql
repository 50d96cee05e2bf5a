-- Stage     30 ticks
-- Makes     market.gaps_found(date, timestamptz, interval)
-- Kind      function
-- Grain     one row a hole in one source's ticks of one symbol
-- Known at  as_of
-- Reads     market.last_values, market.ticks,
--           market.stretches(text, text, timestamptz, timestamptz, interval),
--           reference.series, reference.instruments, reference.sessions,
--           reference.sources, reference.tapes
-- Nulls     filled_by where no other source has a tick within the hole
-- Why       Computes gaps from the ticks; market.gaps stores them, written by
--           thor.market.ticks.gaps.

create function market.gaps_found(
    of_trade_date date, as_of timestamptz, cadence_else interval
)
returns table (
    symbol text,
    source text,
    gap_start timestamptz,
    gap_end timestamptz,
    cause text,
    filled_by text,
    is_open boolean
)
language sql stable parallel safe
begin atomic
    -- What was before the first tick of this database was not missed by it.
    with begun as materialized (
        select coalesce(min(v.first_ts), '-infinity') as first_ts
        from market.last_values as v
    ),

    heard as materialized (
        select
            r.symbol,
            s.source,
            coalesce(s.cadence, cadence_else) as cadence,
            d.open_at,
            d.close_at,
            least(d.close_at, as_of) as looked_to,
            h.first_ts,
            h.last_ts
        from reference.series as r
        inner join reference.instruments as i on i.symbol = r.root
        inner join reference.sessions as d
            on d.calendar = i.calendar and d.trade_date = of_trade_date
        cross join reference.sources as s
        left join reference.tapes as p on p.source = s.source
        cross join lateral market.stretches(
            r.symbol, s.source, d.open_at, least(d.close_at, as_of),
            coalesce(s.cadence, cadence_else)
        ) as h
        where
            d.open_at < as_of
            and coalesce(s.cadence, cadence_else) is not null
            and coalesce(p.first_ts < d.close_at, true)
            and coalesce(p.last_ts >= d.open_at, true)
    ),

    silence as (
        select
            h.symbol,
            h.source,
            h.cadence,
            coalesce(
                lag(h.last_ts) over pair, greatest(h.open_at, b.first_ts)
            ) as gap_start,
            h.first_ts as gap_end,
            false as is_open
        from heard as h
        cross join begun as b
        window pair as (partition by h.symbol, h.source order by h.first_ts)
        union all
        select
            h.symbol,
            h.source,
            h.cadence,
            max(h.last_ts),
            h.looked_to,
            h.looked_to < h.close_at
        from heard as h
        group by h.symbol, h.source, h.cadence, h.looked_to, h.close_at
    ),

    -- A stretch that touches a hole has a tick in it: its ticks are a cadence
    -- apart at most, and the hole is longer.
    spoken as (
        select
            h.source,
            range_agg(tstzrange(h.first_ts, h.last_ts, '[]')) as spans
        from heard as h
        group by h.source
    )

    select
        n.symbol,
        n.source,
        n.gap_start,
        n.gap_end,
        case
            when k.spans && tstzrange(n.gap_start, n.gap_end, '()')
                then 'symbol silent'
            else 'source silent'
        end,
        f.source,
        n.is_open
    from silence as n
    inner join spoken as k on k.source = n.source
    left join lateral (
        select t.source
        from market.ticks as t
        where
            t.symbol = n.symbol
            and t.ts > n.gap_start
            and t.ts < n.gap_end
        order by t.ts, t.seq, t.source
        limit 1
    ) as f on true
    where n.gap_end - n.gap_start > n.cadence;
end;

comment on function market.gaps_found(date, timestamptz, interval) is
    'The holes of a trade date''s sessions in the stored ticks, up to as_of; '
    'cadence_else is for sources that have none. An open one reaches to as_of '
    'and may grow; filled_by is the source of its first tick.';
