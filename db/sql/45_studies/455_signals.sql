-- Stage     45 studies
-- Makes     studies.signal_of(numeric, numeric, numeric, numeric, numeric),
--           studies.signals_at(timestamptz, text)
-- Kind      function
-- Grain     one value; one row a symbol of the set
-- Known at  as_of
-- Reads     market.basis_of(text, date, text, timestamptz),
--           market.quotes_at(timestamptz), reference.instruments,
--           studies.contract_weights,
--           studies.signal_weights, studies.thresholds
-- Nulls     the signal and what follows from it where the change, a threshold
--           or a live quote is missing: reason says which
-- Why       The desk's method: the net change in points against fixed
--           thresholds. A quote that is DEAD has no signal, never HOLD.

create function studies.signal_of(
    change numeric,
    strong_buy numeric,
    buy numeric,
    sell numeric,
    strong_sell numeric
)
returns text
language sql immutable parallel safe
return case
    when change > strong_buy then 'STRONG_BUY'
    when change > buy then 'BUY'
    when change >= sell then 'HOLD'
    when change > strong_sell then 'SELL'
    when change <= strong_sell then 'STRONG_SELL'
end;

comment on function studies.signal_of(
    numeric, numeric, numeric, numeric, numeric
) is
    'The signal of a net change, in points, by four thresholds in points: '
    'exactly at buy it is HOLD, at sell HOLD, at strong_sell STRONG_SELL.';

create function studies.signals_at(as_of timestamptz, set text default 'desk')
returns table (
    symbol text,
    ts timestamptz,
    state text,
    last numeric,
    basis numeric,
    basis_kind text,
    basis_source text,
    basis_date date,
    change numeric,
    signal text,
    stat_value numeric,
    contract_weight numeric,
    is_inverted boolean,
    signal_weight numeric,
    score numeric,
    reason text
)
language sql stable strict parallel safe rows 20
begin atomic
    with of_set as (
        select
            coalesce(t.symbol, w.symbol) as symbol,
            t.strong_buy,
            t.buy,
            t.sell,
            t.strong_sell,
            w.weight,
            coalesce(w.is_inverted, false) as is_inverted
        from (
            select h.*
            from studies.thresholds as h
            where h.set = signals_at.set
        ) as t
        full join (
            select c.*
            from studies.contract_weights as c
            where c.set = signals_at.set
        ) as w on w.symbol = t.symbol
    ),

    quoted as materialized (
        select
            s.*,
            q.ts,
            q.state,
            q.last,
            b.basis,
            b.basis_kind,
            b.basis_source,
            b.basis_date,
            q.last - b.basis as change
        from of_set as s
        left join market.quotes_at(as_of) as q on q.symbol = s.symbol
        left join lateral market.basis_of(
            q.symbol, q.trade_date, q.source, as_of
        ) as b on q.symbol is not null
    ),

    reasoned as (
        select
            q.*,
            case
                when q.ts is null then 'no quote'
                when q.state = 'DEAD' then 'the quote is DEAD'
                when q.last is null then 'no last price'
                when q.basis is null then 'no previous close'
                when q.strong_buy is null then 'no thresholds in the set'
                when q.weight is null then 'no weight in the set'
            end as reason
        from quoted as q
    ),

    signalled as (
        select
            r.*,
            case when r.reason is null then studies.signal_of(
                r.change, r.strong_buy, r.buy, r.sell, r.strong_sell
            ) end as signal
        from reasoned as r
    )

    select
        s.symbol as symbol,
        s.ts as ts,
        s.state as state,
        s.last as last,
        s.basis as basis,
        s.basis_kind as basis_kind,
        s.basis_source as basis_source,
        s.basis_date as basis_date,
        s.change as change,
        s.signal as signal,
        case s.signal
            when 'STRONG_BUY' then s.strong_buy
            when 'BUY' then s.buy
            when 'HOLD' then 0
            when 'SELL' then s.sell
            when 'STRONG_SELL' then s.strong_sell
        end as stat_value,
        s.weight as contract_weight,
        s.is_inverted as is_inverted,
        case when s.is_inverted then -g.weight else g.weight end
            as signal_weight,
        case when s.signal is not null then
            greatest(least(s.change / s.strong_buy, 1), -1)
            * case when s.is_inverted then -1 else 1 end
        end as score,
        s.reason as reason
    from signalled as s
    left join studies.signal_weights as g on g.signal = s.signal
    left join reference.instruments as i on i.symbol = s.symbol
    order by i.sort_order, s.symbol;
end;

comment on function studies.signals_at(timestamptz, text) is
    'The desk''s signal of each symbol of a set as of a moment: change is '
    'last less basis, in points; stat_value the threshold of the signal; '
    'signal_weight has its sign changed where is_inverted; score the change '
    'over strong_buy within -1 and 1, its sign changed likewise. Without a '
    'signal, reason says why.';
