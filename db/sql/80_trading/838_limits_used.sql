-- Stage     80 trading
-- Makes     trade.limits_used_at(text, timestamptz, timestamptz)
-- Kind      function
-- Grain     one row a limit that holds for an account
-- Known at  as_of
-- Reads     reference.instruments, reference.session_at(text, timestamptz),
--           reference.sessions, reference.trade_date(timestamptz),
--           trade.account_at(timestamptz), trade.exposure_at(timestamptz),
--           trade.limits_at(timestamptz), trade.margin_at(text, date),
--           trade.orders
-- Nulls     used and subject where a rule looks at one order alone, or its
--           figure is not known
-- Why       A trader sees how near a limit is before an order is refused.

create function trade.limits_used_at(
    of_account text, as_of timestamptz, limits_as_of timestamptz
)
returns table (
    limit_id bigint,
    account_id text,
    rule text,
    symbol text,
    value numeric,
    version integer,
    valid_from timestamptz,
    who text,
    used numeric,
    subject text
)
language sql stable strict parallel safe rows 20
begin atomic
    with held as materialized (
        select
            e.root,
            e.correlation_group,
            greatest(e.long_most, e.short_most) as contracts,
            e.gross_most,
            (e.quantity + e.working_buy) * e.price * e.multiplier as net_long,
            (e.quantity - e.working_sell) * e.price * e.multiplier as net_short,
            -- What the rule asks now: in regular hours the intraday margin.
            greatest(e.long_most, e.short_most) * case
                when
                    as_of >= t.regular_open_at and as_of < t.regular_close_at
                    then m.intraday
                else m.initial
            end as margin
        from trade.exposure_at(as_of) as e
        inner join reference.instruments as i on i.symbol = e.root
        left join lateral reference.session_at(i.calendar, as_of) as t on true
        left join lateral trade.margin_at(
            e.root, reference.trade_date(as_of)
        ) as m on true
        where e.account_id = of_account
    ),

    figures as (
        select
            'max_contracts' as rule,
            h.root,
            h.contracts::numeric as used,
            h.root as subject
        from held as h
        union all
        select
            'max_group_contracts',
            null,
            sum(h.contracts),
            h.correlation_group
        from held as h
        group by h.correlation_group
        union all
        select
            'group_exposure',
            null,
            case
                when count(*) = count(h.net_long)
                    then round(greatest(
                        abs(sum(h.net_long)), abs(sum(h.net_short))
                    ), 2)
            end,
            h.correlation_group
        from held as h
        group by h.correlation_group
        union all
        select
            'gross_exposure',
            null,
            case
                when count(*) = count(h.gross_most)
                    then coalesce(sum(h.gross_most), 0)
            end,
            null
        from held as h
        union all
        select
            'net_exposure',
            null,
            case
                when count(*) = count(h.net_long)
                    then coalesce(round(greatest(
                        abs(sum(h.net_long)), abs(sum(h.net_short))
                    ), 2), 0)
            end,
            null
        from held as h
        union all
        select
            f.rule,
            null,
            f.used,
            null
        from trade.account_at(as_of) as a
        cross join (
            select
                case
                    when count(*) = count(h.margin)
                        then coalesce(sum(h.margin), 0)
                end as margin
            from held as h
        ) as m
        cross join lateral (
            values
            ('daily_loss', greatest(-a.pnl_day, 0)),
            ('drawdown', a.drawdown),
            (
                'margin_pct',
                round(m.margin * 100 / nullif(a.net_liquidation, 0), 2)
            )
        ) as f (rule, used)
        where
            a.account_id = of_account
            -- greatest() passes over a null.
            and (f.rule <> 'daily_loss' or a.pnl_day is not null)
        union all
        select
            'orders_per_minute',
            null,
            count(*)::numeric,
            null
        from trade.orders as o
        where
            o.account_id = of_account
            and o.status <> 'REFUSED'
            and not o.is_flattening
            and o.placed_at > as_of - interval '1 minute'
            and o.placed_at <= as_of
    )

    select
        l.limit_id,
        l.account_id,
        l.rule,
        l.symbol,
        l.value,
        l.version,
        l.valid_from,
        l.who,
        coalesce(
            f.used,
            case
                when
                    l.rule in (
                        'max_contracts', 'max_group_contracts', 'group_exposure'
                    )
                    and not exists (
                        select
                        from held as h
                        where h.root = l.symbol or l.symbol is null
                    ) then 0
            end
        ) as used,
        f.subject
    from trade.limits_at(limits_as_of) as l
    left join lateral (
        select
            x.used,
            x.subject
        from figures as x
        where
            x.rule = l.rule
            and (l.symbol is null or x.root is null or x.root = l.symbol)
        order by x.used desc nulls first
        limit 1
    ) as f on true
    where l.account_id = of_account or l.account_id is null;
end;

comment on function trade.limits_used_at(text, timestamptz, timestamptz) is
    'The limits that hold for an account, and how much of each is used as of '
    'a moment, in the limit''s unit, working orders counted as filled; subject '
    'is the root or group that uses the most. A rule that looks at one order '
    'alone has no use.';
