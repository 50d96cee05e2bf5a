-- Stage     80 trading
-- Makes     trade._epochs_at(timestamptz), trade.positions_at(timestamptz),
--           trade.positions
-- Kind      function and view
-- Grain     one row an account; one row a (account, series) that is held or was
--           traded today
-- Known at  as_of
-- Reads     market.basis_of(text, date, text, timestamptz),
--           market.quotes_at(timestamptz), reference.instruments,
--           reference.series, reference.sessions,
--           reference.trade_date(timestamptz), trade.cash_movements,
--           trade.fills, trade.holdings, trade.margin_at(text, date),
--           trade.newest_moment(), trade.today(timestamptz)
-- Nulls     prices where nothing is held or known, margin where no list has it
-- Why       A position is the newest fill of its series, marked by the quote:
--           its cost is that of one row, not of all fills.

create function trade._epochs_at(as_of timestamptz)
returns table (account_id text, epoch integer)
language sql stable strict parallel safe rows 5
begin atomic
    select
        m.account_id,
        max(m.epoch) as epoch
    from trade.cash_movements as m
    where m.at <= as_of
    group by m.account_id;
end;

comment on function trade._epochs_at(timestamptz) is
    'The epoch that each account was in at a moment.';

create function trade.positions_at(as_of timestamptz)
returns table (
    account_id text,
    series text,
    symbol text,
    root text,
    contract text,
    quantity integer,
    side text,
    opened_at timestamptz,
    days integer,
    average_price numeric,
    average_price_fifo numeric,
    mark numeric,
    mark_kind text,
    mark_at timestamptz,
    mark_state text,
    multiplier numeric,
    market_value numeric,
    cost numeric,
    unrealised numeric,
    unrealised_percent numeric,
    trade_date date,
    basis numeric,
    basis_kind text,
    bought_today bigint,
    sold_today bigint,
    realised_today numeric,
    realised_fifo_today numeric,
    commission_today numeric,
    pnl_day numeric,
    realised numeric,
    realised_fifo numeric,
    margin_initial numeric,
    margin_maintenance numeric,
    margin_intraday numeric,
    currency text
)
language sql stable strict parallel safe rows 20
begin atomic
    with day as materialized (
        select
            d.trade_date,
            reference.trade_date(as_of) as margin_date
        from (select trade.today(as_of) as trade_date) as d
    ),

    quotes as materialized (
        select
            q.symbol,
            q.contract,
            coalesce(q.last, (q.bid + q.ask) / 2) as price,
            case when q.last is not null then 'last' else 'quote' end as kind,
            q.ts,
            q.source,
            q.state
        from market.quotes_at(as_of) as q
    ),

    held as materialized (
        select
            h.account_id,
            h.epoch,
            h.series,
            h.symbol,
            h.contract,
            f.number,
            f.position,
            f.cost,
            f.average_price,
            f.multiplier,
            f.price as fill_price,
            f.trade_date,
            f.opened_at,
            f.bought_value - f.sold_value + f.realised_fifo_sum as cost_fifo,
            f.cost - f.bought_value + f.sold_value as realised,
            f.realised_fifo_sum as realised_fifo
        from trade._epochs_at(as_of) as e
        inner join trade.holdings as h
            on h.account_id = e.account_id and h.epoch = e.epoch
        cross join lateral (
            select l.*
            from trade.fills as l
            where
                l.account_id = h.account_id
                and l.epoch = h.epoch
                and l.series = h.series
                and l.at <= as_of
            order by l.number desc
            limit 1
        ) as f
    ),

    traded as materialized (
        select
            f.account_id,
            f.epoch,
            f.series,
            sum(f.quantity) filter (where f.side = 'BUY') as bought,
            sum(f.quantity) filter (where f.side = 'SELL') as sold,
            sum(
                case f.side when 'BUY' then f.quantity else -f.quantity end
                * f.price * f.multiplier
            ) as flow,
            sum(f.realised) as realised,
            sum(f.realised_fifo) as realised_fifo,
            sum(f.commission) as commission
        from day as d
        inner join trade.fills as f
            on f.trade_date = d.trade_date and f.at <= as_of
        inner join trade._epochs_at(as_of) as e
            on e.account_id = f.account_id and e.epoch = f.epoch
        group by f.account_id, f.epoch, f.series
    ),

    valued as (
        select
            h.*,
            d.trade_date as day,
            d.margin_date,
            i.symbol as root,
            i.calendar,
            i.currency,
            coalesce(t.bought, 0) as bought_today,
            coalesce(t.sold, 0) as sold_today,
            coalesce(t.flow, 0) as flow_today,
            coalesce(t.realised, 0) as realised_today,
            coalesce(t.realised_fifo, 0) as realised_fifo_today,
            coalesce(t.commission, 0) as commission_today,
            h.position - coalesce(t.bought, 0) + coalesce(t.sold, 0)
                as position_before,
            coalesce(q.symbol, h.symbol) as quoted,
            q.source,
            q.price,
            q.kind,
            q.ts,
            q.state
        from held as h
        cross join day as d
        inner join reference.series as s on s.symbol = h.symbol
        inner join reference.instruments as i on i.symbol = s.root
        left join traded as t
            on
                t.account_id = h.account_id
                and t.epoch = h.epoch
                and t.series = h.series
        -- The contract's own quote, else that of the root's feed while it
        -- follows this contract.
        left join lateral (
            select k.*
            from quotes as k
            where
                k.price is not null
                and (
                    k.symbol = h.series
                    or (
                        k.symbol = h.symbol
                        and coalesce(k.contract = h.contract, true)
                    )
                )
            order by k.symbol = h.series desc
            limit 1
        ) as q on true
        where h.position <> 0 or t.series is not null
    ),

    based as (
        select
            v.*,
            coalesce(b.basis, p.price) as basis,
            case
                when b.basis is not null then b.basis_kind
                when p.price is not null then 'fill'
            end as basis_kind,
            coalesce(v.price, b.basis, v.fill_price) as mark,
            case
                when v.price is not null then v.kind
                when b.basis is not null then 'settlement'
                else 'fill'
            end as mark_kind
        from valued as v
        left join lateral market.basis_of(
            v.quoted, v.day, v.source, as_of
        ) as b on v.position_before <> 0
        left join lateral (
            select l.price
            from trade.fills as l
            where
                l.account_id = v.account_id
                and l.epoch = v.epoch
                and l.series = v.series
                and l.trade_date < v.day
            order by l.trade_date desc, l.number desc
            limit 1
        ) as p on v.position_before <> 0 and b.basis is null
    )

    select
        b.account_id,
        b.series,
        b.symbol,
        b.root,
        b.contract,
        b.position as quantity,
        case sign(b.position)
            when 1 then 'LONG' when -1 then 'SHORT' else 'FLAT'
        end as side,
        b.opened_at,
        case
            when b.opened_at is not null
                then greatest((
                    select count(*)
                    from reference.sessions as s
                    where
                        s.calendar = b.calendar
                        and s.trade_date
                        between reference.trade_date(b.opened_at) and b.day
                ), 1)::integer
        end as days,
        trim_scale(b.average_price) as average_price,
        case
            when b.position <> 0
                then trim_scale(
                    round(b.cost_fifo / (b.position * b.multiplier), 8)
                )
        end as average_price_fifo,
        trim_scale(b.mark) as mark,
        b.mark_kind,
        b.ts as mark_at,
        b.state as mark_state,
        trim_scale(b.multiplier) as multiplier,
        round(b.position * b.mark * b.multiplier, 2) as market_value,
        round(b.cost, 2) as cost,
        round(b.position * b.mark * b.multiplier - b.cost, 2) as unrealised,
        round(
            100 * (b.position * b.mark * b.multiplier - b.cost)
            / nullif(abs(b.cost), 0), 2
        ) as unrealised_percent,
        b.day as trade_date,
        trim_scale(b.basis) as basis,
        b.basis_kind,
        b.bought_today,
        b.sold_today,
        round(b.realised_today, 2) as realised_today,
        round(b.realised_fifo_today, 2) as realised_fifo_today,
        b.commission_today,
        round(
            b.position * b.mark * b.multiplier
            - case
                when b.position_before <> 0
                    then b.position_before * b.basis * b.multiplier
                else 0
            end
            - b.flow_today - b.commission_today, 2
        ) as pnl_day,
        round(b.realised, 2) as realised,
        round(b.realised_fifo, 2) as realised_fifo,
        abs(b.position) * m.initial as margin_initial,
        abs(b.position) * m.maintenance as margin_maintenance,
        abs(b.position) * m.intraday as margin_intraday,
        b.currency
    from based as b
    left join lateral trade.margin_at(b.root, b.margin_date) as m on true
    order by b.account_id, b.series;
end;

comment on function trade.positions_at(timestamptz) is
    'What each account holds as of a moment, and what it closed on that trade '
    'date, with its average price, open profit and the day''s profit. Money '
    'is in the instrument''s currency.';

create view trade.positions as
select p.*
from trade.newest_moment() as m (moment)
cross join lateral trade.positions_at(m.moment) as p;

comment on view trade.positions is
    'What each account holds, and what it closed today, as of the newest '
    'moment that the database knows: see positions_at(as_of).';
comment on column trade.positions.account_id is 'The account.';
comment on column trade.positions.series is
    'What is held: the contract, else the symbol.';
comment on column trade.positions.symbol is
    'The series that was first asked for.';
comment on column trade.positions.root is 'The instrument behind it.';
comment on column trade.positions.contract is
    'The month; null where the feed knows none.';
comment on column trade.positions.quantity is
    'Contracts held; negative when short, 0 when it was closed today.';
comment on column trade.positions.side is 'LONG, SHORT or FLAT.';
comment on column trade.positions.opened_at is
    'Since when it is held without a moment flat; null when flat.';
comment on column trade.positions.days is
    'Trade dates since then, today counted; null when flat.';
comment on column trade.positions.average_price is
    'Average price of the contracts held, in points; null when flat.';
comment on column trade.positions.average_price_fifo is
    'Average price of those that are left when the first ones are closed '
    'first, in points; null when flat.';
comment on column trade.positions.mark is
    'Price that it is valued at, in points.';
comment on column trade.positions.mark_kind is
    'last, quote (the middle of bid and ask), settlement, or fill where '
    'nothing else is known.';
comment on column trade.positions.mark_at is
    'Market time of the quote; null for a settlement or a fill.';
comment on column trade.positions.mark_state is
    'FRESH, STALE or DEAD, as the quote is; null without one.';
comment on column trade.positions.multiplier is
    'Money that a point is worth a contract.';
comment on column trade.positions.market_value is
    'quantity x mark x multiplier, in currency.';
comment on column trade.positions.cost is
    'Money paid for it by average price; negative when short.';
comment on column trade.positions.unrealised is
    'market_value - cost: the open profit.';
comment on column trade.positions.unrealised_percent is
    'unrealised as a percentage of the cost''s size; null where that is 0.';
comment on column trade.positions.trade_date is
    'The trade date that the day''s figures are of.';
comment on column trade.positions.basis is
    'Price that the day is counted from, in points; null where nothing was '
    'held overnight.';
comment on column trade.positions.basis_kind is
    'prev_close, settlement, daily_bar, or fill where none is known.';
comment on column trade.positions.bought_today is
    'Contracts bought on the trade date.';
comment on column trade.positions.sold_today is
    'Contracts sold on the trade date.';
comment on column trade.positions.realised_today is
    'Profit realised on the trade date by average price, commission left out.';
comment on column trade.positions.realised_fifo_today is
    'The same, first in, first out.';
comment on column trade.positions.commission_today is
    'Commission of the trade date.';
comment on column trade.positions.pnl_day is
    'Profit of the trade date after commission: from the basis for what was '
    'held overnight, from the fill for the rest.';
comment on column trade.positions.realised is
    'Profit realised in the epoch by average price, commission left out.';
comment on column trade.positions.realised_fifo is
    'The same, first in, first out.';
comment on column trade.positions.margin_initial is
    'Initial margin of the position, in currency; null where no list has it.';
comment on column trade.positions.margin_maintenance is
    'Maintenance margin, in currency.';
comment on column trade.positions.margin_intraday is
    'Margin within regular hours, in currency.';
comment on column trade.positions.currency is 'ISO code of its money.';
