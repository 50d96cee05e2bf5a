-- Stage     80 trading
-- Makes     trade.limits_at(timestamptz), trade.fee_at(text, date),
--           trade.margin_at(text, date)
-- Kind      function
-- Grain     one row a (account, rule, symbol); one value; one row, or none
-- Known at  valid_from
-- Reads     reference.margins, trade.fees, trade.limits
-- Nulls     the account and symbol of a limit that holds for all; a fee where
--           none is known
-- Why       An order of last month is checked by the limits, fees and margins
--           of that time.

create function trade.limits_at(as_of timestamptz)
returns table (
    limit_id bigint,
    account_id text,
    rule text,
    symbol text,
    value numeric,
    version integer,
    valid_from timestamptz,
    who text
)
language sql stable strict parallel safe rows 20
begin atomic
    select distinct on (l.rule, l.account_id, l.symbol)
        l.limit_id,
        l.account_id,
        l.rule,
        l.symbol,
        l.value,
        l.version,
        l.valid_from,
        l.who
    from trade.limits as l
    where l.valid_from <= as_of
    order by l.rule, l.account_id, l.symbol, l.version desc;
end;

comment on function trade.limits_at(timestamptz) is
    'The limits as of a moment: the newest version of each rule, account and '
    'symbol. A row with an account, then one with a symbol, goes before one '
    'for all.';

create function trade.fee_at(of_symbol text, of_date date) returns numeric
language sql stable strict parallel safe
begin atomic
    select f.commission_per_side
    from trade.fees as f
    where
        f.from_date <= of_date
        and (f.symbol = of_symbol or f.symbol is null)
    order by f.symbol is null, f.from_date desc
    limit 1;
end;

comment on function trade.fee_at(text, date) is
    'Commission a contract and side of a root on a trade date, in the '
    'account''s currency: the root''s own, else that of all.';

create function trade.margin_at(of_symbol text, of_date date)
returns table (
    from_date date, initial numeric, maintenance numeric, intraday numeric
)
language sql stable strict parallel safe rows 1
begin atomic
    select
        m.from_date,
        m.initial,
        coalesce(m.maintenance, m.initial) as maintenance,
        coalesce(m.intraday, m.initial) as intraday
    from reference.margins as m
    where m.symbol = of_symbol and m.from_date <= of_date
    order by m.from_date desc
    limit 1;
end;

comment on function trade.margin_at(text, date) is
    'Margin a contract of a root on a trade date, in its currency; what is '
    'not known is the initial margin. No row where no list has the root.';
