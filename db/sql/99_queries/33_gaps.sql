-- Stage     30 ticks
-- Updates market.gaps to the ticks, a trade date at a time.

-- Ticks are looked for around the asked dates only: a hypertable without a
-- bound on ts is opened chunk by chunk. A session may begin on the date before.
-- name: gap_dates
select distinct d.trade_date
from reference.series as r
inner join reference.instruments as i on i.symbol = r.root
cross join lateral (
    select
        min(t.ts) as first_ts,
        max(t.ts) as last_ts
    from market.ticks as t
    where
        t.symbol = r.symbol
        and t.ts >= coalesce(
            (%(first)s::date - 2 + time '17:00') at time zone 'America/Chicago',
            '-infinity'
        )
        and t.ts < coalesce(
            (%(last)s::date + 1 + time '17:00') at time zone 'America/Chicago',
            'infinity'
        )
) as reported
inner join reference.sessions as d
    on d.calendar = i.calendar
    and d.close_at > reported.first_ts and d.open_at <= reported.last_ts
where d.open_at < %(as_of)s::timestamptz
    and d.trade_date >= coalesce(%(first)s::date, '-infinity')
    and d.trade_date <= coalesce(%(last)s::date, 'infinity')
order by d.trade_date;

-- name: newest_gap
select max(g.trade_date) as trade_date
from market.gaps as g;

-- Two scans at once would each miss what the other is writing.
-- name: lock_gaps
lock table market.gaps in share row exclusive mode;

-- An earlier as_of removes nothing that a scan has covered. A stored range that
-- is no longer a hole has been filled.
-- name: record_gaps
with found as materialized (
    select
        f.symbol, f.source, f.gap_start, f.gap_end, f.cause, f.filled_by,
        f.is_open
    from market.gaps_found(
        %(trade_date)s::date,
        greatest(
            %(as_of)s::timestamptz,
            (select max(g.gap_end) from market.gaps as g
             where g.trade_date = %(trade_date)s)
        ),
        %(cadence)s::interval
    ) as f
),

former as materialized (
    select
        g.symbol, g.source, g.gap_start, g.gap_end, g.cause, g.filled_by,
        coalesce(s.cadence, %(cadence)s::interval) as cadence,
        tstzrange(g.gap_start, g.gap_end)
        * tstzrange(d.open_at, d.close_at) as silent
    from market.gaps as g
    inner join reference.series as r on r.symbol = g.symbol
    inner join reference.instruments as i on i.symbol = r.root
    inner join reference.sessions as d
        on d.calendar = i.calendar and d.trade_date = g.trade_date
    inner join reference.sources as s on s.source = g.source
    where
        g.trade_date = %(trade_date)s::date
        and coalesce(s.cadence, %(cadence)s::interval) is not null
        -- Ticks that were dropped after their export keep their gaps.
        and exists (
            select from market.ticks as t
            where
                t.symbol = g.symbol
                and t.source = g.source
                and t.ts >= d.open_at
                and t.ts < d.close_at
        )
),

holes as (
    select
        f.symbol, f.source,
        range_agg(tstzrange(f.gap_start, f.gap_end)) as spans
    from found as f group by f.symbol, f.source
),

wanted as (
    select
        f.symbol, f.source, f.gap_start, f.gap_end, f.cause, f.filled_by
    from found as f
    union all
    select
        f.symbol, f.source, lower(p.part), upper(p.part), f.cause, f.source
    from former as f
    left join holes as h on h.symbol = f.symbol and h.source = f.source
    cross join lateral unnest(
        tstzmultirange(f.silent) - coalesce(h.spans, '{}')
    ) as p (part)
    where upper(p.part) - lower(p.part) > f.cadence
),

removed as (
    delete from market.gaps as g
    using former as f
    where
        (g.symbol, g.source, g.gap_start) = (f.symbol, f.source, f.gap_start)
        and (g.symbol, g.source, g.gap_start) not in (
            select w.symbol, w.source, w.gap_start from wanted as w
        )
),

written as (
    insert into market.gaps as g (
        symbol, source, trade_date, gap_start, gap_end, cause, filled_by
    )
    select
        w.symbol, w.source, %(trade_date)s::date, w.gap_start, w.gap_end,
        w.cause, w.filled_by
    from wanted as w
    on conflict (symbol, source, gap_start) do update
        set
            trade_date = excluded.trade_date,
            gap_end = excluded.gap_end,
            cause = excluded.cause,
            filled_by = excluded.filled_by,
            recorded_at = excluded.recorded_at
        where
            (g.trade_date, g.gap_end, g.cause, g.filled_by)
            is distinct from (
                excluded.trade_date, excluded.gap_end, excluded.cause,
                excluded.filled_by
            )
)

select
    count(*) filter (where f.symbol is null) as found,
    count(*) filter (
        where f.symbol is not null and (
            n.symbol is null
            or (n.gap_end <> f.gap_end and not n.is_open)
            or (n.filled_by is not null and f.filled_by is null)
        )
    ) as closed
from (select * from former where filled_by is distinct from source) as f
full join found as n using (symbol, source, gap_start);

-- name: gaps
select
    g.symbol, g.source, g.trade_date, g.gap_start, g.gap_end, g.cause,
    g.filled_by, g.recorded_at
from market.gaps as g
where
    (%(symbol)s::text is null or g.symbol = %(symbol)s)
    and (%(trade_date)s::date is null or g.trade_date = %(trade_date)s)
order by g.gap_start, g.symbol, g.source;

-- name: newest_gaps
select
    g.symbol,
    g.source,
    g.trade_date,
    g.gap_start,
    g.gap_end,
    g.cause,
    g.filled_by
from market.gaps as g
order by g.gap_start desc, g.symbol, g.source
limit %(limit)s::integer;
