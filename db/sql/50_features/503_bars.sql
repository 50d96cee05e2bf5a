-- Room      50 features
-- Makes     feat.bars(text, text[], timestamptz, timestamptz, integer,
--           interval)
-- Kind      function
-- Grain     one row a bar with a trade
-- Known at  known_at
-- Reads     feat._bars_1m(text[], timestamptz, timestamptz, integer, interval),
--           feat._bars_5m(text[], timestamptz, timestamptz, integer, interval),
--           feat._bars_1h(text[], timestamptz, timestamptz, integer, interval)
-- Nulls     volumes nobody told; quotes of imported bars
-- Why       The one thing that every family reads bars of. A body of
--           statements, so that only the width that is asked for is planned.
--           A bucket before or after infinity is no instant to TimescaleDB.

create function feat.bars(
    of_width text,
    of_symbols text[],
    ts_from timestamptz,
    ts_to timestamptz,
    bars_back integer,
    time_back interval
)
returns table (
    symbol text,
    bar_start timestamptz,
    bar_end timestamptz,
    known_at timestamptz,
    trade_date date,
    open float8,
    high float8,
    low float8,
    close float8,
    volume float8,
    volume_buy float8,
    volume_sell float8,
    trades float8,
    bid_close float8,
    ask_close float8,
    spread_mean float8,
    number bigint,
    place bigint
)
language plpgsql stable parallel safe rows 5000 as $$
declare
    first timestamptz := greatest(ts_from, '1900-01-01Z');
    last timestamptz := least(ts_to, '2200-01-01Z');
begin
    if of_width = '1m' then
        return query select b.* from feat._bars_1m(
            of_symbols, first, last, bars_back, time_back
        ) as b;
    elsif of_width = '5m' then
        return query select b.* from feat._bars_5m(
            of_symbols, first, last, bars_back, time_back
        ) as b;
    elsif of_width = '1h' then
        return query select b.* from feat._bars_1h(
            of_symbols, first, last, bars_back, time_back
        ) as b;
    else
        raise exception 'width: %: take 1m, 5m or 1h', of_width;
    end if;
end $$;

comment on function feat.bars(
    text, text[], timestamptz, timestamptz, integer, interval
) is
    'Bars of a width (1m, 5m, 1h) with a trade, as float8, of the symbols '
    '(null: all listed) with ts_from <= bar_start < ts_to, and those before '
    'ts_from that a feature looks back on: bars_back bars and time_back of '
    'time, whichever reaches further. number counts a symbol''s bars here from '
    '1, place from 0 at ts_from, negative before it.';
