-- Stage     95 ops
-- Makes     ops.edition
-- Kind      table
-- Grain     exactly one row
-- Known at  when the database is created
-- Reads     –
-- Nulls     never
-- Why       A database is simulated, recorded or live, and of one edition,
--           fixed when it is created; meeting another later is an error.

create table ops.edition (
    is_only boolean primary key default true check (is_only),
    edition text not null check (edition in ('plain', 'timescale')),
    nature text not null check (nature in ('simulated', 'recorded', 'live')),
    made_at timestamptz not null default now()
);

comment on table ops.edition is
    'Edition and nature of this database, fixed when it was created: one row.';
comment on column ops.edition.is_only is
    'Always true: the key that keeps the table at one row.';
comment on column ops.edition.edition is
    'plain: ordinary PostgreSQL tables; timescale: TimescaleDB Community.';
comment on column ops.edition.nature is
    'simulated: fed by Thor''s simulator; recorded: fed by files; live: fed by '
    'a market. Each stays out of the others'' databases.';
comment on column ops.edition.made_at is
    'When the database was created, by its own clock.';
