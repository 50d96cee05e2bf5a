import { Button } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useState } from 'react';

import { Panel } from '@/components/panel/Panel';
import { Empty, Failure, Note } from '@/components/states/states';
import { Kill } from '@/components/trading/Kill';
import { Facts, Result, useAdded } from '@/components/trading/parts';
import { sum } from '@/components/trading/marking';
import { accountSql, fillsSql, limitsSql, positionsSql, workingSql } from '@/components/trading/sql';
import { Fills, Positions, WorkingOrders } from '@/components/trading/tables';
import css from '@/components/trading/trading.module.css';
import { useAccount } from '@/hooks/useAccount';
import { useCell } from '@/hooks/useCell';
import { useInstruments } from '@/hooks/useInstruments';
import { useMay } from '@/hooks/useMay';
import { connection } from '@/services/connection';
import * as format from '@/services/format';
import { cancelOrder, fillsQuery, flatten, killQuery, refreshTrading, workingQuery } from '@/services/trading';
import type { Side, VerdictRow } from '@/types/domain';

import { Change } from './Change';
import { Rules } from './Preview';
import { Ticket } from './Ticket';
import page from './Trade.module.css';

/** How many fills the page shows: those of a busy day are on the page of activity. */
const FILLS = 12;

/** Place, change and cancel orders, and see at once what became of them. */
export default function Trade() {
  const asked = useSearch({ strict: false }) as { symbol?: string; side?: string };
  const navigate = useNavigate();
  const { instruments } = useInstruments();
  const mayTrade = useMay('TRADER');
  const mayReset = useMay('ADMIN');
  const isOpen = useCell(connection, (now) => now.state === 'open');
  const { account, id, positions, error, retry } = useAccount();
  const kill = useQuery(killQuery);
  const working = useQuery(workingQuery(id));
  const fills = useQuery(fillsQuery(id, FILLS));
  const [failed, fail] = useState<{ title: string; error: unknown } | null>(null);
  const [verdict, setVerdict] = useState<VerdictRow | null>(null);
  const more = useAdded(account, positions);
  const symbol = asked.symbol ?? instruments.find((one) => one.root === 'ES')?.symbol ?? instruments[0]?.symbol ?? 'ES';
  const side: Side = asked.side === 'SELL' ? 'SELL' : 'BUY';
  const go = (change: { symbol?: string; side?: Side }) =>
    void navigate({ to: '/trade', search: { symbol, side, ...change } as never, replace: true });
  const act = async (title: string, request: () => Promise<unknown>) => {
    fail(null);
    try {
      await request();
    } catch (found) {
      fail({ title, error: found });
    }
    await refreshTrading();
  };
  const isOff = !mayTrade || !isOpen;
  const orders = working.data ?? [];
  const rows = fills.data ?? [];
  return (
    <>
      <div className={page.head}>
        <h1>Trade</h1>
        <span className={css.chip} data-kind={kill.data?.is_latched ? 'bad' : account?.is_enabled && isOpen ? 'good' : 'warn'} data-testid="ok-to-trade">
          {kill.data?.is_latched ? '✕ Kill switch latched' : !isOpen ? 'Not connected' : account?.is_enabled ? '✓ OK to trade' : 'Account takes no orders'}
        </span>
        <span className="spacer" />
        <button type="button" className={`${page.toKill} narrow`} onClick={() => document.getElementById('kill')?.scrollIntoView()}>
          Kill switch
        </button>
        <Button component={Link} to="/risk">Limits</Button>
        <Button component={Link} to="/activity">Activity</Button>
        <Button component={Link} to="/account">Account</Button>
      </div>
      {error !== null && <Failure title="The account could not be read." error={error} still="Quotes go on." onRetry={retry} />}
      {failed && <Failure title={failed.title} error={failed.error} />}
      {!mayTrade && <Note title="A VIEWER looks.">You see every order; to place, change or cancel one, ask an ADMIN for the role TRADER.</Note>}
      <div className={page.grid}>
        <div className={page.column}>
          <Ticket
            symbol={symbol}
            side={side}
            onSymbol={(next) => go({ symbol: next })}
            onSide={(next) => go({ side: next })}
            account={account}
            accountId={id}
            mayTrade={mayTrade}
            kill={kill.data}
            onVerdict={setVerdict}
          />
          <Kill kill={kill.data} account={account} positions={positions} mayTrade={mayTrade} mayReset={mayReset} />
        </div>
        <div className={page.column}>
          <div className={page.two}>
          <Panel title="Risk preview" meta="before sending" className={page.risk ?? ''} sql={{ statement: limitsSql, gives: 'the limits' }}>
            {verdict ? <Rules verdict={verdict} /> : <Empty title="No verdict.">{mayTrade ? 'A ticket without a fault is checked by every rule.' : 'Every order of a TRADER is checked by every rule.'}</Empty>}
          </Panel>
          <div className={page.column}>
          <Panel title="Positions" meta="marked at last, tick by tick" isFlush sql={{ statement: () => positionsSql(id), gives: `${positions.length} rows` }}>
            {positions.length === 0 ? (
              <Empty title="Nothing is held.">A filled order opens a position.</Empty>
            ) : (
              <Positions
                positions={positions}
                isOff={isOff}
                onFlatten={(one) => void act(`${one.series} was not flattened.`, () => flatten(one))}
              />
            )}
          </Panel>
          <Panel title="Account" meta={account ? `${account.account_id}, trade date ${format.date(account.trade_date)}` : undefined} sql={{ statement: () => accountSql(id), gives: '1 row' }}>
            {account && (
              <Facts
                rows={[
                  ['Net liquidating value', <span key="n" className="fig strong">{format.money(sum(account.net_liquidation, more))}</span>],
                  ["The day's profit, after commission", <Result key="d" value={sum(account.pnl_day, more)} />],
                  ['Realised today, before commission', <Result key="r" value={account.realised_today} />],
                  ['Commission today', <span key="c" className="fig">{format.money(account.commission_today)}</span>],
                  ['Margin in use', <span key="m" className="fig">{format.money(account.margin_initial)}</span>],
                  ['Available', <span key="a" className="fig">{format.money(sum(account.available_funds, more))}</span>],
                ]}
              />
            )}
          </Panel>
          </div>
          </div>
          <Panel
            title="Working orders"
            meta={String(orders.length)}
            isFlush
            sql={{ statement: () => workingSql(id), gives: `${orders.length} rows` }}
            actions={
              orders.length > 1 && (
                <Button
                  size="compact-xs"
                  disabled={isOff}
                  onClick={() => void act('Not all orders were cancelled.', () => Promise.all(orders.map((one) => cancelOrder(one.order_id))))}
                >
                  Cancel all
                </Button>
              )
            }
          >
            {working.error && <Failure title="The working orders could not be read." error={working.error} onRetry={() => void working.refetch()} />}
            {orders.length === 0 ? (
              <Empty title="No working orders.">
                {mayTrade ? <>Place one with the ticket: <kbd>B</kbd> buys, <kbd>S</kbd> sells.</> : 'An order that works stands here.'}
              </Empty>
            ) : (
              <WorkingOrders
                orders={orders}
                isOff={isOff}
                editor={(order, onClose) => <Change order={order} onClose={onClose} />}
                onCancel={(order) => void act(`The order of ${order.series} was not cancelled.`, () => cancelOrder(order.order_id))}
              />
            )}
          </Panel>
          <Panel title="Fills" meta={`the newest ${rows.length}`} isFlush sql={{ statement: () => fillsSql(id, FILLS), gives: `${rows.length} rows` }}>
            {fills.error && <Failure title="The fills could not be read." error={fills.error} onRetry={() => void fills.refetch()} />}
            {rows.length === 0 ? <Empty title="No fills yet.">They stand here as they come.</Empty> : <Fills fills={rows} />}
          </Panel>
        </div>
      </div>
    </>
  );
}
