-- Stage     80 trading
-- Makes     trade.kill_switch, trade.not_flat(), trade.kill(text, text),
--           trade.reset_kill(text, text)
-- Kind      view and function
-- Grain     one row; one row a position or open order; one event a call
-- Known at  at
-- Reads     trade.accounts, trade.fills, trade.holdings, trade.kill_events,
--           trade.orders
-- Nulls     since, who and reason while it was never used
-- Why       Anybody at a keyboard stops trading with one statement, while
--           the API and every job are down.

create view trade.kill_switch as
select
    coalesce(e.action <> 'RESET', false) as is_latched,
    coalesce(e.action = 'FLAT', false) as is_flat,
    coalesce(f.at, e.at) as since,
    coalesce(f.who, e.who) as who,
    coalesce(f.reason, e.reason) as reason
from (select 1 as one) as x
left join lateral (
    select
        k.event_id,
        k.at,
        k.action,
        k.who,
        k.reason
    from trade.kill_events as k
    order by k.event_id desc
    limit 1
) as e on true
left join lateral (
    select
        k.at,
        k.who,
        k.reason
    from trade.kill_events as k
    where
        e.action <> 'RESET'
        and k.action = 'LATCH'
        and k.event_id > coalesce((
            select max(r.event_id)
            from trade.kill_events as r
            where r.action = 'RESET'
        ), 0)
    order by k.event_id
    limit 1
) as f on true;

comment on view trade.kill_switch is
    'The kill switch. While it is latched no order passes but those that '
    'reduce a position.';
comment on column trade.kill_switch.is_latched is 'Whether it is latched.';
comment on column trade.kill_switch.is_flat is
    'Whether it was verified since that nothing is held and no order is open.';
comment on column trade.kill_switch.since is
    'When it was latched, or reset; null where it was never used.';
comment on column trade.kill_switch.who is 'Who did that.';
comment on column trade.kill_switch.reason is 'Why.';

create function trade.not_flat()
returns table (
    account_id text,
    kind text,
    series text,
    order_id uuid,
    quantity integer,
    detail text
)
language sql stable parallel safe rows 10
begin atomic
    select
        h.account_id,
        'POSITION' as kind,
        h.series,
        null::uuid as order_id,
        f.position as quantity,
        concat_ws(
            ': ', format('%s %s', f.position, h.series), r.reason
        ) as detail
    from trade.holdings as h
    inner join trade.accounts as a
        on a.account_id = h.account_id and a.epoch = h.epoch
    cross join lateral (
        select l.position
        from trade.fills as l
        where
            l.account_id = h.account_id
            and l.epoch = h.epoch
            and l.series = h.series
        order by l.number desc
        limit 1
    ) as f
    left join lateral (
        select
            case
                when x.status = 'REJECTED' then 'not flattened, ' || x.reason
            end as reason
        from trade.orders as x
        where
            x.account_id = h.account_id
            and x.series = h.series
            and x.is_flattening
        order by x.placed_at desc
        limit 1
    ) as r on true
    where f.position <> 0
    union all
    select
        o.account_id,
        'ORDER' as kind,
        o.series,
        o.order_id,
        o.quantity - o.filled_quantity as quantity,
        format(
            '%s %s %s %s, %s', o.side, o.quantity - o.filled_quantity,
            o.series, o.type, o.status
        ) as detail
    from trade.orders as o
    where o.status in (
        'PENDING', 'SUBMITTED', 'WORKING', 'PARTIALLY_FILLED',
        'CANCEL_PENDING'
    )
    order by 1, 2, 3;
end;

comment on function trade.not_flat() is
    'Every position and open order, of all accounts: none means flat. A '
    'position that could not be flattened says why.';

create function trade.kill(by_whom text, why text) returns trade.kill_switch
language sql volatile
begin atomic
    insert into trade.kill_events (action, who, reason)
    values ('LATCH', by_whom, why);
    select
        k.is_latched,
        k.is_flat,
        k.since,
        k.who,
        k.reason
    from trade.kill_switch as k;
end;

comment on function trade.kill(text, text) is
    'Latch the kill switch: who does it, and why. From then on the database '
    'refuses every order but those that reduce a position.';

create function trade.reset_kill(by_whom text, why text)
returns trade.kill_switch
language sql volatile
begin atomic
    insert into trade.kill_events (action, who, reason)
    select
        x.action,
        by_whom,
        why
    from (values (1, 'FLAT'), (2, 'RESET')) as x (step, action)
    order by x.step;
    select
        k.is_latched,
        k.is_flat,
        k.since,
        k.who,
        k.reason
    from trade.kill_switch as k;
end;

comment on function trade.reset_kill(text, text) is
    'Verify that nothing is held and no order is open, and let orders pass '
    'again. Fails with what is still open.';
