import { VisuallyHidden } from '@mantine/core';
import { Failure } from '@/components/states/states';
import { Meter } from '@/components/trading/parts';
import { figureOf, RULES, shareOf } from '@/components/trading/rules';
import css from '@/components/trading/trading.module.css';
import type { VerdictRow } from '@/types/domain';

import { wouldPass } from './ticket';
import page from './Trade.module.css';

interface Props {
  of: { readonly data: VerdictRow | undefined; readonly error: unknown };
  quantity: number;
}

/** What the risk rules decide before the order is sent, in a line that keeps its height. */
export function Preview({ of: { data: verdict, error }, quantity }: Props) {
  if (error) return <Failure title="The risk preview could not be read." error={error} still="The order is checked when it is sent." />;
  if (!verdict) return <p className={page.preview} data-testid="preview" />;
  const counted = verdict.checks.filter((one) => one.limit !== null && one.figure !== null);
  const shares = counted.map((one) => ({ one, share: shareOf(one) }));
  const nearest = shares
    .filter((it) => it.share !== null)
    .sort((a, b) => b.share! - a.share!)[0];
  return (
    <p className={page.preview} data-testid="preview" role="status">
        <span className={css.chip} data-kind={verdict.is_allowed ? 'good' : 'bad'}>
          {verdict.is_allowed ? '✓ Would pass' : '✕ Would be refused'}
        </span>{' '}
        <span className="muted small">
          {verdict.is_allowed
            ? `${verdict.checks.length} rules${nearest ? ` · nearest: ${RULES[nearest.one.rule]?.short ?? nearest.one.rule}, ${Math.round(nearest.share! * 100)}%` : ''}`
            : `${verdict.reason ?? verdict.rule}. ${wouldPass(verdict.checks, quantity) ?? ''}`}
        </span>
    </p>
  );
}

/** Each rule with its figure, its limit and how much of it would be used. */
export function Rules({ verdict }: { verdict: VerdictRow }) {
  return (
    <table className={page.rules} data-testid="rules">
        <tbody>
          {verdict.checks.map((one) => (
            <tr key={one.rule} data-rule={one.rule} data-passed={one.is_passed}>
              <th scope="row">{RULES[one.rule]?.title ?? one.rule.replaceAll('_', ' ')}</th>
              <td className={page.right}><span className="fig">{one.figure === null ? '' : figureOf(one.rule, one.figure)}</span></td>
              <td className={`${page.right} muted`}><span className="fig">{one.limit === null ? '' : figureOf(one.rule, one.limit)}</span></td>
              <td><Share of={shareOf(one)} rule={one.rule} /></td>
              <td className={one.is_passed ? 'up' : 'down'}>{one.is_passed ? '✓' : '✕'}<VisuallyHidden>{one.is_passed ? 'passes' : 'refuses'}</VisuallyHidden></td>
            </tr>
          ))}
        </tbody>
      </table>
  );
}

function Share({ of, rule }: { of: number | null; rule: string }) {
  if (of === null) return null;
  return <Meter share={of} label={`${RULES[rule]?.title ?? rule}: ${Math.round(of * 100)} per cent of the limit`} />;
}
