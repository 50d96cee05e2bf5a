-- Stage     30 ticks
-- Reads of ticks, and the quarantine.

-- name: overlapping_ticks
select
    wanted.symbol,
    found.source,
    found.ts
from unnest(
    %(symbols)s::text [],
    %(first_ts)s::timestamptz [],
    %(last_ts)s::timestamptz []
) as wanted (symbol, first_ts, last_ts)
cross join lateral (
    select
        t.source,
        t.ts
    from market.ticks as t
    where
        t.symbol = wanted.symbol
        and t.ts between wanted.first_ts and wanted.last_ts
        and t.source <> %(source)s::text
    limit 1
) as found
limit 1;

-- name: overlapping_tapes
select
    t.source,
    t.file_name,
    t.first_ts,
    t.last_ts
from reference.tapes as t
where
    t.source <> %(source)s::text
    and t.symbols && %(symbols)s::text []
    and t.first_ts <= %(last_ts)s::timestamptz
    and t.last_ts >= %(first_ts)s::timestamptz
limit 1;

-- Of some symbols those whose newest tick of a trade date was simulated.
-- name: simulated_series
select distinct v.symbol
from market.last_values as v
where v.symbol = any (%(symbols)s::text []) and v.source = 'SIM'
order by v.symbol;

-- name: accounting
select
    a.received,
    a.inserted,
    a.duplicate,
    a.rejected,
    a.lost,
    a.pending
from market.accounting(%(base)s::bigint, %(next)s::bigint) as a;

-- name: lost_ticks
select t.lost
from market.ingest_totals as t;

-- name: source_counts
select
    count(*) as ticks,
    min(t.ts) as first_ts,
    max(t.ts) as last_ts
from market.ticks as t
where
    t.symbol = any (%(symbols)s::text [])
    and t.source = %(source)s::text
    and t.ts between %(first)s::timestamptz and %(last)s::timestamptz;

-- name: rejected_ticks
select
    r.rejected_id, r.rejected_at, r.symbol, r.ts, r.seq, r.source, r.field,
    r.value, r.reason, r.ticks, r.entry_id, r.payload, r.retried_at
from market.rejected_ticks as r
where
    (%(symbol)s::text is null or r.symbol = %(symbol)s)
    and (not %(unretried)s::boolean or r.retried_at is null)
order by r.rejected_id desc
limit %(limit)s::integer;

-- name: mark_retried
update market.rejected_ticks
set retried_at = now()
where rejected_id = any (%(rejected_ids)s::bigint []);

-- name: prices_of_source
select distinct on (t.symbol)
    t.symbol,
    trim_scale(t.last) as last
from market.ticks as t
where
    t.symbol = any (%(symbols)s::text [])
    and t.source = %(source)s::text
    and t.last is not null
    and t.ts > %(since)s::timestamptz
order by t.symbol, t.ts desc, t.seq desc;

-- A source's first price of each symbol.
-- name: first_prices
select
    s.symbol,
    t.ts,
    trim_scale(t.last) as last
from unnest(%(symbols)s::text[]) as s (symbol)
cross join lateral (
    select
        f.ts,
        f.last
    from market.ticks as f
    where
        f.symbol = s.symbol
        and f.source = %(source)s::text
        and f.last is not null
    order by f.ts
    limit 1
) as t;

-- A source's last volume of a trade date.
-- name: volumes
select
    k.symbol,
    k.volume
from market.last_values as k
where
    k.trade_date = %(trade_date)s::date
    and k.source = %(source)s::text
    and k.volume is not null;

-- Numbers are made of the clock: those of earlier days are below today's,
-- unless the clock was ahead, and then their ts is later than now.
-- name: highest_of_source
select
    max(t.seq) as seq,
    max(t.ts) as ts
from market.ticks as t
where
    t.symbol = any (%(symbols)s::text [])
    and t.source = %(source)s::text
    and t.ts > %(since)s::timestamptz;

-- name: source_rejected
select coalesce(sum(r.ticks), 0)::bigint as ticks
from market.rejected_ticks as r
where r.source = %(source)s::text;

-- name: first_refusal
select r.field || ': ' || r.reason as why
from market.rejected_ticks as r
where r.source = %(source)s::text
order by r.seq, r.rejected_id
limit 1;
