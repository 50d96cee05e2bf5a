-- Stage     80 trading
-- Makes     trade.value_days(text, date, date, timestamptz)
-- Kind      function
-- Grain     one row a trade date with a movement, a fill or a position
-- Known at  as_of
-- Reads     trade._epochs_at(timestamptz), trade.cash_movements,
--           trade.pnl_days(text, date, date, timestamptz)
-- Nulls     the profit and the value from a day on whose mark is not known
-- Why       What an account was worth at the end of each day shows at once what
--           trading made of it.

create function trade.value_days(
    of_account text, date_from date, date_to date, as_of timestamptz
)
returns table (
    trade_date date,
    epoch integer,
    moved numeric,
    pnl numeric,
    commission numeric,
    net_liquidation numeric
)
language sql stable strict parallel safe rows 100
begin atomic
    with days as (
        select
            d.trade_date,
            0::numeric as moved,
            case when count(*) = count(d.pnl) then sum(d.pnl) end as pnl,
            sum(d.commission) as commission
        from trade.pnl_days(
            of_account, '-infinity'::date, date_to, as_of
        ) as d
        group by d.trade_date
        union all
        select
            m.trade_date,
            sum(m.amount),
            0,
            0
        from trade._epochs_at(as_of) as e
        inner join trade.cash_movements as m
            on m.account_id = e.account_id and m.epoch = e.epoch
        where
            e.account_id = of_account
            and m.trade_date <= date_to
            and m.at <= as_of
        group by m.trade_date
    ),

    summed as (
        select
            x.trade_date,
            sum(x.moved) as moved,
            case when count(*) = count(x.pnl) then sum(x.pnl) end as pnl,
            sum(x.commission) as commission
        from days as x
        group by x.trade_date
    ),

    whole as (
        select
            s.trade_date,
            s.moved,
            s.pnl,
            s.commission,
            sum(s.moved + coalesce(s.pnl, 0)) over w as value,
            count(*) over w = count(s.pnl) over w as is_known
        from summed as s
        window w as (order by s.trade_date)
    )

    select
        w.trade_date,
        e.epoch,
        w.moved,
        w.pnl,
        w.commission,
        case when w.is_known then round(w.value, 2) end as net_liquidation
    from whole as w
    cross join trade._epochs_at(as_of) as e
    where e.account_id = of_account and w.trade_date >= date_from
    order by w.trade_date;
end;

comment on function trade.value_days(text, date, date, timestamptz) is
    'What an account was worth at the end of each trade date of its epoch, in '
    'its currency: cash moved, the day''s profit after commission, and the net '
    'liquidating value.';
