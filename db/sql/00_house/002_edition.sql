-- Room      95 ops
-- Makes     ops.edition
-- Kind      table
-- Grain     exactly one row
-- Known at  when the database is made
-- Reads     –
-- Nulls     never
-- Why       A database is simulated or live, and of one edition, from the day
--           it is made; meeting another later is an error, not a surprise.

create table ops.edition (
    is_only boolean primary key default true check (is_only),
    edition text not null check (edition in ('plain', 'timescale')),
    nature text not null check (nature in ('simulated', 'live')),
    made_at timestamptz not null default now()
);

comment on table ops.edition is
    'What this database is, fixed when it was made: one row.';
comment on column ops.edition.is_only is
    'Always true: the key that keeps the table at one row.';
comment on column ops.edition.edition is
    'plain: ordinary PostgreSQL tables; timescale: TimescaleDB Community.';
comment on column ops.edition.nature is
    'simulated or live; the simulator refuses a live database.';
comment on column ops.edition.made_at is
    'When the database was made, by its own clock.';
