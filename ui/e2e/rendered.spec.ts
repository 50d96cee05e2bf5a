/** What stands on the page, written to a file, for the test that asks the database the same. */

import { writeFileSync } from 'node:fs';

import { expect, hasProcesses, openFutures, signal, test, type Page } from './thor';

const FILE = process.env.THOR_RENDERED;

/** Return the select that the first panel with one shows. */
async function statement(page: Page, panel = 0): Promise<string> {
  await page.locator('[data-panel] [data-sql]:visible').nth(panel).click();
  const text = await page.getByTestId('sql').innerText();
  await page.keyboard.press('Escape');
  await expect(page.getByTestId('sql')).toBeHidden();
  return text;
}

test('the table, and the selects of all views', async ({ page }) => {
  test.skip(FILE === undefined || !hasProcesses, 'THOR_RENDERED names no file');
  await openFutures(page);
  await page.getByRole('button', { name: 'Columns' }).click();
  for (const name of ['Open', 'High', 'Low', /^The previous close that/]) {
    await page.getByRole('checkbox', { name, exact: true }).check();
  }
  await page.keyboard.press('Escape');
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
  writeFileSync(FILE!, JSON.stringify({ rows, table, detail, heatmap, cards }));
});
