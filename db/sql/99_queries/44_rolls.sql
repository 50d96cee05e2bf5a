-- Stage     40 bars
-- Finds and keeps the rolls between front months.

-- One finder at a time; readers do not wait.
-- name: lock_rolls
lock table reference.rolls in share row exclusive mode;

-- name: months_of_root
select s.symbol
from reference.series as s
where s.root = %(root)s::text and s.kind = 'month'
order by s.symbol;

-- name: roots_with_months
select distinct s.root
from reference.series as s
where
    s.kind = 'month'
    and exists (select from market.bars_1d as b where b.symbol = s.symbol)
order by s.root;

-- A day's volume is that of its ticks, and of imported bars where there are no
-- ticks: of the width with the most volume.
-- name: volumes_of_months
with bars as (
    select
        '1d' as width, b.symbol, b.trade_date, b.volume, b.is_imported
    from market.bars_1d as b
    where b.symbol = any (%(series)s::text [])
    union all
    select
        '1h' as width, b.symbol, b.trade_date, b.volume, b.is_imported
    from market.bars_1h as b
    where b.symbol = any (%(series)s::text []) and b.is_imported
    union all
    select
        '5m' as width, b.symbol, b.trade_date, b.volume, b.is_imported
    from market.bars_5m as b
    where b.symbol = any (%(series)s::text []) and b.is_imported
    union all
    select
        '1m' as width, b.symbol, b.trade_date, b.volume, b.is_imported
    from market.bars_1m as b
    where b.symbol = any (%(series)s::text []) and b.is_imported
),

days as (
    select
        b.symbol,
        b.trade_date,
        b.is_imported,
        sum(b.volume) as volume
    from bars as b
    where b.trade_date < %(before)s::date
    group by b.symbol, b.trade_date, b.is_imported, b.width
)

select
    d.symbol,
    d.trade_date,
    case
        when count(d.volume) > 0
            then
                coalesce(max(d.volume) filter (where not d.is_imported), 0)
                + coalesce(max(d.volume) filter (where d.is_imported), 0)
    end::bigint as volume
from days as d
group by d.symbol, d.trade_date
order by d.symbol, d.trade_date;

-- The last bar that both traded, whole before the roll.
-- name: prices_at_roll
select
    f.bar_start,
    trim_scale(f.close) as from_close,
    trim_scale(t.close) as to_close,
    t.close - f.close as gap,
    case when t.close > 0 and f.close > 0 then t.close / f.close end as ratio
from market.bars_between(
    %(width)s::text, %(from_contract)s::text, %(ts_from)s::timestamptz,
    %(rolled_at)s::timestamptz, 1000000
) as f
inner join market.bars_between(
    %(width)s::text, %(to_contract)s::text, %(ts_from)s::timestamptz,
    %(rolled_at)s::timestamptz, 1000000
) as t on t.bar_start = f.bar_start
where
    f.close is not null
    and t.close is not null
    and f.bar_end <= %(rolled_at)s::timestamptz
order by f.bar_start desc
limit 1;

-- The last price of one and the first of the other, where no bar is common.
-- name: prices_beside_roll
select
    f.bar_start,
    t.bar_start as to_bar_start,
    trim_scale(f.close) as from_close,
    trim_scale(t.open) as to_open,
    t.open - f.close as gap,
    case when t.open > 0 and f.close > 0 then t.open / f.close end as ratio
from (
    select b.bar_start, b.close
    from market.bars_between(
        %(width)s::text, %(from_contract)s::text, %(ts_from)s::timestamptz,
        %(rolled_at)s::timestamptz, 1000000
    ) as b
    where b.close is not null
    order by b.bar_start desc
    limit 1
) as f
cross join (
    select b.bar_start, b.open
    from market.bars_between(
        %(width)s::text, %(to_contract)s::text, %(rolled_at)s::timestamptz,
        %(ts_to)s::timestamptz, 1000000
    ) as b
    where b.open is not null
    order by b.bar_start
    limit 1
) as t;

-- name: remove_rolls
delete from reference.rolls as r
where
    r.root = %(root)s::text
    and r.rule = %(rule)s::text
    and r.rolled_at <> all (%(kept)s::timestamptz []);

-- name: keep_roll
insert into reference.rolls (
    root, rule, rolled_at, from_contract, to_contract, gap, ratio, evidence
)
values (
    %(root)s::text, %(rule)s::text, %(rolled_at)s::timestamptz,
    %(from_contract)s::text, %(to_contract)s::text, %(gap)s::numeric,
    %(ratio)s::numeric, %(evidence)s::jsonb
)
on conflict (root, rule, rolled_at) do update
    set
        from_contract = excluded.from_contract,
        to_contract = excluded.to_contract,
        gap = excluded.gap,
        ratio = excluded.ratio,
        evidence = excluded.evidence;

-- name: rolls
select
    r.root, r.rule, r.rolled_at, r.trade_date, r.from_contract, r.to_contract,
    trim_scale(r.gap) as gap, round(r.ratio, 8) as ratio, r.evidence, r.version
from reference.rolls as r
where
    r.root = coalesce(%(root)s::text, r.root)
    and r.rule = coalesce(%(rule)s::text, r.rule)
order by r.root, r.rule, r.rolled_at;
