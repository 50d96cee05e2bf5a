-- A contract is a month of its order's symbol, what an order has filled does
-- not count again where the rest is to flatten, and a fill ends the reason that
-- an order had to wait.
create or replace function trade.keep_order() returns trigger
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

create or replace function trade.note_fill() returns trigger
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
