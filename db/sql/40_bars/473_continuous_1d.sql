-- Stage     40 bars
-- Makes     market.continuous_1d
-- Kind      view
-- Grain     one row a (root, rule, adjustment, trade date) of a front month
-- Known at  known_at, the raw price; each later roll moves an adjusted one
-- Reads     market._front_levels, market.bars_1d
-- Nulls     as market.bars_1d; adjusted prices where a later gap is not known
-- Why       A continuous series is a view through rolls, never a key. The order
--           inside keeps the planner from joining whole views: a symbol and a
--           range asked for reach the bars of each front month.

create view market.continuous_1d as
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
    from market.bars_1d as m
    where
        m.symbol = f.contract
        and m.bar_start >= f.starts_at
        and m.bar_start < f.ends_at
    order by m.bar_start
) as b;

comment on view market.continuous_1d is
    'Bars of one exchange day of each root''s front month, one after the '
    'other: name a symbol, a rule and an adjustment.';
select market.copy_comments('market.continuous_1m', 'market.continuous_1d');
