-- Stage     55 lake
-- Restores ticks and rows shown to models from the lake, and drops ticks that
-- are safe there.

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

-- A set is what its hash says. Where its number is another's here it gets the
-- next one.
-- name: restore_feature_set
insert into store.feature_sets (
    name, version, hash, names, width, look_back, made_at
)
select
    %(name)s::text,
    case
        when bool_or(s.version = %(version)s::integer)
            then max(s.version) + 1
        else %(version)s::integer
    end,
    %(hash)s::text,
    %(names)s::text[],
    %(width)s::text,
    %(look_back)s::interval,
    %(made_at)s::timestamptz
from store.feature_sets as s
where s.name = %(name)s::text
on conflict (hash) do nothing;

-- name: stage_restored_rows
create temp table if not exists restored_rows (
    set_hash text, symbol text, bar_start timestamptz, version integer,
    changed_at timestamptz, shown real[], written_at timestamptz
) on commit drop;

-- name: restored_rows_copy
select
    'copy restored_rows (set_hash, symbol, bar_start, version, changed_at, '
    'shown, written_at) from stdin (format csv)' as copy_in;

-- name: keep_restored_rows
insert into store.feature_rows (
    set_hash, symbol, bar_start, version, changed_at, values, written_at
)
select
    n.set_hash,
    n.symbol,
    n.bar_start,
    n.version,
    n.changed_at,
    n.shown,
    n.written_at
from restored_rows as n
inner join store.feature_sets as s on s.hash = n.set_hash
on conflict do nothing;

-- name: restored_rows_that_differ
select count(*) as rows
from restored_rows as n
left join store.feature_rows as r
    on
        r.set_hash = n.set_hash
        and r.symbol = n.symbol
        and r.bar_start = n.bar_start
        and r.version = n.version
where r.values is distinct from n.shown;
