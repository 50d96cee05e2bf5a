-- Stage     80 trading
-- Makes     trade.activity_at(timestamptz), trade.activity_today
-- Kind      function and view
-- Grain     one row an order that is open or changed on the trade date
-- Known at  as_of
-- Reads     trade.fills, trade.newest_moment(), trade.orders,
--           trade.today(timestamptz)
-- Nulls     what an order without a fill does not have
-- Why       The desk's page of the day: what works, what was filled, what was
--           not.

create function trade.activity_at(as_of timestamptz)
returns table (
    account_id text,
    section text,
    trade_date date,
    order_id uuid,
    client_order_id text,
    series text,
    side text,
    type text,
    quantity integer,
    filled_quantity integer,
    price numeric,
    status text,
    reason text,
    realised numeric,
    commission numeric,
    who text,
    placed_at timestamptz,
    updated_at timestamptz
)
language sql stable strict parallel safe rows 100
begin atomic
    -- Asked once, not for every order.
    with d as materialized (
        select
            t.today,
            (t.today - interval '7 hours') at time zone 'America/Chicago'
                as begin_at,
            (t.today + interval '17 hours') at time zone 'America/Chicago'
                as end_at
        from (select trade.today(as_of) as today) as t
    )

    select
        o.account_id,
        case
            when o.status in (
                'PENDING', 'SUBMITTED', 'WORKING', 'PARTIALLY_FILLED',
                'CANCEL_PENDING'
            ) then 'WORKING'
            when o.filled_quantity > 0 then 'FILLED'
            else 'CANCELLED'
        end as section,
        d.today as trade_date,
        o.order_id,
        o.client_order_id,
        o.series,
        o.side,
        o.type,
        o.quantity,
        o.filled_quantity,
        trim_scale(coalesce(o.average_price, o.limit_price, o.stop_price))
            as price,
        o.status,
        o.reason,
        f.realised,
        f.commission,
        o.who,
        o.placed_at,
        o.updated_at
    from d
    inner join trade.orders as o
        on
            o.placed_at <= as_of
            and (
                o.status in (
                    'PENDING', 'SUBMITTED', 'WORKING', 'PARTIALLY_FILLED',
                    'CANCEL_PENDING'
                )
                or (
                    o.updated_at >= d.begin_at
                    and o.updated_at < d.end_at
                )
            )
    left join lateral (
        select
            round(sum(l.realised), 2) as realised,
            sum(l.commission) as commission
        from trade.fills as l
        where l.order_id = o.order_id
    ) as f on true
    order by o.account_id, section desc, o.updated_at;
end;

comment on function trade.activity_at(timestamptz) is
    'Orders that are open, and those that changed on the trade date of a '
    'moment.';

create view trade.activity_today as
select a.*
from trade.newest_moment() as m (moment)
cross join lateral trade.activity_at(m.moment) as a;

comment on view trade.activity_today is
    'Orders that are open, and those of the newest trade date: see '
    'activity_at(as_of).';
comment on column trade.activity_today.account_id is 'The account.';
comment on column trade.activity_today.section is
    'WORKING, FILLED or CANCELLED (refused, rejected and expired ones too).';
comment on column trade.activity_today.trade_date is 'The trade date.';
comment on column trade.activity_today.order_id is 'Its id.';
comment on column trade.activity_today.client_order_id is
    'The client''s own id.';
comment on column trade.activity_today.series is
    'The contract, else the symbol.';
comment on column trade.activity_today.side is 'BUY or SELL.';
comment on column trade.activity_today.type is 'As trade.orders.';
comment on column trade.activity_today.quantity is 'Contracts.';
comment on column trade.activity_today.filled_quantity is 'Contracts filled.';
comment on column trade.activity_today.price is
    'Mean price of what was filled, else the limit or stop price, in points.';
comment on column trade.activity_today.status is 'As trade.orders.';
comment on column trade.activity_today.reason is
    'Why it was refused, rejected or cancelled.';
comment on column trade.activity_today.realised is
    'Profit that its fills realised by average price; null without one.';
comment on column trade.activity_today.commission is
    'Commission of its fills; null without one.';
comment on column trade.activity_today.who is 'Who placed it.';
comment on column trade.activity_today.placed_at is 'When it was placed.';
comment on column trade.activity_today.updated_at is 'When it last changed.';
