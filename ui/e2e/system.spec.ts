import { expect, expectFits, test } from './thor';

const PANELS = [
  'The way of a tick',
  'Refused ticks',
  'Processes',
  'Sources',
  'Gaps',
  'This Thor',
  'Lake by trade date',
];

test('the way of a tick is shown stage by stage, and its sum can be checked', async ({ page }) => {
  await page.goto('/system');
  for (const title of PANELS) await expect(page.getByRole('heading', { name: title })).toBeVisible();
  const sum = async () => {
    const texts = await page.locator('[data-testid="identity"] dd').allInnerTexts();
    return texts.map((text) => Number(text.replaceAll(',', '')));
  };
  await expect.poll(async () => (await sum())[0] ?? 0).toBeGreaterThan(11);
  const [received, ...parts] = await sum();
  expect(parts.reduce((total, one) => total + one, 0)).toBe(received);
  await expect(page.getByText('✓ holds')).toBeVisible();
  const speaks = page.locator('[data-testid="sources"] tr', { hasText: 'SIM' });
  await expect(speaks.getByRole('link')).toHaveCount(11);
  await expect(page.getByTestId('processes')).toContainText('ingest-1');
  await expect(page.getByTestId('machine')).toContainText('simulated');
  await expect(page.getByTestId('lake').getByRole('listitem').last()).toContainText('still open');
});

test('what is away is named, and the page stays', async ({ page }) => {
  await page.goto('/system');
  await expect(page.getByTestId('identity')).toBeVisible();
  await page.route('**/api/system', async (route) => {
    const answer = await route.fetch();
    const state = await answer.json();
    const health = {
      ...state.health,
      status: 'down',
      reasons: ['database: no answer within 1.5 s'],
      accounting: null,
      database: { ...state.health.database, state: 'down', reason: 'no answer within 1.5 s' },
    };
    await route.fulfill({
      json: { ...state, health, refused: null, gaps: null, sources: null, lake: null, bars_waiting: null },
    });
  });
  await expect(page.getByText('Database: no answer within 1.5 s.')).toBeVisible();
  await expect(page.getByText('The counts cannot be asked while a server is away.')).toBeVisible();
  await expect(page.getByText('The database is away.')).toHaveCount(3);
  await expect(page.getByText('The lake could not be asked.')).toBeVisible();
});

test.describe('without an answer', () => {
  test.use({ allow: /Failed to load resource|net::ERR/ });

  test('an API that fails says so, and is asked again', async ({ page }) => {
    await page.route('**/api/system', (route) =>
      route.fulfill({ status: 500, json: { title: 'Broken', detail: 'x', status: 500 } }),
    );
    await page.goto('/system');
    await expect(page.getByText('The state of Thor could not be read.')).toBeVisible();
    await page.unroute('**/api/system');
    await page.getByRole('button', { name: 'Try again' }).click();
    await expect(page.getByTestId('identity')).toBeVisible();
  });
});

for (const width of [360, 1280]) {
  test(`at ${width} the page overflows nothing, and axe finds nothing serious`, async ({ page }) => {
    await page.setViewportSize({ width, height: 800 });
    await page.goto('/system');
    await expect(page.getByTestId('identity')).toBeVisible();
    await expectFits(page);
  });
}
