-- Stage     40 bars
-- Makes     market.continuous_1m
-- Kind      view
-- Grain     one row a (root, rule, adjustment, minute) of a front month
-- Known at  known_at, the raw price; each later roll moves an adjusted one
-- Reads     market._front_levels, market.bars_1m
-- Nulls     as market.bars_1m; adjusted prices where a later gap is not known
-- Why       A continuous series is a view through rolls, never a key. The order
--           inside keeps the planner from joining whole views: a symbol and a
--           range asked for reach the bars of each front month.

create view market.continuous_1m as
select
    f.root as symbol,
    b.bar_start,
    b.bar_end,
    b.known_at,
    b.trade_date,
    (b.open * f.factor + f.shift)::numeric(18, 8) as open,
    (b.high * f.factor + f.shift)::numeric(18, 8) as high,
    (b.low * f.factor + f.shift)::numeric(18, 8) as low,
    (b.close * f.factor + f.shift)::numeric(18, 8) as close,
    b.volume,
    b.volume_buy,
    b.volume_sell,
    b.trades,
    b.ticks,
    (b.vwap * f.factor + f.shift)::numeric(18, 8) as vwap,
    (b.bid_close * f.factor + f.shift)::numeric(18, 8) as bid_close,
    (b.ask_close * f.factor + f.shift)::numeric(18, 8) as ask_close,
    (b.spread_mean * f.factor)::numeric(18, 8) as spread_mean,
    b.late_ticks,
    b.is_sampled,
    b.is_imported,
    greatest(b.changed_at, f.changed_at) as changed_at,
    f.contract,
    f.rule,
    f.adjustment
from market._front_levels as f
cross join lateral (
    select m.*
    from market.bars_1m as m
    where
        m.symbol = f.contract
        and m.bar_start >= f.starts_at
        and m.bar_start < f.ends_at
    order by m.bar_start
) as b;

comment on view market.continuous_1m is
    'Bars of one minute of each root''s front month, one after the '
    'other: name a symbol, a rule and an adjustment.';
select market.copy_comments('market.bars_1s', 'market.continuous_1m');
comment on column market.continuous_1m.symbol is
    'The root, ES say.';
comment on column market.continuous_1m.open is
    'Price of the first trade, in points, adjusted.';
comment on column market.continuous_1m.high is
    'Highest trade, in points, adjusted.';
comment on column market.continuous_1m.low is
    'Lowest trade, in points, adjusted; may be below 0.';
comment on column market.continuous_1m.close is
    'Price of the last trade, in points, adjusted.';
comment on column market.continuous_1m.volume is
    'Contracts traded of the front month, never adjusted.';
comment on column market.continuous_1m.vwap is
    'Mean trade price weighted by volume, in points, adjusted.';
comment on column market.continuous_1m.bid_close is
    'Best bid at the end of the bar, in points, adjusted.';
comment on column market.continuous_1m.ask_close is
    'Best ask at the end of the bar, in points, adjusted.';
comment on column market.continuous_1m.spread_mean is
    'Mean of ask - bid over the records that had both, in points; times '
    'the ratio where that adjusts.';
comment on column market.continuous_1m.changed_at is
    'When its newest record, or a roll that moves its price, was written.';
comment on column market.continuous_1m.contract is
    'The series the bar is of.';
comment on column market.continuous_1m.rule is
    'The rule the front month was chosen by: rule of reference.rolls.';
comment on column market.continuous_1m.adjustment is
    'raw: as it traded; difference: plus the gaps of all later rolls; '
    'ratio: times their ratios.';
