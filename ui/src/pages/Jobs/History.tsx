import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';

import { Panel } from '@/components/panel/Panel';
import { Empty, Failure, Loading } from '@/components/states/states';
import { api, data } from '@/services/api';
import { serverClock } from '@/services/clock';
import * as format from '@/services/format';

import { runsSql } from '.';
import css from './Jobs.module.css';
import { runState, took, type Job, type Run } from './runs';

const EVERY_MS = 2_000;
const RUNS = 20;

/** The newest runs of a job, and what the selected one wrote. */
export function History({ job, zone }: { job: Job; zone: string }) {
  const [picked, pick] = useState<number | null>(null);
  const { data: runs, error } = useQuery({
    queryKey: ['jobs', job.name],
    queryFn: () => {
      const params = { path: { name: job.name }, query: { limit: RUNS } };
      return data(api.GET('/api/jobs/{name}/runs', { params }));
    },
    refetchInterval: EVERY_MS,
    staleTime: EVERY_MS,
  });
  const run = runs?.find(({ id }) => id === picked) ?? runs?.find(({ status }) => status !== 'skipped') ?? runs?.[0];
  return (
    <div className={css.columns}>
      <Panel
        title={`Runs of ${job.name}`}
        meta={`newest ${RUNS}`}
        isFlush
        sql={{ statement: () => runsSql(job.name, RUNS), gives: `${runs?.length ?? 0} rows` }}
      >
        {error !== null && <Failure title={`The runs of ${job.name} could not be read.`} error={error} />}
        {!runs ? (
          error === null && <Loading rows={4} height={20} />
        ) : runs.length === 0 ? (
          <Empty title={`${job.name} never ran.`}>“Run now” starts it; else it waits for its schedule.</Empty>
        ) : (
          <div className={css.rows} tabIndex={0} role="region" aria-label={`Runs of ${job.name}`}>
            <table className={css.runs} data-testid="runs">
              <thead>
                <tr>
                  <th scope="col">Due</th>
                  <th scope="col">State</th>
                  <th scope="col" className={css.right}>Took</th>
                  <th scope="col" className={css.right}>Try</th>
                </tr>
              </thead>
              <tbody>
                {runs.map((one) => (
                  <RunRow key={one.id} run={one} zone={zone} isSelected={one.id === run?.id} onPick={() => pick(one.id)} />
                ))}
              </tbody>
            </table>
          </div>
        )}
      </Panel>
      {run && <Output key={run.id} run={run} zone={zone} />}
    </div>
  );
}

interface RunRowProps {
  run: Run;
  zone: string;
  isSelected: boolean;
  onPick: () => void;
}

function RunRow({ run, zone, isSelected, onPick }: RunRowProps) {
  const now = serverClock.real();
  const state = runState(run.status);
  const at = format.time(run.due_at, zone, now);
  return (
    <tr data-selected={isSelected}>
      <td className="nowrap">
        <button type="button" className={css.name} aria-pressed={isSelected} aria-label={`Output of ${at}`} onClick={onPick}>
          {at}
        </button>
        {run.asked_by && <small>asked for by {run.asked_by}</small>}
      </td>
      <td data-kind={state.kind}>
        <span>
          <i aria-hidden="true">{state.glyph}</i> {state.words}
        </span>
        {run.retry_at && <small>again {format.time(run.retry_at, zone, now)}</small>}
        {run.error && <small>{run.error}</small>}
      </td>
      <td className={`${css.right} nowrap`}>{format.age(took(run, now))}</td>
      <td className={css.right}>{format.size(run.attempt)}</td>
    </tr>
  );
}

/** What a run wrote; that of one that goes on follows it. */
function Output({ run, zone }: { run: Run; zone: string }) {
  const goesOn = run.status === 'running' || run.status === 'retrying';
  const { data: found, error } = useQuery({
    queryKey: ['jobs', run.job, run.id, run.status, run.attempt],
    queryFn: () => {
      const params = { path: { name: run.job, run: run.id } };
      return data(api.GET('/api/jobs/{name}/runs/{run}', { params }));
    },
    refetchInterval: goesOn ? EVERY_MS : false,
    staleTime: EVERY_MS,
  });
  const log = found?.log ?? '';
  return (
    <Panel
      title={`Output of ${format.time(run.due_at, zone, serverClock.real())}`}
      meta={`${format.size(run.log_bytes)} bytes${run.host ? `, ${run.host}` : ''}`}
      sql={{ statement: () => `select log\nfrom ops.job_runs\nwhere id = ${run.id};`, gives: 'one row' }}
    >
      {error !== null && <Failure title="The output could not be read." error={error} />}
      {found && log === '' ? (
        <Empty title={run.status === 'waiting' ? 'It has not started yet.' : 'It wrote nothing.'} />
      ) : (
        <pre className={css.output} data-testid="output" tabIndex={0} aria-label="Output">
          {log}
        </pre>
      )}
    </Panel>
  );
}
