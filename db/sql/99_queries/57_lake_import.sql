-- Stage     55 lake
-- Restores ticks from the lake, and drops those that are safe there.

-- name: has_ticks
select exists (select from market.ticks) as has_ticks;

-- Whose dates may go: the day of the ticks says when its newest was written,
-- whichever bar the views show for it.
-- name: old_dates
select
    d.trade_date,
    sum(d.ticks)::bigint as ticks
from market._tick_days as d
where
    not exists (
        select from market.dropped_ranges as x
        where x.trade_date = d.trade_date
    )
group by d.trade_date
having
    max(d.changed_at) < %(before)s::timestamptz
    and (max(d.trade_date) + time '17:00') at time zone 'America/Chicago'
    < %(before)s::timestamptz
order by d.trade_date;

-- Writers share this lock: none writes while ticks are dropped, and each checks
-- again.
-- name: lock_ranges_exclusively
select pg_advisory_xact_lock(7405109);

-- name: delete_ticks
delete from market.ticks as t
where
    t.symbol = any(array(select s.symbol from reference.series as s))
    and t.ts >= %(ts_from)s::timestamptz
    and t.ts < %(ts_to)s::timestamptz;

-- name: remember_dropped
insert into market.dropped_ranges (trade_date, ts_from, ts_to, ticks, evidence)
values (
    %(trade_date)s::date, %(ts_from)s::timestamptz, %(ts_to)s::timestamptz,
    %(ticks)s::bigint, %(evidence)s::text
);
