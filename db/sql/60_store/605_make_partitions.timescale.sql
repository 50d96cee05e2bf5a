-- Stage     60 store
-- Makes     store.make_partitions(text, timestamptz[])
-- Kind      function
-- Grain     –
-- Known at  –
-- Reads     –
-- Nulls     never
-- Why       TimescaleDB makes its chunks by itself: the writers of both
--           editions ask alike.

create function store.make_partitions(of_width text, starts timestamptz[])
returns integer
language sql immutable parallel safe
return 0;

comment on function store.make_partitions(text, timestamptz[]) is
    'Nothing: TimescaleDB makes a chunk when the first row of it comes.';
