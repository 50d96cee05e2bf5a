import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';

import { Panel } from '@/components/panel/Panel';
import { Empty, Failure, Loading, Note } from '@/components/states/states';
import { useZone } from '@/hooks/useZone';
import { api, data } from '@/services/api';
import { serverClock } from '@/services/clock';
import * as format from '@/services/format';
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
        <Note title="Every part answers.">Nothing is lost, nothing waits.</Note>
      ) : (
        health.reasons.map((reason) => (
          <Note key={reason} kind={health.status === 'down' ? 'error' : 'warning'} title={reason} />
        ))
      )}
      <Way state={state} zone={zone} />
      <div className={css.columns}>
        <Refused state={state} zone={zone} />
        <Gaps state={state} zone={zone} />
        <Processes state={state} zone={zone} />
        <Machine state={state} />
      </div>
    </>
  );
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
  return (
    <Panel
      title="The way of a tick"
      meta={`asked ${format.time(serverClock.now(), zone)}`}
      sql={{ statement: () => 'select * from ingest_totals', gives: 'one row' }}
    >
      <ol className={css.way}>
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
          {format.size(waiting?.ranges)} ranges to refresh
          <small>{waiting?.oldest ? `since ${format.time(Date.parse(waiting.oldest), zone)}` : 'none is stale'}</small>
        </Stage>
        <Stage name="Lake" state={lake ? (missing?.length ? 'waiting' : 'up') : 'down'} reason={null}>
          {format.size(missing?.length)} closed dates to export
          <small>{missing?.length ? `oldest ${format.date(missing[0]!)}` : 'every closed date is whole'}</small>
        </Stage>
        <Stage name="Stream" state={health.stream.state} reason={health.stream.reason}>
          {format.size(health.stream.clients)} open
          <small>{health.stream.state}</small>
        </Stage>
      </ol>
      <p className={css.identity} data-testid="identity">
        {counts ? (
          <>
            {format.size(counts.received)} received = {format.size(counts.inserted)} stored +{' '}
            {format.size(counts.duplicate)} duplicate + {format.size(counts.rejected)} refused +{' '}
            {counts.lost ? `${format.size(counts.lost)} lost + ` : ''}
            {format.size(counts.pending)} pending{' '}
            <b>{counts.is_balanced ? '✓ balanced' : '! not balanced'}</b>
          </>
        ) : (
          'The counts cannot be asked while a server is away.'
        )}
      </p>
    </Panel>
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
      sql={{
        statement: () =>
          'select rejected_at, symbol, source, field, value, reason, ticks\n' +
          'from rejected_ticks\norder by rejected_id desc\nlimit 20',
        gives: `${rows?.length ?? 0} rows`,
      }}
    >
      {rows === null ? (
        <Empty title="The database is away." />
      ) : rows.length === 0 ? (
        <Empty title="No tick was refused." />
      ) : (
        <table className={css.table}>
          <thead>
            <tr><th>At</th><th>Symbol</th><th>Field</th><th>Value</th><th>Reason</th></tr>
          </thead>
          <tbody>
            {rows.map((row, index) => (
              <tr key={`${row.rejected_at} ${index}`}>
                <td>{format.time(Date.parse(row.rejected_at), zone, serverClock.now())}</td>
                <td>{row.symbol ?? format.MISSING}</td>
                <td>{row.field}</td>
                <td className={css.value}>{row.value}</td>
                <td>{row.reason}</td>
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
      sql={{
        statement: () => 'select *\nfrom gaps\norder by gap_start desc, symbol, source\nlimit 20',
        gives: `${rows?.length ?? 0} rows`,
      }}
    >
      {rows === null ? (
        <Empty title="The database is away." />
      ) : rows.length === 0 ? (
        <Empty title="No feed was silent for longer than its cadence." />
      ) : (
        <table className={css.table}>
          <thead>
            <tr><th>Symbol</th><th>Source</th><th>From</th><th>To</th><th>Cause</th></tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={`${row.symbol} ${row.source} ${row.gap_start}`}>
                <td>{row.symbol}</td>
                <td>{row.source}</td>
                <td>{format.time(Date.parse(row.gap_start), zone, serverClock.now())}</td>
                <td>{format.time(Date.parse(row.gap_end), zone, serverClock.now())}</td>
                <td>{row.filled_by ? `filled by ${row.filled_by}` : row.cause}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Panel>
  );
}

function Processes({ state, zone }: Props) {
  const jobs = state.health.jobs;
  return (
    <Panel title="Processes" meta="servers and jobs of this home" isFlush>
      {state.processes.length === 0 ? (
        <Empty title="No supervisor runs here.">`thor up` starts one; with compose see its own status.</Empty>
      ) : (
        <table className={css.table}>
          <thead>
            <tr><th>Name</th><th>State</th><th>Since</th><th className={css.right}>Restarts</th><th>Reason</th></tr>
          </thead>
          <tbody>
            {state.processes.map((row) => (
              <tr key={row.name}>
                <td>{row.name}</td>
                <td>{jobs[row.name]?.state ?? row.state}</td>
                <td>{row.started_at ? format.time(Date.parse(row.started_at), zone, serverClock.now()) : format.MISSING}</td>
                <td className={css.right}>{format.size(row.restarts)}</td>
                <td>{jobs[row.name]?.reason || row.reason}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Panel>
  );
}

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
    <Panel title="Machine">
      <dl className={css.facts}>
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
