-- Stage     50 features
-- Makes     feat.ema_decay(integer, double precision), feat.block(bigint),
--           feat.block_offset(bigint),
--           feat.ema_input(bigint, bigint, double precision, double precision,
--           double precision)
-- Kind      function
-- Grain     one value a call
-- Known at  –
-- Reads     –
-- Nulls     null in, null out; an input where the value that counts is null
-- Why       An exponential mean of span n gives the newest bar 2 / (n + 1) and
--           keeps (n - 1) / (n + 1) of what it was; Wilder's mean of n is the
--           one of span 2n - 1. Means are sums in blocks of 256 bars: within a
--           block no weight leaves the range of a float. They start from a
--           seed, as TA-Lib's do. docs/features/smoothing.md shows it step by
--           step.

create function feat.ema_decay(span integer, bars float8) returns float8
language sql immutable strict parallel safe
return power((span - 1.0::float8) / (span + 1.0::float8), bars);

comment on function feat.ema_decay(integer, float8) is
    'Share of a value that an exponential mean of a span still holds after a '
    'number of bars: ((span - 1) / (span + 1)) ^ bars.';

create function feat.block(number bigint) returns float8
language sql immutable strict parallel safe
return floor((number - 1) / 256.0::float8);

comment on function feat.block(bigint) is
    'The block of 256 that holds the bar of a number; bars count from 1, '
    'blocks from 0.';

create function feat.block_offset(number bigint) returns float8
language sql immutable strict parallel safe
return number - 1 - 256 * feat.block(number);

comment on function feat.block_offset(bigint) is
    'How many bars of its block lie before the bar of a number: 0 to 255.';

create function feat.ema_input(
    number bigint, seeded_at bigint, seed float8, value float8, share float8
) returns float8
language sql immutable parallel safe
return case
    when number > seeded_at then value * share
    when number = seeded_at then seed
    else 0
end;

comment on function feat.ema_input(bigint, bigint, float8, float8, float8) is
    'What the bar of a number adds to a mean that is seeded at another bar: 0 '
    'before that bar, the seed at it, value * share after it.';
