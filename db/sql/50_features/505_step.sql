-- Room      50 features
-- Makes     feat.step(bigint, bigint, double precision, double precision,
--           double precision)
-- Kind      function
-- Grain     one value a call
-- Known at  –
-- Reads     –
-- Nulls     where the value or the seed that counts is null
-- Why       A smoothing begins with a seed, as TA-Lib's do; before it a bar
--           adds nothing, after it its own share.

create function feat.step(
    number bigint, seeded_at bigint, seed float8, value float8, share float8
) returns float8
language sql immutable parallel safe
return case
    when number > seeded_at then value * share
    when number = seeded_at then seed
    else 0
end;

comment on function feat.step(bigint, bigint, float8, float8, float8) is
    'What the bar of a number adds to a smoothing that begins at another: '
    'nothing before it, the seed at it, a share of the value after it.';
