import { createHmac } from 'node:crypto';

import type { Browser, BrowserContext } from '@playwright/test';

import { expect, overflow, seriousFindings, test, type Page } from './thor';

const PASSWORD = process.env.THOR_PASSWORD ?? '';
const NEW_PASSWORD = `${PASSWORD}, and back`;
const [OWNER, BOB] = ['own@example.com', 'bob@example.com'];

/** Another person's browser. */
async function other(browser: Browser): Promise<{ page: Page; context: BrowserContext }> {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  return { page: await context.newPage(), context };
}

async function fill(page: Page, form: string, values: Record<string, string>, button: string): Promise<void> {
  const found = page.getByRole('form', { name: form });
  for (const [label, value] of Object.entries(values)) {
    await found.getByRole('textbox', { name: label }).fill(value);
  }
  await found.getByRole('button', { name: button, exact: true }).click();
}

const credentials = (email: string) => ({ 'E-mail address': email, Password: PASSWORD });

/** The code of a second factor's secret, so many seconds from now (RFC 6238). */
function codeOf(secret: string, laterS = 0): string {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  const bits = [...secret].map((one) => letters.indexOf(one).toString(2).padStart(5, '0')).join('');
  const key = Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => parseInt(byte, 2)));
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor((Date.now() / 1000 + laterS) / 30)));
  const made = createHmac('sha1', key).update(step).digest();
  const offset = (made.at(-1) ?? 0) & 15;
  return String((made.readUInt32BE(offset) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}

/** Expect that a page fits a desk and a phone, and that axe finds nothing serious, light and dark. */
async function expectGood(page: Page): Promise<void> {
  for (const [width, scheme] of [[1440, 'dark'], [800, 'light'], [360, 'light']] as const) {
    await page.setViewportSize({ width, height: 800 });
    await page.evaluate((value) => document.documentElement.setAttribute('data-mantine-color-scheme', value), scheme);
    expect(await overflow(page), `${page.url()} at ${width}`).toBeLessThanOrEqual(0);
    // The way out is in the window, where somebody is logged in.
    for (const out of await page.getByTestId('account').all()) await expect(out).toBeInViewport({ ratio: 0.95 });
    expect(await seriousFindings(page), `${page.url()} ${scheme}`).toEqual([]);
  }
  await page.setViewportSize({ width: 1440, height: 900 });
}

// A browser names every refusal in its console.
test.use({ allow: /status of 4\d\d/ });

test('people set up, log in, are approved, and lose no form', async ({ page, browser }) => {
  test.setTimeout(240_000);
  const { page: bob, context: ofBob } = await other(browser);

  await test.step('nobody logs in before the set-up, and the frame says so', async () => {
    await page.goto('/profile');
    await expect(page.getByText('Nobody logs in here: who reaches this machine')).toBeVisible();
    await expect(page.getByTestId('account')).toHaveAccessibleName('Account: local OWNER');
    await bob.goto('/register');
    await fill(bob, 'Register', credentials(BOB), 'Register');
    await expect(bob.getByText(/No owner is set up yet/)).toBeVisible();
    await page.goto('/setup');
    await expect(page.getByText('thor user setup-link')).toBeVisible();
  });

  await test.step('the link sets up the owner once, and refuses a weak password', async () => {
    await page.goto(process.env.THOR_SETUP ?? '/setup');
    await expect(page.getByRole('form', { name: 'Set up' })).toBeVisible();
    await expectGood(page);
    await fill(page, 'Set up', { ...credentials(OWNER), Password: 'passwordpassword' }, 'Set up');
    await expect(page.getByRole('alert')).toContainText(/^!Password: /);
    await fill(page, 'Set up', { Password: PASSWORD }, 'Set up');
    await expect(page.getByTestId('account')).toHaveAccessibleName(`Account: ${OWNER} OWNER`);
    await expect(page).toHaveURL(/\/$/);
    await bob.goto(process.env.THOR_SETUP ?? '/setup');
    await expect(bob.getByText('this link is good no more')).toBeVisible();
  });

  await test.step('a colleague registers, and may log in once the owner approves', async () => {
    await bob.goto('/settings');
    await expect(bob.getByRole('form', { name: 'Log in' })).toBeVisible();
    await expect(bob.getByRole('link', { name: 'Futures' })).toBeHidden();
    await expectGood(bob);
    await bob.getByRole('link', { name: 'Register' }).click();
    await fill(bob, 'Register', credentials('Bob@Example.com'), 'Register');
    await expect(bob.getByText('An ADMIN has to approve')).toBeVisible();
    await bob.goto('/settings');
    await fill(bob, 'Log in', credentials(BOB), 'Log in');
    await expect(bob.getByRole('alert')).toContainText('waits for approval');
    await page.getByRole('link', { name: 'People' }).first().click();
    await expect(page.getByText('One account waits for approval.')).toBeVisible();
    await page.getByRole('button', { name: `Approve ${BOB}` }).click();
    await expect(page.locator(`tr[data-user="${BOB}"] [data-field="state"]`)).toContainText('may log in');
    await fill(bob, 'Log in', credentials(BOB), 'Log in');
    // He is where he wanted to be.
    await expect(bob.getByRole('button', { name: 'Change ES', exact: true })).toBeVisible();
    await expect(bob).toHaveURL(/settings/);
    await expect(bob.getByRole('link', { name: 'People' })).toBeHidden();
  });

  await test.step('a session that ends in the middle of a form asks again and keeps the form', async () => {
    await bob.getByRole('button', { name: 'Change ES', exact: true }).click();
    const form = bob.getByRole('form', { name: 'Numbers of ES' });
    await form.getByLabel('Strong buy').fill('61.5');
    await form.getByLabel('Why').fill('typed before the session ended');
    await ofBob.clearCookies();
    await form.getByRole('button', { name: 'Save' }).click();
    const again = bob.getByRole('dialog', { name: 'Your session has ended' });
    await expect(again).toBeVisible();
    await again.getByRole('textbox', { name: 'Password' }).fill('not the password');
    await again.getByRole('button', { name: 'Log in', exact: true }).click();
    await expect(again.getByRole('alert')).toContainText('wrong');
    await again.getByRole('textbox', { name: 'Password' }).fill(PASSWORD);
    await again.getByRole('button', { name: 'Log in', exact: true }).click();
    await expect(again).toBeHidden();
    // Nothing was sent by itself.
    await expect(form.getByText(/The session had ended/)).toBeVisible();
    await expect(form.getByLabel('Strong buy')).toHaveValue('61.5');
    await form.getByRole('button', { name: 'Save' }).click();
    await expect(bob.locator('tr[data-symbol="ES"] [data-field="strong_buy"]')).toHaveText('61.5');
    await expect(bob.locator('tr[data-symbol="ES"]')).toContainText(BOB);
  });

  await test.step('a choice goes with the account to another browser', async () => {
    await bob.getByRole('button', { name: 'Light colours' }).click();
    await bob.getByRole('combobox', { name: 'Time zone' }).fill('Tokyo');
    await bob.getByRole('option', { name: 'Asia/Tokyo' }).click();
    await bob.goto('/');
    await bob.getByRole('button', { name: 'Columns' }).click();
    await bob.getByRole('checkbox', { name: 'High', exact: true }).check();
    await bob.keyboard.press('Escape');
    await bob.getByRole('button', { name: /^Layout/ }).click();
    await bob.getByPlaceholder('Keep as').fill('With highs');
    await bob.getByRole('button', { name: 'Keep', exact: true }).click();
    // What is chosen last is kept, too, when the page closes at once.
    await bob.goto('/settings');
    const { page: phone, context } = await other(browser);
    await phone.goto('/profile');
    await fill(phone, 'Log in', credentials(BOB), 'Log in');
    await expect(phone.getByRole('combobox', { name: 'Time zone' })).toHaveValue('Asia/Tokyo');
    await expect(phone.locator('html')).toHaveAttribute('data-mantine-color-scheme', 'light');
    await expect(phone.getByTestId('sessions').getByRole('row')).toHaveCount(4);
    await fill(phone, 'New key', { 'New key for': 'nightly report' }, 'Make the key');
    await expect(phone.getByTestId('key')).toHaveText(/^thor_/);
    const key = await phone.getByTestId('key').innerText();
    const program = { headers: { Authorization: `Bearer ${key}` } };
    const asked = await phone.request.get('/api/me', program);
    expect((await asked.json()) as unknown).toMatchObject({ email: BOB, role: 'VIEWER', csrf: null });
    await expect(phone.getByRole('checkbox', { name: 'admin' })).toBeHidden();
    await expectGood(phone);
    // It was shown once: how it begins is left.
    await phone.reload();
    await expect(phone.getByTestId('keys')).toContainText(key.slice(0, 'thor_01234567'.length));
    await expect(phone.getByText(key)).toHaveCount(0);
    await phone.getByRole('button', { name: 'Revoke nightly report' }).click();
    await expect(phone.getByTestId('keys')).toContainText('revoked');
    expect((await phone.request.get('/api/me', program)).status()).toBe(401);
    await phone.goto('/');
    await expect(phone.locator('th[data-column="high"]')).toBeVisible();
    await expect(phone.getByRole('button', { name: /^Layout/ })).toContainText('With highs');
    await phone.getByTestId('account').click();
    await phone.getByRole('menuitem', { name: 'Log out', exact: true }).click();
    await expect(phone.getByRole('form', { name: 'Log in' })).toBeVisible();
    await context.close();
  });

  await test.step('a second factor is set up and asked for, and a new password ends other sessions', async () => {
    await page.goto('/profile');
    const factor = page.getByRole('form', { name: 'Second factor' });
    await factor.getByRole('textbox', { name: 'Password' }).fill(PASSWORD);
    await factor.getByRole('button', { name: 'Set it up' }).click();
    const secret = await page.getByTestId('totp-secret').innerText();
    await expectGood(page);
    const code = factor.getByRole('textbox', { name: /^Code/ });
    await code.fill('nonsense');
    await factor.getByRole('button', { name: 'Turn it on' }).click();
    await expect(factor.getByRole('alert')).toContainText('not of this secret');
    await code.fill(codeOf(secret));
    await factor.getByRole('button', { name: 'Turn it on' }).click();
    await expect(page.getByText('on: each login asks for a code')).toBeVisible();
    await expect(page.getByText(secret)).toHaveCount(0);

    const { page: desk, context } = await other(browser);
    await desk.goto('/profile');
    await fill(desk, 'Log in', credentials(OWNER), 'Log in');
    const login = desk.getByRole('form', { name: 'Log in' });
    await login.getByRole('textbox', { name: /^Code/ }).fill(codeOf(secret, 30));
    await login.getByRole('button', { name: 'Log in', exact: true }).click();
    const form = { 'Present password': PASSWORD, 'New password': NEW_PASSWORD };
    await fill(desk, 'Password', form, 'Change the password');
    await expect(desk.getByText('All other sessions have ended.')).toBeVisible();
    await expect(desk.getByTestId('sessions').getByRole('row')).toHaveCount(2);
    await fill(desk, 'Second factor', { Password: NEW_PASSWORD }, 'Turn it off');
    await expect(desk.getByText('With a second factor, a stolen')).toBeVisible();
    await context.close();

    await page.goto('/people');
    await fill(page, 'Log in', credentials(OWNER), 'Log in');
    await expect(page.getByRole('alert')).toContainText('wrong');
    await fill(page, 'Log in', { Password: NEW_PASSWORD }, 'Log in');
    await expect(page.getByTestId('accounts')).toBeVisible();
  });

  await test.step('a role that is taken at work takes its buttons, and leaves what was typed', async () => {
    await bob.getByRole('button', { name: 'Change NQ', exact: true }).click();
    const form = bob.getByRole('form', { name: 'Numbers of NQ' });
    await form.getByLabel('Strong buy').fill('99');
    await form.getByLabel('Why').fill('too late');
    await page.getByLabel(`Role of ${BOB}`).selectOption('VIEWER');
    await expect(page.getByLabel(`Role of ${BOB}`)).toHaveValue('VIEWER');
    await expect(page.getByTestId('audit')).toContainText('role TRADER → VIEWER');
    await form.getByRole('button', { name: 'Save' }).click();
    await expect(form.getByText(/asks for the role TRADER/)).toBeVisible();
    await expect(form.getByLabel('Strong buy')).toHaveValue('99');
    await expect(form.getByRole('button', { name: 'Save' })).toBeDisabled();
    await expect(bob.getByRole('button', { name: /^Change / })).toHaveCount(0);
    await expect(bob.getByRole('button', { name: 'Versions of NQ' })).toBeVisible();
    await bob.goto('/market-open');
    await expect(bob.getByRole('heading', { name: 'Market open', level: 1 })).toBeVisible();
    await expect(bob.getByRole('button', { name: 'Capture now' })).toHaveCount(0);
    await bob.goto('/people');
    await expect(bob.getByText('This page is for the role ADMIN.')).toBeVisible();
  });

  await test.step('an ADMIN logs somebody out, and reads who did what', async () => {
    await page.getByRole('button', { name: `Log out ${BOB}` }).click();
    await expect(page.locator(`tr[data-user="${BOB}"]`).getByRole('button', { name: 'Log out' })).toBeHidden();
    await bob.goto('/settings');
    await expect(bob.getByRole('form', { name: 'Log in' })).toBeVisible();
    await page.goto('/audit');
    await expect(page).toHaveURL(/\/people#audit$/);
    await fill(page, 'Filter of the audit', { Who: BOB, 'Part of the route': '/api/desk' }, 'Find');
    const rows = page.getByTestId('audit').getByRole('row');
    // The head, what was done, and what was refused.
    await expect(rows).toHaveCount(3);
    await expect(rows.filter({ hasText: 'not allowed 403' })).toHaveCount(1);
    await expect(rows.filter({ hasText: 'done 200' })).toContainText('typed before the session ended');
    await expectGood(page);
  });
});
