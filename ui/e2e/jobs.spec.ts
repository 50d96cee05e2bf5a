import { expect, expectFits, test } from './thor';

test('a job is run by its button, shows what it wrote, and can be paused', async ({ page }) => {
  test.setTimeout(180_000);
  await page.goto('/jobs');
  const row = page.locator('tr[data-job="drop_old_ticks"]');
  await expect(row.locator('[data-field="next"]')).toContainText('in ');
  await page.getByRole('button', { name: 'Run now: drop_old_ticks' }).click();
  await expect(page.getByRole('heading', { name: 'Runs of drop_old_ticks' })).toBeVisible();
  // A process of Python starts and ends, which takes a busy machine its time.
  await expect(row.locator('[data-field="last"]')).not.toContainText('succeeded');
  await expect(row.locator('[data-field="last"]')).toContainText('succeeded', { timeout: 120_000 });
  await expect(page.getByTestId('output')).toContainText('THOR_TICKS_KEEP_DAYS is not set');
  await page.getByRole('button', { name: 'Pause drop_old_ticks' }).click();
  await expect(row.locator('[data-field="next"]')).toHaveText('paused');
  await page.getByRole('button', { name: 'Resume drop_old_ticks' }).click();
  await expect(row.locator('[data-field="next"]')).toContainText('in ');
  await page.setViewportSize({ width: 360, height: 800 });
  await expectFits(page);
});
