-- Stage     60 store
-- Makes     store.families, store.add_columns(), store.make_views(text),
--           store.make_matrix(), store.copy_comments()
-- Kind      view and function
-- Grain     one row a family
-- Known at  –
-- Reads     feat._matrix
-- Nulls     never
-- Why       The families' functions define which features exist: the columns
--           of the store and the views over it are made from them. A column
--           that no family has any more keeps its values and is shown no more.

create view store.families as
select
    p.proname::text as family,
    min(m.attnum)::integer as place,
    array_agg(u.name order by u.place) as names
from pg_proc as p
cross join
    unnest(p.proargnames, p.proargmodes::text []) with ordinality
        as u (name, mode, place)
left join pg_attribute as m
    on
        m.attrelid = 'feat._matrix'::regclass
        and m.attname = u.name
        and not m.attisdropped
where
    p.pronamespace = 'feat'::regnamespace
    and u.mode = 't'
    and u.name not in ('symbol', 'bar_start', 'known_at')
group by p.oid, p.proname
having count(m.attnum) = count(*);

create function store.add_columns() returns integer
language plpgsql as $$
declare
    missing record;
    added integer := 0;
begin
    for missing in
        select
            t.name,
            string_agg(
                format('add column %I float8', u.name), ', '
                order by f.place, u.place
            ) as clauses,
            count(*)::integer as columns
        from (values
            ('features_1m'), ('features_1m_before'),
            ('features_5m'), ('features_5m_before'),
            ('features_1h'), ('features_1h_before')
        ) as t (name)
        cross join store.families as f
        cross join unnest(f.names) with ordinality as u (name, place)
        where not exists (
            select from pg_attribute as a
            where
                a.attrelid = format('store.%I', t.name)::regclass
                and a.attname = u.name
                and not a.attisdropped
        )
        group by t.name
        order by t.name
    loop
        execute format(
            'alter table store.%I %s', missing.name, missing.clauses
        );
        added := added + missing.columns;
    end loop;
    return added;
end $$;

create function store.make_views(of_family text) returns void
language plpgsql as $$
declare
    made record;
begin
    for made in
        select
            w.width,
            w.length,
            string_agg(format('s.%I', u.name), ', ' order by u.place) as names
        from (values
            ('1m', '1 minute 1 second'),
            ('5m', '5 minutes 1 second'),
            ('1h', '1 hour 1 second')
        ) as w (width, length)
        cross join store.families as f
        cross join unnest(f.names) with ordinality as u (name, place)
        where f.family = of_family
        group by w.width, w.length
        order by array_position(array['1m', '5m', '1h'], w.width)
    loop
        execute format(
            'create view feat.%I as select s.symbol, s.bar_start, '
            's.bar_start + interval %L as known_at, %s from store.%I as s',
            of_family || '_' || made.width, made.length, made.names,
            'features_' || made.width
        );
    end loop;
    if not found then
        raise exception 'make_views: there is no family %', of_family
            using errcode = 'invalid_parameter_value';
    end if;
end $$;

create function store.make_matrix() returns void
language plpgsql as $$
declare
    made record;
begin
    for made in
        select
            w.width,
            w.length,
            string_agg(
                format('s.%I', u.name), ', ' order by f.place, u.place
            ) as names
        from (values
            ('1m', '1 minute 1 second'),
            ('5m', '5 minutes 1 second'),
            ('1h', '1 hour 1 second')
        ) as w (width, length)
        cross join store.families as f
        cross join unnest(f.names) with ordinality as u (name, place)
        group by w.width, w.length
        order by array_position(array['1m', '5m', '1h'], w.width)
    loop
        execute format(
            'create view feat.%I as select s.symbol, s.bar_start, '
            's.bar_start + interval %L as known_at, %s from store.%I as s',
            'matrix_' || made.width, made.length, made.names,
            'features_' || made.width
        );
    end loop;
end $$;

create function store.copy_comments() returns void
language plpgsql as $$
declare
    comment record;
begin
    for comment in
        select
            s.attrelid::regclass as relation,
            s.attname,
            col_description(m.attrelid, m.attnum) as text
        from (values
            ('features_1m'), ('features_1m_before'),
            ('features_5m'), ('features_5m_before'),
            ('features_1h'), ('features_1h_before')
        ) as t (name)
        inner join pg_attribute as s
            on s.attrelid = format('store.%I', t.name)::regclass
        inner join pg_attribute as m
            on
                m.attrelid = 'feat.matrix_1m'::regclass
                and m.attname = s.attname
        where
            s.attnum > 0
            and m.attnum > 0
            and not s.attisdropped
            and s.attname not in ('symbol', 'bar_start')
            and col_description(s.attrelid, s.attnum)
            is distinct from col_description(m.attrelid, m.attnum)
    loop
        execute format(
            'comment on column %s.%I is %L',
            comment.relation, comment.attname, comment.text
        );
    end loop;
end $$;

comment on view store.families is
    'The families of features, by their functions.';
comment on column store.families.family is
    'The family: function feat.<family>(width, symbols, from, to).';
comment on column store.families.place is
    'Where its first feature stands in the matrix.';
comment on column store.families.names is 'Its features.';
comment on function store.add_columns() is
    'Gives the store the columns of new features; returns how many those were.';
comment on function store.make_views(text) is
    'Makes the views feat.<family>_1m, _5m and _1h over the store.';
comment on function store.make_matrix() is
    'Makes feat.matrix_1m, matrix_5m and matrix_1h over the store.';
comment on function store.copy_comments() is
    'Copies the comments of the families'' columns to the stored ones.';

select store.add_columns();
