-- What was deleted from the bus before anybody took it is counted as lost.

alter table market.ingest_batches
add column lost bigint not null default 0 check (lost >= 0);
alter table market.ingest_batches drop constraint ingest_batches_check;
alter table market.ingest_batches add constraint ingest_batches_check
check (received = inserted + duplicate + rejected + lost);
comment on table market.ingest_batches is
    'What each transaction took from the bus: received = inserted + '
    'duplicate + rejected + lost, row by row.';
comment on column market.ingest_batches.lost is
    'Ticks that were deleted from the bus before anybody took them.';

-- A tape's refused tick stands in the quarantine once: it is looked for.
create index rejected_ticks_source_seq on market.rejected_ticks (source, seq);
