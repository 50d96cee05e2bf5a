import { VisuallyHidden } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';

import { Size, Time } from '@/components/figures/figures';
import { Panel } from '@/components/panel/Panel';
import { Empty, Failure, Loading } from '@/components/states/states';
import { sum } from '@/components/trading/marking';
import { Result, SideMark, Status, useAdded } from '@/components/trading/parts';
import { activitySql, positionsSql } from '@/components/trading/sql';
import { notationFor, Positions, Scroll, StoryLink, TYPE_SHORT } from '@/components/trading/tables';
import css from '@/components/trading/trading.module.css';
import { SymbolLink } from '@/components/SymbolLink';
import { useAccount } from '@/hooks/useAccount';
import { useCell } from '@/hooks/useCell';
import { useMay } from '@/hooks/useMay';
import { useZone } from '@/hooks/useZone';
import { connection } from '@/services/connection';
import * as format from '@/services/format';
import { activityQuery, flatten, killQuery, refreshTrading } from '@/services/trading';
import type { ActivityRow } from '@/types/domain';

import page from './Activity.module.css';

const SECTIONS = [
  ['WORKING', 'Working', 'No order works.'],
  ['FILLED', 'Filled', 'No order was filled today.'],
  ['CANCELLED', 'Cancelled, refused, expired', 'No order ended without a fill today.'],
] as const;

/** What was done today, order by order, and what is held. */
export default function Activity() {
  const mayTrade = useMay('TRADER');
  const isOpen = useCell(connection, (now) => now.state === 'open');
  const { account, id, positions, error, isPending, retry } = useAccount();
  const activity = useQuery(activityQuery);
  const kill = useQuery(killQuery);
  const more = useAdded(account, positions);
  const [failed, fail] = useState<{ title: string; error: unknown } | null>(null);
  const rows = (activity.data ?? []).filter((one) => one.account_id === id);
  if (isPending && !account) return <Loading rows={9} height={24} />;
  const held = positions.filter(({ quantity }) => quantity !== 0).length;
  return (
    <>
      <div className={page.head}>
        <h1>Activity and positions</h1>
        <span className={css.chip} data-kind={kill.data?.is_latched ? 'bad' : 'good'}>
          {kill.data?.is_latched ? '✕ Kill switch latched' : '✓ OK to trade'}
        </span>
        {account && <span className="muted">{account.account_id}, trade date {format.date(account.trade_date)}</span>}
      </div>
      {error !== null && <Failure title="The account could not be read." error={error} onRetry={retry} />}
      {activity.error && <Failure title="The day's orders could not be read." error={activity.error} onRetry={() => void activity.refetch()} />}
      {failed && <Failure title={failed.title} error={failed.error} />}
      <Panel title="Today's trade activity" meta={`${rows.length} ${rows.length === 1 ? 'order' : 'orders'}`} isFlush sql={{ statement: () => activitySql(id), gives: `${rows.length} rows` }}>
        {SECTIONS.map(([section, title, none]) => {
          const found = rows
            .filter((one) => one.section === section)
            .sort((a, b) => b.updated_at.localeCompare(a.updated_at));
          return (
            <section key={section} aria-label={title} data-section={section}>
              <h3 className={page.section}>{title} <span className="muted">{found.length}</span></h3>
              {found.length === 0 ? <p className={page.none}>{none}</p> : <Orders rows={found} label={title} />}
            </section>
          );
        })}
      </Panel>
      <Panel title="Position statement" meta={`${held} held · marked at last, tick by tick`} isFlush sql={{ statement: () => positionsSql(id), gives: `${positions.length} rows` }}>
        {positions.length === 0 ? (
          <Empty title="Nothing is held, and nothing was closed today.">A filled order opens a position.</Empty>
        ) : (
          <Positions
            positions={positions}
            isFull
            isOff={!mayTrade || !isOpen}
            onFlatten={(one) => {
              fail(null);
              flatten(one)
                .catch((found: unknown) => fail({ title: `${one.series} was not flattened.`, error: found }))
                .finally(() => void refreshTrading());
            }}
          />
        )}
        {account && (
          <dl className={page.totals} data-testid="totals">
            <div><dt>P/L open</dt><dd><Result value={sum(account.unrealised, more)} /></dd></div>
            <div><dt>P/L day</dt><dd><Result value={sum(account.pnl_day, more)} /></dd></div>
            <div><dt>Commission today</dt><dd className="fig">{format.money(account.commission_today)}</dd></div>
            <div><dt>Margin</dt><dd className="fig">{format.money(account.margin_initial)}</dd></div>
            <div><dt>Net liquidating value</dt><dd className="fig">{format.money(sum(account.net_liquidation, more))}</dd></div>
          </dl>
        )}
      </Panel>
    </>
  );
}

function Orders({ rows, label }: { rows: readonly ActivityRow[]; label: string }) {
  const zone = useZone();
  return (
    <Scroll label={label}>
      <table className={css.table}>
        <thead>
          <tr>
            <th scope="col">Changed</th>
            <th scope="col">Symbol</th>
            <th scope="col">Side</th>
            <th scope="col" className={css.right}>Qty</th>
            <th scope="col" className={css.roomy}>Type</th>
            <th scope="col" className={css.right}>Price</th>
            <th scope="col" className={css.roomy}>Status</th>
            <th scope="col" className={`${css.right} ${css.roomy}`}>Realised</th>
            <th scope="col" className={css.roomy}>Why</th>
            <th scope="col"><VisuallyHidden>Story</VisuallyHidden></th>
          </tr>
        </thead>
        <tbody>
          {rows.map((one) => (
            <tr key={one.order_id} data-order={one.order_id}>
              <td className="dim"><Time at={one.updated_at} zone={zone} /></td>
              <th scope="row">
                <SymbolLink symbol={one.series}>{one.series}</SymbolLink>
                <small className={css.below}><Status of={one} /> {one.reason}</small>
              </th>
              <td><SideMark side={one.side} /></td>
              <td className={css.right}><Size value={one.quantity} /></td>
              <td className={`muted ${css.roomy}`}>{TYPE_SHORT[one.type]}</td>
              <td className={css.right}><span className="fig">{format.average(one.price, notationFor(one.series))}</span></td>
              <td className={css.roomy}><Status of={one} /></td>
              <td className={`${css.right} ${css.roomy}`}><Result value={one.realised} /></td>
              <td className={`muted small ${css.roomy} ${css.wrap}`}>{one.reason}</td>
              <td className={css.actions}><StoryLink order={one.order_id} /></td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}
