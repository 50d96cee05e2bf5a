-- Stage     50 features
-- Makes     feat.catalogue
-- Kind      view
-- Grain     one row a (feature, width)
-- Known at  –
-- Reads     –
-- Nulls     never
-- Why       The same comments as in PostgreSQL, read from DuckDB's own
--           catalogue.

create view feat.catalogue as
select
    c.column_name as name,
    left(c.table_name, -3) as family,
    right(c.table_name, 2) as width,
    split_part(c.comment, ' | ', 2) as unit,
    split_part(c.comment, ' | ', 1) as definition,
    split_part(c.comment, ' | ', 3) as look_back,
    split_part(c.comment, ' | ', 4) as source
from duckdb_columns() as c
where
    c.schema_name = 'feat'
    and regexp_matches(c.table_name, '_(1m|5m|1h)$')
    and not starts_with(c.table_name, 'matrix_')
    and c.comment like '% | % | % | %'
order by c.table_name, c.column_index;
