-- Stage     40 bars
-- Makes     market.copy_comments(regclass, regclass)
-- Kind      function
-- Grain     –
-- Known at  –
-- Reads     –
-- Nulls     –
-- Why       A column means the same in the bars of every width, so its comment
--           is written once, at the narrowest.

create function market.copy_comments(of_view regclass, to_view regclass)
returns void
language plpgsql as $$
declare
    found record;
begin
    for found in
        select
            t.attname,
            col_description(f.attrelid, f.attnum) as words
        from pg_attribute as f
        inner join pg_attribute as t
            on t.attrelid = to_view and t.attname = f.attname
        where f.attrelid = of_view and f.attnum > 0 and t.attnum > 0
    loop
        execute format(
            'comment on column %s.%I is %L', to_view, found.attname, found.words
        );
    end loop;
end $$;

comment on function market.copy_comments(regclass, regclass) is
    'Copies the comments of a view''s columns to those of the same name of '
    'another.';
