-- Stage     50 features
-- Makes     feat.bars(text, text[], timestamptz, timestamptz, integer,
--           interval),
--           feat.closes(text, text[], timestamptz, timestamptz, integer,
--           interval)
-- Kind      function
-- Grain     one row a bar with a trade
-- Known at  known_at
-- Reads     feat._bars(text, text[], timestamptz, timestamptz, integer,
--           interval),
--           feat._closes(text, text[], timestamptz, timestamptz, integer,
--           interval)
-- Nulls     volumes that no record had; quotes and VWAP of imported bars
-- Why       Every family reads bars through these functions: features are
--           float8. With `offset 0` PostgreSQL turns each price into a float
--           once; without it, it would do so for every frame that holds the
--           price.

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
    vwap float8,
    run integer
)
language sql stable parallel safe rows 5000
begin atomic
    select
        b.symbol,
        b.bar_start,
        b.bar_end,
        b.known_at,
        b.trade_date,
        b.open::float8 as open,
        b.high::float8 as high,
        b.low::float8 as low,
        b.close::float8 as close,
        b.volume::float8 as volume,
        b.volume_buy::float8 as volume_buy,
        b.volume_sell::float8 as volume_sell,
        b.trades::float8 as trades,
        b.bid_close::float8 as bid_close,
        b.ask_close::float8 as ask_close,
        b.spread_mean::float8 as spread_mean,
        b.vwap::float8 as vwap,
        b.run
    from feat._bars(
        of_width, of_symbols, ts_from, ts_to, bars_back, time_back
    ) as b
    offset 0;
end;

comment on function feat.bars(
    text, text[], timestamptz, timestamptz, integer, interval
) is
    'Bars of a width (1m, 5m, 1h) with a trade, as float8, of the symbols '
    '(null: all listed) with ts_from <= bar_start < ts_to, and the bars '
    'before ts_from that a feature looks back on: bars_back bars or time_back '
    'of time, whichever reaches further. run counts the holes of more than 10 '
    'trade dates before a bar; it is 0 where bars_back is 0.';

create function feat.closes(
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
    known_at timestamptz,
    close float8,
    run integer
)
language sql stable parallel safe rows 5000
begin atomic
    select
        b.symbol,
        b.bar_start,
        b.known_at,
        b.close::float8 as close,
        b.run
    from feat._closes(
        of_width, of_symbols, ts_from, ts_to, bars_back, time_back
    ) as b
    offset 0;
end;

comment on function feat.closes(
    text, text[], timestamptz, timestamptz, integer, interval
) is
    'As feat.bars, with the close as the only price.';
