-- Stage     60 store
-- Keeps the stored features in step with the bars.

-- One writer of stored features at a time, however it ends.
-- name: lock_features
select pg_advisory_xact_lock(7405120);

-- Of several keepers one works and the others wait until it ends.
-- name: hold_feature_keeper
select pg_try_advisory_lock(7405121) as is_held;

-- The ranges of a width that are made at once; the others are built by the
-- month.
-- name: small_feature_ranges
select
    r.range_id,
    r.symbol,
    r.family,
    r.ts_from,
    r.ts_to,
    r.reason
from store.features_to_refresh as r
where
    r.width = %(width)s::text
    and store.range_rows(r) <= %(rows_max)s::bigint
order by r.range_id
limit 5000;

-- The others, the newest first; an open end is no moment that Python knows.
-- name: large_feature_ranges
select
    r.range_id,
    r.width,
    r.symbol,
    r.family,
    greatest(r.ts_from, '1900-01-01Z') as ts_from,
    least(r.ts_to, '2200-01-01Z') as ts_to,
    r.reason
from store.features_to_refresh as r
where
    store.range_rows(r) > %(rows_max)s::bigint
    and (%(width)s::text is null or r.width = %(width)s::text)
order by
    r.ts_to desc, array_position(array['1m', '5m', '1h'], r.width), r.range_id;

-- name: join_feature_ranges
with gone as (
    delete from store.features_to_refresh as r
    where r.range_id = any(%(range_ids)s::bigint[])
    returning r.*
)

insert into store.features_to_refresh (
    width, symbol, family, ts_from, ts_to, reason
)
select
    min(g.width),
    case
        when count(g.symbol) = count(*) and count(distinct g.symbol) = 1
            then min(g.symbol)
    end,
    min(g.family),
    min(g.ts_from),
    max(g.ts_to),
    coalesce(
        min(g.reason) filter (where g.reason in ('import', 'rebuild')),
        min(g.reason)
    )
from gone as g;

-- name: forget_feature_ranges
delete from store.features_to_refresh as r
where r.range_id = any(%(range_ids)s::bigint[]);

-- name: stale_bars
select
    s.symbol,
    s.bar_start
from store.stale_bars(
    %(width)s::text, %(symbols)s::text[], %(ts_from)s::timestamptz,
    %(ts_to)s::timestamptz, clock_timestamp()
) as s;

-- The last of the next rows, and whether there are more of them.
-- name: feature_rows_after
select
    store.last_of_rows(
        %(width)s::text, n.symbols, %(ts_after)s::timestamptz,
        %(rows_max)s::integer
    ) as last,
    store.last_of_rows(
        %(width)s::text, n.symbols, %(ts_after)s::timestamptz,
        %(rows_max)s::integer + 1
    ) as further
from (
    select coalesce(
        %(symbols)s::text[], array(select s.symbol from reference.series as s)
    ) as symbols
) as n;

-- name: features_reached
select
    r.width,
    r.family,
    r.symbols,
    r.ts_from,
    r.ts_to
from store.reached(
    %(width)s::text, %(symbols)s::text[], %(ts_first)s::timestamptz,
    %(ts_last)s::timestamptz
) as r;

-- name: features_reached_next
select
    r.width,
    r.family,
    r.symbols,
    r.ts_from,
    r.ts_to
from store.reached_next(
    %(symbols)s::text[], %(ts_first)s::timestamptz, %(ts_last)s::timestamptz
) as r;

-- name: keep_features
select
    k.added,
    k.changed,
    k.removed
from store.keep_features(
    %(width)s::text, %(family)s::text, %(symbols)s::text[],
    %(ts_from)s::timestamptz, %(ts_to)s::timestamptz, clock_timestamp()
) as k;

-- The ten minutes before each source's time: ticks of a transaction that was
-- under way while a bar closed are in no range.
-- name: feature_sweeps
select
    c.ts - interval '10 minutes' - feat.length(%(width)s::text) as ts_from,
    c.ts as ts_to
from market.source_clocks as c;

-- name: hold_feature_builder
select pg_try_advisory_lock(7405122) as is_held;

-- A range that has begun is gone on with, not begun anew.
-- name: ask_for_features
insert into store.features_to_refresh (width, ts_from, ts_to, reason)
select
    w.width, %(ts_from)s::timestamptz, %(ts_to)s::timestamptz, 'asked'
from unnest(%(widths)s::text[]) as w (width)
where not exists (
    select from store.features_to_refresh as r
    where
        r.width = w.width
        and r.symbol is null
        and r.family is null
        and r.reason = 'asked'
        and r.ts_from = %(ts_from)s::timestamptz
        and r.ts_to <= %(ts_to)s::timestamptz
);

-- name: add_missing_features
insert into store.features_to_refresh (width, ts_from, ts_to, reason)
select w.width, '-infinity', 'infinity', 'missing'
from (values ('1m'), ('5m'), ('1h')) as w (width)
where not exists (
    select from store.features_to_refresh as r
    where
        r.width = w.width
        and r.symbol is null
        and r.family is null
        and r.ts_from = '-infinity'
        and r.ts_to = 'infinity'
);

-- Which of the bars that a range means are there: the first and the last.
-- name: feature_bar_bounds
select
    b.first,
    b.last
from store.bar_bounds(
    %(width)s::text, %(symbols)s::text[], %(ts_from)s::timestamptz,
    %(ts_to)s::timestamptz
) as b;

-- name: add_feature_range
insert into store.features_to_refresh (
    width, symbol, family, ts_from, ts_to, reason
)
select
    %(width)s::text, s.symbol, %(family)s::text, %(ts_from)s::timestamptz,
    %(ts_to)s::timestamptz, 'rebuild'
from (
    select distinct
        case
            when
                cardinality(%(symbols)s::text[])
                < (select count(*) from reference.series)
                then n.symbol
        end as symbol
    from unnest(%(symbols)s::text[]) as n (symbol)
) as s;

-- What looks back on its bars has a range of its own now.
-- name: feature_range_reached
update store.features_to_refresh as r
set reason = 'missing'
where r.range_id = %(range_id)s::bigint;

-- Its newest slice is done.
-- name: cut_feature_range
with cut as (
    update store.features_to_refresh as r
    set ts_to = %(ts_to)s::timestamptz
    where
        r.range_id = %(range_id)s::bigint
        and greatest(r.ts_from, '1900-01-01Z') < %(ts_to)s::timestamptz
    returning r.range_id
)

delete from store.features_to_refresh as r
where
    r.range_id = %(range_id)s::bigint
    and not exists (select from cut as c where c.range_id = r.range_id);

-- Where a build reads, and the texts that it reads by: the bars of a slice and
-- those before it that any family looks back on.
-- name: feature_build_spans
select
    clock_timestamp() as built_at,
    store.closed_until(%(width)s::text, clock_timestamp()) as closed_until,
    store.open_bars(%(width)s::text, clock_timestamp()) as open_bars,
    array_agg(s.symbol order by s.symbol) as symbols,
    s.start_at
from (
    select
        u.symbol,
        min(g.start_at) as start_at
    from (
        select
            max(r.bars) as bars,
            max(r.days) as days
        from store.reaches as r
    ) as n
    cross join lateral feat._segments(
        %(width)s::text, %(symbols)s::text[], %(ts_from)s::timestamptz,
        %(ts_to)s::timestamptz, n.bars, make_interval(days => n.days)
    ) as g
    cross join lateral unnest(g.symbols) as u (symbol)
    group by u.symbol
) as s
group by s.start_at
order by s.start_at;

-- The session before is made of bars of every width, which stay here.
-- name: feature_prior_sessions_text
select
    'copy (select p.* from feat._prior_sessions({symbols}::text[], '
    '{ts_from}::timestamptz, {ts_to}::timestamptz) as p) '
    'to stdout (format csv)' as copy_out;

-- name: feature_bars_text
select format(
    'copy (select b.symbol, b.bar_start, b.bar_end, b.known_at, b.trade_date, '
    'b.open::float8, b.high::float8, b.low::float8, b.close::float8, b.volume, '
    'b.volume_buy, b.volume_sell, b.trades, b.ticks, b.bid_close::float8, '
    'b.ask_close::float8, b.spread_mean::float8, b.vwap::float8 '
    'from market.%%I as b '
    'where b.symbol = any({symbols}::text[]) '
    'and b.bar_start >= {ts_from}::timestamptz '
    'and b.bar_start < {ts_to}::timestamptz and b.close is not null) '
    'to stdout (format csv)', 'bars_' || %(width)s::text
) as copy_out;

-- This family reads ticks, which stay here.
-- name: feature_microstructure_text
select
    'copy (select m.* from feat.microstructure({width}, {symbols}::text[], '
    '{ts_from}::timestamptz, {ts_to}::timestamptz) as m) '
    'to stdout (format csv)' as copy_out;

-- name: feature_reference_texts
select
    t.name,
    format(
        'copy (select %%s from reference.%%I) to stdout (format csv)',
        t.columns, t.name
    ) as copy_out
from (values
    ('series', 'symbol, root'),
    ('instruments', 'symbol, calendar, tick_size::float8'),
    (
        'sessions',
        'calendar, trade_date, session_number, open_at, close_at, '
        'regular_open_at, regular_close_at, is_early_close'
    )
) as t (name, columns);

-- name: begin_feature_build
select store.begin_build(
    %(width)s::text, %(families)s::text[], %(built_at)s::timestamptz
) as copy_in;

-- name: merge_feature_build
select store.merge_build(
    %(width)s::text, %(symbols)s::text[], %(families)s::text[],
    %(ts_from)s::timestamptz, %(ts_to)s::timestamptz,
    %(built_at)s::timestamptz
) as is_swapped;

-- name: end_feature_build
select
    e.added,
    e.changed,
    e.removed
from store.end_build(
    %(width)s::text, %(symbols)s::text[], %(families)s::text[],
    %(ts_from)s::timestamptz, %(ts_to)s::timestamptz,
    %(built_at)s::timestamptz
) as e;

-- How long to wait for a reader of the table: later readers wait behind this.
-- name: wait_for_readers
select set_config('lock_timeout', '2s', true) as timeout;

-- For each moment the first bar of every series that begins in the hours after
-- it.
-- name: feature_bars_near
select
    n.moment,
    r.symbol,
    b.bar_start
from unnest(%(moments)s::timestamptz[]) as n (moment)
cross join reference.series as r
cross join lateral (
    select min(f.bar_start) as bar_start
    from feat._closes(
        %(width)s::text, array[r.symbol], n.moment,
        n.moment + 20 * feat.length(%(width)s::text), 0, interval '0 hours'
    ) as f
) as b
where b.bar_start is not null;

-- name: features_computed
select to_jsonb(m) as features
from feat.matrix(
    %(width)s::text, array[%(symbol)s::text], %(ts_from)s::timestamptz,
    %(ts_to)s::timestamptz
) as m
where m.bar_start = %(bar_start)s::timestamptz;

-- A row that is to be made anew is left out.
-- name: features_stored
select to_jsonb(m) as features
from feat.latest(
    %(width)s::text,
    %(bar_start)s::timestamptz + feat.length(%(width)s::text)
    + interval '1 second',
    array[%(symbol)s::text]
) as m
where
    m.bar_start = %(bar_start)s::timestamptz
    and not exists (
        select from store.features_to_refresh as r
        where
            r.width = %(width)s::text
            and r.ts_from <= %(bar_start)s::timestamptz
            and (r.symbol is null or r.symbol = %(symbol)s::text)
    );

-- How far each width is made: what is stored, and what is to be.
-- name: feature_status
select
    w.width,
    s.first as stored_from,
    s.last as stored_to,
    b.first as bars_from,
    b.last as bars_to,
    r.ranges,
    r.reasons,
    r.waiting_since,
    case
        when b.first is null or r.ranges = 0 then 0
        else
            least(
                extract(
                    epoch from least(r.ts_to, b.last + feat.length(w.width))
                    - greatest(r.ts_from, b.first)
                ) / 86400,
                extract(epoch from b.last - b.first) / 86400
            )
    end::float8 as days_to_make,
    coalesce(extract(epoch from b.last - b.first) / 86400, 0)::float8 as days
from (values ('1m'), ('5m'), ('1h')) as w (width)
cross join lateral store.bar_bounds(
    w.width, null, '-infinity', 'infinity'
) as b
cross join lateral store.row_bounds(w.width) as s
cross join lateral (
    select
        count(*) as ranges,
        string_agg(distinct f.reason, ', ') as reasons,
        min(f.recorded_at) as waiting_since,
        min(f.ts_from) as ts_from,
        max(f.ts_to) as ts_to
    from store.features_to_refresh as f
    where f.width = w.width
) as r;
