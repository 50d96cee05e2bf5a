-- Stage     80 trading
-- Orders as they are placed, sent, changed and filled.

-- name: trade_lock_account
select
    a.account_id,
    a.kind,
    a.is_enabled,
    a.epoch
from trade.accounts as a
where a.account_id = %(account)s::text
for no key update;

-- name: trade_order_of_client
select *
from trade.orders as o
where
    o.account_id = %(account)s::text
    and o.client_order_id = %(client_order_id)s::text;

-- name: trade_order
select *
from trade.orders as o
where o.order_id = %(order_id)s::uuid;

-- name: trade_market_now
select market.moment(now()) as moment;

-- What a symbol is, which month it stands for, and whether it trades now.
-- name: trade_subject
select
    s.symbol,
    s.root,
    i.is_tradable,
    i.asset_class,
    i.multiplier,
    case
        when %(contract)s::text is not null then %(contract)s::text
        when s.symbol <> s.root then s.symbol
        when e.nature <> 'simulated' then coalesce(r.to_contract, c.symbol)
    end as contract,
    case
        when s.symbol <> s.root then s.symbol
        when e.nature <> 'simulated' then coalesce(r.to_contract, c.symbol)
    end as front,
    e.nature <> 'simulated' and m.has_months as needs_month,
    (
        extract(epoch from t.close_at - %(as_of)s::timestamptz) / 60
    )::float8 as minutes_to_close,
    coalesce(
        %(as_of)s::timestamptz >= t.regular_open_at
        and %(as_of)s::timestamptz < t.regular_close_at, false
    ) as is_regular,
    coalesce(t.trade_date, reference.trade_date(%(as_of)s::timestamptz))
        as trade_date,
    trade.fee_at(
        s.root,
        coalesce(t.trade_date, reference.trade_date(%(as_of)s::timestamptz))
    ) as fee
from reference.series as s
inner join reference.instruments as i on i.symbol = s.root
cross join ops.edition as e
cross join lateral (
    select
        exists (
            select from reference.contracts as x where x.root = s.root
        ) as has_months
) as m
left join lateral reference.session_at(
    i.calendar, %(as_of)s::timestamptz
) as t on true
left join lateral (
    select x.to_contract
    from reference.rolls as x
    where x.root = s.root and x.rolled_at <= %(as_of)s::timestamptz
    order by x.rule <> 'volume', x.rule, x.rolled_at desc
    limit 1
) as r on true
left join lateral (
    select x.symbol
    from reference.contracts as x
    where
        x.root = s.root
        and least(coalesce(x.first_notice, x.last_trade), x.last_trade)
        > reference.trade_date(%(as_of)s::timestamptz) + 7
    order by x.month
    limit 1
) as c on true
where s.symbol = %(symbol)s::text;

-- Business days from a trade date to first notice or last trade, neither
-- counted before it.
-- name: trade_days_to_leave
select
    (
        select count(*)
        from reference.sessions as d
        where
            d.calendar = i.calendar
            and d.trade_date > %(trade_date)s::date
            and d.trade_date
            <= least(coalesce(c.first_notice, c.last_trade), c.last_trade)
            and d.regular_open_at is not null
            and d.note is distinct from 'Good Friday'
    ) as days
from reference.contracts as c
inner join reference.instruments as i on i.symbol = c.root
where c.symbol = %(contract)s::text;

-- Where the newest tick is from after the moment, the moment's clock is behind:
-- the age is below 0.
-- name: trade_quote
select
    q.symbol,
    q.bid,
    q.ask,
    q.last,
    extract(
        epoch from %(as_of)s::timestamptz
        - case
            when n.received_at > %(as_of)s::timestamptz then n.received_at
            else q.heard_at
        end
    )::float8 as age_s
from market.quotes_at(%(as_of)s::timestamptz) as q
inner join market.quotes as n on n.symbol = q.symbol
where q.symbol = %(symbol)s::text;

-- name: trade_quotes
select
    q.symbol,
    q.ts,
    q.seq,
    q.source,
    q.received_at,
    q.heard_at,
    q.last,
    q.bid,
    q.ask,
    q.bid_size,
    q.ask_size
from market.quotes_at(%(as_of)s::timestamptz) as q;

-- What is held, and what working orders may add: the exits of a bracket fill
-- at most what its entry has filled, and of an OCO group one fills. What is
-- being cancelled does not hinder what flattens: the broker cancels it first,
-- and the database lets what flattens only reduce once it is sent.
-- name: trade_held
with working as (
    select
        g.series,
        g.symbol,
        sum(g.quantity) filter (where g.side = 'BUY') as buying,
        sum(g.quantity) filter (where g.side = 'SELL') as selling
    from (
        select
            o.series,
            min(o.symbol) as symbol,
            o.side,
            max(o.quantity - o.filled_quantity) as quantity
        from trade.orders as o
        where
            o.account_id = %(account)s::text
            and o.parent_order_id is null
            and o.order_id is distinct from %(without)s::uuid
            and o.status in (
                'PENDING', 'SUBMITTED', 'WORKING', 'PARTIALLY_FILLED',
                'CANCEL_PENDING'
            )
            and (o.status <> 'CANCEL_PENDING' or not %(is_flattening)s::boolean)
        group by
            o.series,
            o.side,
            case
                when o.group_kind = 'OCO' then o.group_id
                else o.order_id::text
            end
    ) as g
    group by g.series, g.symbol
),

held as (
    select
        p.series,
        p.symbol,
        p.quantity,
        p.mark
    from trade.positions_at(%(as_of)s::timestamptz) as p
    where p.account_id = %(account)s::text and p.quantity <> 0
)

select
    coalesce(h.series, w.series) as series,
    s.root,
    i.asset_class as group,
    i.multiplier,
    coalesce(h.quantity, 0) as quantity,
    coalesce(w.buying, 0)::integer as buying,
    coalesce(w.selling, 0)::integer as selling,
    coalesce(h.mark, q.last, q.bid, q.ask) as price,
    case when %(is_regular)s::boolean then m.intraday else m.initial end
        as margin
from held as h
full join working as w on w.series = h.series
inner join reference.series as s on s.symbol = coalesce(h.symbol, w.symbol)
inner join reference.instruments as i on i.symbol = s.root
left join market.quotes_at(%(as_of)s::timestamptz) as q
    on q.symbol = s.symbol and h.series is null
left join lateral trade.margin_at(
    s.root, reference.trade_date(%(as_of)s::timestamptz)
) as m on true
order by 1;

-- name: trade_account_facts
select
    a.is_enabled,
    a.net_liquidation as equity,
    greatest(a.peak, a.net_liquidation) as peak_equity,
    a.pnl_day,
    (
        select
            case when %(is_regular)s::boolean then m.intraday else m.initial end
        from trade.margin_at(
            %(root)s::text, reference.trade_date(%(as_of)s::timestamptz)
        ) as m
    ) as margin,
    (
        select count(*)
        from trade.orders as o
        where
            o.account_id = a.account_id
            and o.status <> 'REFUSED'
            and not o.is_flattening
            and o.placed_at > %(as_of)s::timestamptz - interval '1 minute'
    ) as orders_last_minute,
    (
        select
            extract(
                epoch from %(as_of)s::timestamptz - max(o.placed_at)
            )::float8
        from trade.orders as o
        where
            o.account_id = a.account_id
            and o.status <> 'REFUSED'
            and o.placed_at > %(as_of)s::timestamptz - interval '1 hour'
            and o.symbol = %(symbol)s::text
            and o.side = %(side)s::text
            and o.type = %(type)s::text
            and o.quantity = %(quantity)s::integer
            and o.limit_price is not distinct from %(limit_price)s::numeric
            and (
                o.stop_price is not distinct from %(stop_price)s::numeric
                or o.type = 'TRAILING_STOP'
            )
            and o.order_id is distinct from %(without)s::uuid
    ) as duplicate_age_s,
    exists (
        select
        from trade.breaks as b
        where
            b.account_id = a.account_id
            and b.cleared_at is null
            and b.symbol in (%(symbol)s::text, %(series)s::text, '*')
    ) as is_locked,
    k.is_latched
from trade.account_at(%(as_of)s::timestamptz) as a
cross join trade.kill_switch as k
where a.account_id = %(account)s::text;

-- The limits that hold for an account and a root: the most special first.
-- name: trade_limits_for
select distinct on (l.rule)
    l.rule,
    l.value,
    l.limit_id
from trade.limits_at(now()) as l
where
    (l.account_id = %(account)s::text or l.account_id is null)
    and (l.symbol = %(root)s::text or l.symbol is null)
order by l.rule, l.account_id is null, l.symbol is null;

-- name: trade_insert_verdict
insert into trade.verdicts (
    at, account_id, symbol, side, quantity, is_allowed, rule, limit_value,
    figure, reason, checks, limits_version
)
values (
    %(at)s, %(account)s, %(symbol)s, %(side)s, %(quantity)s, %(is_allowed)s,
    %(rule)s, %(limit)s, %(figure)s, %(reason)s, %(checks)s::jsonb,
    %(limits_version)s
)
returning verdict_id;

-- name: trade_insert_order
with placed as (
    insert into trade.orders (
        account_id, client_order_id, symbol, contract, side, type, quantity,
        limit_price, stop_price, trail_by, time_in_force, status, group_id,
        group_kind, parent_order_id, is_flattening, signal_id, verdict_id,
        who, content_sha256, reason, placed_at
    )
    values (
        %(account)s, %(client_order_id)s, %(symbol)s, %(contract)s, %(side)s,
        %(type)s, %(quantity)s, %(limit_price)s, %(stop_price)s, %(trail_by)s,
        %(time_in_force)s, %(status)s, %(group_id)s, %(group_kind)s,
        %(parent_order_id)s, %(is_flattening)s, %(signal_id)s, %(verdict_id)s,
        %(who)s, %(content_sha256)s, %(reason)s, %(placed_at)s
    )
    returning *
)

select
    p.*,
    pg_notify('trade', p.order_id::text) is null as is_notified
from placed as p;

-- name: trade_cancel
update trade.orders as o
set
    status = case o.status when 'PENDING' then 'CANCELLED' else
        'CANCEL_PENDING' end,
    reason = %(reason)s::text,
    changed_by = %(who)s::text,
    -- Later than before, by the market's clock.
    updated_at = greatest(
        o.updated_at + interval '1 microsecond', %(at)s::timestamptz
    )
where
    o.order_id = %(order_id)s::uuid
    and o.status in ('PENDING', 'SUBMITTED', 'WORKING', 'PARTIALLY_FILLED')
returning *;

-- name: trade_wake
select pg_notify('trade', '') is null as is_notified;

-- name: trade_insert_modification
insert into trade.modifications (
    order_id, quantity, limit_price, stop_price, trail_by, verdict_id, who, at
)
values (
    %(order_id)s, %(quantity)s, %(limit_price)s, %(stop_price)s, %(trail_by)s,
    %(verdict_id)s, %(who)s, %(at)s
)
returning modification_id;

-- name: trade_open_orders
select *
from trade.orders as o
where
    (o.account_id = %(account)s::text or %(account)s::text is null)
    and o.status in (
        'PENDING', 'SUBMITTED', 'WORKING', 'PARTIALLY_FILLED', 'CANCEL_PENDING'
    )
order by o.placed_at, o.parent_order_id is not null, o.order_id;

-- name: trade_not_flat
select *
from trade.not_flat();

-- What people and programs have asked for since the broker last looked.
-- name: trade_requests
select
    o.*,
    null::bigint as modification_id,
    null::jsonb as change
from trade.orders as o
where
    o.status in ('PENDING', 'CANCEL_PENDING')
    and o.account_id = any(%(accounts)s::text[])
union all
select
    o.*,
    m.modification_id,
    jsonb_build_object(
        'quantity', m.quantity, 'limit_price', m.limit_price::text,
        'stop_price', m.stop_price::text, 'trail_by', m.trail_by::text
    ) as change
from trade.modifications as m
inner join trade.orders as o on o.order_id = m.order_id
where m.outcome is null and o.account_id = any(%(accounts)s::text[])
order by placed_at, modification_id nulls first, parent_order_id nulls first,
    order_id;

-- name: trade_move
update trade.orders as o
set
    status = %(status)s::text,
    reason = coalesce(%(reason)s::text, o.reason),
    expires_at = coalesce(%(expires_at)s::timestamptz, o.expires_at),
    changed_by = %(who)s::text,
    -- Later than before, by the market's clock.
    updated_at = greatest(
        o.updated_at + interval '1 microsecond', %(at)s::timestamptz
    )
where
    o.order_id = %(order_id)s::uuid
    and o.status = any(%(from)s::text[])
returning o.order_id;

-- name: trade_change
update trade.orders as o
set
    quantity = %(quantity)s::integer,
    limit_price = %(limit_price)s::numeric,
    stop_price = %(stop_price)s::numeric,
    trail_by = %(trail_by)s::numeric,
    is_triggered = %(is_triggered)s::boolean,
    expires_at = %(expires_at)s::timestamptz,
    changed_by = %(who)s::text,
    -- Later than before, by the market's clock.
    updated_at = greatest(
        o.updated_at + interval '1 microsecond', %(at)s::timestamptz
    )
where
    o.order_id = %(order_id)s::uuid
    and o.status in (
        'SUBMITTED', 'WORKING', 'PARTIALLY_FILLED', 'CANCEL_PENDING'
    );

-- name: trade_insert_fill
insert into trade.fills (
    order_id, account_id, symbol, contract, side, quantity, price, commission,
    at, trade_date, tick_ts, tick_seq, tick_source, part, bid, ask,
    latency_ms, slippage, assumptions
)
values (
    %(order_id)s, %(account_id)s, %(symbol)s, %(contract)s, %(side)s,
    %(quantity)s, %(price)s, %(commission)s, %(at)s, %(trade_date)s,
    %(tick_ts)s, %(tick_seq)s, %(tick_source)s, %(part)s, %(bid)s, %(ask)s,
    %(latency_ms)s, %(slippage)s, %(assumptions)s
);

-- name: trade_end_modification
update trade.modifications as m
set
    outcome = %(outcome)s::text,
    reason = %(reason)s::text,
    done_at = now()
where m.modification_id = %(modification_id)s::bigint and m.outcome is null;

-- name: trade_accounts
select
    a.account_id,
    a.kind,
    a.currency,
    a.is_enabled,
    a.epoch,
    p.entry_id,
    p.at as market_at
from trade.accounts as a
left join trade.broker_progress as p on p.account_id = a.account_id
where a.kind = coalesce(%(kind)s::text, a.kind)
order by a.account_id;

-- name: trade_keep_progress
insert into trade.broker_progress (account_id, entry_id, at, updated_at)
select
    x.account_id,
    %(entry_id)s::text,
    %(at)s::timestamptz,
    now()
from unnest(%(accounts)s::text[]) as x (account_id)
on conflict (account_id) do update
set
    entry_id = excluded.entry_id,
    at = excluded.at,
    updated_at = excluded.updated_at;

-- name: trade_holdings
select
    h.account_id,
    h.symbol,
    h.contract,
    f.position as quantity,
    f.at as filled_at
from trade.holdings as h
inner join trade.accounts as a
    on a.account_id = h.account_id and a.epoch = h.epoch
cross join lateral (
    select
        l.position,
        l.at
    from trade.fills as l
    where
        l.account_id = h.account_id
        and l.epoch = h.epoch
        and l.series = h.series
    order by l.number desc
    limit 1
) as f
where
    f.position <> 0
    and (h.account_id = %(account)s::text or %(account)s::text is null)
order by h.account_id, h.symbol, h.contract;

-- Final members of groups that still have an open one.
-- name: trade_ended_of_groups
select e.*
from trade.orders as e
where
    e.account_id = %(account)s::text
    and e.status in ('FILLED', 'CANCELLED', 'REJECTED', 'EXPIRED')
    and exists (
        select
        from trade.orders as o
        where
            o.account_id = e.account_id
            and o.status in (
                'PENDING', 'SUBMITTED', 'WORKING', 'PARTIALLY_FILLED',
                'CANCEL_PENDING'
            )
            and (
                o.group_id = e.group_id
                or o.parent_order_id = e.order_id
                or o.parent_order_id = e.parent_order_id
            )
    );

-- name: trade_fee
select trade.fee_at(%(root)s::text, %(date)s::date) as fee;

-- name: trade_kill_switch
select *
from trade.kill_switch;

-- name: trade_flat
insert into trade.kill_events (action, who, reason)
values ('FLAT', %(who)s, %(reason)s);

-- name: trade_insert_break
insert into trade.breaks (account_id, symbol, expected, actual, reason)
values (%(account)s, %(symbol)s, %(expected)s, %(actual)s, %(reason)s)
on conflict (account_id, symbol, reason) where cleared_at is null do nothing
returning break_id;

-- A break of a whole account is that of a comparison that could not be made.
-- name: trade_clear_incomplete
update trade.breaks as b
set
    cleared_at = now(),
    cleared_by = 'trade'
where
    b.account_id = %(account)s::text
    and b.symbol = '*'
    and b.cleared_at is null;

-- Fails where the switch or a break refuses what opens, and lets neither begin
-- before the transaction ends.
-- name: trade_refuse_opening
select trade.refuse_opening(
    %(account_id)s::text, %(symbol)s::text, %(series)s::text
);

-- name: trade_kill
select *
from trade.kill(%(who)s::text, %(reason)s::text);

-- name: trade_reset_kill
select *
from trade.reset_kill(%(who)s::text, %(reason)s::text);

-- name: trade_open_breaks
select *
from trade.breaks as b
where
    b.cleared_at is null
    and (b.account_id = %(account)s::text or %(account)s::text is null)
order by b.break_id;

-- name: trade_clear_break
update trade.breaks as b
set
    cleared_at = now(),
    cleared_by = %(who)s::text
where b.break_id = %(break_id)s::bigint and b.cleared_at is null
returning *;
