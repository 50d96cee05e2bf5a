import { VisuallyHidden } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';

import { SymbolLink } from '@/components/SymbolLink';
import { Age, State } from '@/components/figures/figures';
import { Panel } from '@/components/panel/Panel';
import { Empty, Failure, Loading, Note } from '@/components/states/states';
import { now } from '@/hooks/useQuote';
import { useZone } from '@/hooks/useZone';
import { api, data } from '@/services/api';
import { serverClock } from '@/services/clock';
import * as format from '@/services/format';
import { moment } from '@/services/sql';
import type { components } from '@/types/api';

import css from './System.module.css';

type SystemState = components['schemas']['SystemState'];

const EVERY_MS = 2_000;
const GIB = 2 ** 30;

/** The way of a tick, stage by stage, and what is wrong with it, named first. */
export default function System() {
  const zone = useZone();
  const { data: state, error, isPending, refetch } = useQuery({
    queryKey: ['system'],
    queryFn: () => data(api.GET('/api/system')),
    refetchInterval: EVERY_MS,
    staleTime: EVERY_MS,
  });
  if (isPending) return <Loading rows={8} height={24} />;
  if (!state) {
    return (
      <Failure
        title="The state of Thor could not be read."
        error={error}
        onRetry={() => void refetch()}
      />
    );
  }
  const { health } = state;
  return (
    <>
      <h1>System</h1>
      {error !== null && (
        <Failure title="The state could not be read again." error={error} still="What stands here is older." />
      )}
      {health.reasons.length === 0 ? (
        <Note title="Every part answers.">{waiting(state)}</Note>
      ) : (
        health.reasons.map((reason) => (
          <Note key={reason} kind={health.status === 'down' ? 'error' : 'warning'} title={`${capital(reason)}.`} />
        ))
      )}
      <Way state={state} zone={zone} />
      <div className={css.columns}>
        <Refused state={state} zone={zone} />
        <Processes state={state} zone={zone} />
        <Sources state={state} />
        <Gaps state={state} zone={zone} />
        <Machine state={state} />
        <Lake state={state} />
      </div>
    </>
  );
}

/** What waits, as a sentence. */
function waiting({ bars_waiting: bars, lake }: SystemState): string {
  const waits = [
    bars && bars.ranges > 0 && counted(bars.ranges, 'range of bars', 'ranges of bars'),
    lake && lake.missing.length > 0 && counted(lake.missing.length, 'date for the lake', 'dates for the lake'),
  ].filter(Boolean);
  return waits.length === 0 ? 'Nothing is lost, nothing waits.' : `Nothing is lost. Waiting: ${waits.join(', ')}.`;
}

function counted(count: number, one: string, many: string): string {
  return `${format.size(count)} ${count === 1 ? one : many}`;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1).replace(/\.$/, '');
}

interface Props {
  state: SystemState;
  zone: string;
}

/** The stages from left to right, and the identity as a sum that the eye can check. */
function Way({ state, zone }: Props) {
  const { health, bars_waiting: waiting, lake } = state;
  const counts = health.accounting;
  const missing = lake?.missing;
  const statement = () =>
    counts
      ? `select * from market.accounting(${counts.base}, ${counts.base + counts.received});`
      : 'select * from market.ingest_totals;';
  return (
    <Panel
      title="The way of a tick"
      meta={`asked ${format.time(health.ts, zone)}, in this life of the bus`}
      sql={{ statement, gives: 'one row' }}
    >
      <ol className={css.way}>
        <Collect state={state} />
        <Stage name="Bus" state={health.bus.state} reason={health.bus.reason}>
          {format.size(counts?.received)} received
          <small>{format.size(health.bus.held_ticks)} held</small>
        </Stage>
        <Stage name="Ingest" state={counts ? 'up' : 'down'} reason={null}>
          {format.size(counts?.pending)} pending
          <small>
            {format.size(health.bus.lag_entries)} entries behind,{' '}
            {format.size(health.bus.pending_entries)} taken
          </small>
        </Stage>
        <Stage name="Database" state={health.database.state} reason={health.database.reason}>
          {format.size(counts?.inserted)} stored
          <small>
            {health.database.edition ?? format.MISSING}, {format.plainNumber(health.database.latency_ms, 1)} ms
          </small>
        </Stage>
        <Stage name="Bars" state={waiting ? (waiting.ranges ? 'waiting' : 'up') : 'down'} reason={null}>
          {waiting ? counted(waiting.ranges, 'range', 'ranges') : format.MISSING} to refresh
          <small>{waiting?.oldest ? `since ${format.time(waiting.oldest, zone, serverClock.real())}` : 'none is stale'}</small>
        </Stage>
        <Stage name="Lake" state={lake ? (missing?.length ? 'waiting' : 'up') : 'down'} reason={null}>
          {missing ? counted(missing.length, 'date', 'dates') : format.MISSING} to export
          <small>{missing?.length ? `oldest ${format.date(missing[0])}` : 'every closed date is whole'}</small>
        </Stage>
        <Stage name="Pages" state={health.stream.state} reason={health.stream.reason}>
          {format.size(health.stream.clients)} open
          <small>stream {health.stream.state}</small>
        </Stage>
      </ol>
      <div className={css.identity} data-testid="identity">
        {counts ? (
          <>
            <Term name="received" value={counts.received} />
            <Sign text="=" />
            <Term name="stored" value={counts.inserted} />
            <Sign text="+" />
            <Term name="duplicate" value={counts.duplicate} />
            <Sign text="+" />
            <Term name="refused" value={counts.rejected} />
            <Sign text="+" />
            {counts.lost > 0 && (
              <>
                <Term name="lost" value={counts.lost} />
                <Sign text="+" />
              </>
            )}
            <Term name="pending" value={counts.pending} />
            <div className={`${css.holds} ${counts.is_balanced ? css.good : css.bad}`}>
              {counts.is_balanced ? '✓ holds' : '! does not hold'}
            </div>
          </>
        ) : (
          <div>The counts cannot be asked while a server is away.</div>
        )}
      </div>
    </Panel>
  );
}

function Term({ name, value }: { name: string; value: number }) {
  return (
    <dl data-term={name}>
      <dt>{name}</dt>
      <dd>{format.size(value)}</dd>
    </dl>
  );
}

function Sign({ text }: { text: string }) {
  return (
    <div className={css.sign} aria-hidden="true">
      {text}
    </div>
  );
}

/** Who speaks, and for how many symbols. */
function Collect({ state }: { state: SystemState }) {
  const speaking = state.sources?.filter(({ symbols }) => symbols.length > 0) ?? [];
  const symbols = speaking.reduce((sum, one) => sum + one.symbols.length, 0);
  const heard = speaking.map((one) => one.heard_at ?? '').sort().at(-1);
  return (
    <Stage name="Collect" state={state.sources ? (speaking.length ? 'up' : 'waiting') : 'down'} reason={null}>
      {speaking.length} {speaking.length === 1 ? 'source' : 'sources'}
      <small>
        {counted(symbols, 'symbol', 'symbols')}, <Age at={heard ?? null} />
      </small>
    </Stage>
  );
}

interface StageProps {
  name: string;
  state: string;
  reason: string | null | undefined;
  children: ReactNode;
}

const GLYPH: Record<string, string> = { up: '●', running: '●', idle: '●', waiting: '◐', down: '✕' };

function Stage({ name, state, reason, children }: StageProps) {
  return (
    <li className={css.stage} data-state={state} title={reason ?? undefined}>
      <span className={css.stageName}>
        <i aria-hidden="true">{GLYPH[state] ?? '◐'}</i> {name}
        {state === 'down' && <b> away</b>}
      </span>
      <span className={css.count}>{children}</span>
    </li>
  );
}

function Refused({ state, zone }: Props) {
  const rows = state.refused;
  return (
    <Panel
      title="Refused ticks"
      meta="newest 20"
      isFlush
      className={css.wide}
      sql={{
        statement: () =>
          'select rejected_at, symbol, source, field, value, reason, ticks\n' +
          'from market.rejected_ticks\norder by rejected_id desc\nlimit 20;',
        gives: `${rows?.length ?? 0} rows`,
      }}
    >
      {rows === null ? (
        <Empty title="The database is away." />
      ) : rows.length === 0 ? (
        <Empty title="No tick was refused." />
      ) : (
        <div className={css.rows} tabIndex={0} role="region" aria-label="Refused, newest 20">
          <table className={css.table} data-testid="refused">
          <thead>
            <tr><th>At</th><th>Symbol</th><th>Source</th><th>Field</th><th>Value</th><th>Reason</th></tr>
          </thead>
          <tbody>
            {rows.map((row, index) => (
              <tr key={`${row.rejected_at} ${index}`}>
                <td className="muted nowrap">{format.time(row.rejected_at, zone, serverClock.real())}</td>
                <td><b>{row.symbol ?? format.MISSING}</b></td>
                <td className="muted">{row.source ?? format.MISSING}</td>
                <td className="mono">{row.field}</td>
                <td className={`mono ${css.value}`} title={row.value}>{row.value}</td>
                <td>{row.reason}</td>
              </tr>
            ))}
          </tbody>
        </table>
        </div>
      )}
    </Panel>
  );
}

function Sources({ state }: { state: SystemState }) {
  const rows = state.sources;
  const statement = () => `select s.source, s.kind, s.priority,
       array_agg(q.symbol order by q.symbol) filter (where q.symbol is not null) as symbols,
       max(q.heard_at) as heard_at
from reference.sources as s
left join market.quotes_at(${moment(now())}) as q using (source)
where s.kind <> 'tape' or q.symbol is not null
group by s.source
order by count(q.symbol) desc, s.priority, s.source;`;
  return (
    <Panel title="Sources" meta="which source claims which symbol" isFlush className={css.wide} sql={{ statement, gives: `${rows?.length ?? 0} rows` }}>
      {rows === null ? (
        <Empty title="The database is away." />
      ) : (
        <table className={css.table} data-testid="sources">
          <thead>
            <tr><th>Source</th><th>Symbols</th><th className={css.right}>Heard</th><th>State</th></tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={row.source} title={row.description}>
                <td>
                  <b>{row.source}</b>
                  <span className="dim"> {row.kind}</span>
                </td>
                <td className={row.symbols.length ? undefined : 'dim'}>
                  {row.symbols.length === 0
                    ? 'none'
                    : row.symbols.map((symbol) => (
                        <span key={symbol}>
                          <SymbolLink symbol={symbol} />{' '}
                        </span>
                      ))}
                </td>
                <td className={`${css.right} nowrap`}><Age at={row.heard_at} /></td>
                <td>{row.state ? <State state={row.state} /> : <span className="dim">silent</span>}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Panel>
  );
}

function Gaps({ state, zone }: Props) {
  const rows = state.gaps;
  return (
    <Panel
      title="Gaps"
      meta="newest 20"
      isFlush
      className={css.wide}
      sql={{
        statement: () =>
          'select symbol, source, trade_date, gap_start, gap_end, cause, filled_by\nfrom market.gaps\n' +
          'order by gap_start desc, symbol, source\nlimit 20;',
        gives: `${rows?.length ?? 0} rows`,
      }}
    >
      {rows === null ? (
        <Empty title="The database is away." />
      ) : rows.length === 0 ? (
        <Empty title="No feed was silent for longer than its cadence." />
      ) : (
        <div className={css.rows} tabIndex={0} role="region" aria-label="Gaps, newest 20">
          <table className={css.table} data-testid="gaps">
          <thead>
            <tr><th>Symbol</th><th>From</th><th className={css.right}>Length</th><th>Cause</th></tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={`${row.symbol} ${row.source} ${row.gap_start}`} title={row.source}>
                <td><b>{row.symbol}</b></td>
                <td className="muted nowrap">{format.time(row.gap_start, zone, serverClock.real())}</td>
                <td className={`${css.right} nowrap`}>
                  {format.age(Date.parse(row.gap_end) - Date.parse(row.gap_start))}
                </td>
                <td>{row.filled_by ? `filled by ${row.filled_by}` : row.cause}</td>
              </tr>
            ))}
          </tbody>
        </table>
        </div>
      )}
    </Panel>
  );
}

function Processes({ state, zone }: Props) {
  const jobs = state.health.jobs;
  return (
    <Panel title="Processes" meta="servers and jobs of this home" isFlush className={`${css.half} ${css.tall}`}>
      {state.processes.length === 0 ? (
        <Empty title="No supervisor runs here.">`thor up` starts one; with compose see its own status.</Empty>
      ) : (
        <table className={css.table} data-testid="processes">
          <thead>
            <tr><th>Name</th><th>State</th><th>Since</th><th className={css.right}>Restarts</th></tr>
          </thead>
          <tbody>
            {state.processes.map((row) => {
              const reason = jobs[row.name]?.reason || row.reason;
              return (
                <tr key={row.name}>
                  <td><b>{row.name}</b></td>
                  <td>
                    {jobs[row.name]?.state ?? row.state}
                    {reason && <div className="muted">{reason}</div>}
                  </td>
                  <td className="muted nowrap">
                    {row.started_at ? format.time(row.started_at, zone, serverClock.real()) : format.MISSING}
                  </td>
                  <td className={`${css.right} ${row.restarts ? css.look : ''}`}>{format.size(row.restarts)}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      )}
    </Panel>
  );
}

const FACTS_SQL = `select e.edition, e.nature, current_setting('server_version') as postgres,
       (select x.extversion from pg_catalog.pg_extension as x where x.extname = 'timescaledb') as timescaledb
from ops.edition as e;`;

function Machine({ state }: { state: SystemState }) {
  const { versions, health } = state;
  const facts: [string, string][] = [
    ['Thor', versions.thor],
    ['PostgreSQL', versions.postgres ?? format.MISSING],
    ['TimescaleDB', versions.timescaledb ?? 'not used'],
    ['Edition', health.database.edition ?? format.MISSING],
    ['Nature', health.database.nature ?? format.MISSING],
    [
      'Disk free',
      `${format.plainNumber(state.disk_free_bytes / GIB, 1)} of ${format.plainNumber(state.disk_total_bytes / GIB, 1)} GiB`,
    ],
  ];
  return (
    <Panel title="This Thor" className={css.half} sql={{ statement: () => FACTS_SQL, gives: 'one row; Thor and disk are the machine’s' }}>
      <dl className={css.facts} data-testid="machine">
        {facts.map(([label, value]) => (
          <div key={label}>
            <dt>{label}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </Panel>
  );
}

const DAY_WORDS = { whole: 'whole', missing: 'not exported', open: 'still open' } as const;
const LAKE_SQL = `select trade_date, count(*) as symbols, sum(ticks) as ticks
from market.bars_1d
where ticks > 0
group by trade_date
order by trade_date desc
limit 60;`;

/** A box a trade date: what the lake has of it. */
function Lake({ state }: { state: SystemState }) {
  const days = state.lake?.days;
  const missing = days?.filter((one) => one.state === 'missing') ?? [];
  return (
    <Panel
      title="Lake by trade date"
      meta="60 newest dates with ticks"
      className={css.all}
      sql={{ statement: () => LAKE_SQL, gives: `${days?.length ?? 0} rows of the database; thor lake shows the files` }}
    >
      {!days ? (
        <Empty title="The lake could not be asked." />
      ) : days.length === 0 ? (
        <Empty title="No trade date has ticks yet.">A date is exported once it has closed.</Empty>
      ) : (
        <>
          <ol className={css.lake} data-testid="lake">
            {days.map((one) => (
              <li
                key={one.trade_date}
                data-state={one.state}
                title={`${format.date(one.trade_date)}: ${DAY_WORDS[one.state]}, ${format.size(one.exported)} of ${format.size(one.ticks)} ticks, ${one.symbols} symbols`}
              >
                <VisuallyHidden>
                  {format.date(one.trade_date)}, {DAY_WORDS[one.state]}, {format.size(one.exported)} of{' '}
                  {format.size(one.ticks)} ticks
                </VisuallyHidden>
              </li>
            ))}
          </ol>
          <p className={css.lakeFoot}>
            <span>{format.fullDate(days[0]!.trade_date)}</span>
            <span className={missing.length ? css.look : undefined}>
              {missing.length
                ? `□ ${missing.map((one) => format.date(one.trade_date)).slice(-3).join(', ')} not exported`
                : 'every closed date is whole'}
            </span>
            <span>
              {format.fullDate(days.at(-1)!.trade_date)}, {DAY_WORDS[days.at(-1)!.state]},{' '}
              {format.size(days.at(-1)!.ticks)} ticks
            </span>
          </p>
        </>
      )}
    </Panel>
  );
}
