import { Button, VisuallyHidden } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useState } from 'react';

import { Panel } from '@/components/panel/Panel';
import { Empty, Failure, Loading, Note } from '@/components/states/states';
import { useMay } from '@/hooks/useMay';
import { useZone } from '@/hooks/useZone';
import { api, data } from '@/services/api';
import { serverClock } from '@/services/clock';
import * as format from '@/services/format';
import { queryClient } from '@/services/queries';
import { literal, moment } from '@/services/sql';

import { History } from './History';
import css from './Jobs.module.css';
import { mayRun, nextIn, runState, type Job, type Run } from './runs';

const EVERY_MS = 2_000;
const ACTIONS = {
  run: '/api/jobs/{name}/run',
  pause: '/api/jobs/{name}/pause',
  resume: '/api/jobs/{name}/resume',
} as const;

type Action = keyof typeof ACTIONS;

/** What runs by the clock: when each job runs next, how its last run ended, and what it wrote. */
export default function Jobs() {
  const { job: asked } = useSearch({ strict: false }) as { job?: string };
  const navigate = useNavigate();
  const zone = useZone();
  const [refused, refuse] = useState<{ name: string; error: unknown } | null>(null);
  const [sending, send] = useState<string | null>(null);
  const { data: jobs, error, isPending, refetch } = useQuery({
    queryKey: ['jobs'],
    queryFn: () => data(api.GET('/api/jobs')),
    refetchInterval: EVERY_MS,
    staleTime: EVERY_MS,
  });
  const act = async (name: string, action: Action) => {
    refuse(null);
    send(name);
    try {
      await data<Job | Run>(api.POST(ACTIONS[action], { params: { path: { name } } }));
      if (action === 'run') show(name);
    } catch (found) {
      refuse({ name, error: found });
    }
    await queryClient.invalidateQueries({ queryKey: ['jobs'] });
    send(null);
  };
  const show = (name: string) =>
    void navigate({ to: '/jobs', search: { job: name } as never, replace: true });
  if (isPending) return <Loading rows={9} height={24} />;
  if (!jobs) {
    return <Failure title="The jobs could not be read." error={error} onRetry={() => void refetch()} />;
  }
  const selected = jobs.find(({ name }) => name === asked) ?? newest(jobs);
  const faults = jobs.filter(({ fault }) => fault !== null);
  return (
    <>
      <h1>Jobs</h1>
      {error !== null && (
        <Failure title="The jobs could not be read again." error={error} still="What stands here is older." />
      )}
      {refused && <Failure title={`${refused.name} stays as it is.`} error={refused.error} />}
      {faults.map(({ name, fault }) => (
        <Note key={name} kind="warning" title={`${name}: ${fault}.`} />
      ))}
      <Panel
        title="By the market’s clock"
        meta={`times of ${format.city(zone)}; a schedule is on its own zone’s clock`}
        isFlush
        sql={{ statement: jobsSql, gives: `${jobs.length} rows` }}
      >
        {jobs.length === 0 ? (
          <Empty title="There is no job.">`thor jobs add` adds one.</Empty>
        ) : (
          <table className={css.table} data-testid="jobs">
            <thead>
              <tr>
                <th scope="col">Job</th>
                <th scope="col">Schedule</th>
                <th scope="col">Next</th>
                <th scope="col">Last run</th>
                <th scope="col"><VisuallyHidden>Actions</VisuallyHidden></th>
              </tr>
            </thead>
            <tbody>
              {jobs.map((job) => (
                <Row
                  key={job.name}
                  job={job}
                  zone={zone}
                  isSelected={job.name === selected?.name}
                  isSending={sending === job.name}
                  onShow={() => show(job.name)}
                  onAct={(action) => void act(job.name, action)}
                />
              ))}
            </tbody>
          </table>
        )}
      </Panel>
      {selected && <History key={selected.name} job={selected} zone={zone} />}
    </>
  );
}

/** The job that ran last, or the first. */
function newest(jobs: readonly Job[]): Job | undefined {
  return [...jobs].sort((a, b) => (b.last_started_at ?? '').localeCompare(a.last_started_at ?? ''))[0];
}

function jobsSql(): string {
  return `select name, schedule, zone, policy, next_at, last_status, last_started_at,
       last_ended_at, last_succeeded_at, failures, fault
from ops.jobs_at(${moment(serverClock.real())});`;
}

interface RowProps {
  job: Job;
  zone: string;
  isSelected: boolean;
  isSending: boolean;
  onShow: () => void;
  onAct: (action: Action) => void;
}

function Row({ job, zone, isSelected, isSending, onShow, onAct }: RowProps) {
  const now = serverClock.real();
  const state = runState(job.last_status);
  const mayAct = useMay('ADMIN');
  return (
    <tr data-job={job.name} data-selected={isSelected}>
      <th scope="row">
        <button type="button" className={css.name} aria-pressed={isSelected} onClick={onShow}>
          {job.name}
        </button>
        <span className={css.about}>{job.description}</span>
      </th>
      <td>
        <span className="mono">{job.schedule}</span>
        <small>
          {job.schedule.includes('(') ? 'by the sessions' : job.zone}; missed: {MISSED[job.policy]}
        </small>
      </td>
      <td data-field="next">
        {nextIn(job, now)}
        {job.is_enabled && job.next_at && <small>{format.time(job.next_at, zone, now)}</small>}
      </td>
      <td data-field="last" data-kind={state.kind}>
        <span>
          <i aria-hidden="true">{state.glyph}</i> {state.words}
        </span>
        {job.last_started_at && <small>{format.time(job.last_started_at, zone, now)}</small>}
      </td>
      <td className={css.actions}>
        {mayAct && (
          <>
            <Button size="compact-xs" disabled={isSending || !mayRun(job)} aria-label={`Run now: ${job.name}`} onClick={() => onAct('run')}>
              Run now
            </Button>
            <Button
              size="compact-xs"
              disabled={isSending}
              aria-label={`${job.is_enabled ? 'Pause' : 'Resume'} ${job.name}`}
              onClick={() => onAct(job.is_enabled ? 'pause' : 'resume')}
            >
              {job.is_enabled ? 'Pause' : 'Resume'}
            </Button>
          </>
        )}
      </td>
    </tr>
  );
}

const MISSED = { catch_up: 'each is run', latest: 'the newest is run', skip: 'none is run' } as const;

/** The select of a job's newest runs. */
export function runsSql(job: string, limit: number): string {
  return `select id, due_at, status, attempt, asked_by, host, started_at, ended_at, exit_code, error
from ops.job_runs
where job = ${literal(job)}
order by coalesce(started_at, due_at) desc, id desc
limit ${limit};`;
}
