import { Button, VisuallyHidden } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Fragment, useState, type FormEvent } from 'react';

import { Price, Size, Time } from '@/components/figures/figures';
import { Panel } from '@/components/panel/Panel';
import { Empty, Failure, Loading } from '@/components/states/states';
import { Kill } from '@/components/trading/Kill';
import { Meter, Stepper } from '@/components/trading/parts';
import { figureOf, RULES, shareOf } from '@/components/trading/rules';
import { exposureSql, usedSql, versionsSql } from '@/components/trading/sql';
import { notationFor, Scroll } from '@/components/trading/tables';
import css from '@/components/trading/trading.module.css';
import { useAccount } from '@/hooks/useAccount';
import { useMay } from '@/hooks/useMay';
import { useZone } from '@/hooks/useZone';
import { decimal, plus, written } from '@/services/decimal';
import * as format from '@/services/format';
import { changeLimit, exposureQuery, killQuery, limitsQuery, limitVersionsQuery, refreshTrading } from '@/services/trading';
import type { ExposureRow, LimitRow, LimitUsed } from '@/types/domain';

const ofWhom = (one: LimitRow) => [one.account_id, one.symbol].filter(Boolean).join(', ') || 'all';
const ORDER = Object.keys(RULES);
const titleOf = (rule: string) => RULES[rule]?.title ?? rule;

/** The limits of trading, how much of each is used now, who changed them, and the exposure behind. */
export default function Risk() {
  const mayTrade = useMay('TRADER');
  const mayChange = useMay('ADMIN');
  const { account, id, positions, error, retry } = useAccount();
  const kill = useQuery(killQuery);
  const limits = useQuery(limitsQuery(id));
  const exposure = useQuery(exposureQuery(id));
  const rows = [...(limits.data ?? [])].sort((a, b) => ORDER.indexOf(a.rule) - ORDER.indexOf(b.rule));
  const held = exposure.data ?? [];
  return (
    <>
      <h1>Risk</h1>
      {error !== null && <Failure title="The account could not be read." error={error} onRetry={retry} />}
      {limits.error && <Failure title="The limits could not be read." error={limits.error} still="Orders are checked all the same." onRetry={() => void limits.refetch()} />}
      <Panel
        title="Limits"
        meta={`${id}, working orders counted as filled; rules without a figure look at each order`}
        isFlush
        sql={{ statement: () => usedSql(id), gives: `${rows.length} rows` }}
      >
        {limits.isPending ? <Loading rows={12} height={20} /> : <Limits rows={rows} mayChange={mayChange} />}
      </Panel>
      <Panel title="Exposure" meta="held, and what working orders may add" isFlush sql={{ statement: () => exposureSql(id), gives: `${held.length} rows` }}>
        {exposure.error && <Failure title="The exposure could not be read." error={exposure.error} onRetry={() => void exposure.refetch()} />}
        {held.length === 0 ? <Empty title="Nothing is held, and no order works.">An order that works stands here with what it may add.</Empty> : <Exposure rows={held} />}
      </Panel>
      <Versions account={id} />
      <Kill kill={kill.data} account={account} positions={positions} mayTrade={mayTrade} mayReset={mayChange} />
    </>
  );
}

function Limits({ rows, mayChange }: { rows: readonly LimitUsed[]; mayChange: boolean }) {
  const zone = useZone();
  const [open, show] = useState<number | null>(null);
  return (
    <Scroll label="Limits">
      <table className={css.table} data-testid="limits">
        <thead>
          <tr>
            <th scope="col">Rule</th>
            <th scope="col" className={css.roomy}>Of</th>
            <th scope="col" className={css.right}>Used</th>
            <th scope="col" className={css.roomy}>Most by</th>
            <th scope="col" className={css.right}>Limit</th>
            <th scope="col" className={css.roomy}><VisuallyHidden>Share</VisuallyHidden></th>
            <th scope="col" className={`${css.right} ${css.roomy}`}>Version</th>
            <th scope="col" className={css.roomy}>Since</th>
            {mayChange && <th scope="col"><VisuallyHidden>Actions</VisuallyHidden></th>}
          </tr>
        </thead>
        <tbody>
          {rows.map((one) => {
            const used = one.used ?? null;
            const share = shareOf({ rule: one.rule, figure: used, limit: one.value });
            const title = titleOf(one.rule);
            return (
              <Fragment key={one.limit_id}>
                <tr data-rule={one.rule} data-of={ofWhom(one)}>
                  <th scope="row">
                    {title}
                    <small className={css.below}>{ofWhom(one)}{one.subject && `, by ${one.subject}`}</small>
                  </th>
                  <td className={`muted ${css.roomy}`}>{ofWhom(one)}</td>
                  <td className={css.right}><span className="fig">{used === null ? format.MISSING : figureOf(one.rule, used)}</span></td>
                  <td className={`muted ${css.roomy}`}>{one.subject?.replaceAll('_', ' ')}</td>
                  <td className={`${css.right} ${css.long} strong`}><span className="fig">{figureOf(one.rule, one.value)}</span></td>
                  <td className={css.roomy}>{share !== null && <Meter share={share} label={`${title}: ${Math.round(share * 100)} per cent used`} />}</td>
                  <td className={`${css.right} ${css.roomy} muted`}>{one.version}</td>
                  <td className={`${css.roomy} muted`}><Time at={one.valid_from} zone={zone} />, {one.who}</td>
                  {mayChange && (
                    <td className={css.actions}>
                      <button type="button" className={css.action} aria-label={`Change ${title}, ${ofWhom(one)}`} aria-expanded={open === one.limit_id} onClick={() => show(open === one.limit_id ? null : one.limit_id)}>
                        Change
                      </button>
                    </td>
                  )}
                </tr>
                {open === one.limit_id && (
                  <tr>
                    <td colSpan={9}><Editor of={one} onClose={() => show(null)} /></td>
                  </tr>
                )}
              </Fragment>
            );
          })}
        </tbody>
      </table>
    </Scroll>
  );
}

/** Another value of a limit, for all roots or for one: a new version, at once. */
function Editor({ of, onClose }: { of: LimitUsed; onClose: () => void }) {
  const [value, setValue] = useState(of.value);
  const [symbol, setSymbol] = useState(of.symbol ?? '');
  const [error, setError] = useState<unknown>(null);
  const [isSending, setSending] = useState(false);
  const found = decimal(value.replaceAll(',', ''));
  const isWrong = !found || found.units < 0n;
  const save = async (event: FormEvent) => {
    event.preventDefault();
    setSending(true);
    setError(null);
    try {
      await changeLimit({ rule: of.rule, value: written(found!), account_id: of.account_id, symbol: symbol.trim().toUpperCase() || null });
      await refreshTrading();
      onClose();
    } catch (failed) {
      setError(failed);
      setSending(false);
    }
  };
  const step = (by: number) => {
    if (!found) return value;
    const next = plus(found, decimal(String(by))!);
    return next.units < 0n ? '0' : written(next);
  };
  return (
    <form className={css.editor} aria-label={`Change ${titleOf(of.rule)}`} onSubmit={(event) => void save(event)}>
      <Stepper label="Limit" value={value} onChange={setValue} inputMode="decimal" step={step} fault={isWrong ? 'A number, 0 or more.' : undefined} />
      <label className={css.field}>
        Of the root, all if empty
        <input className={css.input} value={symbol} autoComplete="off" onChange={(event) => setSymbol(event.currentTarget.value)} />
      </label>
      <Button type="submit" disabled={isWrong || isSending}>Set the limit</Button>
      <Button onClick={onClose}>Close</Button>
      {error !== null && <Failure title="The limit was not changed." error={error} still="The one before holds." />}
    </form>
  );
}

function Exposure({ rows }: { rows: readonly ExposureRow[] }) {
  return (
    <Scroll label="Exposure">
      <table className={css.table} data-testid="exposure">
        <thead>
          <tr>
            <th scope="col">Root</th>
            <th scope="col" className={css.roomy}>Group</th>
            <th scope="col" className={css.right}>Held</th>
            <th scope="col" className={`${css.right} ${css.roomy}`}>Working, buy</th>
            <th scope="col" className={`${css.right} ${css.roomy}`}>Working, sell</th>
            <th scope="col" className={css.right}>Most long</th>
            <th scope="col" className={css.right}>Most short</th>
            <th scope="col" className={`${css.right} ${css.roomy}`}>Price</th>
            <th scope="col" className={`${css.right} ${css.roomy}`}>Net held</th>
            <th scope="col" className={css.right}>Most gross</th>
            <th scope="col" className={`${css.right} ${css.roomy}`}>Margin, most</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((one) => (
            <tr key={one.root} data-root={one.root}>
              <th scope="row">{one.root}</th>
              <td className={`muted ${css.roomy}`}>{one.correlation_group.replaceAll('_', ' ')}</td>
              <td className={`${css.right} strong`}><span className="fig">{one.quantity > 0 ? '+' : ''}{format.size(one.quantity)}</span></td>
              <td className={`${css.right} ${css.roomy}`}><Size value={one.working_buy} /></td>
              <td className={`${css.right} ${css.roomy}`}><Size value={one.working_sell} /></td>
              <td className={css.right}><Size value={one.long_most} /></td>
              <td className={css.right}><Size value={one.short_most} /></td>
              <td className={`${css.right} ${css.roomy}`}><Price value={one.price} notation={notationFor(one.root)} isMean /></td>
              <td className={`${css.right} ${css.roomy}`}><span className="fig">{format.money(one.net)}</span></td>
              <td className={css.right}><span className="fig">{format.money(one.gross_most)}</span></td>
              <td className={`${css.right} ${css.roomy}`}><span className="fig">{format.money(one.margin_initial)}</span></td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

/** Every version of a limit, the newest first: who set it, and when. */
function Versions({ account }: { account: string }) {
  const zone = useZone();
  const { data, error, refetch } = useQuery(limitVersionsQuery(account));
  const rows = data ?? [];
  return (
    <Panel title="Versions" meta="a limit is never overwritten" isFlush sql={{ statement: () => versionsSql(account), gives: `${rows.length} rows` }}>
      {error && <Failure title="The versions could not be read." error={error} onRetry={() => void refetch()} />}
      <Scroll label="Versions">
        <table className={css.table} data-testid="versions">
          <thead>
            <tr>
              <th scope="col">Since</th>
              <th scope="col">Rule</th>
              <th scope="col">Of</th>
              <th scope="col" className={css.right}>Limit</th>
              <th scope="col" className={css.right}>Version</th>
              <th scope="col">By</th>
            </tr>
          </thead>
          <tbody>
            {rows.map((one) => (
              <tr key={one.limit_id} data-rule={one.rule}>
                <td className="dim"><Time at={one.valid_from} zone={zone} /></td>
                <th scope="row">{titleOf(one.rule)}</th>
                <td className="muted">{ofWhom(one)}</td>
                <td className={`${css.right} ${css.long}`}><span className="fig">{figureOf(one.rule, one.value)}</span></td>
                <td className={`${css.right} muted`}>{one.version}</td>
                <td className="muted">{one.who}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </Panel>
  );
}
