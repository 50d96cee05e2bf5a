-- Stage     95 ops
-- The progress of a copy, stored in its target.

-- name: begin_copy
insert into ops.copies (copied_from, source_made_at)
values (%(copied_from)s::text, %(source_made_at)s::timestamptz)
on conflict (is_only) do update set verified_at = null;

-- name: copy_begun
select
    c.copied_from,
    c.source_made_at,
    c.verified_at
from ops.copies as c;

-- name: copy_verified
update ops.copies set verified_at = clock_timestamp();

-- name: copied_parts
select
    p.part,
    p.records,
    p.checksum
from ops.copied_parts as p;

-- name: part_copied
insert into ops.copied_parts as p (part, records, checksum)
values (%(part)s::text, %(records)s::bigint, %(checksum)s::numeric)
on conflict (part) do update set
    records = excluded.records,
    checksum = excluded.checksum,
    copied_at = now();
