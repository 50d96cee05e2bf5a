-- Stage     45 studies
-- The desk's numbers, its signals and the TOTAL.

-- name: desk_sets
select
    s.set,
    s.description,
    count(t.symbol) as symbols
from studies.sets as s
left join studies.thresholds as t on t.set = s.set
group by s.set, s.description
order by s.set;

-- name: desk_numbers
select
    i.symbol,
    trim_scale(t.strong_buy) as strong_buy,
    trim_scale(t.buy) as buy,
    trim_scale(t.sell) as sell,
    trim_scale(t.strong_sell) as strong_sell,
    trim_scale(w.weight) as weight,
    w.is_inverted,
    t.version as thresholds_version,
    w.version as weight_version,
    greatest(t.changed_at, w.changed_at) as changed_at,
    case
        when w.changed_at > t.changed_at then w.changed_by
        else t.changed_by
    end as changed_by,
    case
        when w.changed_at > t.changed_at then w.reason
        else t.reason
    end as reason
from studies.thresholds as t
inner join studies.contract_weights as w
    on w.set = t.set and w.symbol = t.symbol
inner join reference.instruments as i on i.symbol = t.symbol
where t.set = %(set)s::text
order by i.sort_order, i.symbol;

-- name: lock_desk_set
select s.set
from studies.sets as s
where s.set = %(set)s::text
for update;

-- name: change_thresholds
update studies.thresholds as t
set
    strong_buy = %(strong_buy)s::numeric,
    buy = %(buy)s::numeric,
    sell = %(sell)s::numeric,
    strong_sell = %(strong_sell)s::numeric,
    changed_by = %(changed_by)s::text,
    reason = %(reason)s::text
where t.set = %(set)s::text and t.symbol = %(symbol)s::text;

-- name: change_weight
update studies.contract_weights as w
set
    weight = %(weight)s::numeric,
    is_inverted = %(is_inverted)s::boolean,
    changed_by = %(changed_by)s::text,
    reason = %(reason)s::text
where w.set = %(set)s::text and w.symbol = %(symbol)s::text;

-- name: signal_weights
select
    g.signal,
    trim_scale(g.weight) as weight,
    g.version,
    g.changed_at,
    g.changed_by,
    g.reason
from studies.signal_weights as g
order by
    array_position(
        array['STRONG_BUY', 'BUY', 'HOLD', 'SELL', 'STRONG_SELL'], g.signal
    );

-- name: lock_signal_weights
lock table studies.signal_weights in share row exclusive mode;

-- name: change_signal_weight
update studies.signal_weights as g
set
    weight = %(weight)s::numeric,
    changed_by = %(changed_by)s::text,
    reason = %(reason)s::text
where g.signal = %(signal)s::text;

-- name: signal_weight_versions
select
    v.relation,
    v.version,
    v.valid_from,
    v.valid_to,
    v.content
from reference.versions as v
where v.relation = 'signal_weights' and v.key = %(signal)s::text
order by v.valid_to desc;

-- name: desk_versions
select
    v.relation,
    v.version,
    v.valid_from,
    v.valid_to,
    v.content
from reference.versions as v
where
    v.relation in ('thresholds', 'contract_weights')
    and v.key = %(set)s::text || '/' || %(symbol)s::text
order by v.valid_to desc, v.relation;

-- name: desk_signals
select *
from studies.signals_at(
    as_of => %(as_of)s::timestamptz, set => %(set)s::text
);

-- name: desk_total
select *
from studies.total_at(
    as_of => %(as_of)s::timestamptz, set => %(set)s::text
);

-- name: desk_total_history
select *
from studies.total_between(
    from_ts => %(from_ts)s::timestamptz,
    to_ts => %(to_ts)s::timestamptz,
    step => %(step)s::interval,
    set => %(set)s::text
);

-- name: extremes
select *
from studies.extremes(%(as_of)s::timestamptz);

-- name: extreme_events
select
    e.symbol,
    e.trade_date,
    e.kind,
    e.price,
    e.previous,
    e.previous_on,
    e.at,
    e.source,
    e.since
from studies.extreme_events as e
where
    e.at >= coalesce(%(ts_from)s::timestamptz, '-infinity')
    and e.at < coalesce(%(ts_to)s::timestamptz, 'infinity')
    and (
        %(symbols)s::text[] is null or e.symbol = any(%(symbols)s::text[])
    )
order by e.at desc, e.symbol, e.kind
limit %(limit)s::integer;

-- The events of the trade date of each symbol's quote.
-- name: extreme_events_now
select
    e.symbol,
    e.trade_date,
    e.kind,
    e.price,
    e.previous,
    e.previous_on,
    e.at,
    e.source,
    e.since
from market.quotes as q
inner join studies.extreme_events as e
    on e.symbol = q.symbol and e.trade_date = q.trade_date
order by e.at, e.symbol, e.kind;

-- name: newest_import
select max(f.imported_at) as imported_at
from market.bar_files as f;

-- name: newest_extreme_days
select
    k.symbol,
    k.trade_date,
    k.first_ts,
    k.high,
    k.low
from reference.series as s
cross join lateral (
    select n.*
    from market.last_values as n
    where n.symbol = s.symbol
    order by n.trade_date desc
    limit 1
) as k
where k.high is not null;

-- name: all_extreme_days
select
    k.symbol,
    k.trade_date,
    k.first_ts,
    k.high,
    k.low
from market.last_values as k
where k.high is not null
order by k.trade_date, k.symbol;

-- The events of a dropped date stand: its ticks cannot be read again.
-- name: keep_extreme_events
with days as (
    select
        d.symbol,
        d.trade_date
    from unnest(
        %(symbols)s::text[], %(trade_dates)s::date[]
    ) as d (symbol, trade_date)
    where not exists (
        select
        from market.dropped_ranges as r
        where r.trade_date = d.trade_date
    )
),

found as materialized (
    select
        d.symbol,
        d.trade_date,
        e.kind,
        e.price,
        e.previous,
        e.previous_on,
        e.at,
        e.source,
        e.since
    from days as d
    cross join lateral studies.extreme_events_of(
        d.symbol, d.trade_date
    ) as e
),

removed as (
    delete from studies.extreme_events as h
    using days as d
    where
        h.symbol = d.symbol
        and h.trade_date = d.trade_date
        and not exists (
            select
            from found as f
            where
                f.symbol = h.symbol
                and f.trade_date = h.trade_date
                and f.kind = h.kind
        )
    returning h.kind
),

written as (
    insert into studies.extreme_events as h (
        symbol, trade_date, kind, price, previous, previous_on, at, source,
        since
    )
    select
        f.symbol,
        f.trade_date,
        f.kind,
        f.price,
        f.previous,
        f.previous_on,
        f.at,
        f.source,
        f.since
    from found as f
    on conflict (symbol, trade_date, kind) do update
    set
        price = excluded.price,
        previous = excluded.previous,
        previous_on = excluded.previous_on,
        at = excluded.at,
        source = excluded.source,
        since = excluded.since,
        written_at = now()
    where
        (h.price, h.previous, h.previous_on, h.at, h.source, h.since)
        is distinct from (
            excluded.price, excluded.previous, excluded.previous_on,
            excluded.at, excluded.source, excluded.since
        )
    returning h.kind
)

select
    (select count(*) from written) as written,
    (select count(*) from removed) as removed;
