-- Stage     80 trading
-- Makes     trade.newest_moment(), trade.today(timestamptz)
-- Kind      function
-- Grain     one value
-- Known at  –
-- Reads     market.quotes, market.quotes_at(timestamptz),
--           reference.trade_date(timestamptz), trade.accounts,
--           trade.cash_movements, trade.fills
-- Nulls     never; null where as_of is
-- Why       A view cannot ask the clock: its moment is the newest that the
--           database knows, which is right for recorded markets as well.

create function trade.newest_moment() returns timestamptz
language sql stable parallel safe
begin atomic
    select
        greatest(
            (select max(q.received_at) from market.quotes as q),
            (select max(m.at) from trade.cash_movements as m),
            (
                select max(f.at)
                from trade.accounts as a
                cross join lateral (
                    select l.at
                    from trade.fills as l
                    where l.account_id = a.account_id
                    order by l.number desc
                    limit 1
                ) as f
            )
        );
end;

comment on function trade.newest_moment() is
    'The newest moment that the database knows: of a quote, a fill or a '
    'movement of cash.';

create function trade.today(as_of timestamptz) returns date
language sql stable strict parallel safe
begin atomic
    select
        least(
            reference.trade_date(as_of),
            coalesce(
                greatest(
                    (
                        select max(q.trade_date)
                        from market.quotes_at(as_of) as q
                    ),
                    (
                        select max(reference.trade_date(f.at))
                        from trade.accounts as a
                        cross join lateral (
                            select l.at
                            from trade.fills as l
                            where l.account_id = a.account_id and l.at <= as_of
                            order by l.number desc
                            limit 1
                        ) as f
                    )
                ),
                reference.trade_date(as_of)
            )
        );
end;

comment on function trade.today(timestamptz) is
    'The trade date that the day''s profit is of: that of the newest quote or '
    'fill, so that a weekend still shows Friday''s.';
