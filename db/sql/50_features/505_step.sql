-- Stage     50 features
-- Makes     feat.block(bigint), feat.place(bigint),
--           feat.step(bigint, bigint, double precision, double precision,
--           double precision)
-- Kind      function
-- Grain     one value a call
-- Known at  –
-- Reads     –
-- Nulls     where the value or the seed that counts is null
-- Why       Smoothings are sums in blocks of 256 bars, short enough that what
--           fades in one stays in the range of a float. They begin with a seed,
--           as TA-Lib's do: before it a bar adds nothing, after it its share.

create function feat.block(number bigint) returns float8
language sql immutable strict parallel safe
return floor((number - 1) / 256.0::float8);

comment on function feat.block(bigint) is
    'The block of 256 that the bar of a number, from 1, is in; the first is 0.';

create function feat.place(number bigint) returns float8
language sql immutable strict parallel safe
return number - 1 - 256 * feat.block(number);

comment on function feat.place(bigint) is
    'How many bars of its block lie before the bar of a number: 0 to 255.';

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
