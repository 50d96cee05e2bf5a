-- Stage     40 bars
-- Makes     market.last_close(text, date, timestamptz),
--           market.basis_of(text, date, text, timestamptz),
--           market.basis(timestamptz)
-- Kind      function
-- Grain     one row, or none; one row, or none; one row a symbol
-- Known at  as_of
-- Reads     market.bars_1d, market.bars_imported, market.last_values,
--           market.mark_versions, market.quotes_at(timestamptz),
--           reference.instruments, reference.series, reference.sessions,
--           reference.trade_date(timestamptz), reference.listed(text)
-- Nulls     no row, or null, where there is no previous close
-- Why       One previous close a symbol, with its source: net change, signals
--           and the day's profit use the same figure.

create function market.last_close(
    of_symbol text, before_date date, as_of timestamptz
)
returns table (trade_date date, close numeric)
language plpgsql stable strict parallel safe rows 1 as $$
declare
    of_ticks date;
    of_days date;
    said numeric;
    imported numeric;
begin
    of_symbol := reference.listed(of_symbol);
    select
        k.trade_date,
        k.last
    into of_ticks, said
    from market.last_values as k
    where
        k.symbol = of_symbol
        and k.trade_date < before_date
        and k.last is not null
    order by k.trade_date desc
    limit 1;
    select
        reference.trade_date(i.bar_start),
        i.close
    into of_days, imported
    from market.bars_imported as i
    where
        i.symbol = of_symbol
        and i.width = '1d'
        and i.bar_start
        < (before_date - 1 + time '17:00') at time zone 'America/Chicago'
        -- A vendor's day may end within the next trade date.
        and coalesce(i.ends_at < as_of, true)
    order by i.bar_start desc
    limit 1;
    if of_ticks = of_days then
        -- One query decides which of the two is the day's.
        select d.close into said
        from market.bars_1d as d
        where d.symbol = of_symbol and d.trade_date = of_days;
    elsif of_ticks is null or of_days > of_ticks then
        of_ticks := of_days;
        said := imported;
    end if;
    if of_ticks is not null then
        return query select of_ticks, said;
    end if;
end $$;

comment on function market.last_close(text, date, timestamptz) is
    'The last price of the newest trade date before the given one, of its '
    'ticks or of a vendor''s daily bar that has ended, and that date.';

create function market.basis_of(
    of_symbol text, of_trade_date date, of_source text, as_of timestamptz
)
returns table (
    basis numeric, basis_kind text, basis_source text, basis_date date
)
language plpgsql stable parallel safe rows 1 as $$
declare
    found record;
    settled record;
    closed record;
begin
    of_symbol := reference.listed(of_symbol);
    select
        v.prev_close,
        v.source
    into found
    from market.mark_versions as v
    where
        v.symbol = of_symbol
        and v.trade_date = of_trade_date
        and v.prev_close is not null
        and v.received_at <= as_of
    order by v.source = of_source desc nulls last, v.received_at desc
    limit 1;
    if found.source is not null then
        return query
        select
            found.prev_close,
            'prev_close',
            found.source,
            (
                select max(d.trade_date)
                from reference.series as s
                inner join reference.instruments as i on i.symbol = s.root
                inner join reference.sessions as d
                    on d.calendar = i.calendar
                where s.symbol = of_symbol and d.trade_date < of_trade_date
            );
        return;
    end if;
    select
        v.settlement,
        v.source,
        v.trade_date
    into settled
    from market.mark_versions as v
    where
        v.symbol = of_symbol
        and v.trade_date < of_trade_date
        and v.settlement is not null
        and v.received_at <= as_of
    order by
        v.trade_date desc,
        v.source = of_source desc nulls last,
        v.received_at desc
    limit 1;
    select
        c.trade_date,
        c.close
    into closed
    from market.last_close(of_symbol, of_trade_date, as_of) as c;
    -- A settlement of weeks ago is none of the session before.
    if settled.source is not null
        and settled.trade_date
        >= coalesce(closed.trade_date, settled.trade_date)
    then
        return query
        select
            settled.settlement, 'settlement', settled.source,
            settled.trade_date;
    elsif closed.close is not null then
        return query
        select closed.close, 'daily_bar', null::text, closed.trade_date;
    end if;
end $$;

comment on function market.basis_of(text, date, text, timestamptz) is
    'The previous close that a symbol''s trade date is counted from: the '
    'source''s own, else another source''s, else the last settlement, else the '
    'close of the last daily bar, whichever of these two is newer.';

create function market.basis(as_of timestamptz)
returns table (
    symbol text,
    trade_date date,
    basis numeric,
    basis_kind text,
    basis_source text,
    basis_date date
)
language sql stable strict parallel safe rows 50
begin atomic
    select
        s.symbol,
        coalesce(q.trade_date, reference.trade_date(as_of)) as trade_date,
        b.basis,
        b.basis_kind,
        b.basis_source,
        b.basis_date
    from reference.series as s
    left join market.quotes_at(as_of) as q on q.symbol = s.symbol
    left join lateral market.basis_of(
        s.symbol,
        coalesce(q.trade_date, reference.trade_date(as_of)),
        q.source,
        as_of
    ) as b on true
    where s.kind = 'root' or q.symbol is not null
    order by s.symbol;
end;

comment on function market.basis(timestamptz) is
    'The previous close of each symbol as of a moment, with its source: '
    'basis_kind is prev_close (the source''s own, of the trade date of its '
    'quote), settlement or daily_bar, basis_date the trade date that it '
    'closed, basis_source the source that gave it.';
