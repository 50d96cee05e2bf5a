-- Stage     30 ticks
-- Makes     market.ingest_totals, market.accounting(bigint, bigint)
-- Kind      view and function
-- Grain     one row; one row a call
-- Known at  committed_at of the newest batch
-- Reads     market.ingest_batches
-- Nulls     never
-- Why       received = inserted + duplicate + rejected + lost + pending, at
--           every moment: the bus says what it received, the database what it
--           took, and what was deleted before that.

create view market.ingest_totals as

select
    coalesce(sum(b.received), 0)::bigint as received,
    coalesce(sum(b.inserted), 0)::bigint as inserted,
    coalesce(sum(b.duplicate), 0)::bigint as duplicate,
    coalesce(sum(b.rejected), 0)::bigint as rejected,
    coalesce(sum(b.lost), 0)::bigint as lost,
    count(*) as batches
from market.ingest_batches as b;

comment on view market.ingest_totals is
    'The sum of everything taken from the bus.';
comment on column market.ingest_totals.received is
    'Ticks taken from the bus.';
comment on column market.ingest_totals.inserted is
    'Ticks that became rows.';
comment on column market.ingest_totals.duplicate is
    'Ticks that were stored already.';
comment on column market.ingest_totals.rejected is
    'Ticks that were refused.';
comment on column market.ingest_totals.lost is
    'Ticks that were deleted from the bus before anybody took them.';
comment on column market.ingest_totals.batches is
    'Rows of market.ingest_batches summed.';

create function market.accounting(bus_base bigint, bus_next bigint)
returns table (
    received bigint,
    inserted bigint,
    duplicate bigint,
    rejected bigint,
    lost bigint,
    pending bigint
)
language sql stable strict parallel safe
begin atomic
    select
        bus_next - bus_base,
        coalesce(sum(b.inserted), 0)::bigint,
        coalesce(sum(b.duplicate), 0)::bigint,
        coalesce(sum(b.rejected), 0)::bigint,
        coalesce(sum(b.lost), 0)::bigint,
        bus_next - bus_base - coalesce(sum(b.received), 0)::bigint
    from market.ingest_batches as b
    where b.ordinals && int8multirange(int8range(bus_base, bus_next));
end;

comment on function market.accounting(bigint, bigint) is
    'The counts of one life of the bus, given its first and next ordinal. '
    'pending counts ticks that no batch covers.';
