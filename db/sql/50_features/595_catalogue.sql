-- Stage     50 features
-- Makes     feat.catalogue
-- Kind      view
-- Grain     one row a (feature, width)
-- Known at  –
-- Reads     –
-- Nulls     never
-- Why       The list of features, read from the comments on the views of the
--           families: a column without such a comment is not a feature.

create view feat.catalogue as
select
    a.attname::text as name,
    left(c.relname, -3)::text as family,
    right(c.relname, 2)::text as width,
    split_part(d.description, ' | ', 2) as unit,
    split_part(d.description, ' | ', 1) as definition,
    split_part(d.description, ' | ', 3) as look_back,
    split_part(d.description, ' | ', 4) as source
from pg_class as c
inner join pg_namespace as n on n.oid = c.relnamespace
inner join pg_attribute as a on a.attrelid = c.oid
inner join pg_description as d
    on d.objoid = c.oid
    and d.objsubid = a.attnum
    and d.classoid = 'pg_class'::regclass
where
    n.nspname = 'feat'
    and c.relkind = 'v'
    and c.relname ~ '_(1m|5m|1h)$'
    and c.relname !~ '^matrix_'
    and a.attnum > 0
    and d.description like '% | % | % | %'
order by c.relname, a.attnum;

comment on view feat.catalogue is
    'Every feature at every width. Read a range of it by its family''s '
    'function, all of it by the family''s view.';
comment on column feat.catalogue.name is 'The column.';
comment on column feat.catalogue.family is
    'The family: view feat.<family>_<width>, function feat.<family>(width, '
    'symbols, from, to).';
comment on column feat.catalogue.width is 'Width of the bars: 1m, 5m, 1h.';
comment on column feat.catalogue.unit is 'Unit of its values.';
comment on column feat.catalogue.definition is 'Definition of the feature.';
comment on column feat.catalogue.look_back is
    'How far back it looks: a longer past changes nothing above 1e-12. '
    'Look-backs in bars restart after a hole of more than 10 trade dates '
    '(Monday to Friday) without a bar.';
comment on column feat.catalogue.source is
    'Origin of its definition, and the outside oracle of its tests.';
