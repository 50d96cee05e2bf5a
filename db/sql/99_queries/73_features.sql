-- Stage     50 features
-- Features for the API.

-- name: feature_catalogue
select
    c.name,
    c.family,
    array_agg(c.width order by array_position(array['1m', '5m', '1h'], c.width))
        as widths,
    c.unit,
    c.definition,
    c.look_back,
    c.source
from feat.catalogue as c
group by
    c.name, c.family, c.unit, c.definition, c.look_back, c.source
order by c.family, c.name;

-- name: features_page
select
    feat.page(
        %(width)s::text, %(symbol)s::text, %(names)s::text [],
        %(ts_from)s::timestamptz, %(ts_to)s::timestamptz, %(limit)s::integer,
        %(as_of)s::timestamptz
    )::text as page;
