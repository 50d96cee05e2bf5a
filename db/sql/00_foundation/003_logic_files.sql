-- Stage     95 ops
-- Makes     ops.logic_files
-- Kind      table
-- Grain     one row a logic file of db/sql
-- Known at  when the file was last applied
-- Reads     –
-- Nulls     never
-- Why       Where no checksum changed, an upgrade drops nothing.

create table ops.logic_files (
    path text primary key,
    sha256 text not null,
    makes text[] not null,
    applied_at timestamptz not null default now()
);

comment on table ops.logic_files is
    'The view and function files last applied to this database.';
comment on column ops.logic_files.path is 'The file, below db/sql.';
comment on column ops.logic_files.sha256 is 'SHA-256 of its text, in hex.';
comment on column ops.logic_files.makes is
    'The objects it makes, as the drop statement names them.';
comment on column ops.logic_files.applied_at is
    'When it was applied, by the database''s clock.';
