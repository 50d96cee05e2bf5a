-- Stage     50 features
-- Makes     feat.ema_decay(integer, double precision)
-- Kind      function
-- Grain     one value a call
-- Known at  –
-- Reads     –
-- Nulls     –
-- Why       An exponential mean of span n gives the newest bar 2 / (n + 1) and
--           keeps (n - 1) / (n + 1) of what it was. Wilder's mean of n is the
--           one of span 2n - 1. docs/features/smoothing.md works it out.

create function feat.ema_decay(span integer, bars float8) returns float8
language sql immutable strict parallel safe
return power((span - 1.0::float8) / (span + 1.0::float8), bars);

comment on function feat.ema_decay(integer, float8) is
    'Share of a value that an exponential mean of a span still holds after a '
    'number of bars: ((span - 1) / (span + 1)) ^ bars.';
