-- Stage     80 trading
-- Makes     trade.keep_order(), trigger keep_order on trade.orders,
--           trade.note_order(), trigger note_order on trade.orders,
--           trade.keep_fill(), trigger keep_fill on trade.fills,
--           trade.note_fill(), trigger note_fill on trade.fills,
--           trade.keep_kill_event(),
--           trigger keep_kill_event on trade.kill_events,
--           trade.keep_break(), trigger keep_break on trade.breaks
-- Kind      trigger function and trigger
-- Grain     one call a row
-- Known at  –
-- Reads     reference.instruments, reference.series, trade.accounts,
--           trade.breaks, trade.fills, trade.holdings, trade.kill_events,
--           trade.order_events, trade.order_transitions, trade.orders,
--           trade.refuse_opening(text, text, text)
-- Nulls     –
-- Why       What must hold for every writer, the database refuses: an
--           illegal change of status, an order past the latched switch or in
--           a locked symbol, a fill beyond its order.

create function trade.keep_order() returns trigger
language plpgsql as $$
declare
    held integer;
    of_root text;
begin
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception using
            errcode = 'object_not_in_prerequisite_state',
            message = 'orders are written in read committed transactions: '
            'another would not see the kill switch';
    end if;
    if tg_op = 'INSERT' then
        new.version := 1;
        new.updated_at := new.placed_at;
        if new.status not in ('PENDING', 'REFUSED')
            or new.filled_quantity <> 0 then
            raise exception using
                errcode = 'check_violation',
                message = format(
                    'status: a new order is PENDING or REFUSED, not %s',
                    new.status
                );
        end if;
        -- Its fills count by the symbol's multiplier, its position by the
        -- contract: another root's name would mix two positions.
        select s.root
        into of_root
        from reference.series as s
        where s.symbol = new.symbol;
        if left(new.contract, length(of_root)) <> of_root
            or substr(new.contract, length(of_root) + 1)
            !~ '^[FGHJKMNQUVXZ][0-9]{2}$' then
            raise exception using
                errcode = 'check_violation',
                message = format(
                    'contract: %s is no month of %s, as %sZ26 is',
                    left(new.contract, 40), of_root, of_root
                );
        end if;
    else
        if (
            new.order_id, new.account_id, new.client_order_id, new.symbol,
            new.contract, new.side, new.type, new.time_in_force, new.group_id,
            new.group_kind, new.parent_order_id, new.is_flattening,
            new.signal_id, new.who, new.content_sha256, new.placed_at
        ) is distinct from (
            old.order_id, old.account_id, old.client_order_id, old.symbol,
            old.contract, old.side, old.type, old.time_in_force, old.group_id,
            old.group_kind, old.parent_order_id, old.is_flattening,
            old.signal_id, old.who, old.content_sha256, old.placed_at
        ) then
            raise exception using
                errcode = 'check_violation',
                message = format(
                    'order %s: only its quantity, prices, status and reason '
                    'may change', old.order_id
                );
        end if;
        if (
            new.status, new.quantity, new.filled_quantity, new.average_price,
            new.limit_price, new.stop_price, new.trail_by, new.is_triggered,
            new.expires_at, new.verdict_id, new.reason
        ) is not distinct from (
            old.status, old.quantity, old.filled_quantity, old.average_price,
            old.limit_price, old.stop_price, old.trail_by, old.is_triggered,
            old.expires_at, old.verdict_id, old.reason
        ) then
            return null;
        end if;
        if old.status in (
            'FILLED', 'CANCELLED', 'REFUSED', 'REJECTED', 'EXPIRED'
        ) then
            raise exception using
                errcode = 'check_violation',
                message = format(
                    'status: order %s is %s, which is final',
                    old.order_id, old.status
                );
        end if;
        if new.status <> old.status and not exists (
            select
            from trade.order_transitions as t
            where t.from_status = old.status and t.to_status = new.status
        ) then
            raise exception using
                errcode = 'check_violation',
                message = format(
                    'status: order %s is %s, not to be %s',
                    old.order_id, old.status, new.status
                );
        end if;
        if new.filled_quantity < old.filled_quantity then
            raise exception using
                errcode = 'check_violation',
                message = format(
                    'filled_quantity: order %s has filled %s, not %s',
                    old.order_id, old.filled_quantity, new.filled_quantity
                );
        end if;
        new.version := old.version + 1;
        -- A fill has a time of its own, which may be that of the order.
        if new.updated_at < old.updated_at
            or new.updated_at = old.updated_at
            and new.filled_quantity = old.filled_quantity then
            new.updated_at := greatest(old.updated_at, now());
        end if;
        -- A fill, a cancellation and the broker's answer are facts: no switch
        -- refuses them. It refuses what asks for more.
        if new.status <> 'SUBMITTED' and (
            new.quantity, new.limit_price, new.trail_by
        ) is not distinct from (
            old.quantity, old.limit_price, old.trail_by
        ) and (
            new.type = 'TRAILING_STOP'
            or new.stop_price is not distinct from old.stop_price
        ) then
            return new;
        end if;
    end if;
    if new.status = 'REFUSED' then
        return new;
    end if;
    perform pg_advisory_xact_lock_shared(7405160);
    -- An exit of a bracket has nothing to reduce before its entry is filled: it
    -- is asked when it is sent.
    if new.is_flattening
        and (new.status = 'SUBMITTED' or new.parent_order_id is null) then
        select coalesce((
            select f.position
            from trade.fills as f
            inner join trade.accounts as a
                on a.account_id = f.account_id and a.epoch = f.epoch
            where
                f.account_id = new.account_id
                and f.series = coalesce(new.contract, new.symbol)
            order by f.number desc
            limit 1
        ), 0)
        into held;
        if new.quantity - new.filled_quantity > abs(held)
            or (new.side = 'BUY') is distinct from (held < 0) then
            raise exception using
                errcode = 'check_violation',
                message = format(
                    'is_flattening: %s %s %s would not only reduce the '
                    'position of %s', new.side, new.quantity,
                    coalesce(new.contract, new.symbol), held
                );
        end if;
    end if;
    if not new.is_flattening then
        perform trade.refuse_opening(
            new.account_id, new.symbol, coalesce(new.contract, new.symbol)
        );
    end if;
    return new;
end
$$;

comment on function trade.keep_order() is
    'Refuses an illegal change of an order, and every order but those that '
    'reduce a position while the kill switch is latched or a break locks its '
    'symbol.';

create trigger keep_order
before insert or update on trade.orders
for each row execute function trade.keep_order();

create function trade.note_order() returns trigger
language plpgsql as $$
begin
    if tg_op = 'INSERT' then
        insert into trade.order_events (
            order_id, at, kind, to_status, quantity, price, reason, who
        )
        values (
            new.order_id, new.placed_at,
            case new.status when 'REFUSED' then 'REFUSED' else 'PLACED' end,
            new.status, new.quantity,
            coalesce(new.limit_price, new.stop_price), new.reason, new.who
        );
    elsif new.filled_quantity > old.filled_quantity then
        insert into trade.order_events (
            order_id, at, kind, from_status, to_status, quantity, price,
            reason, who
        )
        select
            new.order_id, new.updated_at, 'FILL', old.status, new.status,
            new.filled_quantity - old.filled_quantity,
            (
                select f.price
                from trade.fills as f
                where f.order_id = new.order_id
                order by f.number desc
                limit 1
            ),
            new.reason, coalesce(new.changed_by, new.who);
    elsif new.status <> old.status or (
        new.quantity, new.limit_price, new.stop_price, new.trail_by
    ) is distinct from (
        old.quantity, old.limit_price, old.stop_price, old.trail_by
    ) then
        insert into trade.order_events (
            order_id, at, kind, from_status, to_status, quantity, price,
            reason, who
        )
        values (
            new.order_id, new.updated_at,
            case
                when new.status <> old.status then 'STATUS' else 'MODIFIED'
            end,
            old.status, new.status, new.quantity,
            coalesce(new.limit_price, new.stop_price), new.reason,
            coalesce(new.changed_by, new.who)
        );
    end if;
    return null;
end
$$;

comment on function trade.note_order() is
    'Writes the event of each change of an order.';

create trigger note_order
after insert or update on trade.orders
for each row execute function trade.note_order();

-- The account's row is locked, so that its fills follow one another.
create function trade.keep_fill() returns trigger
language plpgsql as $$
declare
    asked record;
    last record;
    signed integer;
    flow numeric;
    closed numeric;
    bought_matched numeric;
    sold_matched numeric;
    matched bigint;
begin
    select a.epoch
    into strict new.epoch
    from trade.accounts as a
    where a.account_id = new.account_id
    for no key update;
    select
        o.account_id,
        o.symbol,
        o.contract,
        o.side,
        i.multiplier
    into strict asked
    from trade.orders as o
    inner join reference.series as s on s.symbol = o.symbol
    inner join reference.instruments as i on i.symbol = s.root
    where o.order_id = new.order_id;
    if (new.account_id, new.symbol, new.side)
        is distinct from (asked.account_id, asked.symbol, asked.side)
        or new.contract is distinct from asked.contract then
        raise exception using
            errcode = 'check_violation',
            message = format(
                'fill of order %s: account, symbol, contract and side have '
                'to be the order''s', new.order_id
            );
    end if;
    new.trade_date := (
        (new.at at time zone 'America/Chicago') + interval '7 hours'
    )::date;
    new.multiplier := coalesce(new.multiplier, asked.multiplier);
    insert into trade.holdings (account_id, epoch, series, symbol, contract)
    values (
        new.account_id, new.epoch, coalesce(new.contract, new.symbol),
        new.symbol, new.contract
    )
    on conflict do nothing;
    select
        f.number,
        case when f.epoch = new.epoch then f.net_sum else 0 end as net_sum,
        case when f.epoch = new.epoch then f.net_peak else 0 end as net_peak
    into last
    from trade.fills as f
    where f.account_id = new.account_id
    order by f.number desc
    limit 1;
    new.number := coalesce(last.number, 0) + 1;
    new.net_sum := coalesce(last.net_sum, 0) - new.commission;
    new.net_peak := coalesce(last.net_peak, 0);

    select
        f.position,
        f.cost,
        f.bought,
        f.sold,
        f.bought_value,
        f.sold_value,
        f.realised_fifo_sum,
        f.opened_at
    into last
    from trade.fills as f
    where
        f.account_id = new.account_id
        and f.epoch = new.epoch
        and f.series = coalesce(new.contract, new.symbol)
    order by f.number desc
    limit 1;
    if not found then
        select
            0 as position,
            0::numeric as cost,
            0::bigint as bought,
            0::bigint as sold,
            0::numeric as bought_value,
            0::numeric as sold_value,
            0::numeric as realised_fifo_sum,
            null::timestamptz as opened_at
        into last;
    end if;

    -- By average price. cost after = cost before + flow + realised, exactly.
    signed := case new.side when 'BUY' then 1 else -1 end * new.quantity;
    flow := signed * new.price * new.multiplier;
    new.position := last.position + signed;
    new.opened_at := case
        when new.position = 0 then null
        when sign(new.position) = sign(last.position) then last.opened_at
        else new.at
    end;
    if sign(last.position) * signed >= 0 then
        new.realised := 0;
    elsif abs(signed) < abs(last.position) then
        closed := last.cost * new.quantity / abs(last.position);
        new.realised := round(-flow - closed, 2);
    else
        new.realised := -(
            last.cost - last.position * new.price * new.multiplier
        );
    end if;
    new.realised := trim_scale(new.realised);
    new.cost := trim_scale(last.cost + flow + new.realised);
    new.average_price := case
        when new.position <> 0
            then new.cost / (new.position * new.multiplier)
    end;

    -- First in, first out: contract k bought closes contract k sold, whichever
    -- came first. So the profit so far is the money of the first so many sold,
    -- less that of the first so many bought.
    new.bought := last.bought + greatest(signed, 0);
    new.sold := last.sold + greatest(-signed, 0);
    new.bought_value := last.bought_value + greatest(sign(signed), 0) * flow;
    new.sold_value := last.sold_value + greatest(-sign(signed), 0) * -flow;
    new.side_total := case new.side
        when 'BUY' then new.bought else new.sold
    end;
    matched := least(new.bought, new.sold);
    bought_matched := new.bought_value;
    sold_matched := new.sold_value;
    if new.bought > matched then
        select
            f.bought_value - (f.side_total - matched) * f.price * f.multiplier
        into bought_matched
        from trade.fills as f
        where
            f.account_id = new.account_id
            and f.epoch = new.epoch
            and f.series = coalesce(new.contract, new.symbol)
            and f.side = 'BUY'
            and f.side_total >= matched
        order by f.side_total
        limit 1;
        if not found then
            bought_matched := new.bought_value
                - (new.side_total - matched) * new.price * new.multiplier;
        end if;
    elsif new.sold > matched then
        select
            f.sold_value - (f.side_total - matched) * f.price * f.multiplier
        into sold_matched
        from trade.fills as f
        where
            f.account_id = new.account_id
            and f.epoch = new.epoch
            and f.series = coalesce(new.contract, new.symbol)
            and f.side = 'SELL'
            and f.side_total >= matched
        order by f.side_total
        limit 1;
        if not found then
            sold_matched := new.sold_value
                - (new.side_total - matched) * new.price * new.multiplier;
        end if;
    end if;
    if matched = 0 then
        new.realised_fifo_sum := 0;
    else
        new.realised_fifo_sum := sold_matched - bought_matched;
    end if;
    new.realised_fifo := new.realised_fifo_sum - last.realised_fifo_sum;

    new.net_sum := new.net_sum + new.realised;
    new.net_peak := greatest(new.net_peak, new.net_sum);
    return new;
end
$$;

comment on function trade.keep_fill() is
    'Computes the position and the profit after a fill, by average price and '
    'first in, first out.';

create trigger keep_fill
before insert on trade.fills
for each row execute function trade.keep_fill();

create function trade.note_fill() returns trigger
language plpgsql as $$
begin
    update trade.orders as o
    set
        filled_quantity = s.quantity,
        average_price = s.price,
        status = case
            when s.quantity = o.quantity then 'FILLED'
            when o.status = 'CANCEL_PENDING' then o.status
            else 'PARTIALLY_FILLED'
        end,
        -- What it waited for has come; why it is to be cancelled still holds.
        reason = case
            when o.status = 'CANCEL_PENDING' and s.quantity < o.quantity
                then o.reason
        end,
        updated_at = greatest(o.updated_at, new.at)
    from (
        select
            sum(f.quantity) as quantity,
            sum(f.quantity * f.price) / sum(f.quantity) as price
        from trade.fills as f
        where f.order_id = new.order_id
    ) as s
    where o.order_id = new.order_id;
    return null;
end
$$;

comment on function trade.note_fill() is
    'Moves an order on by its fill: what it has filled, at what mean price, '
    'and its status.';

create trigger note_fill
after insert on trade.fills
for each row execute function trade.note_fill();

create function trade.keep_kill_event() returns trigger
language plpgsql as $$
declare
    is_latched boolean;
    is_flat boolean;
    found_open text;
begin
    -- Orders that are being written end first, later ones wait.
    perform pg_advisory_xact_lock(7405160);
    new.event_id := nextval('trade.kill_events_event_id_seq');
    if new.action = 'LATCH' then
        return new;
    end if;
    select
        e.action in ('LATCH', 'FLAT'),
        e.action = 'FLAT'
    into is_latched, is_flat
    from trade.kill_events as e
    order by e.event_id desc
    limit 1;
    if is_latched is not true then
        raise exception using
            errcode = 'object_not_in_prerequisite_state',
            message = 'the kill switch is not latched';
    end if;
    if new.action = 'RESET' and not is_flat then
        raise exception using
            errcode = 'object_not_in_prerequisite_state',
            message = 'the kill switch is latched and not yet verified flat: '
            'that comes before a reset';
    end if;
    select string_agg(x.what, ', ')
    into found_open
    from (
        select format('%s %s %s', h.account_id, h.series, f.position) as what
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
        where f.position <> 0
        union all
        select
            format(
                '%s order %s %s %s %s', o.account_id, o.client_order_id,
                o.side, o.quantity - o.filled_quantity, o.series
            )
        from trade.orders as o
        where o.status in (
            'PENDING', 'SUBMITTED', 'WORKING', 'PARTIALLY_FILLED',
            'CANCEL_PENDING'
        )
        order by 1
        limit 5
    ) as x;
    if found_open is not null then
        raise exception using
            errcode = 'object_not_in_prerequisite_state',
            message = 'not flat: ' || found_open;
    end if;
    return new;
end
$$;

comment on function trade.keep_kill_event() is
    'Lets the kill switch be latched at any time, be called flat where nothing '
    'is held and no order is open, and be reset after that.';

create trigger keep_kill_event
before insert on trade.kill_events
for each row execute function trade.keep_kill_event();

create function trade.keep_break() returns trigger
language plpgsql as $$
begin
    -- Orders that are being written end first, later ones see the break.
    perform pg_advisory_xact_lock(7405160);
    return new;
end
$$;

comment on function trade.keep_break() is
    'Lets a break wait for the orders that are being written.';

create trigger keep_break
before insert on trade.breaks
for each row execute function trade.keep_break();
