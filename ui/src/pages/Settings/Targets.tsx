import { Button, Checkbox, VisuallyHidden } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Fragment, useState, type FormEvent } from 'react';

import { Panel } from '@/components/panel/Panel';
import { Empty, Failure, Loading } from '@/components/states/states';
import { SymbolLink } from '@/components/SymbolLink';
import { useMay } from '@/hooks/useMay';
import { api, data } from '@/services/api';
import { serverClock } from '@/services/clock';
import * as format from '@/services/format';
import { queryClient } from '@/services/queries';
import type { components } from '@/types/api';

import css from './Settings.module.css';

type Row = components['schemas']['Targets'];

const FIELDS = [
  ['offset_high', 'Above, points'],
  ['offset_low', 'Below, points'],
  ['percent_high', 'Above, %'],
  ['percent_low', 'Below, %'],
] as const;
const MODES = ['POINTS', 'PERCENT', 'DISABLED'] as const;
const KEY = ['targets'];

type Open = { readonly symbol: string; readonly what: 'edit' | 'versions' };

/** How far the targets of market-open captures are from their entry, and the way back. */
export function Targets({ zone }: { zone: string }) {
  const mayChange = useMay('TRADER');
  const [open, show] = useState<Open | null>(null);
  const { data: rows, error, isPending, refetch } = useQuery({
    queryKey: KEY,
    queryFn: () => data(api.GET('/api/targets')),
  });
  const toggle = (symbol: string, what: Open['what']) =>
    show(open?.symbol === symbol && open.what === what ? null : { symbol, what });
  return (
    <Panel
      title="Targets of market opens"
      meta="how far from its entry a capture worked, or did not; a symbol without a row is not graded"
      isFlush
      sql={{ statement: () => SQL, gives: `${rows?.length ?? 0} rows` }}
    >
      {error !== null && (
        <Failure
          title="The targets could not be read."
          error={error}
          still="Captures go on."
          onRetry={() => void refetch()}
        />
      )}
      {isPending ? (
        <div style={{ padding: 12 }}>
          <Loading rows={11} height={20} />
        </div>
      ) : (
        <div className={css.scroll}>
          <table className={css.table} data-testid="targets">
            <thead>
              <tr>
                <th scope="col">Symbol</th>
                <th scope="col">Mode</th>
                {FIELDS.map(([field, title]) => (
                  <th scope="col" key={field} className={css.right}>
                    {title}
                  </th>
                ))}
                <th scope="col">Graded by</th>
                <th scope="col">Last change</th>
                <th scope="col">Why</th>
                <th scope="col">
                  <VisuallyHidden>Actions</VisuallyHidden>
                </th>
              </tr>
            </thead>
            <tbody>
              {rows?.map((row) => (
                <Fragment key={row.symbol}>
                  <tr data-target={row.symbol}>
                    <th scope="row">
                      <SymbolLink symbol={row.symbol} />
                    </th>
                    <td>{row.is_active ? row.mode.toLowerCase() : `${row.mode.toLowerCase()}, off`}</td>
                    {FIELDS.map(([field]) => (
                      <td key={field} className={css.right} data-field={field}>
                        {format.asSet(row[field])}
                      </td>
                    ))}
                    <td>{row.is_by_last ? 'last' : 'bid and ask'}</td>
                    <td className="muted nowrap">
                      {row.changed_by}, {format.time(row.changed_at, zone, serverClock.real())}
                    </td>
                    <td className={`muted ${css.why}`} title={row.reason}>
                      {row.reason}
                    </td>
                    <td className="nowrap">
                      {mayChange && (
                        <button
                          type="button"
                          className={css.action}
                          aria-expanded={open?.symbol === row.symbol && open.what === 'edit'}
                          aria-label={`Change targets of ${row.symbol}`}
                          onClick={() => toggle(row.symbol, 'edit')}
                        >
                          Change
                        </button>
                      )}
                      <button
                        type="button"
                        className={css.action}
                        aria-expanded={open?.symbol === row.symbol && open.what === 'versions'}
                        aria-label={`Versions of the targets of ${row.symbol}`}
                        onClick={() => toggle(row.symbol, 'versions')}
                      >
                        Versions
                      </button>
                    </td>
                  </tr>
                  {open?.symbol === row.symbol && (
                    <tr className={css.more}>
                      <td colSpan={10}>
                        {open.what === 'edit' ? (
                          <Editor row={row} onClose={() => show(null)} />
                        ) : (
                          <Versions symbol={row.symbol} zone={zone} />
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

function Editor({ row, onClose }: { row: Row; onClose: () => void }) {
  const mayChange = useMay('TRADER');
  const [values, setValues] = useState<Record<string, string>>(() =>
    Object.fromEntries(FIELDS.map(([field]) => [field, row[field] ?? ''])),
  );
  const [mode, setMode] = useState(row.mode);
  const [isActive, setActive] = useState(row.is_active);
  const [reason, setReason] = useState('');
  const [error, setError] = useState<unknown>(null);
  const [isSending, setSending] = useState(false);
  const changed = FIELDS.filter(([field]) => values[field] !== (row[field] ?? ''));
  const isChanged = changed.length > 0 || mode !== row.mode || isActive !== row.is_active;
  const save = async (event: FormEvent) => {
    event.preventDefault();
    setSending(true);
    setError(null);
    const body = {
      reason,
      ...Object.fromEntries(changed.map(([field]) => [field, values[field]!.trim().replace('−', '-')])),
      ...(mode === row.mode ? {} : { mode }),
      ...(isActive === row.is_active ? {} : { is_active: isActive }),
    };
    try {
      const path = { symbol: row.symbol };
      await data(api.PATCH('/api/targets/{symbol}', { params: { path }, body }));
      await queryClient.invalidateQueries({ queryKey: KEY });
      onClose();
    } catch (found) {
      setError(found);
      setSending(false);
    }
  };
  return (
    <form className={css.editor} onSubmit={(event) => void save(event)} aria-label={`Targets of ${row.symbol}`}>
      <label>
        <span>Mode</span>
        <select
          className={`${css.input} ${css.choice}`}
          value={mode}
          onChange={(event) => setMode(event.currentTarget.value as Row['mode'])}
        >
          {MODES.map((one) => (
            <option key={one} value={one}>
              {one.toLowerCase()}
            </option>
          ))}
        </select>
      </label>
      {FIELDS.map(([field, title]) => (
        <label key={field}>
          <span>{title}</span>
          <input
            value={values[field]}
            inputMode="decimal"
            autoComplete="off"
            className={css.input}
            onChange={(event) => setValues({ ...values, [field]: event.currentTarget.value })}
          />
        </label>
      ))}
      <Checkbox
        size="xs"
        label="Graded"
        checked={isActive}
        onChange={(event) => setActive(event.currentTarget.checked)}
      />
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
      <Button type="submit" size="compact-sm" disabled={!isChanged || isSending || !reason.trim() || !mayChange}>
        Save
      </Button>
      <Button size="compact-sm" onClick={onClose}>
        Cancel
      </Button>
      {error !== null && (
        <div className={css.refused}>
          <Failure title={`The targets of ${row.symbol} stay as they are.`} error={error} />
        </div>
      )}
    </form>
  );
}

function Versions({ symbol, zone }: { symbol: string; zone: string }) {
  const path = { symbol };
  const mayChange = useMay('TRADER');
  const [refused, refuse] = useState<unknown>(null);
  const { data: found, error, isPending } = useQuery({
    queryKey: [...KEY, symbol],
    queryFn: () => data(api.GET('/api/targets/{symbol}/versions', { params: { path } })),
  });
  const undo = async (version: number) => {
    refuse(null);
    try {
      await data(api.POST('/api/targets/{symbol}/undo', { params: { path }, body: { version } }));
      await queryClient.invalidateQueries({ queryKey: KEY });
    } catch (reason) {
      refuse(reason);
    }
  };
  if (isPending) return <Loading rows={2} />;
  if (error) return <Failure title={`The versions of ${symbol} could not be read.`} error={error} />;
  if (found?.length === 0) {
    return <Empty title={`The targets of ${symbol} were never changed.`}>Change one, and what it was stands here.</Empty>;
  }
  return (
    <>
      {refused !== null && <Failure title={`The targets of ${symbol} stay as they are.`} error={refused} />}
      <table className={css.table} aria-label={`Earlier targets of ${symbol}`}>
        <tbody>
          {found?.map((one) => (
            <tr key={one.version}>
              <td>Version {one.version}</td>
              <td>
                {String(one.numbers.mode).toLowerCase()}
                {FIELDS.filter(([field]) => one.numbers[field] !== null)
                  .map(([field, title]) => ` · ${title.toLowerCase()} ${format.asSet(String(one.numbers[field]))}`)
                  .join('')}
                {one.numbers.is_active === false && ' · off'}
              </td>
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

const SQL = `select t.symbol, t.mode, t.offset_high, t.offset_low, t.percent_high, t.percent_low,
       t.is_by_last, t.is_active, t.version, t.changed_by, t.reason
from studies.targets as t
left join reference.instruments as i using (symbol)
order by i.sort_order, t.symbol;`;
