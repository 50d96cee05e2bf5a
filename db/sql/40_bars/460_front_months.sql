-- Stage     40 bars
-- Makes     market.front_months
-- Kind      view
-- Grain     one row a stretch of time in which a contract is the front month
-- Known at  starts_at; gap_after and ratio_after with the last roll
-- Reads     reference.rolls
-- Nulls     gap_after and ratio_after where a later roll's is not known
-- Why       Prices before a roll are brought to the level of the newest month
--           by all rolls that follow: their gaps are summed, ratios multiplied.

create view market.front_months as
select
    r.root,
    r.rule,
    r.to_contract as contract,
    r.rolled_at as starts_at,
    lead(r.rolled_at, 1, 'infinity') over (
        partition by r.root, r.rule order by r.rolled_at
    ) as ends_at,
    case
        when count(*) over later = count(r.gap) over later
            then coalesce(sum(r.gap) over later, 0)
    end::numeric(18, 8) as gap_after,
    case
        when count(*) over later = count(r.ratio) over later
            then coalesce(exp(sum(ln(r.ratio)) over later), 1)
    end as ratio_after,
    greatest(r.changed_at, max(r.changed_at) over later) as changed_at
from reference.rolls as r
window later as (
    partition by r.root, r.rule
    order by r.rolled_at
    rows between 1 following and unbounded following
);

comment on view market.front_months is
    'The front months of a root, each from one instant to another, by rule.';
comment on column market.front_months.root is 'The instrument, ES say.';
comment on column market.front_months.rule is
    'The rule of reference.rolls it is the front month by.';
comment on column market.front_months.contract is
    'The series of the front month.';
comment on column market.front_months.starts_at is
    'First instant at which it is.';
comment on column market.front_months.ends_at is
    'First instant at which it no longer is; infinity for the newest.';
comment on column market.front_months.gap_after is
    'Sum of the gaps of all later rolls, in points: 0 for the newest.';
comment on column market.front_months.ratio_after is
    'Product of the ratios of all later rolls: 1 for the newest.';
comment on column market.front_months.changed_at is
    'When the newest of the rolls it follows from was written.';
