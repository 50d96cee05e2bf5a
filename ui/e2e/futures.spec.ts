import { cell, expect, openFutures, overflow, seriousFindings, test } from './thor';

const SYMBOLS = ['YM', 'ES', 'NQ', 'RTY', 'CL', 'SI', 'HG', 'GC', 'VX', 'DX', 'ZB'];

test('eleven rows are filled in the desk’s order, and move', async ({ page }) => {
  await openFutures(page);
  const rows = page.locator('[data-testid="futures"] tr[data-symbol]');
  expect(await rows.evaluateAll((found) => found.map((row) => row.dataset.symbol))).toEqual(SYMBOLS);
  await expect(page.getByText('SIMULATED')).toBeVisible();
  await expect(page.getByText('Connected')).toBeVisible();
  await expect(cell(page, 'ES', 'last')).toHaveText(/^\d{4}\.\d\d$/);
  await expect(cell(page, 'ZB', 'last')).toHaveText(/^1\d\d'[0-3]\d\+?$/);
  await expect(cell(page, 'ES', 'state')).toHaveText(/Fresh/);
  const before = await rows.allInnerTexts();
  await expect.poll(async () => (await rows.allInnerTexts()).join() !== before.join()).toBe(true);
});

test('a tick moves nothing: every cell keeps its place and width', async ({ page }) => {
  await openFutures(page);
  const boxes = () =>
    page
      .locator('[data-testid="futures"] td')
      .evaluateAll((cells) => cells.map((one) => one.getBoundingClientRect().toJSON()));
  const price = await cell(page, 'ES', 'bid').innerText();
  const before = await boxes();
  await expect(cell(page, 'ES', 'bid')).not.toHaveText(price);
  expect(await boxes()).toEqual(before);
});

test('views, rows and SQL are reached by the keyboard', async ({ page }) => {
  await openFutures(page);
  await page.keyboard.press('ArrowDown');
  await expect(page.locator('tr[aria-current]')).toHaveAttribute('data-symbol', 'ES');
  await page.keyboard.press('h');
  await expect(page).toHaveURL(/view=heatmap/);
  await expect(page.locator('article[data-symbol]')).toHaveCount(11);
  await page.keyboard.press('c');
  await expect(page.getByRole('article', { name: /^ZB/ })).toContainText('Bid');
  await page.keyboard.press('t');
  await expect(page).toHaveURL(/\/$/);
  await page.keyboard.press('q');
  await expect(page.getByTestId('sql')).toContainText('market.quote_metrics(');
  await page.keyboard.press('Escape');
  await expect(page.getByTestId('sql')).toBeHidden();
  await page.keyboard.press('?');
  await expect(page.getByRole('dialog')).toContainText('Find a symbol or a page');
  await page.keyboard.press('Escape');
  await expect(page.getByRole('dialog')).toBeHidden();
  await page.keyboard.press('/');
  await page.getByPlaceholder('Symbol or page').fill('silver');
  await expect(page.getByRole('dialog')).toContainText('SI');
});

test('a sort re-orders at once, leaves rows alone under the pointer, and is kept', async ({
  page,
}) => {
  await openFutures(page);
  await page.getByRole('button', { name: /Contracts traded in the session/ }).click();
  const volumes = async () =>
    (await page.locator('td[data-column="volume"]').allInnerTexts()).map((text) =>
      Number(text.replaceAll(',', '')),
    );
  const found = await volumes();
  expect(found[0]).toBeGreaterThan(found.at(-1)!);
  await page.reload();
  await expect(page.locator('th[aria-sort="descending"]')).toHaveText(/Volume/);
  await page.getByRole('button', { name: /^Layout/ }).click();
  await page.getByPlaceholder('Keep as').fill('By volume');
  await page.getByRole('button', { name: 'Keep', exact: true }).click();
  await page.getByRole('menuitem', { name: 'Desk' }).click();
  await expect(page.locator('th[aria-sort="descending"]')).toHaveCount(0);
  await page.getByRole('menuitem', { name: 'By volume' }).first().click();
  await expect(page.locator('th[aria-sort="descending"]')).toHaveText(/Volume/);
});

test('columns are chosen and rows pinned', async ({ page }) => {
  await openFutures(page);
  await page.getByRole('button', { name: 'Columns' }).click();
  await page.getByRole('checkbox', { name: 'High', exact: true }).check();
  await expect(page.locator('th[data-column="high"]')).toBeVisible();
  await page.getByRole('checkbox', { name: /^Volume-weighted/ }).uncheck();
  await expect(page.locator('th[data-column="vwap"]')).toHaveCount(0);
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Pin ZB to the top' }).click();
  await expect(page.locator('tr[data-symbol]').first()).toHaveAttribute('data-symbol', 'ZB');
});

const SIZES = [
  [360, 780],
  [1280, 880],
  [3840, 2160],
] as const;
const PATHS = ['/', '/?view=heatmap', '/?view=cards', '/about'];

for (const [width, height] of SIZES) {
  test(`at ${width} nothing overflows, and axe finds nothing serious`, async ({ page }) => {
    await page.setViewportSize({ width, height });
    for (const path of PATHS) {
      await page.goto(path);
      await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
      if (path !== '/about') await expect(page.getByText('ZB').first()).toBeAttached();
      expect(await overflow(page), path).toBeLessThanOrEqual(0);
      // Colours and structure are those of 1280 on larger windows.
      if (width > 1280) continue;
      expect(await seriousFindings(page), `${path}, dark`).toEqual([]);
      await page.getByRole('button', { name: 'Light colours' }).click();
      expect(await seriousFindings(page), `${path}, light`).toEqual([]);
      await page.getByRole('button', { name: 'Dark colours' }).click();
    }
  });
}
