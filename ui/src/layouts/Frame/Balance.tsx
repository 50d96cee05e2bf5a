import { Link } from '@tanstack/react-router';
import { useEffect } from 'react';

import { sum } from '@/components/trading/marking';
import { Result, useAdded } from '@/components/trading/parts';
import { useAccount } from '@/hooks/useAccount';
import * as format from '@/services/format';
import { followTrading } from '@/services/trading';

import css from './Balance.module.css';

/** The account that is traded, what it is worth, and the day's profit, tick by tick. */
export default function Balance() {
  const { accounts, account, positions, choose } = useAccount();
  const more = useAdded(account, positions);
  useEffect(() => followTrading(), []);
  if (!account) return null;
  return (
    <span className={`${css.balance} wide`} data-testid="balance">
      {accounts.length > 1 ? (
        <select aria-label="Account" value={account.account_id} onChange={(event) => choose(event.currentTarget.value)}>
          {accounts.map((one) => (
            <option key={one.account_id}>{one.account_id}</option>
          ))}
        </select>
      ) : (
        <b>{account.account_id}</b>
      )}
      <Link to="/account" title="Net liquidating value, and the day's profit after commission">
        <span className={`muted ${css.balanceWord}`}>Net liq</span> <span className="fig">{format.money(sum(account.net_liquidation, more))}</span>{' '}
        <Result value={sum(account.pnl_day, more)} />
      </Link>
    </span>
  );
}
