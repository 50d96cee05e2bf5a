-- Stage     40 bars
-- Makes     market.price_text(numeric, integer),
--           market.bar_json(market.bars_1m, integer, boolean, text, text, text)
-- Kind      function
-- Grain     one value a price; one value a bar
-- Known at  known_at of the bar
-- Reads     market.bars_1m
-- Nulls     as the bar
-- Why       The JSON of a bar, the same for the API and its stream. Rows of
--           every width cast to the row type of bars_1m.

create function market.price_text(price numeric, decimals integer)
returns text
language sql immutable strict parallel safe
return round(price, greatest(min_scale(price), decimals))::text;

comment on function market.price_text(numeric, integer) is
    'A price as an exact decimal, with as many decimals as it needs and at '
    'least its instrument''s.';

create function market.bar_json(
    bar market.bars_1m,
    decimals integer,
    is_open boolean,
    contract text,
    rule text,
    adjustment text
)
returns json
language sql stable parallel safe
return json_build_object(
    'symbol', (bar).symbol,
    'bar_start', to_char(
        (bar).bar_start at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'
    ),
    'bar_end', to_char(
        (bar).bar_end at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'
    ),
    'known_at', to_char(
        (bar).known_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'
    ),
    'trade_date', (bar).trade_date,
    'open', market.price_text((bar).open, decimals),
    'high', market.price_text((bar).high, decimals),
    'low', market.price_text((bar).low, decimals),
    'close', market.price_text((bar).close, decimals),
    'volume', (bar).volume,
    'volume_buy', (bar).volume_buy,
    'volume_sell', (bar).volume_sell,
    'trades', (bar).trades,
    'ticks', (bar).ticks,
    'vwap', market.price_text((bar).vwap, decimals),
    'bid_close', market.price_text((bar).bid_close, decimals),
    'ask_close', market.price_text((bar).ask_close, decimals),
    'spread_mean', market.price_text((bar).spread_mean, decimals),
    'late_ticks', (bar).late_ticks,
    'is_sampled', (bar).is_sampled,
    'is_imported', (bar).is_imported,
    'changed_at', to_char(
        (bar).changed_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'
    ),
    'is_open', is_open,
    'contract', contract,
    'rule', rule,
    'adjustment', adjustment
);

comment on function market.bar_json(
    market.bars_1m, integer, boolean, text, text, text
) is
    'A bar as the API gives it, prices with the decimals of its instrument; '
    'contract, rule and adjustment in a continuous series only.';
