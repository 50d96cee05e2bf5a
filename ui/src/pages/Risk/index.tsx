import { VisuallyHidden } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';

import { Time } from '@/components/figures/figures';
import { Panel } from '@/components/panel/Panel';
import { Failure, Loading } from '@/components/states/states';
import { Kill } from '@/components/trading/Kill';
import { Meter } from '@/components/trading/parts';
import { figureOf, RULES, shareOf } from '@/components/trading/rules';
import { limitsSql } from '@/components/trading/sql';
import { usedOf } from '@/components/trading/used';
import { Scroll } from '@/components/trading/tables';
import css from '@/components/trading/trading.module.css';
import { useAccount } from '@/hooks/useAccount';
import { useMay } from '@/hooks/useMay';
import { useZone } from '@/hooks/useZone';
import { killQuery, limitsQuery, workingQuery } from '@/services/trading';

/** The limits of trading, and how much of each is used now. */
export default function Risk() {
  const zone = useZone();
  const mayTrade = useMay('TRADER');
  const mayReset = useMay('ADMIN');
  const { account, id, positions, error, retry } = useAccount();
  const kill = useQuery(killQuery);
  const limits = useQuery(limitsQuery(id));
  const working = useQuery(workingQuery(id));
  const rows = limits.data ?? [];
  return (
    <>
      <h1>Risk</h1>
      {error !== null && <Failure title="The account could not be read." error={error} onRetry={retry} />}
      {limits.error && <Failure title="The limits could not be read." error={limits.error} still="Orders are checked all the same." onRetry={() => void limits.refetch()} />}
      <Panel
        title="Limits"
        meta="used: contracts held and working, money of what is held; rules without a figure look at each order"
        isFlush
        sql={{ statement: limitsSql, gives: `${rows.length} rows` }}
      >
        {limits.isPending ? (
          <Loading rows={12} height={20} />
        ) : (
          <Scroll label="Limits">
            <table className={css.table} data-testid="limits">
              <thead>
                <tr>
                  <th scope="col">Rule</th>
                  <th scope="col">Of</th>
                  <th scope="col" className={css.right}>Used</th>
                  <th scope="col" className={css.right}>Limit</th>
                  <th scope="col" className={css.roomy}><VisuallyHidden>Share</VisuallyHidden></th>
                  <th scope="col" className={`${css.right} ${css.roomy}`}>Version</th>
                  <th scope="col" className={css.roomy}>Since</th>
                  <th scope="col" className={css.roomy}>By</th>
                </tr>
              </thead>
              <tbody>
                {rows.map((one) => {
                  const used = usedOf(one, account, positions, working.data ?? []);
                  const share = shareOf({ rule: one.rule, figure: used, limit: one.value });
                  const title = RULES[one.rule]?.title ?? one.rule;
                  return (
                    <tr key={`${one.rule} ${one.account_id} ${one.symbol}`} data-rule={one.rule}>
                      <th scope="row">{title}</th>
                      <td className="muted">{[one.account_id, one.symbol].filter(Boolean).join(', ') || 'all'}</td>
                      <td className={css.right}><span className="fig">{used === null ? '–' : figureOf(one.rule, used)}</span></td>
                      <td className={`${css.right} strong`}><span className="fig">{figureOf(one.rule, one.value)}</span></td>
                      <td className={css.roomy}>{share !== null && <Meter share={share} label={`${title}: ${Math.round(share * 100)} per cent used`} />}</td>
                      <td className={`${css.right} ${css.roomy} muted`}>{one.version}</td>
                      <td className={`${css.roomy} muted`}><Time at={one.valid_from} zone={zone} /></td>
                      <td className={`${css.roomy} muted`}>{one.who}</td>
                    </tr>
                  );
                })}
              </tbody>
            </table>
          </Scroll>
        )}
      </Panel>
      <Kill kill={kill.data} account={account} positions={positions} mayTrade={mayTrade} mayReset={mayReset} />
    </>
  );
}
