-- The comments that psql, the API and the pages show, in plain words.
comment on schema reference is
    'Reference data: instruments, series, sources, tapes, sessions.';
comment on schema market is
    'The market''s data: ticks, refused ticks, ingest counts, gaps, bars.';
comment on schema ops is
    'Thor''s own state: the edition of the database and its logic files.';
comment on schema feat is
    'Features of bars, by family and width, and their catalogue.';
comment on schema studies is
    'The desk''s studies of quotes, bars and ticks: signals, the TOTAL, '
    'extremes, market opens.';
comment on table ops.edition is
    'Edition and nature of this database, fixed when it was created: one row.';
comment on column ops.edition.nature is
    'simulated: fed by Thor''s simulator; recorded: fed by files; live: fed by '
    'a market. Each stays out of the others'' databases.';
comment on column ops.edition.made_at is
    'When the database was created, by its own clock.';
comment on table ops.logic_files is
    'The view and function files last applied to this database.';
comment on column ops.logic_files.makes is
    'The objects it makes, as the drop statement names them.';
comment on table reference.instruments is
    'Instruments: one row a root, with its grid, money and calendar.';
comment on column reference.instruments.calendar is
    'Calendar of its trading hours, in reference.sessions.';
comment on column reference.instruments.margin is
    'Initial margin a contract, in currency; null where not known.';
comment on column reference.instruments.sort_order is
    'Position in lists: index futures, energy and metals, then the rest.';
comment on table reference.sources is
    'Sources of market data: feeds, the simulator, tapes.';
comment on column reference.sources.priority is
    'Order of preference among sources of a symbol: the lowest is used.';
comment on column reference.sources.is_sampled is
    'Whether it samples the market instead of reporting every change.';
comment on column reference.sources.description is 'Description for people.';
comment on table reference.source_preferences is
    'Order of preference of sources for one symbol, where it differs.';
comment on column reference.source_preferences.priority is
    'Replaces reference.sources.priority for this symbol.';
comment on table reference.tapes is
    'The replayed files, identified by content, not by name.';
comment on column reference.tapes.source is 'The source of its ticks.';
comment on column reference.tapes.vendor is 'Vendor, where the file names one.';
comment on column reference.tapes.symbols is 'The series of its ticks.';
comment on table reference.quote_limits is
    'The ages from which a quote is STALE and DEAD: one row, written from '
    'THOR_STALE_S and THOR_DEAD_S.';
comment on column reference.quote_limits.stale_after is
    'A quote is FRESH while its source looked less than this ago, then STALE.';
comment on column reference.quote_limits.dead_after is
    'A quote is DEAD when its source last looked longer ago than this.';
comment on table reference.margins is
    'Margin that a contract requires of an account, by the trade date from '
    'which it holds.';
comment on column reference.margins.from_date is
    'First trade date for which it applies.';
comment on column reference.margins.maintenance is
    'Minimum margin for an open contract, in currency; null where not known.';
comment on column reference.margins.intraday is
    'Margin within regular hours, in currency; null where not known.';
comment on column reference.margins.source is 'Origin of the figures.';
comment on table reference.session_overrides is
    'A person''s corrections of the calendar library.';
comment on column reference.session_overrides.note is
    'Origin of the correction.';
comment on table reference.contracts is
    'The delivery months of each root, with first notice and end of trading.';
comment on column reference.contracts.first_notice is
    'First day of notice of delivery to holders; null where that cannot be '
    'before the last trade.';
comment on column reference.contracts.rule is
    'The exchange''s rule for the dates, or the person who entered them.';
comment on column reference.contracts.is_by_hand is
    'Whether a person entered the dates: then no rule changes them.';
comment on table reference.rolls is
    'Changes of the front month of a root: when, to which contract, by which '
    'rule and why.';
comment on column reference.rolls.rule is
    'volume: the session after a later month traded more than the front; '
    'expiry-5: 5 business days before first notice or last trade; or a name of '
    'your own rolls.';
comment on column market.ticks.ts is
    'Market time: the exchange''s time of the event.';
comment on column market.ticks.seq is
    'Number given once by the collector, increasing within a source; breaks '
    'ties.';
comment on column market.ticks.source is
    'Source of the tick, in reference.sources.';
comment on column market.ticks.is_sampled is
    'Whether the feed samples the market instead of reporting every change.';
comment on column market.dropped_ranges.evidence is
    'Where they can be read now, and how that was verified.';
comment on type market.tick_key is
    'The order of ticks: market time, number, source.';
comment on column market.last_values.contract is
    'Month of the contract; null where no tick has it.';
comment on column market.last_values.contract_key is
    'The tick that gave contract; null where none did.';
comment on column market.last_values.last is
    'Trade price, in points; null where no tick has it.';
comment on column market.last_values.last_key is
    'The tick that gave last; null where none did.';
comment on column market.last_values.bid is
    'Best bid, in points; null where no tick has it.';
comment on column market.last_values.bid_key is
    'The tick that gave bid; null where none did.';
comment on column market.last_values.ask is
    'Best ask, in points; null where no tick has it.';
comment on column market.last_values.ask_key is
    'The tick that gave ask; null where none did.';
comment on column market.last_values.last_size is
    'Contracts of the trade; null where no tick has it.';
comment on column market.last_values.last_size_key is
    'The tick that gave last_size; null where none did.';
comment on column market.last_values.bid_size is
    'Contracts at the best bid; null where no tick has it.';
comment on column market.last_values.bid_size_key is
    'The tick that gave bid_size; null where none did.';
comment on column market.last_values.ask_size is
    'Contracts at the best ask; null where no tick has it.';
comment on column market.last_values.ask_size_key is
    'The tick that gave ask_size; null where none did.';
comment on column market.last_values.volume is
    'Cumulative session volume of the feed, in contracts; null where no tick '
    'has it.';
comment on column market.last_values.volume_key is
    'The tick that gave volume; null where none did.';
comment on column market.last_values.open is
    'The date''s first last, in points; null where no tick has one.';
comment on column market.last_values.open_key is
    'The tick that gave open; null where none did.';
comment on column market.last_values.high is
    'The highest last of the date, in points; null where no tick has one.';
comment on column market.last_values.low is
    'The lowest last of the date, in points; null where no tick has one.';
comment on table market.heard is
    'When each source last looked at each symbol, whether or not it had '
    'changed.';
comment on column market.heard.heard_from is
    'When it began to look without a pause of more than 5 s.';
comment on table market.marks is
    'Daily values of a feed for a symbol: previous close, settlement, the '
    'session''s open, high and low, open interest, 52 weeks.';
comment on column market.marks.trade_date is
    'The exchange''s day of the values.';
comment on column market.marks.source is 'Source of the values.';
comment on column market.marks.prev_close is
    'Close of the session before, as given by the source, in points; null '
    'where not given.';
comment on column market.marks.settlement is
    'Settlement of this trade date, in points; null where not given.';
comment on column market.marks.open is
    'First price of the session, in points; null where not given.';
comment on column market.marks.high is
    'Highest price of the session so far, in points; null where not given.';
comment on column market.marks.low is
    'Lowest price of the session so far, in points; null where not given.';
comment on column market.marks.open_interest is
    'Contracts open; null where not given.';
comment on column market.marks.high_52w is
    'Highest price of 52 weeks, in points; null where not given.';
comment on column market.marks.low_52w is
    'Lowest price of 52 weeks, in points; null where not given.';
comment on table market.mark_versions is
    'Every version of a row of marks, so that a question about the past is '
    'answered as known then.';
comment on column market.mark_versions.trade_date is
    'The exchange''s day of the values.';
comment on column market.mark_versions.source is 'Source of the values.';
comment on column market.mark_versions.prev_close is
    'Close of the session before, as given by the source, in points; null '
    'where not given.';
comment on column market.mark_versions.settlement is
    'Settlement of this trade date, in points; null where not given.';
comment on column market.mark_versions.open is
    'First price of the session, in points; null where not given.';
comment on column market.mark_versions.high is
    'Highest price of the session so far, in points; null where not given.';
comment on column market.mark_versions.low is
    'Lowest price of the session so far, in points; null where not given.';
comment on column market.mark_versions.open_interest is
    'Contracts open; null where not given.';
comment on column market.mark_versions.high_52w is
    'Highest price of 52 weeks, in points; null where not given.';
comment on column market.mark_versions.low_52w is
    'Lowest price of 52 weeks, in points; null where not given.';
comment on table market.rejected_ticks is
    'Refused ticks: the reason, and the payload as received.';
comment on column market.rejected_ticks.ticks is
    'Ticks that this row counts for: 1, or the n of a malformed entry.';
comment on column market.rejected_ticks.payload is
    'The tick or the entry as received; bytes that are no text escaped.';
comment on column market.ingest_batches.ordinals is
    'The ordinals on the bus of the ticks it counts.';
comment on column market.ingest_batches.received is 'Ticks it counts.';
comment on column market.ingest_batches.duplicate is
    'Ticks that were stored already.';
comment on column market.gaps.trade_date is 'The exchange''s day of the gap.';
comment on column market.gaps.gap_end is
    'The next tick, the session''s close, or the end of the scan.';
comment on column market.gaps.cause is
    'source silent where the source had no tick of any symbol meanwhile, else '
    'symbol silent.';
comment on column market.gaps.filled_by is
    'A source that has since delivered ticks within it.';
comment on table market.bar_files is
    'The files of imported bars, identified by content.';
comment on column market.bar_files.vendor is
    'Vendor, where the file names one.';
comment on table market.bars_to_refresh is
    'Ranges whose bars wait for a refresh; empty: no bar is stale.';
comment on table ops.bar_rebuilds is
    'The slices of each thor bars rebuild, so that an interrupted one resumes.';
comment on column ops.bar_rebuilds.asked_from is
    'First instant of the requested rebuild.';
comment on column ops.bar_rebuilds.asked_to is
    'First instant after the requested rebuild.';
comment on column ops.bar_rebuilds.ticks is
    'Ticks of its bars; null until it is done.';
comment on column ops.bar_rebuilds.asked_at is
    'When it was requested, by the database''s clock.';
comment on table market.source_clocks is
    'The clock of each source; a bar is closed when its known_at is not later.';
comment on column market.source_clocks.ts is
    'The source''s time, in its last clock entry.';
comment on column studies.sets.description is 'Purpose of the set.';
comment on table studies.thresholds is
    'Net changes from which a symbol is bought or sold, in points.';
comment on table studies.contract_weights is
    'Weight of a symbol''s signal in the TOTAL.';
comment on column studies.contract_weights.is_inverted is
    'Whether a rise means falling shares: the signal''s weight changes its '
    'sign.';
comment on table studies.signal_weights is
    'Weight of each signal in the composite signal.';
comment on column studies.signal_weights.weight is
    'Weight of the signal; an inverted symbol counts the opposite.';
comment on column ops.copies.source_made_at is
    'When that one was created, which identifies it.';
comment on column ops.copies.verified_at is
    'When both were last proven equal; null until then.';
comment on table ops.copied_parts is
    'Parts that a copy has written and compared: tables, and trade dates of '
    'ticks.';
