-- Stage     60 store
-- Makes     store.make_matrix_as_of(), feat.matrix_as_of(text, text[],
--           timestamptz, timestamptz, timestamptz)
-- Kind      function
-- Grain     one row a bar with a trade
-- Known at  known_at
-- Reads     feat._asked(text, text[], timestamptz, timestamptz),
--           feat._symbols(text[]), store.families, store.features_1h,
--           store.features_1h_before,
--           store.features_1m, store.features_1m_before, store.features_5m,
--           store.features_5m_before
-- Nulls     as the families
-- Why       What a model could be shown at a moment: of each bar the version
--           that stood then. A row that was made later is marked: nobody
--           was shown it.

create function store.make_matrix_as_of() returns void
language plpgsql as $make$
declare
    columns text;
    names text;
    versions text;
begin
    select
        string_agg(format('%I float8', u.name), ', ' order by f.place, u.place),
        string_agg(format('v.%I', u.name), ', ' order by f.place, u.place)
    into columns, names
    from store.families as f
    cross join unnest(f.names) with ordinality as u (name, place);
    select
        string_agg(
            format(
                'select v.symbol, v.bar_start, '
                'v.bar_start + interval %1$L as known_at, v.changed_at, '
                '%2$s as replaced_at, %3$s from store.%4$I as v '
                'where of_width = %5$L '
                'and feat._asked(of_width, of_symbols, ts_from, ts_to) '
                'is not null and v.symbol = any(('
                'select feat._symbols(of_symbols))::text[]) '
                'and v.bar_start >= coalesce(ts_from, ''-infinity'') '
                'and v.bar_start < coalesce(ts_to, ''infinity'')',
                w.length, r.replaced_at, names,
                'features_' || w.width || r.suffix, w.width
            ), ' union all '
        )
    into versions
    from (values
        ('1m', '1 minute 1 second'),
        ('5m', '5 minutes 1 second'),
        ('1h', '1 hour 1 second')
    ) as w (width, length)
    cross join (values
        ('', 'timestamptz ''infinity'''),
        ('_before', 'v.replaced_at')
    ) as r (suffix, replaced_at);
    execute format(
        'create function feat.matrix_as_of('
        'of_width text, of_symbols text[], ts_from timestamptz, '
        'ts_to timestamptz, as_of timestamptz) '
        'returns table (symbol text, bar_start timestamptz, '
        'known_at timestamptz, changed_at timestamptz, is_rebuilt boolean, %s) '
        'language sql stable parallel safe rows 5000 begin atomic '
        'with versions as (%s) '
        'select distinct on (v.symbol, v.bar_start) v.symbol, v.bar_start, '
        'v.known_at, v.changed_at, v.changed_at > as_of as is_rebuilt, %s '
        'from versions as v '
        'where v.known_at <= as_of and v.replaced_at > as_of '
        'order by v.symbol, v.bar_start, v.changed_at > as_of, '
        'case when v.changed_at <= as_of then v.changed_at end desc, '
        'v.changed_at; end',
        columns, versions, names
    );
end $make$;

select store.make_matrix_as_of();

comment on function store.make_matrix_as_of() is
    'Makes feat.matrix_as_of of the families'' features.';
comment on function feat.matrix_as_of(
    text, text[], timestamptz, timestamptz, timestamptz
) is
    'The matrix of the bars with ts_from <= bar_start < ts_to as it stood at a '
    'moment. is_rebuilt: the row was made after the moment, of bars as they '
    'were when it was made. A null bound is open.';
