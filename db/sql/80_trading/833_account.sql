-- Stage     80 trading
-- Makes     trade.account_at(timestamptz), trade.account
-- Kind      function and view
-- Grain     one row an account
-- Known at  as_of
-- Reads     trade._epochs_at(timestamptz), trade.accounts,
--           trade.cash_movements, trade.fills, trade.holdings,
--           trade.newest_moment(), trade.orders,
--           trade.positions_at(timestamptz), trade.today(timestamptz)
-- Nulls     what follows from a price or a margin that is not known
-- Why       Cash, open profit and margin are one select, and what is not known
--           is null, never 0.

create function trade.account_at(as_of timestamptz)
returns table (
    account_id text,
    kind text,
    currency text,
    is_enabled boolean,
    epoch integer,
    as_of timestamptz,
    trade_date date,
    funded numeric,
    realised numeric,
    commission numeric,
    cash numeric,
    unrealised numeric,
    net_liquidation numeric,
    pnl_day numeric,
    realised_today numeric,
    commission_today numeric,
    margin_initial numeric,
    margin_maintenance numeric,
    margin_intraday numeric,
    available_funds numeric,
    day_trading_funds numeric,
    market_value numeric,
    peak numeric,
    drawdown numeric,
    positions bigint,
    open_orders bigint,
    fills_today bigint
)
language sql stable strict parallel safe rows 5
begin atomic
    with held as materialized (
        select
            p.account_id,
            count(*) filter (where p.quantity <> 0) as positions,
            case when count(p.unrealised) = count(*) then sum(p.unrealised) end
                as unrealised,
            case when count(p.pnl_day) = count(*) then sum(p.pnl_day) end
                as pnl_day,
            sum(p.realised_today) as realised_today,
            sum(p.commission_today) as commission_today,
            case
                when
                    bool_and(p.quantity = 0 or p.margin_initial is not null)
                    then coalesce(
                        sum(p.margin_initial) filter (where p.quantity <> 0), 0
                    )
            end as margin_initial,
            coalesce(
                sum(p.margin_maintenance) filter (where p.quantity <> 0), 0
            ) as margin_maintenance,
            coalesce(
                sum(p.margin_intraday) filter (where p.quantity <> 0), 0
            ) as margin_intraday,
            sum(p.market_value) as market_value
        from trade.positions_at(as_of) as p
        group by p.account_id
    ),

    summed as (
        select
            a.account_id,
            a.kind,
            a.currency,
            a.is_enabled,
            e.epoch,
            d.trade_date,
            c.funded,
            coalesce(f.net_sum, 0) as net_sum,
            coalesce(f.net_peak, 0) as net_peak,
            coalesce(s.realised, 0) as realised,
            coalesce(h.positions, 0) as positions,
            -- Without a row nothing is held: that is 0, and not unknown.
            case when h.account_id is null then 0 else h.unrealised end
                as unrealised,
            case when h.account_id is null then 0 else h.pnl_day end
                as pnl_day,
            coalesce(h.realised_today, 0) as realised_today,
            coalesce(h.commission_today, 0) as commission_today,
            case when h.account_id is null then 0 else h.margin_initial end
                as margin_initial,
            case
                when h.account_id is null then 0
                when h.margin_initial is not null then h.margin_maintenance
            end as margin_maintenance,
            case
                when h.account_id is null then 0
                when h.margin_initial is not null then h.margin_intraday
            end as margin_intraday,
            case when h.account_id is null then 0 else h.market_value end
                as market_value
        from trade._epochs_at(as_of) as e
        inner join trade.accounts as a on a.account_id = e.account_id
        cross join (select trade.today(as_of) as trade_date) as d
        cross join lateral (
            select sum(m.amount) as funded
            from trade.cash_movements as m
            where
                m.account_id = e.account_id
                and m.epoch = e.epoch
                and m.at <= as_of
        ) as c
        left join lateral (
            select
                l.net_sum,
                l.net_peak
            from trade.fills as l
            where
                l.account_id = e.account_id
                and l.epoch = e.epoch
                and l.at <= as_of
            order by l.number desc
            limit 1
        ) as f on true
        left join lateral (
            select sum(r.realised) as realised
            from trade.holdings as g
            cross join lateral (
                select l.cost - l.bought_value + l.sold_value as realised
                from trade.fills as l
                where
                    l.account_id = g.account_id
                    and l.epoch = g.epoch
                    and l.series = g.series
                    and l.at <= as_of
                order by l.number desc
                limit 1
            ) as r
            where g.account_id = e.account_id and g.epoch = e.epoch
        ) as s on true
        left join held as h on h.account_id = a.account_id
    )

    select
        s.account_id,
        s.kind,
        s.currency,
        s.is_enabled,
        s.epoch,
        as_of,
        s.trade_date,
        s.funded,
        round(s.realised, 2) as realised,
        round(s.realised - s.net_sum, 2) as commission,
        round(s.funded + s.net_sum, 2) as cash,
        s.unrealised,
        round(s.funded + s.net_sum + s.unrealised, 2) as net_liquidation,
        s.pnl_day,
        s.realised_today,
        s.commission_today,
        s.margin_initial,
        s.margin_maintenance,
        s.margin_intraday,
        round(s.funded + s.net_sum + s.unrealised - s.margin_initial, 2)
            as available_funds,
        round(s.funded + s.net_sum + s.unrealised - s.margin_intraday, 2)
            as day_trading_funds,
        s.market_value,
        round(
            s.funded + greatest(s.net_peak, s.net_sum + s.unrealised), 2
        ) as peak,
        case
            when s.unrealised is not null
                then round(
                    greatest(s.net_peak - s.net_sum - s.unrealised, 0), 2
                )
        end as drawdown,
        s.positions,
        (
            select count(*)
            from trade.orders as o
            where
                o.account_id = s.account_id
                and o.status in (
                    'PENDING', 'SUBMITTED', 'WORKING', 'PARTIALLY_FILLED',
                    'CANCEL_PENDING'
                )
        ) as open_orders,
        (
            select count(*)
            from trade.fills as t
            where
                t.account_id = s.account_id
                and t.trade_date = s.trade_date
                and t.epoch = s.epoch
                and t.at <= as_of
        ) as fills_today
    from summed as s
    order by s.account_id;
end;

comment on function trade.account_at(timestamptz) is
    'Each account as of a moment: cash, open profit, the day''s profit, '
    'margin and drawdown. The peak that the drawdown is counted from is of '
    'closed trades.';

create view trade.account as
select a.*
from trade.newest_moment() as m (moment)
cross join lateral trade.account_at(m.moment) as a;

comment on view trade.account is
    'Each account as of the newest moment that the database knows: see '
    'account_at(as_of).';
comment on column trade.account.account_id is 'The account.';
comment on column trade.account.kind is 'PAPER or LIVE.';
comment on column trade.account.currency is 'ISO code of its money.';
comment on column trade.account.is_enabled is 'Whether it takes orders.';
comment on column trade.account.epoch is 'Counts its resets, from 1.';
comment on column trade.account.as_of is 'The moment.';
comment on column trade.account.trade_date is
    'The trade date that the day''s figures are of.';
comment on column trade.account.funded is
    'Cash put in less cash taken out in the epoch.';
comment on column trade.account.realised is
    'Profit realised in the epoch, commission left out.';
comment on column trade.account.commission is 'Commission of the epoch.';
comment on column trade.account.cash is 'funded + realised - commission.';
comment on column trade.account.unrealised is
    'Open profit of all positions; null where one has no price.';
comment on column trade.account.net_liquidation is 'cash + unrealised.';
comment on column trade.account.pnl_day is
    'Profit of the trade date after commission, realised and not.';
comment on column trade.account.realised_today is
    'Profit realised on the trade date, commission left out.';
comment on column trade.account.commission_today is
    'Commission of the trade date.';
comment on column trade.account.margin_initial is
    'Initial margin of all positions; null where one has none.';
comment on column trade.account.margin_maintenance is
    'Maintenance margin of all positions.';
comment on column trade.account.margin_intraday is
    'Margin within regular hours.';
comment on column trade.account.available_funds is
    'net_liquidation - margin_initial: what new positions may take.';
comment on column trade.account.day_trading_funds is
    'net_liquidation - margin_intraday: the same within regular hours.';
comment on column trade.account.market_value is
    'Value of all positions: quantity x mark x multiplier.';
comment on column trade.account.peak is
    'Highest cash that the epoch''s profits have led to, or net_liquidation '
    'where that is higher.';
comment on column trade.account.drawdown is
    'peak - net_liquidation: what was lost since.';
comment on column trade.account.positions is 'Number of series held.';
comment on column trade.account.open_orders is
    'Number of orders that may still be filled.';
comment on column trade.account.fills_today is
    'Number of fills of the trade date.';
