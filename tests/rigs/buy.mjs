// Buys on the gateway's web page in Debian's Chromium: from the account to the seller's page, paid there, back with the larger
// plan, and on to the page where it is managed. It judges nothing: tests/rig_page_buy.rs does.
//
// usage: node buy.mjs PLAN.json
//   PLAN  { packages, chromium, gateway, key }
// Prints one JSON object; exit status 1 with the failed step.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const plan = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const { chromium } = createRequire(join(plan.packages, 'x'))('playwright-core');
const elsewhere = (url) => url.origin !== plan.gateway;
const browser = await chromium.launch({ executablePath: plan.chromium, args: ['--no-sandbox'] });
try {
  const page = await (await browser.newContext({ locale: 'en-GB' })).newPage();
  page.setDefaultTimeout(30_000);
  const errors = [];
  page.on('pageerror', (error) => errors.push(String(error)));
  const tier = () => page.locator('.card', { hasText: 'default' }).locator('.figure').first().textContent();
  const button = (name) => page.getByRole('button', { name });
  await page.goto(`${plan.gateway}/#account`);
  await page.locator('#key').fill(plan.key);
  await page.keyboard.press('Enter');
  await button('Choose a larger plan').waitFor();
  const before = await tier();

  await button('Choose a larger plan').click();
  await page.waitForURL(elsewhere);
  const seller = page.url();
  await page.getByRole('button', { name: 'Cancel' }).click();
  await page.waitForURL((url) => !elsewhere(url));
  await button('Choose a larger plan').click();
  await page.waitForURL(elsewhere);
  await page.getByRole('button', { name: 'Pay' }).click();
  await page.waitForURL((url) => !elsewhere(url));
  const back = page.url();
  await button('Invoices and plan').waitFor();
  // Payment is told to the gateway by the seller, at about the time at which the buyer comes back.
  let after = await tier();
  for (let again = 0; after === before && again < 20; again += 1) {
    await page.waitForTimeout(500);
    await page.reload();
    await button('Invoices and plan').waitFor();
    after = await tier();
  }

  await button('Invoices and plan').click();
  await page.waitForURL(elsewhere);
  console.log(JSON.stringify({ before, seller, back, after, portal: page.url(), errors }));
} finally {
  await browser.close();
}
