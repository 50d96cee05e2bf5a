-- Stage     80 trading
-- Makes     trade.fund(text, numeric, text, text, timestamptz),
--           trade.reset_account(text, numeric, text, text, timestamptz)
-- Kind      function
-- Grain     one movement a call
-- Known at  at
-- Reads     trade.account_at(timestamptz), trade.accounts,
--           trade.cash_movements, trade.orders
-- Nulls     –
-- Why       A reset of an account with something open would lose it, and a
--           withdrawal of what margin needs would leave it short: both are
--           refused.

create function trade.fund(
    of_account text,
    of_amount numeric,
    by_whom text,
    why text,
    of_at timestamptz
)
returns bigint
language plpgsql volatile as $$
declare
    made bigint;
    free numeric;
    net numeric;
begin
    if of_amount is null or of_amount = 0 or of_amount <> round(of_amount, 2)
    then
        raise exception using
            errcode = 'check_violation',
            message = format(
                'amount: %s has to be an amount of whole cents, above 0 to '
                'fund and below 0 to withdraw', of_amount
            );
    end if;
    if of_amount < 0 then
        -- Two withdrawals, and a fill meanwhile, wait for one another.
        perform 1
        from trade.accounts as a
        where a.account_id = of_account
        for no key update;
        select
            round(least(a.cash, a.net_liquidation) - a.margin_initial, 2),
            a.net_liquidation
        into free, net
        from trade.account_at(of_at) as a
        where a.account_id = of_account;
        if found and (net is null or free is null) then
            raise exception using
                errcode = 'check_violation',
                message = format(
                    'amount: what is free of %s is not known while a '
                    'position has no price or no margin: flatten it, then '
                    'withdraw', of_account
                );
        end if;
        if free < -of_amount then
            raise exception using
                errcode = 'check_violation',
                message = format(
                    'amount: %s is to be withdrawn and %s is free of %s '
                    '(cash, less what is lost on positions and their '
                    'margin): withdraw that at most, or flatten first',
                    -of_amount, greatest(free, 0), of_account
                );
        end if;
    end if;
    insert into trade.cash_movements (
        account_id, epoch, at, kind, amount, who, note
    )
    select
        a.account_id, a.epoch, of_at,
        case when of_amount > 0 then 'FUND' else 'WITHDRAW' end,
        of_amount, by_whom, why
    from trade.accounts as a
    where a.account_id = of_account
    returning movement_id into made;
    if made is null then
        raise exception using
            errcode = 'no_data_found',
            message = format('account: %s is none', of_account);
    end if;
    return made;
end
$$;

comment on function trade.fund(text, numeric, text, text, timestamptz) is
    'Put cash into an account, or take it out where the amount is below 0: '
    'the account, the amount, who, why and when. Refused where more is taken '
    'out than is free.';

create function trade.reset_account(
    of_account text,
    of_amount numeric,
    by_whom text,
    why text,
    of_at timestamptz
)
returns bigint
language plpgsql volatile as $$
declare
    made bigint;
    of_epoch integer;
    of_kind text;
    found_open text;
begin
    select
        a.epoch,
        a.kind
    into of_epoch, of_kind
    from trade.accounts as a
    where a.account_id = of_account
    for no key update;
    if not found then
        raise exception using
            errcode = 'no_data_found',
            message = format('account: %s is none', of_account);
    end if;
    if of_kind <> 'PAPER' then
        raise exception using
            errcode = 'check_violation',
            message = format(
                'account: %s is live; only a paper account can be reset',
                of_account
            );
    end if;
    if of_amount is null or of_amount < 0 or of_amount <> round(of_amount, 2)
    then
        raise exception using
            errcode = 'check_violation',
            message = format(
                'amount: %s has to be an amount of whole cents, 0 or more',
                of_amount
            );
    end if;
    select string_agg(o.client_order_id, ', ' order by o.client_order_id)
    into found_open
    from (
        select w.client_order_id
        from trade.orders as w
        where
            w.account_id = of_account
            and w.status in (
                'PENDING', 'SUBMITTED', 'WORKING', 'PARTIALLY_FILLED',
                'CANCEL_PENDING'
            )
        order by w.client_order_id
        limit 5
    ) as o;
    if found_open is not null then
        raise exception using
            errcode = 'object_in_use',
            message = format(
                'account: %s has open orders (%s): cancel them first',
                of_account, found_open
            );
    end if;
    update trade.accounts as a
    set epoch = of_epoch + 1
    where a.account_id = of_account;
    insert into trade.cash_movements (
        account_id, epoch, at, kind, amount, who, note
    )
    values (of_account, of_epoch + 1, of_at, 'RESET', of_amount, by_whom, why)
    returning movement_id into made;
    return made;
end
$$;

comment on function trade.reset_account(
    text, numeric, text, text, timestamptz
) is
    'Begin a paper account anew with an amount of cash: the account, the '
    'amount, who, why and when. Its positions end, nothing is deleted. '
    'Refused while an order is open.';
