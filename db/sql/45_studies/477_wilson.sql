-- Stage     45 studies
-- Makes     studies.wilson(bigint, bigint)
-- Kind      function
-- Grain     one row
-- Known at  –
-- Reads     –
-- Nulls     both bounds where n is 0
-- Why       A rate of few captures means little: its interval shows how little.

create function studies.wilson(hits bigint, n bigint)
returns table (low numeric, high numeric)
language sql immutable parallel safe rows 1
begin atomic
    select
        case
            when hits = 0 then 0
            else round(((w.centre - w.half) / w.scale)::numeric, 6)
        end,
        case
            when hits = n then 1
            else round(((w.centre + w.half) / w.scale)::numeric, 6)
        end
    from (
        select
            p.rate + p.z * p.z / (2 * n) as centre,
            p.z * sqrt(
                p.rate * (1 - p.rate) / n + p.z * p.z / (4.0 * n * n)
            ) as half,
            1 + p.z * p.z / n as scale
        from (
            -- The normal's 97.5 % quantile.
            select
                hits::float8 / nullif(n, 0) as rate,
                1.959963984540054::float8 as z
        ) as p
        where n > 0
    ) as w
    union all
    select
        null,
        null
    where coalesce(n, 0) = 0;
end;

comment on function studies.wilson(bigint, bigint) is
    'Wilson''s 95 % interval of a rate, as shares of 1: of 7 in 10 it is '
    '0.397 to 0.892.';
