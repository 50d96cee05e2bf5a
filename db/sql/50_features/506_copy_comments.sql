-- Stage     50 features
-- Makes     feat.copy_comments(text), feat.copy_matrix_comments()
-- Kind      function
-- Grain     –
-- Known at  –
-- Reads     market.copy_comments(regclass, regclass)
-- Nulls     –
-- Why       A feature means the same at every width and in the matrix, so its
--           comment is written once, on the 1m view of its family.

create function feat.copy_comments(family text) returns void
language plpgsql as $$
declare
    narrow constant regclass := format('feat.%I', family || '_1m')::regclass;
    wide regclass;
    width text;
begin
    foreach width in array array['5m', '1h'] loop
        wide := format('feat.%I', family || '_' || width)::regclass;
        perform market.copy_comments(narrow, wide);
        execute format(
            'comment on view %s is %L',
            wide, obj_description(narrow, 'pg_class')
        );
    end loop;
end $$;

comment on function feat.copy_comments(text) is
    'Copy the comments of a family''s 1m view to its 5m and 1h views.';

create function feat.copy_matrix_comments() returns void
language plpgsql as $$
declare
    found record;
begin
    for found in
        select distinct on (m.attrelid, m.attnum)
            m.attrelid::regclass as matrix,
            m.attname,
            col_description(f.attrelid, f.attnum) as words
        from pg_class as c
        inner join pg_attribute as m on m.attrelid = c.oid and m.attnum > 0
        inner join pg_attribute as f on f.attname = m.attname and f.attnum > 0
        inner join pg_class as v on v.oid = f.attrelid
        where
            c.relnamespace = 'feat'::regnamespace
            and c.relname in ('_matrix', 'matrix_1m')
            and v.relnamespace = 'feat'::regnamespace
            and v.relname ~ '_1m$'
            and col_description(f.attrelid, f.attnum) is not null
        order by m.attrelid, m.attnum
    loop
        execute format(
            'comment on column %s.%I is %L',
            found.matrix, found.attname, found.words
        );
    end loop;
    perform feat.copy_comments('matrix');
end $$;

comment on function feat.copy_matrix_comments() is
    'Copy the comments of the families'' columns to the matrix.';
