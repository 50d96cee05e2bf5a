/** Named layouts of the futures table, kept in this browser. */

import { useStored } from '@/hooks/useStored';

export interface Layout {
  /** Columns chosen or left out by hand; others follow the window's width. */
  readonly columns: Readonly<Record<string, boolean>>;
  /** Columns in the order of the viewer; those not named follow in the desk's. */
  readonly order: readonly string[];
  readonly sort: { readonly id: string; readonly isDescending: boolean } | null;
  /** Symbols that stay on top. */
  readonly pins: readonly string[];
}

/** The layout that is there from the start and is never changed. */
export const DESK = 'Desk';
export const DESK_LAYOUT: Layout = { columns: {}, order: [], sort: null, pins: [] };

interface Kept {
  readonly name: string;
  readonly current: Layout;
  readonly named: Readonly<Record<string, Layout>>;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function areTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string');
}

function isLayout(value: unknown): value is Layout {
  return (
    isRecord(value) &&
    isRecord(value.columns) &&
    Object.values(value.columns).every((one) => typeof one === 'boolean') &&
    areTexts(value.order) &&
    areTexts(value.pins) &&
    (value.sort === null || (isRecord(value.sort) && typeof value.sort.id === 'string'))
  );
}

function isKept(value: unknown): value is Kept {
  return (
    isRecord(value) &&
    typeof value.name === 'string' &&
    isLayout(value.current) &&
    isRecord(value.named) &&
    Object.values(value.named).every(isLayout)
  );
}

const INITIAL: Kept = { name: DESK, current: DESK_LAYOUT, named: {} };

export interface Layouts {
  readonly name: string;
  readonly names: readonly string[];
  readonly current: Layout;
  /** Whether it differs from what is kept under its name. */
  readonly isChanged: boolean;
  change(part: Partial<Layout>): void;
  choose(name: string): void;
  saveAs(name: string): void;
  remove(name: string): void;
}

/** The layout in use, and those kept by name. */
export function useLayouts(): Layouts {
  const [kept, keep] = useStored('futures.layouts', INITIAL, isKept);
  const { name, current, named } = kept;
  const saved = (wanted: string) => (wanted === DESK ? DESK_LAYOUT : named[wanted]);
  return {
    name,
    names: [DESK, ...Object.keys(named).sort()],
    current,
    isChanged: JSON.stringify(current) !== JSON.stringify(saved(name) ?? DESK_LAYOUT),
    change: (part) => keep({ ...kept, current: { ...current, ...part } }),
    choose: (wanted) => keep({ ...kept, name: wanted, current: saved(wanted) ?? DESK_LAYOUT }),
    saveAs: (wanted) => {
      if (wanted === DESK || wanted === '') return;
      keep({ name: wanted, current, named: { ...named, [wanted]: current } });
    },
    remove: (wanted) => {
      const left = Object.fromEntries(Object.entries(named).filter(([one]) => one !== wanted));
      keep({ ...kept, named: left, ...(name === wanted ? { name: DESK } : {}) });
    },
  };
}
