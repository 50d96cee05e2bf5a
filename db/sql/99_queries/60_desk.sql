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
