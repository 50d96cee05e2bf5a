-- Stage     80 trading
-- Makes     trade.working_orders
-- Kind      view
-- Grain     one row an order that may still be filled
-- Known at  updated_at
-- Reads     market.quotes, trade.orders
-- Nulls     prices that it does not have, or that are not known
-- Why       What may still be filled, beside the market it waits for.

create view trade.working_orders as
select
    o.account_id,
    o.order_id,
    o.client_order_id,
    o.symbol,
    o.contract,
    o.series,
    o.side,
    o.type,
    o.quantity,
    o.filled_quantity,
    o.quantity - o.filled_quantity as working_quantity,
    trim_scale(o.limit_price) as limit_price,
    trim_scale(o.stop_price) as stop_price,
    trim_scale(o.trail_by) as trail_by,
    o.time_in_force,
    o.status,
    trim_scale(o.average_price) as average_price,
    o.group_id,
    o.group_kind,
    o.parent_order_id,
    o.is_flattening,
    trim_scale(q.last) as last,
    trim_scale(q.bid) as bid,
    trim_scale(q.ask) as ask,
    trim_scale(
        case
            when o.stop_price is not null and not o.is_triggered
                then case o.side when 'BUY' then 1 else -1 end
                    * (o.stop_price - q.last)
            when o.limit_price is not null
                then case o.side when 'BUY' then -1 else 1 end
                    * (o.limit_price - q.last)
        end
    ) as distance,
    o.who,
    o.placed_at,
    o.updated_at,
    o.expires_at
from trade.orders as o
left join lateral (
    select
        k.last,
        k.bid,
        k.ask
    from market.quotes as k
    where
        k.symbol = o.series
        or (k.symbol = o.symbol and coalesce(k.contract = o.contract, true))
    order by k.symbol = o.series desc
    limit 1
) as q on true
where
    o.status in (
        'PENDING', 'SUBMITTED', 'WORKING', 'PARTIALLY_FILLED',
        'CANCEL_PENDING'
    );

comment on view trade.working_orders is
    'Orders that may still be filled, with the market.';
comment on column trade.working_orders.account_id is 'The account.';
comment on column trade.working_orders.order_id is 'Its id.';
comment on column trade.working_orders.client_order_id is
    'The client''s own id.';
comment on column trade.working_orders.symbol is
    'The series that was asked for.';
comment on column trade.working_orders.contract is
    'The month; null where the feed knows none.';
comment on column trade.working_orders.series is
    'The contract, else the symbol.';
comment on column trade.working_orders.side is 'BUY or SELL.';
comment on column trade.working_orders.type is
    'MARKET, LIMIT, STOP, STOP_LIMIT or TRAILING_STOP.';
comment on column trade.working_orders.quantity is 'Contracts.';
comment on column trade.working_orders.filled_quantity is
    'Contracts filled so far.';
comment on column trade.working_orders.working_quantity is
    'Contracts that may still be filled.';
comment on column trade.working_orders.limit_price is
    'In points; null without one.';
comment on column trade.working_orders.stop_price is
    'In points; null without one.';
comment on column trade.working_orders.trail_by is
    'In points; null without one.';
comment on column trade.working_orders.time_in_force is 'DAY or GTC.';
comment on column trade.working_orders.status is 'As trade.orders.';
comment on column trade.working_orders.average_price is
    'Mean price of what was filled, in points; null without a fill.';
comment on column trade.working_orders.group_id is
    'Its group; null without one.';
comment on column trade.working_orders.group_kind is 'OCO or BRACKET.';
comment on column trade.working_orders.parent_order_id is
    'The entry that it protects.';
comment on column trade.working_orders.is_flattening is
    'Whether it only reduces a position.';
comment on column trade.working_orders.last is
    'Newest price of the symbol, in points; null where not known.';
comment on column trade.working_orders.bid is 'Best bid, in points.';
comment on column trade.working_orders.ask is 'Best ask, in points.';
comment on column trade.working_orders.distance is
    'From the market to its limit or stop price, in points: above 0 while it '
    'waits; null without one.';
comment on column trade.working_orders.who is 'Who placed it.';
comment on column trade.working_orders.placed_at is 'When it was placed.';
comment on column trade.working_orders.updated_at is 'When it last changed.';
comment on column trade.working_orders.expires_at is
    'When it ends by itself; null where it does not.';
