-- Stage     80 trading
-- Orders, fills, positions, accounts and limits, as the API and commands read
-- and change them.

-- name: trade_newest_events
select
    (select max(e.event_id) from trade.order_events as e) as event_id,
    (select max(f.fill_id) from trade.fills as f) as fill_id;

-- name: trade_orders_since
select
    o.*,
    e.newest_event_id
from (
    select
        x.order_id,
        max(x.event_id) as newest_event_id
    from trade.order_events as x
    where x.event_id > %(after)s::bigint
    group by x.order_id
) as e
inner join trade.orders as o on o.order_id = e.order_id
order by e.newest_event_id;

-- name: trade_orders
select *
from trade.orders as o
where
    (o.account_id = %(account)s::text or %(account)s::text is null)
    and (
        %(symbol)s::text is null
        or %(symbol)s::text in (o.symbol, o.series)
    )
    and (
        %(is_open)s::boolean is null
        or %(is_open)s::boolean = (
            o.status in (
                'PENDING', 'SUBMITTED', 'WORKING', 'PARTIALLY_FILLED',
                'CANCEL_PENDING'
            )
        )
    )
order by o.placed_at desc, o.order_id
limit %(limit)s::integer;

-- name: trade_fills
select
    f.fill_id,
    f.order_id,
    f.account_id,
    f.symbol,
    f.contract,
    f.series,
    f.side,
    f.quantity,
    f.price,
    f.commission,
    f.at,
    f.trade_date,
    f.bid,
    f.ask,
    f.latency_ms,
    f.slippage,
    f.assumptions,
    f.position,
    f.realised
from trade.fills as f
where
    f.fill_id > %(after)s::bigint
    and (f.account_id = %(account)s::text or %(account)s::text is null)
    and (
        %(symbol)s::text is null
        or %(symbol)s::text in (f.symbol, f.series)
    )
    and (f.at >= %(ts_from)s::timestamptz or %(ts_from)s::timestamptz is null)
    and (f.at < %(ts_to)s::timestamptz or %(ts_to)s::timestamptz is null)
    and (
        %(is_closing)s::boolean is null
        -- Of a position on the other side, also without a profit.
        or %(is_closing)s::boolean = case f.side
            when 'BUY' then f.position - f.quantity < 0
            else f.position + f.quantity > 0
        end
    )
order by f.fill_id desc
limit %(limit)s::integer;

-- name: trade_positions
select *
from trade.positions_at(%(as_of)s::timestamptz) as p
where p.account_id = %(account)s::text or %(account)s::text is null
order by p.account_id, p.series;

-- name: trade_accounts_at
select *
from trade.account_at(%(as_of)s::timestamptz) as a
where a.account_id = %(account)s::text or %(account)s::text is null
order by a.account_id;

-- name: trade_statement
select *
from trade.statement(
    %(account)s::text, %(date_from)s::date, %(date_to)s::date
) as s
order by s.line;

-- name: trade_activity
select *
from trade.activity_at(%(as_of)s::timestamptz) as a
where a.account_id = %(account)s::text or %(account)s::text is null;

-- name: trade_story_of
select
    s.step,
    s.kind,
    s.at,
    s.what
from trade.trade_story as s
where s.order_id = %(order_id)s::uuid
order by s.step, s.at;

-- name: trade_limits
select *
from trade.limits_at(now()) as l
where
    %(account)s::text is null
    or l.account_id is null
    or l.account_id = %(account)s::text
order by l.rule, l.account_id nulls first, l.symbol nulls first;

-- name: trade_set_limit
insert into trade.limits (account_id, rule, symbol, value, version, who)
select
    %(account)s::text,
    %(rule)s::text,
    %(symbol)s::text,
    %(value)s::numeric,
    coalesce((
        select max(l.version)
        from trade.limits as l
        where
            l.rule = %(rule)s::text
            and l.account_id is not distinct from %(account)s::text
            and l.symbol is not distinct from %(symbol)s::text
    ), 0) + 1,
    %(who)s::text
returning limit_id, account_id, rule, symbol, value, version, valid_from, who;

-- name: trade_signals
select *
from trade.signals as s
where
    s.symbol = any(%(symbols)s::text[]) or %(symbols)s::text[] is null
order by s.known_at desc
limit %(limit)s::integer;

-- name: trade_signal
select s.signal_id
from trade.signals as s
where s.signal_id = %(signal_id)s::uuid;

-- name: trade_insert_signal
insert into trade.signals (
    at, symbol, side, horizon, confidence, target, stop, origin, origin_ref,
    who, note
)
values (
    %(at)s, %(symbol)s, %(side)s, %(horizon)s, %(confidence)s, %(target)s,
    %(stop)s, %(origin)s, %(origin_ref)s, %(who)s, %(note)s
)
returning *;

-- name: trade_fund
select trade.fund(
    %(account)s::text, %(amount)s::numeric, %(who)s::text, %(note)s::text,
    %(at)s::timestamptz
) as movement_id;

-- name: trade_reset_account
select trade.reset_account(
    %(account)s::text, %(amount)s::numeric, %(who)s::text, %(note)s::text,
    %(at)s::timestamptz
) as movement_id;

-- name: trade_notes
select *
from trade.notes as n
where
    (n.order_id = %(order_id)s::uuid or %(order_id)s::uuid is null)
    and (n.symbol = %(symbol)s::text or %(symbol)s::text is null)
order by n.note_id desc
limit %(limit)s::integer;

-- name: trade_insert_note
insert into trade.notes (order_id, symbol, who, text)
values (
    %(order_id)s::uuid, %(symbol)s::text, %(who)s::text, %(text)s::text
)
returning *;

-- name: trade_limit_versions
select *
from trade.limits as l
where
    (l.rule = %(rule)s::text or %(rule)s::text is null)
    and (
        %(account)s::text is null
        or l.account_id is null
        or l.account_id = %(account)s::text
    )
order by l.limit_id desc
limit %(limit)s::integer;

-- name: trade_limits_used
select *
from trade.limits_used_at(
    %(account)s::text, %(as_of)s::timestamptz, now()
) as u
order by u.rule, u.account_id nulls first, u.symbol nulls first;

-- name: trade_exposure
select *
from trade.exposure_at(%(as_of)s::timestamptz) as e
where e.account_id = %(account)s::text or %(account)s::text is null;

-- name: trade_pnl_by_symbol
select *
from trade.pnl_by_symbol(
    %(account)s::text, %(date_from)s::date, %(date_to)s::date,
    %(as_of)s::timestamptz
);

-- name: trade_value_days
select *
from trade.value_days(
    %(account)s::text, %(date_from)s::date, %(date_to)s::date,
    %(as_of)s::timestamptz
);
