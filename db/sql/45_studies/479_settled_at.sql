-- Stage     45 studies
-- Makes     studies.settled_at(timestamptz)
-- Kind      function
-- Grain     one value
-- Known at  as_of
-- Reads     market.source_clocks
-- Nulls     never
-- Why       What is computed as of an instant must wait until the ticks before
--           it are stored: by the clocks of the sources that are at work, which
--           in a replay are those of a past day. A source that is silent is not
--           waited for.

create function studies.settled_at(as_of timestamptz) returns timestamptz
language sql stable strict parallel safe
return (
    select
        coalesce(
            least(min(c.ts), as_of) - interval '2 seconds',
            as_of - interval '12 seconds'
        )
    from market.source_clocks as c
    where c.changed_at > as_of - interval '10 seconds'
);

comment on function studies.settled_at(timestamptz) is
    'The instant until which the ticks are stored, as of the database''s time: '
    '2 s before the slowest clock of the sources that wrote within 10 s, '
    'without any 12 s before the time itself.';
