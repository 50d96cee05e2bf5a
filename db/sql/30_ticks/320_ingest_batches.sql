-- Stage     30 ticks
-- Makes     market.ingest_batches
-- Kind      table
-- Grain     one row a committed batch; old ones are folded together
-- Known at  committed_at
-- Reads     –
-- Nulls     consumer where batches were folded
-- Why       The counts of ticks from the bus, written in the transaction that
--           inserts the ticks. No two rows may cover the same tick, so a
--           redelivered entry is never counted twice, also in a race.

create table market.ingest_batches (
    batch_id bigint generated always as identity primary key,
    ordinals int8multirange not null check (not isempty(ordinals)),
    received bigint not null check (received > 0),
    inserted bigint not null check (inserted >= 0),
    duplicate bigint not null check (duplicate >= 0),
    rejected bigint not null check (rejected >= 0),
    consumer text,
    committed_at timestamptz not null default now(),
    lost bigint not null default 0 check (lost >= 0),
    check (received = inserted + duplicate + rejected + lost),
    exclude using gist (ordinals with &&)
);

create index ingest_batches_committed_at
on market.ingest_batches (committed_at);

comment on table market.ingest_batches is
    'What each transaction took from the bus: received = inserted + '
    'duplicate + rejected + lost, row by row.';
comment on column market.ingest_batches.batch_id is 'Its number.';
comment on column market.ingest_batches.ordinals is
    'The ordinals on the bus of the ticks it counts.';
comment on column market.ingest_batches.received is 'Ticks it counts.';
comment on column market.ingest_batches.inserted is
    'Ticks that became rows of market.ticks.';
comment on column market.ingest_batches.duplicate is
    'Ticks that were stored already.';
comment on column market.ingest_batches.rejected is
    'Ticks that went to market.rejected_ticks.';
comment on column market.ingest_batches.lost is
    'Ticks that were deleted from the bus before anybody took them.';
comment on column market.ingest_batches.consumer is
    'The ingestor that wrote it.';
comment on column market.ingest_batches.committed_at is
    'When its transaction began, by the database''s clock.';
