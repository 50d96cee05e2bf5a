import type { Instrument } from '@/types/domain';

export interface Group {
  readonly title: string;
  readonly instruments: readonly Instrument[];
}

const TITLES: Record<string, string> = {
  equity_index: 'Equity index',
  energy: 'Energy and metals',
  metal: 'Energy and metals',
  volatility: 'Volatility, dollar, bond',
  currency: 'Volatility, dollar, bond',
  rates: 'Volatility, dollar, bond',
};

export function groupTitle(instrument: Instrument): string {
  return TITLES[instrument.asset_class] ?? 'Other';
}

/** The instruments in the desk's order, by the groups that a desk looks at together. */
export function grouped(instruments: readonly Instrument[]): Group[] {
  const groups = new Map<string, Instrument[]>();
  for (const one of instruments) {
    const title = groupTitle(one);
    groups.set(title, [...(groups.get(title) ?? []), one]);
  }
  return [...groups].map(([title, found]) => ({ title, instruments: found }));
}
