/** What stands on the page, written to a file, for the test that asks the database the same. */

import { writeFileSync } from 'node:fs';

import { expect, hasProcesses, openFutures, signal, test, type Page } from './thor';

const FILE = process.env.THOR_RENDERED;

/** Return the select that is shown, and close it. */
async function closed(page: Page): Promise<string> {
  const text = await page.getByTestId('sql').innerText();
  // The keyboard is the popover's once its first button has the focus.
  await expect(page.getByRole('button', { name: 'Copy', exact: true })).toBeFocused();
  await page.keyboard.press('Escape');
  await expect(page.getByTestId('sql')).toBeHidden();
  return text;
}

/** Return the select that the first panel with one shows. */
async function statement(page: Page, panel = 0): Promise<string> {
  await page.locator('[data-panel]:not([data-aside]) [data-sql]:visible').nth(panel).click();
  return closed(page);
}

test('the table, the newest closed bar, and the selects of all panels', async ({ page }) => {
  test.skip(FILE === undefined || !hasProcesses, 'THOR_RENDERED names no file');
  await openFutures(page);
  await page.getByRole('button', { name: 'Columns' }).click();
  for (const name of ['Open', 'High', 'Low', /^The previous close that/]) {
    await page.getByRole('checkbox', { name, exact: true }).check();
  }
  await page.keyboard.press('Escape');
  // What the TOTAL said within the last seconds; once all quotes are DEAD it says nothing, nor
  // before it was first read.
  await expect(page.locator('[data-testid="total"] [data-figure="score"]')).not.toHaveText('–');
  const figures = await page
    .locator('[data-testid="total"] [data-figure]')
    .evaluateAll((found) =>
      Object.fromEntries(found.map((one) => [one.getAttribute('data-figure'), one.textContent])),
    );
  await page.locator('[data-testid="total"] [data-sql]').click();
  const total = await closed(page);
  // Once the market stands still, what is shown is what was stored last. It stays so until the
  // test behind this one has asked the database.
  signal('simulate', 'SIGSTOP');
  await page.waitForResponse((answer) => answer.url().endsWith('/api/board'));
  await page.waitForResponse((answer) => answer.url().endsWith('/api/board'));
  const rows = await page.locator('tr[data-symbol]').evaluateAll((found) =>
    found.map((row) => ({
      symbol: row.getAttribute('data-symbol'),
      ...Object.fromEntries(
        [...row.querySelectorAll('td[data-column]')].map((one) => [
          one.getAttribute('data-column'),
          one.textContent,
        ]),
      ),
    })),
  );
  const table = await statement(page);
  const detail = await statement(page, 1);
  await page.keyboard.press('h');
  await expect(page).toHaveURL(/heatmap/);
  const heatmap = await statement(page);
  await page.keyboard.press('c');
  await expect(page).toHaveURL(/cards/);
  const cards = await statement(page);
  await page.goto('/chart/ES?width=1m');
  const candles = page.getByRole('img', { name: /^Candles of ES, 1m/ });
  await expect(candles).toBeVisible();
  // One bar left of the newest, which is open.
  await candles.focus();
  await page.keyboard.press('ArrowLeft');
  await expect(page.getByTestId('facts')).not.toContainText(' open ');
  const bar = await page.getByTestId('facts').evaluate((facts) => ({
    bar_start: facts.getAttribute('data-bar'),
    ...Object.fromEntries(
      [...facts.querySelectorAll('dl > div')].map((one) => [
        one.querySelector('dt')!.textContent,
        one.querySelector('dd')!.textContent,
      ]),
    ),
  }));
  const chart = await statement(page);
  await page.goto('/system');
  await expect(page.getByTestId('identity')).toBeVisible();
  const identity = await page.locator('[data-term] dd').allInnerTexts();
  const system: string[] = [];
  const count = await page.locator('[data-sql]:visible').count();
  for (let panel = 0; panel < count; panel += 1) system.push(await statement(page, panel));
  await page.goto('/settings');
  await expect(page.locator('[data-testid="numbers"] tr[data-symbol]')).toHaveCount(11);
  const numbers = await page.locator('[data-testid="numbers"] tr[data-symbol]').evaluateAll((found) =>
    found.map((row) => [
      row.getAttribute('data-symbol'),
      ...[...row.querySelectorAll('[data-field]')].map((one) => one.textContent),
    ]),
  );
  const settings = await statement(page);
  await page.goto('/total?span=15m');
  await expect(page.getByTestId('facts')).toBeVisible();
  const history = await statement(page);
  const panels = { heatmap, cards, detail, history };
  const shown = { rows, table, figures, total, bar, chart, identity, system, numbers, settings, panels };
  writeFileSync(FILE!, JSON.stringify(shown));
});
