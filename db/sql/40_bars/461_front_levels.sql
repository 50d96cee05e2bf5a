-- Stage     40 bars
-- Makes     market._front_levels
-- Kind      view
-- Grain     one row a stretch of a front month and an adjustment
-- Known at  as market.front_months
-- Reads     market.front_months
-- Nulls     factor or shift where a later roll's gap is not known
-- Why       The adjustment of a price is defined once: price * factor + shift.

create view market._front_levels as
select
    f.root,
    f.rule,
    a.adjustment,
    f.contract,
    f.starts_at,
    f.ends_at,
    a.factor,
    a.shift,
    f.changed_at
from market.front_months as f
cross join lateral (
    values
    ('raw', 1, 0),
    ('difference', 1, f.gap_after),
    ('ratio', f.ratio_after, 0)
) as a (adjustment, factor, shift);

comment on view market._front_levels is
    'How prices of a front month are adjusted. Read front_months instead.';
comment on column market._front_levels.root is 'The instrument, ES say.';
comment on column market._front_levels.rule is
    'The rule of reference.rolls it is the front month by.';
comment on column market._front_levels.adjustment is
    'raw, difference or ratio.';
comment on column market._front_levels.contract is
    'The series of the front month.';
comment on column market._front_levels.starts_at is
    'First instant at which it is.';
comment on column market._front_levels.ends_at is
    'First instant at which it no longer is.';
comment on column market._front_levels.factor is
    'A price is first multiplied by this.';
comment on column market._front_levels.shift is
    'Then this is added, in points.';
comment on column market._front_levels.changed_at is
    'When the newest of the rolls it follows from was written.';
