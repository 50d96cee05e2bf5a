-- Stage     40 bars
-- Updates the stored bars to the ticks.

-- name: stale_ranges
select
    s.range_id,
    s.ts_from,
    s.ts_to,
    s.recorded_at
from market.bars_to_refresh as s
order by s.ts_from;

-- Live ticks are refreshed first, before replayed or copied ones.
-- name: next_stale_ranges
select
    s.range_id,
    s.ts_from,
    s.ts_to,
    s.ts_to > %(live_from)s::timestamptz as is_live
from market.bars_to_refresh as s
order by is_live desc, s.ts_from
limit 1000;

-- Of a range that extends beyond the refreshed part, the rest stays. The stored
-- features of the refreshed bars are stale now.
-- name: forget_stale_ranges
with shortened as (
    update market.bars_to_refresh as s
    set ts_from = %(until)s::timestamptz
    where
        s.range_id = any(%(range_ids)s::bigint[])
        and s.ts_to > %(until)s::timestamptz
),

noted as (
    insert into store.features_to_refresh (width, ts_from, ts_to, reason)
    select
        w.width,
        date_bin(w.length, min(s.ts_from), timestamptz 'epoch'),
        date_bin(
            w.length,
            max(least(s.ts_to, %(until)s::timestamptz))
            - interval '1 microsecond',
            timestamptz 'epoch'
        ) + w.length,
        'late'
    from market.bars_to_refresh as s
    cross join (values
        ('1m', interval '1 minute'),
        ('5m', interval '5 minutes'),
        ('1h', interval '1 hour')
    ) as w (width, length)
    where
        s.range_id = any(%(range_ids)s::bigint[])
        and s.ts_from < %(until)s::timestamptz
    group by w.width, w.length
)

delete from market.bars_to_refresh as s
where
    s.range_id = any(%(range_ids)s::bigint[])
    and s.ts_to <= %(until)s::timestamptz;

-- Bars that were not stored before may have no features, or others.
-- name: note_stored_bars
insert into store.features_to_refresh (width, ts_from, ts_to, reason)
select
    w.width,
    date_bin(w.length, %(ts_from)s::timestamptz, timestamptz 'epoch'),
    date_bin(
        w.length,
        %(ts_to)s::timestamptz - interval '1 microsecond',
        timestamptz 'epoch'
    ) + w.length,
    'late'
from (values
    ('1m', interval '1 minute'),
    ('5m', interval '5 minutes'),
    ('1h', interval '1 hour')
) as w (width, length);

-- As lock_ranges, past the end of a transaction: a refresh has several.
-- name: lock_ranges_for_session
select pg_advisory_lock_shared(7405109);

-- name: unlock_ranges
select pg_advisory_unlock_shared(7405109);

-- name: server_clock
select clock_timestamp() as now;

-- The hours whose bars were made of ticks that no longer exist. One probe of
-- the index an hour: joined, all ticks of the range would be read.
-- name: bars_without_ticks
select
    b.symbol,
    b.bar_start,
    count(*) over () as hours
from market._bars_1h as b
left join lateral (
    select true as is_there
    from market.ticks as t
    where
        t.symbol = b.symbol
        and t.ts >= b.bar_start
        and t.ts < b.bar_start + interval '1 hour'
    limit 1
) as found on true
where
    b.bar_start >= %(ts_from)s::timestamptz
    and b.bar_start < %(ts_to)s::timestamptz
    and found.is_there is null
order by b.bar_start, b.symbol
limit 1;

-- name: plan_rebuild
insert into ops.bar_rebuilds (asked_from, asked_to, ts_from, ts_to)
select
    %(asked_from)s::timestamptz, %(asked_to)s::timestamptz, u.ts_from, u.ts_to
from unnest(%(firsts)s::timestamptz[], %(lasts)s::timestamptz[])
    as u (ts_from, ts_to)
where not exists (
    select
    from ops.bar_rebuilds as r
    where
        r.asked_from = %(asked_from)s::timestamptz
        and r.asked_to = %(asked_to)s::timestamptz
);

-- name: rebuild_slices
select
    r.ts_from,
    r.ts_to,
    r.rebuilt_at
from ops.bar_rebuilds as r
where
    r.asked_from = %(asked_from)s::timestamptz
    and r.asked_to = %(asked_to)s::timestamptz
order by r.ts_from;

-- Slices are of whole hours.
-- name: rebuild_done
with done as (
    update ops.bar_rebuilds as r
    set rebuilt_at = clock_timestamp()
    where
        r.asked_from = %(asked_from)s::timestamptz
        and r.asked_to = %(asked_to)s::timestamptz
        and r.ts_from = %(ts_from)s::timestamptz
    returning r.ts_from, r.ts_to
)

insert into store.features_to_refresh (width, ts_from, ts_to, reason)
select w.width, d.ts_from, d.ts_to, 'rebuild'
from done as d
cross join (values ('1m'), ('5m'), ('1h')) as w (width);

-- name: forget_rebuild
delete from ops.bar_rebuilds as r
where
    r.asked_from = %(asked_from)s::timestamptz
    and r.asked_to = %(asked_to)s::timestamptz;
