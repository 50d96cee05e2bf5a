-- Stage     50 features
-- Makes     feat.fade(integer, double precision)
-- Kind      function
-- Grain     one value a call
-- Known at  –
-- Reads     –
-- Nulls     –
-- Why       An exponential mean of span n gives the newest bar 2 / (n + 1) and
--           leaves the rest (n - 1) / (n + 1); Wilder's of n is that of 2n - 1.

create function feat.fade(span integer, bars float8) returns float8
language sql immutable strict parallel safe
return power((span - 1.0::float8) / (span + 1.0::float8), bars);

comment on function feat.fade(integer, float8) is
    'What an exponential mean of a span leaves of a value after so many bars: '
    '((span - 1) / (span + 1)) ^ bars.';
