/** What all specs share: a page that must not complain, axe, and the processes behind it. */

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

import { test as base, expect, type Page } from '@playwright/test';

export { expect, type Page };

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** A test fails where its page writes an error; `allow` names what a test brings about itself. */
export const test = base.extend<{ allow: RegExp }>({
  allow: [/^$/, { option: true }],
  page: async ({ page, allow }, hand) => {
    const complaints: string[] = [];
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(String(error)));
    await hand(page);
    const left = complaints.filter((text) => !allow.test(text));
    expect(left, 'the console').toEqual([]);
  },
});

interface Finding {
  readonly id: string;
  readonly impact: string | null;
  readonly nodes: { readonly target: string[]; readonly failureSummary: string }[];
}

/** Return what axe finds serious or critical on a page. */
export async function seriousFindings(page: Page): Promise<string[]> {
  // The page's policy lets no foreign script in: it is run as the test's own.
  await page.evaluate(AXE);
  const found = await page.evaluate(async () => {
    const axe = (globalThis as unknown as { axe: { run(): Promise<{ violations: Finding[] }> } })
      .axe;
    return (await axe.run()).violations;
  });
  return found
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes[0]?.target.join(' ')} ${nodes[0]?.failureSummary}`);
}

/** Return by how many pixels a page is wider than its window. */
export const overflow = (page: Page): Promise<number> =>
  page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

/** Expect that a page fits its window, and that axe finds nothing serious, dark and light. */
export async function expectFits(page: Page): Promise<void> {
  expect(await overflow(page)).toBeLessThanOrEqual(0);
  expect(await seriousFindings(page)).toEqual([]);
  await page.getByRole('button', { name: 'Light colours' }).click();
  expect(await seriousFindings(page)).toEqual([]);
}

/** Send a signal to a process of the Thor behind the page, named as `thor status` does. */
export function signal(name: string, kind: NodeJS.Signals): void {
  const ids = JSON.parse(process.env.THOR_PROCESSES ?? '{}') as Record<string, number>;
  const id = ids[name];
  if (id === undefined) throw new Error(`no process ${name} in THOR_PROCESSES`);
  process.kill(id, kind);
}

export const hasProcesses = process.env.THOR_PROCESSES !== undefined;

/** Return the text of a cell of the futures table. */
export function cell(page: Page, symbol: string, column: string) {
  return page.locator(`tr[data-symbol="${symbol}"] td[data-column="${column}"]`);
}

/** Open the futures and wait until all rows have a price. */
export async function openFutures(page: Page, path = '/'): Promise<void> {
  await page.goto(path);
  const prices = page.locator('[data-testid="futures"] td[data-column="last"]');
  await expect(prices).toHaveCount(11);
  await expect
    .poll(async () => (await prices.allInnerTexts()).filter((text) => /\d/.test(text)).length)
    .toBe(11);
}
