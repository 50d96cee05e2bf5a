import { expect, expectFits, test } from './thor';

/* Seeded by tests/ui: a champion that said 60% of every minute of ES and was right of three in five. */

test('the models page holds what was predicted to what happened, and says what is silent', async ({ page }) => {
  await page.goto('/models');
  const live = page.locator('[data-testid="live"] tbody tr').first();
  await expect(live).toContainText('direction at 1m');
  await expect(live.locator('[data-field="hit-rate"]')).toContainText('60.0%');
  await expect(live.locator('[data-field="hit-rate"]')).toContainText(/5\d\.\d% to 6\d\.\d%/);
  await expect(live.locator('[data-level]').first()).toContainText('60.0% of 60.0%');
  await expect(live.locator('[data-level="well"]')).toHaveCount(2);
  const tenth = page.locator('[data-testid="calibration"] tbody tr');
  await expect(tenth).toContainText('60.0%');
  await expect(page.locator('[data-testid="drift"] tbody tr')).toContainText(/rsi_14.*0\.000.*0\.250.*Well/);
  await expect(page.getByText('Silent: direction of ES at 15m.')).toBeVisible();
  await expect(page.getByText(/drift of rsi_14: PSI 0\.500/)).toBeVisible();
  await page.setViewportSize({ width: 360, height: 800 });
  await expectFits(page);
});

test('the chart marks predictions, and the bar under the pointer has its own in words', async ({ page }) => {
  await page.goto('/chart/ES?width=1m');
  const chart = page.getByRole('img', { name: /^Candles of ES, 1m, \d+ bars, \d{2,} predictions/ });
  await expect(chart).toBeVisible({ timeout: 60_000 });
  await chart.focus();
  await expect
    .poll(async () => {
      await page.keyboard.press('ArrowLeft');
      return page.getByTestId('facts').innerText();
    })
    .toMatch(/Predicted\s*up 60%, [✓✗] /);
});
