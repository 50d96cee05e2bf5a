-- Stage     80 trading
-- Makes     trade.statement(text, date, date), trade.pnl_by_symbol(text, date,
--           date, timestamptz)
-- Kind      function
-- Grain     one row a fill or movement of cash, between the balances; one row a
--           series
-- Known at  –
-- Reads     trade.accounts, trade.cash_movements, trade.fills, trade.orders,
--           trade.pnl_days(text, date, date, timestamptz)
-- Nulls     –
-- Why       Every line says what the cash became, so that a statement checks
--           itself.

create function trade.statement(of_account text, date_from date, date_to date)
returns table (
    line bigint,
    section text,
    at timestamptz,
    trade_date date,
    symbol text,
    side text,
    quantity integer,
    price numeric,
    realised numeric,
    commission numeric,
    amount numeric,
    balance numeric,
    detail text,
    order_id uuid,
    fill_id bigint
)
language plpgsql stable strict rows 1000 as $$
#variable_conflict use_column
begin
    if date_to < date_from then
        raise exception using
            errcode = 'invalid_parameter_value',
            message = format(
                'from: %s is after to: %s', date_from, date_to
            );
    end if;
    if date_to - date_from >= 370 then
        raise exception using
            errcode = 'invalid_parameter_value',
            message = format(
                'from, to: %s to %s are %s days; a statement has at most 370',
                date_from, date_to, date_to - date_from + 1
            );
    end if;
    if not exists (
        select from trade.accounts as a where a.account_id = of_account
    ) then
        raise exception using
            errcode = 'no_data_found',
            message = format('account: %s is none', of_account);
    end if;
    return query
    with opened as (
        select
            coalesce((
                select sum(m.amount)
                from trade.cash_movements as m
                where
                    m.account_id = of_account
                    and m.epoch = e.epoch
                    and m.trade_date < date_from
            ), 0) + coalesce((
                select f.net_sum
                from trade.fills as f
                where
                    f.account_id = of_account
                    and f.epoch = e.epoch
                    and f.trade_date < date_from
                order by f.number desc
                limit 1
            ), 0) as balance
        from (
            select max(m.epoch) as epoch
            from trade.cash_movements as m
            where m.account_id = of_account and m.trade_date < date_from
        ) as e
    ),

    lines as (
        select
            'CASH' as section,
            m.at,
            m.trade_date,
            null::text as symbol,
            null::text as side,
            null::integer as quantity,
            null::numeric as price,
            null::numeric as realised,
            null::numeric as commission,
            m.amount,
            (
                select sum(x.amount)
                from trade.cash_movements as x
                where
                    x.account_id = m.account_id
                    and x.epoch = m.epoch
                    and (x.at, x.movement_id) <= (m.at, m.movement_id)
            ) + coalesce((
                select f.net_sum
                from trade.fills as f
                where
                    f.account_id = m.account_id
                    and f.epoch = m.epoch
                    and f.at < m.at
                order by f.number desc
                limit 1
            ), 0) as balance,
            concat_ws(': ', m.kind, m.note) as detail,
            null::uuid as order_id,
            null::bigint as fill_id,
            m.epoch,
            m.movement_id as step
        from trade.cash_movements as m
        where
            m.account_id = of_account
            and m.trade_date between date_from and date_to
        union all
        select
            'TRADE',
            f.at,
            f.trade_date,
            f.series,
            f.side,
            f.quantity,
            trim_scale(f.price),
            c.amount + f.commission,
            f.commission,
            c.amount,
            b.balance,
            o.client_order_id,
            f.order_id,
            f.fill_id,
            f.epoch,
            f.number
        from trade.fills as f
        inner join trade.orders as o on o.order_id = f.order_id
        cross join lateral (
            select
                (
                    select coalesce(sum(x.amount), 0)
                    from trade.cash_movements as x
                    where
                        x.account_id = f.account_id
                        and x.epoch = f.epoch
                        and x.at <= f.at
                ) + f.net_sum as balance
        ) as b
        -- Half a tick of a bond is no whole cent. What a line moves is what
        -- its balance does, so that the lines add up to the cent.
        cross join lateral (
            select
                round(b.balance, 2)
                - round(b.balance - f.realised + f.commission, 2) as amount
        ) as c
        where
            f.account_id = of_account
            and f.trade_date between date_from and date_to
    ),

    -- What was earned before a reset is not in the cash at the end.
    closed as (
        select
            sum(l.realised) as realised,
            sum(l.commission) as commission
        from lines as l
        where l.epoch = (select max(x.epoch) from lines as x)
    ),

    whole as (
        select
            1 as part,
            'OPENING' as section,
            null::timestamptz as at,
            date_from as trade_date,
            null::text as symbol,
            null::text as side,
            null::integer as quantity,
            null::numeric as price,
            null::numeric as realised,
            null::numeric as commission,
            null::numeric as amount,
            o.balance,
            'balance before' as detail,
            null::uuid as order_id,
            null::bigint as fill_id,
            0 as epoch,
            0::bigint as step
        from opened as o
        union all
        select
            2,
            l.*
        from lines as l
        union all
        select
            3,
            'CLOSING',
            null,
            date_to,
            null,
            null,
            null,
            null,
            (select c.realised from closed as c),
            (select c.commission from closed as c),
            null,
            coalesce(
                (
                    select l.balance
                    from lines as l
                    order by
                        l.epoch desc, l.at desc, l.section desc, l.step desc
                    limit 1
                ),
                (select o.balance from opened as o)
            ),
            'balance after',
            null,
            null,
            0,
            0
    )

    select
        row_number() over (
            order by w.part, w.epoch, w.at, w.section, w.step
        ) as line,
        w.section, w.at, w.trade_date, w.symbol, w.side, w.quantity, w.price,
        round(w.realised, 2), w.commission, round(w.amount, 2),
        round(w.balance, 2), w.detail, w.order_id, w.fill_id
    from whole as w
    order by 1;
end
$$;

comment on function trade.statement(text, date, date) is
    'The statement of an account from a trade date to a trade date, both in '
    'it, 370 days at most: the cash before, every movement and fill with the '
    'cash after it, and the cash at the end, with the profit and the '
    'commission of the epoch that it is of.';

create function trade.pnl_by_symbol(
    of_account text, date_from date, date_to date, as_of timestamptz
)
returns table (
    series text,
    root text,
    bought bigint,
    sold bigint,
    quantity bigint,
    realised numeric,
    realised_fifo numeric,
    commission numeric,
    pnl numeric,
    currency text
)
language sql stable strict parallel safe rows 20
begin atomic
    select
        d.series,
        max(d.root) as root,
        sum(d.bought)::bigint as bought,
        sum(d.sold)::bigint as sold,
        (array_agg(d.quantity order by d.trade_date desc))[1] as quantity,
        sum(d.realised) as realised,
        sum(d.realised_fifo) as realised_fifo,
        sum(d.commission) as commission,
        sum(d.pnl) as pnl,
        max(d.currency) as currency
    from trade.pnl_days(of_account, date_from, date_to, as_of) as d
    group by d.series
    order by d.series;
end;

comment on function trade.pnl_by_symbol(text, date, date, timestamptz) is
    'Profit of an account a series over trade dates, both ends in it: '
    'realised, commission, and pnl, which counts what was held before from '
    'the settlement before.';
