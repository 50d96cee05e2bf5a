/** A price that a workbook's cell holds, in the table of a page; for the test that writes the cell. */

import { cell, expect, test } from './thor';

const SHOWN = process.env.THOR_SHOWN;

test('a cell of the workbook stands in the table', async ({ page }) => {
  test.skip(SHOWN === undefined, 'THOR_SHOWN names no prices');
  await page.goto('/');
  for (const [symbol, price] of Object.entries(JSON.parse(SHOWN!) as Record<string, string>)) {
    await expect(cell(page, symbol, 'last')).toHaveText(price);
    await expect(cell(page, symbol, 'source')).toHaveText('EXCEL');
  }
});
