import { SegmentedControl, VisuallyHidden } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { Fragment, useState } from 'react';

import { SymbolLink } from '@/components/SymbolLink';
import { LiveSignal } from '@/components/figures/Signal';
import { Panel } from '@/components/panel/Panel';
import { Preferences } from '@/components/Preferences';
import { Failure, Loading } from '@/components/states/states';
import { useMay } from '@/hooks/useMay';
import { useZone } from '@/hooks/useZone';
import { api, data } from '@/services/api';
import { serverClock } from '@/services/clock';
import { SET } from '@/services/desk';
import * as format from '@/services/format';
import { literal } from '@/services/sql';
import type { components } from '@/types/api';

import { Editor } from './Editor';
import css from './Settings.module.css';
import { SignalWeights } from './SignalWeights';
import { Targets } from './Targets';
import { Versions } from './Versions';

export type Numbers = components['schemas']['DeskNumbers'];

/** The numbers of a symbol, as they are headed; thresholds are net changes in points. */
export const FIELDS = [
  ['strong_buy', 'Strong buy'],
  ['buy', 'Buy'],
  ['sell', 'Sell'],
  ['strong_sell', 'Strong sell'],
  ['weight', 'Weight'],
] as const;

type Open = { readonly symbol: string; readonly what: 'edit' | 'versions' };

/** The desk's numbers: thresholds and weights, who changed them and why, and the way back. */
export default function Settings() {
  const { set: asked } = useSearch({ strict: false }) as { set?: string };
  const navigate = useNavigate();
  const zone = useZone();
  const mayChange = useMay('TRADER');
  const [open, show] = useState<Open | null>(null);
  const sets = useQuery({ queryKey: ['desk'], queryFn: () => data(api.GET('/api/desk')) });
  const set = sets.data?.find((one) => one.set === asked)?.set ?? SET;
  const numbers = useQuery({
    queryKey: ['desk', set],
    queryFn: () => data(api.GET('/api/desk/{of_set}', { params: { path: { of_set: set } } })),
  });
  const close = () => show(null);
  const toggle = (symbol: string, what: Open['what']) =>
    show(open?.symbol === symbol && open.what === what ? null : { symbol, what });
  return (
    <>
      <div className={css.head}>
        <h1>Settings</h1>
        {sets.data && (
          <SegmentedControl
            size="xs"
            aria-label="Set of numbers"
            value={set}
            onChange={(value) => {
              close();
              void navigate({ to: '/settings', search: { set: value } as never, replace: true });
            }}
            data={sets.data.map((one) => one.set)}
            transitionDuration={0}
            withItemsBorders={false}
          />
        )}
        <span className="muted small">{sets.data?.find((one) => one.set === set)?.description}</span>
      </div>
      {numbers.error !== null && (
        <Failure
          title="The desk's numbers could not be read."
          error={numbers.error}
          still="Signals go on."
          onRetry={() => void numbers.refetch()}
        />
      )}
      <Panel
        title="Thresholds and weights"
        meta="net change in points from which a signal is given; what the signal counts for in the TOTAL"
        isFlush
        sql={{ statement: () => numbersSql(set), gives: `${numbers.data?.length ?? 0} rows` }}
      >
        {numbers.isPending ? (
          <div style={{ padding: 12 }}>
            <Loading rows={11} height={20} />
          </div>
        ) : (
          <div className={css.scroll}>
            <table className={css.table} data-testid="numbers">
              <thead>
                <tr>
                  <th scope="col">Symbol</th>
                  {set === SET && <th scope="col">Signal now</th>}
                  {FIELDS.map(([field, title]) => (
                    <th scope="col" key={field} className={css.right}>
                      {title}
                    </th>
                  ))}
                  <th scope="col" title="A rise means falling shares">
                    Inverted
                  </th>
                  <th scope="col">Last change</th>
                  <th scope="col">Why</th>
                  <th scope="col">
                    <VisuallyHidden>Actions</VisuallyHidden>
                  </th>
                </tr>
              </thead>
              <tbody>
                {numbers.data?.map((row) => (
                  <Fragment key={row.symbol}>
                    <tr data-symbol={row.symbol}>
                      <th scope="row">
                        <SymbolLink symbol={row.symbol} />
                      </th>
                      {set === SET && (
                        <td>
                          <LiveSignal symbol={row.symbol} />
                        </td>
                      )}
                      {FIELDS.map(([field]) => (
                        <td key={field} className={css.right} data-field={field}>
                          {format.asSet(row[field])}
                        </td>
                      ))}
                      <td>{row.is_inverted ? 'yes' : <span className="dim">no</span>}</td>
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
                            aria-label={`Change ${row.symbol}`}
                            onClick={() => toggle(row.symbol, 'edit')}
                          >
                            Change
                          </button>
                        )}
                        <button
                          type="button"
                          className={css.action}
                          aria-expanded={open?.symbol === row.symbol && open.what === 'versions'}
                          aria-label={`Versions of ${row.symbol}`}
                          onClick={() => toggle(row.symbol, 'versions')}
                        >
                          Versions
                        </button>
                      </td>
                    </tr>
                    {open?.symbol === row.symbol && (
                      <tr className={css.more}>
                        <td colSpan={11}>
                          {open.what === 'edit' ? (
                            <Editor set={set} row={row} onClose={close} />
                          ) : (
                            <Versions set={set} symbol={row.symbol} zone={zone} />
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
      <SignalWeights zone={zone} />
      <p className="muted small">
        A change counts from the next second on, for signals and the TOTAL of every moment that is
        asked for. In a terminal: <code>thor desk set ES buy=1.5 --reason &quot;…&quot;</code>.
      </p>
      <Targets zone={zone} />
      <Preferences />
    </>
  );
}

function numbersSql(set: string): string {
  return `select t.symbol, t.strong_buy, t.buy, t.sell, t.strong_sell, w.weight, w.is_inverted,
       t.version as thresholds_version, w.version as weight_version
from studies.thresholds as t
join studies.contract_weights as w using (set, symbol)
join reference.instruments as i using (symbol)
where t.set = ${literal(set)}
order by i.sort_order;`;
}
