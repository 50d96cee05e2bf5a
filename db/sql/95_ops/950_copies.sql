-- Stage     95 ops
-- Makes     ops.copies, ops.copied_parts
-- Kind      table
-- Grain     one row, if a copy filled this database; one row a part of it
-- Known at  begun_at; copied_at
-- Reads     –
-- Nulls     verified_at until all was compared; checksum of stored bars, which
--           are compared as bars
-- Why       An interrupted copy resumes, and a copy that meets rows it did not
--           write stops. A part is written in the transaction that writes its
--           rows.

create table ops.copies (
    is_only boolean primary key default true check (is_only),
    copied_from text not null,
    source_made_at timestamptz not null,
    begun_at timestamptz not null default now(),
    verified_at timestamptz
);

create table ops.copied_parts (
    part text primary key,
    records bigint not null check (records >= 0),
    checksum numeric,
    copied_at timestamptz not null default now()
);

comment on table ops.copies is
    'The copy that filled this database, by thor db copy: one row, or none.';
comment on column ops.copies.is_only is
    'Always true: the key that keeps the table at one row.';
comment on column ops.copies.copied_from is 'Name of the database it copies.';
comment on column ops.copies.source_made_at is
    'When that one was created, which identifies it.';
comment on column ops.copies.begun_at is
    'When the copy began, by this database''s clock.';
comment on column ops.copies.verified_at is
    'When both were last proven equal; null until then.';

comment on table ops.copied_parts is
    'Parts that a copy has written and compared: tables, and trade dates of '
    'ticks.';
comment on column ops.copied_parts.part is
    'The table; of ticks and stored bars with a slash and the trade date.';
comment on column ops.copied_parts.records is 'Rows of the part.';
comment on column ops.copied_parts.checksum is
    'Sum of a hash of every row, whatever their order.';
comment on column ops.copied_parts.copied_at is
    'When it was written, by this database''s clock.';
