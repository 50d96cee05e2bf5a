import { Button, VisuallyHidden } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Fragment, useState, type FormEvent } from 'react';

import { SignalChip } from '@/components/figures/Signal';
import { Panel } from '@/components/panel/Panel';
import { Empty, Failure, Loading } from '@/components/states/states';
import { useMay } from '@/hooks/useMay';
import { api, data } from '@/services/api';
import { serverClock } from '@/services/clock';
import * as format from '@/services/format';
import { queryClient } from '@/services/queries';
import type { components } from '@/types/api';

import css from './Settings.module.css';

type Weight = components['schemas']['SignalWeight'];
type Open = { readonly signal: string; readonly what: 'edit' | 'versions' };

const SQL = `select signal, weight, version, changed_at, changed_by, reason
from studies.signal_weights
order by weight desc, signal;`;

/** What each signal counts for in the composite signal, in every set. */
export function SignalWeights({ zone }: { zone: string }) {
  const mayChange = useMay('TRADER');
  const [open, show] = useState<Open | null>(null);
  const { data: rows, error, isPending, refetch } = useQuery({
    queryKey: ['desk', 'signals'],
    queryFn: () => data(api.GET('/api/signals/weights')),
  });
  const toggle = (signal: string, what: Open['what']) =>
    show(open?.signal === signal && open.what === what ? null : { signal, what });
  if (error) {
    return (
      <Failure
        title="The weights of signals could not be read."
        error={error}
        still="Signals go on."
        onRetry={() => void refetch()}
      />
    );
  }
  return (
    <Panel
      title="Weights of signals"
      meta="what a signal counts for in the composite signal of every set; an inverted symbol counts the opposite"
      isFlush
      sql={{ statement: () => SQL, gives: `${rows?.length ?? 0} rows` }}
    >
      {isPending ? (
        <div style={{ padding: 12 }}>
          <Loading rows={5} height={20} />
        </div>
      ) : (
        <div className={css.scroll}>
          <table className={css.table} data-testid="signal-weights">
            <thead>
              <tr>
                <th scope="col">Signal</th>
                <th scope="col" className={css.right}>
                  Weight
                </th>
                <th scope="col">Last change</th>
                <th scope="col">Why</th>
                <th scope="col">
                  <VisuallyHidden>Actions</VisuallyHidden>
                </th>
              </tr>
            </thead>
            <tbody>
              {rows?.map((row) => (
                <Fragment key={row.signal}>
                  <tr data-signal={row.signal}>
                    <th scope="row">
                      <SignalChip signal={row.signal} />
                    </th>
                    <td className={css.right} data-field="weight">
                      {format.asSet(row.weight)}
                    </td>
                    <td className="muted nowrap">
                      {row.changed_by}, {format.time(row.changed_at, zone, serverClock.real())}
                    </td>
                    <td className={`muted ${css.why}`} title={row.reason}>
                      {row.reason}
                    </td>
                    <td className="nowrap">
                      {(mayChange ? (['edit', 'versions'] as const) : (['versions'] as const)).map((what) => (
                        <button
                          key={what}
                          type="button"
                          className={css.action}
                          aria-expanded={open?.signal === row.signal && open.what === what}
                          aria-label={`${what === 'edit' ? 'Change' : 'Versions of'} ${row.signal}`}
                          onClick={() => toggle(row.signal, what)}
                        >
                          {what === 'edit' ? 'Change' : 'Versions'}
                        </button>
                      ))}
                    </td>
                  </tr>
                  {open?.signal === row.signal && (
                    <tr className={css.more}>
                      <td colSpan={5}>
                        {open.what === 'edit' ? (
                          <Editor row={row} onClose={() => show(null)} />
                        ) : (
                          <Versions signal={row.signal} zone={zone} />
                        )}
                      </td>
                    </tr>
                  )}
                </Fragment>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Panel>
  );
}

function Editor({ row, onClose }: { row: Weight; onClose: () => void }) {
  const mayChange = useMay('TRADER');
  const [weight, setWeight] = useState(row.weight);
  const [reason, setReason] = useState('');
  const [error, setError] = useState<unknown>(null);
  const [isSending, setSending] = useState(false);
  const save = async (event: FormEvent) => {
    event.preventDefault();
    setSending(true);
    setError(null);
    try {
      const path = { signal: row.signal };
      const body = { weight: weight.trim().replace('−', '-'), reason };
      await data(api.PATCH('/api/signals/weights/{signal}', { params: { path }, body }));
      await queryClient.invalidateQueries({ queryKey: ['desk'] });
      onClose();
    } catch (found) {
      setError(found);
      setSending(false);
    }
  };
  return (
    <form className={css.editor} onSubmit={(event) => void save(event)} aria-label={`Weight of ${row.signal}`}>
      <label>
        <span>Weight</span>
        <input
          value={weight}
          inputMode="decimal"
          autoComplete="off"
          className={css.input}
          aria-description={`stands at ${format.asSet(row.weight)}`}
          onChange={(event) => setWeight(event.currentTarget.value)}
        />
      </label>
      <label className={css.reason}>
        <span>Why</span>
        <input
          value={reason}
          required
          maxLength={500}
          className={css.input}
          placeholder="Kept with the version"
          onChange={(event) => setReason(event.currentTarget.value)}
        />
      </label>
      <Button type="submit" size="compact-sm" disabled={weight === row.weight || isSending || !reason.trim() || !mayChange}>
        Save
      </Button>
      <Button size="compact-sm" onClick={onClose}>
        Cancel
      </Button>
      {error !== null && (
        <div className={css.refused}>
          <Failure title={`${row.signal} stays as it is.`} error={error} />
        </div>
      )}
    </form>
  );
}

function Versions({ signal, zone }: { signal: Weight['signal']; zone: string }) {
  const path = { signal };
  const mayChange = useMay('TRADER');
  const [refused, refuse] = useState<unknown>(null);
  const { data: found, error, isPending } = useQuery({
    queryKey: ['desk', 'signals', signal],
    queryFn: () => data(api.GET('/api/signals/weights/{signal}/versions', { params: { path } })),
  });
  const undo = async (version: number) => {
    refuse(null);
    try {
      await data(api.POST('/api/signals/weights/{signal}/undo', { params: { path }, body: { version } }));
      await queryClient.invalidateQueries({ queryKey: ['desk'] });
    } catch (reason) {
      refuse(reason);
    }
  };
  if (isPending) return <Loading rows={2} />;
  if (error) return <Failure title={`The versions of ${signal} could not be read.`} error={error} />;
  if (found.length === 0) {
    return <Empty title={`The weight of ${signal} was never changed.`}>Change it, and the old one appears here.</Empty>;
  }
  return (
    <>
      {refused !== null && <Failure title={`${signal} stays as it is.`} error={refused} />}
      <table className={css.table} aria-label={`Earlier weights of ${signal}`}>
        <tbody>
          {found.map((one) => (
            <tr key={one.version}>
              <td>Weight, version {one.version}</td>
              <td>{format.asSet(one.weight)}</td>
              <td className="muted nowrap">until {format.time(one.valid_to, zone, serverClock.real())}</td>
              <td className="muted">
                {one.changed_by}: {one.reason}
              </td>
              <td>
                {mayChange && (
                  <Button size="compact-xs" onClick={() => void undo(one.version)}>
                    Bring back
                  </Button>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}
