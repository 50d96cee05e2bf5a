-- Stage     10 reference
-- Makes     reference.versions, reference.keep_version()
-- Kind      table and its trigger function
-- Grain     one row a replaced version of a reference row
-- Known at  valid_to
-- Reads     –
-- Nulls     never
-- Why       A tick is validated by the grid of its day: every change of
--           reference data keeps the values before it.

create table reference.versions (
    relation text not null,
    key text not null,
    version integer not null,
    valid_from timestamptz not null,
    valid_to timestamptz not null default now(),
    changed_by text not null default current_user,
    content jsonb not null,
    primary key (relation, key, version, valid_to)
);

comment on table reference.versions is
    'Every version of a reference row that has been replaced or deleted.';
comment on column reference.versions.relation is
    'The table the row was in, without its schema.';
comment on column reference.versions.key is
    'The row''s key, its parts joined by a slash.';
comment on column reference.versions.version is
    'The version that ended, from 1.';
comment on column reference.versions.valid_from is
    'When that version was written.';
comment on column reference.versions.valid_to is
    'When it was replaced or deleted.';
comment on column reference.versions.changed_by is
    'The database role that ended it.';
comment on column reference.versions.content is
    'The whole row as it was.';

-- The key's columns are the trigger's arguments.
create function reference.keep_version() returns trigger
language plpgsql as $$
declare
    content jsonb := to_jsonb(old);
    key_text text := '';
    part text;
    -- Generated columns are not yet made in the new row.
    beside text[] := array(
        select a.attname::text
        from pg_catalog.pg_attribute as a
        where a.attrelid = tg_relid and a.attgenerated <> ''
    ) || array['version', 'changed_at'];
begin
    if tg_op = 'UPDATE' then
        if to_jsonb(new) - beside = content - beside then
            return null;
        end if;
        new.version := old.version + 1;
        new.changed_at := now();
    end if;
    foreach part in array tg_argv loop
        key_text := key_text
            || case when key_text = '' then '' else '/' end
            || coalesce(content ->> part, '');
    end loop;
    insert into reference.versions (
        relation, key, version, valid_from, content
    )
    values (
        tg_table_name, key_text, old.version, old.changed_at, content
    )
    on conflict (relation, key, version, valid_to) do nothing;
    return case when tg_op = 'DELETE' then old else new end;
end
$$;

comment on function reference.keep_version() is
    'Keeps the version of a reference row that an update or delete ends.';
