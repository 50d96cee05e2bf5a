alter table trade.fills add column opened_at timestamptz;

comment on column trade.fills.opened_at is
    'Since when the position after it is held, without a moment flat; null '
    'when flat.';

-- As the trigger would have: since the first fill after the last one that was
-- flat or of the other side.
update trade.fills as f
set opened_at = (
    select min(l.at)
    from trade.fills as l
    where
        l.account_id = f.account_id
        and l.epoch = f.epoch
        and l.series = f.series
        and l.number <= f.number
        and l.number > coalesce((
            select max(b.number)
            from trade.fills as b
            where
                b.account_id = f.account_id
                and b.epoch = f.epoch
                and b.series = f.series
                and b.number < f.number
                and sign(b.position) <> sign(f.position)
        ), 0)
)
where f.position <> 0;

create or replace function trade.keep_fill() returns trigger
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
