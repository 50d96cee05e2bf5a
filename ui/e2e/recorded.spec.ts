/** A recorded day, replayed: the Thor behind it is one of its own. */

import { writeFileSync } from 'node:fs';

import { cell, expect, test } from './thor';

const FILE = process.env.THOR_RENDERED;

test('a recorded minute is replayed as it was, by its own clock', async ({ page }) => {
  test.skip(FILE === undefined, 'THOR_RENDERED names no file');
  await page.goto('/');
  await expect(page.getByTestId('nature')).toHaveText(/^RECORDED\s*24 Jan 2022 · 0.5x$/);
  await expect(cell(page, 'ESH22', 'last')).toHaveText(/^43\d\d\.\d\d$/);
  // Ages are counted by the recording: what was just replayed is fresh.
  await expect(cell(page, 'ESH22', 'state')).toHaveText(/Fresh/);
  await expect(cell(page, 'ESH22', 'source')).toHaveText(/^TAPE:14343b0f$/);
  const before = await cell(page, 'ESH22', 'bid').innerText();
  await expect(cell(page, 'ESH22', 'bid')).not.toHaveText(before);
  await page.goto('/chart/ESH22?width=1s');
  const candles = page.getByRole('img', { name: /^Candles of ESH22, 1s/ });
  await expect(candles).toBeVisible();
  await candles.focus();
  // The third bar from the newest has closed for good.
  for (let step = 0; step < 3; step += 1) await page.keyboard.press('ArrowLeft');
  const facts = page.getByTestId('facts');
  await expect(facts).not.toContainText(' open ');
  const bar = await facts.evaluate((found) => ({
    bar_start: found.getAttribute('data-bar'),
    ...Object.fromEntries(
      [...found.querySelectorAll('dl > div')].map((one) => [
        one.querySelector('dt')!.textContent,
        one.querySelector('dd')!.textContent,
      ]),
    ),
  }));
  writeFileSync(FILE!, JSON.stringify(bar));
});
