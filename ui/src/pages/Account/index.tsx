import { Button, VisuallyHidden } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useState, type FormEvent } from 'react';

import { Price, Size, Time } from '@/components/figures/figures';
import { Sparkline } from '@/components/graphics/Sparkline';
import { Panel } from '@/components/panel/Panel';
import { Empty, Failure, Loading, Note } from '@/components/states/states';
import { sum } from '@/components/trading/marking';
import { Facts, Result, SideMark, useAdded, useMarked } from '@/components/trading/parts';
import { accountSql, positionsSql, statementSql, symbolsSql, valueSql } from '@/components/trading/sql';
import { notationFor, Positions, Scroll, StoryLink } from '@/components/trading/tables';
import css from '@/components/trading/trading.module.css';
import { useAccount } from '@/hooks/useAccount';
import { useMay } from '@/hooks/useMay';
import { useZone } from '@/hooks/useZone';
import * as format from '@/services/format';
import { notationOf } from '@/services/quotes';
import { fundAccount, pnlQuery, refreshTrading, resetAccount, statementCsv, statementQuery } from '@/services/trading';
import type { StatementLine, ValueDay } from '@/types/domain';

import page from './Account.module.css';
import { bySymbol, profits, rangeOf, SPANS, sumOf, type Money, type Range, type Span } from './range';

/** What an account is worth, what moved its cash, and each trade behind it. */
export default function Account() {
  const asked = useSearch({ strict: false }) as { span?: string; from?: string; to?: string; text?: string };
  const navigate = useNavigate();
  const zone = useZone();
  const mayReset = useMay('ADMIN');
  const { accounts, account, id, positions, choose, error, isPending, retry } = useAccount();
  const more = useAdded(account, positions);
  const today = account?.trade_date ?? null;
  const span: Span = SPANS.find((one) => one === asked.span) ?? (asked.from ? 'Range' : 'Today');
  const range = today === null ? null : rangeOf(span, today, asked.from, asked.to);
  const statement = useQuery({ ...statementQuery(id, range?.from ?? '', range?.to ?? ''), enabled: range !== null && range.fault === null });
  const go = (change: Record<string, string>) =>
    void navigate({ to: '/account', search: { ...asked, ...change } as never, replace: true });
  const text = (asked.text ?? '').toLowerCase();
  const lines = (statement.data ?? []).filter((one) => matches(one, text));
  const trades = lines.filter((one) => one.section === 'TRADE').reverse();
  const cash = lines.filter((one) => one.section === 'CASH');
  const traded = bySymbol(lines);
  const asks = { enabled: range !== null && range.fault === null };
  const pnl = useQuery({ ...pnlQuery(id, range?.from ?? '', range?.to ?? ''), ...asks });
  const year = useQuery({ ...pnlQuery(id, `${(today ?? '').slice(0, 5)}01-01`, today ?? ''), enabled: today !== null });
  const days = pnl.data?.days ?? [];
  const symbols = profits(pnl.data?.symbols ?? [], year.data?.symbols ?? [], useMarked(positions)).filter(
    (one) => !text || one.series.toLowerCase().includes(text),
  );
  const total = (field: Money) => sumOf(symbols.map((one) => one[field]));
  const ends = statement.data?.filter((one) => one.section === 'OPENING' || one.section === 'CLOSING') ?? [];
  if (isPending && !account) return <Loading rows={9} height={24} />;
  return (
    <>
      <div className={page.head}>
        <h1>Account statement</h1>
        <select className={page.select} aria-label="Account" value={id} onChange={(event) => choose(event.currentTarget.value)}>
          {accounts.map((one) => (
            <option key={one.account_id} value={one.account_id}>{one.account_id}, {one.kind.toLowerCase()}</option>
          ))}
        </select>
        <div className={page.spans} role="group" aria-label="Range">
          {SPANS.map((one) => (
            <button key={one} type="button" aria-pressed={span === one} onClick={() => go({ span: one, from: range?.from ?? '', to: range?.to ?? '' })}>
              {one === 'Range' ? 'From – to' : one}
            </button>
          ))}
        </div>
        {span === 'Range' && range && (
          <>
            <input type="date" className={page.select} aria-label="From" value={range.from} onChange={(event) => go({ span: 'Range', from: event.currentTarget.value, to: range.to })} />
            <input type="date" className={page.select} aria-label="To" value={range.to} onChange={(event) => go({ span: 'Range', from: range.from, to: event.currentTarget.value })} />
          </>
        )}
        <input
          className={page.select}
          aria-label="Symbol or text"
          placeholder="Symbol or text"
          value={asked.text ?? ''}
          onChange={(event) => go({ text: event.currentTarget.value })}
        />
        <span className="spacer" />
        <Download account={id} range={range} />
        {mayReset && account?.kind === 'PAPER' && <Cash account={id} />}
      </div>
      {error !== null && <Failure title="The account could not be read." error={error} still="Quotes go on." onRetry={retry} />}
      {range?.fault && <Note kind="error" title={range.fault} />}
      {statement.error && <Failure title="The statement could not be read." error={statement.error} onRetry={() => void statement.refetch()} />}
      {account && (
        <Panel title="Account summary" meta={`now, ${account.currency}`} isFlush sql={{ statement: () => accountSql(id), gives: '1 row' }}>
          <dl className={page.cells} data-testid="balances">
            <Cell label="Net liquidating value">{format.money(sum(account.net_liquidation, more))}</Cell>
            <Cell label="Cash">{format.money(account.cash)}</Cell>
            <Cell label="Open P/L"><Result value={sum(account.unrealised, more)} /></Cell>
            <Cell label="Day P/L"><Result value={sum(account.pnl_day, more)} /></Cell>
            <Cell label="Margin in use">{format.money(account.margin_initial)}</Cell>
            <Cell label="Available funds">{format.money(sum(account.available_funds, more))}</Cell>
            <Cell label="Day-trading funds">{format.money(sum(account.day_trading_funds, more))}</Cell>
            <Cell label="Drawdown from the peak">{format.money(account.drawdown)}</Cell>
            <Cell label="P/L year"><Result value={sumOf(year.data?.symbols.map((one) => one.pnl))} /></Cell>
            <Cell label="Commission, year">{format.money(sumOf(year.data?.symbols.map((one) => one.commission)))}</Cell>
          </dl>
        </Panel>
      )}
      <div className={page.columns}>
        <Panel
          title="Futures cash balance"
          meta="adds up to the cash at its end"
          isFlush
          sql={{ statement: () => statementSql(id, range?.from ?? '', range?.to ?? ''), gives: `${statement.data?.length ?? 0} rows` }}
        >
          <Scroll label="Futures cash balance">
            <table className={css.table} data-testid="cash">
              <thead>
                <tr>
                  <th scope="col" className={css.roomy}>Trade date</th>
                  <th scope="col">What</th>
                  <th scope="col" className={css.right}>Amount</th>
                  <th scope="col" className={css.right}>Balance</th>
                </tr>
              </thead>
              <tbody>
                {ends.slice(0, 1).map((one) => <Ends key="opening" of={one} word="Opening balance" />)}
                {cash.map((one) => (
                  <tr key={one.line}>
                    <td className={`dim ${css.roomy}`}>{format.date(one.trade_date)}</td>
                    <td className={css.narrowed}>{one.detail}<small className={css.below}>{format.date(one.trade_date)}</small></td>
                    <td className={css.right}><Result value={one.amount} /></td>
                    <td className={css.right}><span className="fig">{format.money(one.balance)}</span></td>
                  </tr>
                ))}
                {traded.map((one) => (
                  <tr key={one.series}>
                    <td className={css.roomy} />
                    <td>Realised, {one.series}</td>
                    <td className={css.right}><Result value={one.realised} /></td>
                    <td />
                  </tr>
                ))}
                <tr>
                  <td className={css.roomy} />
                  <td>Commission, {trades.length} {trades.length === 1 ? 'fill' : 'fills'}</td>
                  <td className={css.right}><Result value={minus(ends[1]?.commission)} /></td>
                  <td />
                </tr>
                {ends.slice(1).map((one) => <Ends key="closing" of={one} word="Closing balance" />)}
              </tbody>
            </table>
          </Scroll>
        </Panel>
        <Panel
          title="Net liquidating value"
          meta="at the end of each trade date"
          sql={{ statement: () => valueSql(id, range?.from ?? '', range?.to ?? ''), gives: `${days.length} rows` }}
        >
          <Curve days={days} now={sum(account?.net_liquidation, more)} />
        </Panel>
      </div>
      {pnl.error && <Failure title="The profit by symbol could not be read." error={pnl.error} onRetry={() => void pnl.refetch()} />}
      <Panel
        title="P/L by symbol"
        meta="after commission, what is open counted; the year from 1 January"
        isFlush
        sql={{ statement: () => symbolsSql(id, range?.from ?? '', range?.to ?? ''), gives: `${pnl.data?.symbols.length ?? 0} rows` }}
      >
        {symbols.length === 0 ? (
          <Empty title="No symbol was traded or held in this range.">Choose a longer range.</Empty>
        ) : (
          <Scroll label="P/L by symbol">
            <table className={css.table} data-testid="symbols">
              <thead>
                <tr>
                  <th scope="col">Symbol</th>
                  <th scope="col" className={`${css.right} ${css.roomy}`}>Bought</th>
                  <th scope="col" className={`${css.right} ${css.roomy}`}>Sold</th>
                  <th scope="col" className={`${css.right} ${css.roomy}`}>Realised</th>
                  <th scope="col" className={`${css.right} ${css.roomy}`}>Commission</th>
                  <th scope="col" className={css.right}>P/L range</th>
                  <th scope="col" className={`${css.right} ${css.roomy}`}>P/L open</th>
                  <th scope="col" className={`${css.right} ${css.roomy}`}>P/L day</th>
                  <th scope="col" className={css.right}>P/L year</th>
                </tr>
              </thead>
              <tbody>
                {symbols.map((one) => (
                  <tr key={one.series} data-series={one.series}>
                    <th scope="row">{one.series}</th>
                    <td className={`${css.right} ${css.roomy}`}><Size value={one.bought} /></td>
                    <td className={`${css.right} ${css.roomy}`}><Size value={one.sold} /></td>
                    <td className={`${css.right} ${css.roomy}`}><Result value={one.realised} /></td>
                    <td className={`${css.right} ${css.roomy}`}><span className="fig">{format.money(one.commission)}</span></td>
                    <td className={css.right}><Result value={one.pnl} /></td>
                    <td className={`${css.right} ${css.roomy}`}><Result value={one.open} /></td>
                    <td className={`${css.right} ${css.roomy}`}><Result value={one.day} /></td>
                    <td className={css.right}><Result value={one.year} /></td>
                  </tr>
                ))}
              </tbody>
              <tfoot>
                <tr>
                  <th scope="row">Total</th>
                  <td className={css.roomy} />
                  <td className={css.roomy} />
                  <td className={`${css.right} ${css.roomy}`}><Result value={total('realised')} /></td>
                  <td className={`${css.right} ${css.roomy}`}><span className="fig">{format.money(total('commission'))}</span></td>
                  <td className={css.right}><Result value={total('pnl')} /></td>
                  <td className={`${css.right} ${css.roomy}`}><Result value={total('open')} /></td>
                  <td className={`${css.right} ${css.roomy}`}><Result value={total('day')} /></td>
                  <td className={css.right}><Result value={total('year')} /></td>
                </tr>
              </tfoot>
            </table>
          </Scroll>
        )}
      </Panel>
      <Panel title="Futures positions" meta="marked at last, now" isFlush sql={{ statement: () => positionsSql(id), gives: `${positions.length} rows` }}>
        {positions.length === 0 ? <Empty title="Nothing is held.">A filled order opens a position.</Empty> : <Positions positions={positions} isFull />}
      </Panel>
      <Panel title="Trades" meta={range ? `${trades.length} · ${format.date(range.from)}${range.from === range.to ? '' : ` to ${format.date(range.to)}`}` : undefined} isFlush sql={{ statement: () => statementSql(id, range?.from ?? '', range?.to ?? ''), gives: `${lines.length} rows` }}>
        {trades.length === 0 ? (
          <Empty title="No trade in this range.">Choose a longer range, or place an order on the page of trade.</Empty>
        ) : (
          <Scroll label="Trades">
            <table className={css.table} data-testid="trades">
              <thead>
                <tr>
                  <th scope="col" className={css.roomy}>Executed</th>
                  <th scope="col">Symbol</th>
                  <th scope="col">Side</th>
                  <th scope="col" className={css.right}>Qty</th>
                  <th scope="col" className={css.right}>Price</th>
                  <th scope="col" className={`${css.right} ${css.roomy}`}>Commission</th>
                  <th scope="col" className={css.right}>Realised</th>
                  <th scope="col" className={`${css.right} ${css.roomy}`}>Cash after</th>
                  <th scope="col"><VisuallyHidden>Story</VisuallyHidden></th>
                </tr>
              </thead>
              <tbody>
                {trades.map((one) => (
                  <tr key={one.line}>
                    <td className={`dim ${css.roomy}`}><Time at={one.at} zone={zone} /></td>
                    <th scope="row">{one.symbol}<small className={css.below}><Time at={one.at} zone={zone} /></small></th>
                    <td>{one.side && <SideMark side={one.side === 'BUY' ? 'BUY' : 'SELL'} />}</td>
                    <td className={css.right}><Size value={one.quantity} /></td>
                    <td className={css.right}><Price value={one.price} notation={one.symbol ? notationFor(one.symbol) : notationOf(undefined)} /></td>
                    <td className={`${css.right} ${css.roomy} muted`}><span className="fig">{format.money(one.commission)}</span></td>
                    <td className={css.right}><Result value={one.realised} /></td>
                    <td className={`${css.right} ${css.roomy}`}><span className="fig">{format.money(one.balance)}</span></td>
                    <td className={css.actions}>{one.order_id && <StoryLink order={one.order_id} />}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </Scroll>
        )}
      </Panel>
    </>
  );
}

const minus = (value: string | null | undefined) => (value ? (value.startsWith('-') ? value.slice(1) : `-${value}`) : value);

function matches(line: StatementLine, text: string): boolean {
  if (!text) return true;
  return [line.symbol, line.side, line.detail].some((one) => one?.toLowerCase().includes(text));
}

function Cell({ label, children }: { label: string; children: React.ReactNode }) {
  return (
    <div>
      <dt>{label}</dt>
      <dd className="fig">{children}</dd>
    </div>
  );
}

function Ends({ of, word }: { of: StatementLine; word: string }) {
  return (
    <tr className="strong">
      <td className={`dim ${css.roomy}`}>{format.date(of.trade_date)}</td>
      <td>{word}<small className={css.below}>{format.date(of.trade_date)}</small></td>
      <td />
      <td className={css.right}><span className="fig">{format.money(of.balance)}</span></td>
    </tr>
  );
}

/** Save the statement as a file of a spreadsheet. */
function Download({ account, range }: { account: string; range: Range | null }) {
  const [error, setError] = useState<unknown>(null);
  const save = async ({ from, to }: Range) => {
    setError(null);
    try {
      const file = new Blob([await statementCsv(account, from, to)], { type: 'text/csv' });
      const link = document.createElement('a');
      link.href = URL.createObjectURL(file);
      link.download = `${account}_${from}_${to}.csv`;
      link.click();
      URL.revokeObjectURL(link.href);
    } catch (found) {
      setError(found);
    }
  };
  return (
    <>
      <Button disabled={range === null || range.fault !== null} onClick={() => range && void save(range)}>CSV</Button>
      {error !== null && <Failure title="The statement could not be saved." error={error} />}
    </>
  );
}

/** What the account was worth day by day, with its lowest and highest. */
function Curve({ days, now }: { days: readonly ValueDay[]; now: string | null }) {
  const known = days.filter((one) => one.net_liquidation !== null);
  if (known.length === 0) return <Empty title="No day of this range has a value.">Choose a longer range.</Empty>;
  const values = known.map((one) => Number(one.net_liquidation));
  const [first, last] = [known[0]!, known.at(-1)!];
  return (
    <div className={page.curve} data-testid="curve">
      {known.length > 1 && (
        <Sparkline
          points={values}
          width={640}
          height={120}
          isFilled
          label={`Net liquidating value from ${format.date(first.trade_date)}, ${format.money(first.net_liquidation)}, to ${format.date(last.trade_date)}, ${format.money(last.net_liquidation)}`}
        />
      )}
      <Facts
        rows={[
          [`${format.date(last.trade_date)}, last`, <span key="l" className="fig strong">{format.money(last.net_liquidation)}</span>],
          ['Now', <span key="n" className="fig">{format.money(now)}</span>],
          ['Highest', <span key="h" className="fig">{format.money(String(Math.max(...values)))}</span>],
          ['Lowest', <span key="w" className="fig">{format.money(String(Math.min(...values)))}</span>],
          ['P/L of the range', <Result key="p" value={sumOf(days.map((one) => one.pnl))} />],
        ]}
      />
    </div>
  );
}

/** Put cash in, or begin the paper account anew. */
function Cash({ account }: { account: string }) {
  const [open, show] = useState<'fund' | 'reset' | null>(null);
  const [amount, setAmount] = useState('100000');
  const [error, setError] = useState<unknown>(null);
  const act = async (event: FormEvent) => {
    event.preventDefault();
    setError(null);
    try {
      await (open === 'fund' ? fundAccount(account, amount) : resetAccount(account, amount));
      show(null);
    } catch (found) {
      setError(found);
    }
    await refreshTrading();
  };
  return (
    <>
      <Button aria-expanded={open === 'fund'} onClick={() => show(open === 'fund' ? null : 'fund')}>Fund</Button>
      <Button aria-expanded={open === 'reset'} onClick={() => show(open === 'reset' ? null : 'reset')}>Reset</Button>
      {open && (
        <form className={page.cash} aria-label={open === 'fund' ? 'Fund' : 'Reset'} onSubmit={(event) => void act(event)}>
          <label>
            {open === 'fund' ? 'Amount to put in' : 'Amount to begin anew with'}{' '}
            <input className={page.select} value={amount} inputMode="decimal" autoComplete="off" onChange={(event) => setAmount(event.currentTarget.value)} />
          </label>
          <Button type="submit">{open === 'fund' ? 'Fund the account' : 'Reset the account'}</Button>
          {open === 'reset' && <span className="muted">Its positions end and its profit begins at 0; every trade stays on record.</span>}
          {error !== null && <Failure title={open === 'fund' ? 'Nothing was put in.' : 'The account was not reset.'} error={error} />}
        </form>
      )}
    </>
  );
}
