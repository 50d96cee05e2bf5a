-- The plain edition has it since its bars.
create type market.tick_key as (ts timestamptz, seq bigint, source text);

comment on type market.tick_key is
    'What orders ticks: market time, number, source.';
