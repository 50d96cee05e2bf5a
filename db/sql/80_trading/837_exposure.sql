-- Stage     80 trading
-- Makes     trade.exposure_at(timestamptz)
-- Kind      function
-- Grain     one row a (account, root) with a position or an open order
-- Known at  as_of
-- Reads     market.quotes_at(timestamptz), reference.instruments,
--           reference.series, reference.trade_date(timestamptz),
--           trade.margin_at(text, date), trade.orders,
--           trade.positions_at(timestamptz)
-- Nulls     money where no price is known
-- Why       Risk counts an order that may be filled as if it were: the most
--           that could be held is what a limit is compared with.

create function trade.exposure_at(as_of timestamptz)
returns table (
    account_id text,
    root text,
    correlation_group text,
    quantity bigint,
    working_buy bigint,
    working_sell bigint,
    long_most bigint,
    short_most bigint,
    price numeric,
    multiplier numeric,
    net numeric,
    gross numeric,
    gross_most numeric,
    margin_initial numeric,
    currency text
)
language sql stable strict parallel safe rows 20
begin atomic
    with held as (
        select
            p.account_id,
            p.root,
            sum(p.quantity) as quantity,
            sum(abs(p.quantity)) as contracts,
            sum(p.market_value) as net,
            sum(abs(p.market_value)) as gross,
            max(p.mark) as mark
        from trade.positions_at(as_of) as p
        where p.quantity <> 0
        group by p.account_id, p.root
    ),

    -- As the risk engine counts: an exit of a bracket fills at most what its
    -- entry has filled, and of an OCO group one order fills.
    groups as (
        select
            o.account_id,
            s.root,
            o.side,
            max(o.quantity - o.filled_quantity) as quantity
        from trade.orders as o
        inner join reference.series as s on s.symbol = o.symbol
        where
            o.placed_at <= as_of
            and o.parent_order_id is null
            and o.status in (
                'PENDING', 'SUBMITTED', 'WORKING', 'PARTIALLY_FILLED',
                'CANCEL_PENDING'
            )
        group by
            o.account_id,
            s.root,
            o.side,
            case
                when o.group_kind = 'OCO' then o.group_id
                else o.order_id::text
            end
    ),

    working as (
        select
            g.account_id,
            g.root,
            coalesce(sum(g.quantity) filter (where g.side = 'BUY'), 0)
                as working_buy,
            coalesce(sum(g.quantity) filter (where g.side = 'SELL'), 0)
                as working_sell
        from groups as g
        group by g.account_id, g.root
    ),

    priced as materialized (
        select
            s.root,
            (array_agg(
                coalesce(q.last, (q.bid + q.ask) / 2)
                order by q.symbol = s.root desc, q.ts desc
            ))[1] as price
        from market.quotes_at(as_of) as q
        inner join reference.series as s on s.symbol = q.symbol
        where coalesce(q.last, q.bid + q.ask) is not null
        group by s.root
    ),

    joined as (
        select
            coalesce(h.account_id, w.account_id) as account_id,
            coalesce(h.root, w.root) as root,
            coalesce(h.quantity, 0) as quantity,
            coalesce(w.working_buy, 0) as working_buy,
            coalesce(w.working_sell, 0) as working_sell,
            h.net,
            h.gross,
            h.mark
        from held as h
        full join working as w
            on w.account_id = h.account_id and w.root = h.root
    )

    select
        j.account_id,
        j.root,
        i.asset_class as correlation_group,
        j.quantity,
        j.working_buy,
        j.working_sell,
        greatest(j.quantity + j.working_buy, 0) as long_most,
        greatest(j.working_sell - j.quantity, 0) as short_most,
        trim_scale(coalesce(p.price, j.mark)) as price,
        trim_scale(i.multiplier) as multiplier,
        coalesce(j.net, 0) as net,
        coalesce(j.gross, 0) as gross,
        round(
            greatest(
                j.quantity + j.working_buy, j.working_sell - j.quantity, 0
            ) * abs(coalesce(p.price, j.mark)) * i.multiplier, 2
        ) as gross_most,
        greatest(
            j.quantity + j.working_buy, j.working_sell - j.quantity, 0
        ) * m.initial as margin_initial,
        i.currency
    from joined as j
    inner join reference.instruments as i on i.symbol = j.root
    left join priced as p on p.root = j.root
    left join lateral trade.margin_at(
        j.root, reference.trade_date(as_of)
    ) as m on true
    order by j.account_id, i.sort_order, j.root;
end;

comment on function trade.exposure_at(timestamptz) is
    'Exposure an account and root as of a moment: contracts held, what open '
    'orders may add, the most that may then be held long and short, and the '
    'money of it. net and gross are of what is held, gross_most and '
    'margin_initial of the most; correlation_group is the instrument''s asset '
    'class.';
