-- Stage     30 ticks
-- Makes     type market.tick_key
-- Kind      type
-- Grain     –
-- Known at  –
-- Reads     –
-- Nulls     –
-- Why       Ticks are ordered by (ts, seq, source): a column that keeps the
--           first or the newest of them stores this key beside it, and merges
--           in any order.

create type market.tick_key as (ts timestamptz, seq bigint, source text);

comment on type market.tick_key is
    'The order of ticks: market time, number, source.';
