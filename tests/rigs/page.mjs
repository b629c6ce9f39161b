// Drives the gateway's web page in Debian's Chromium as people do: sign-in, folders by drop and by choice, a refusal,
// cancelling, a cut network, a key revoked meanwhile, downloads, before and after, account, administration; by mouse and by
// keyboard, wide and narrow, light and dark, in every language. It judges nothing: it writes down what it saw, and tests/rig_page.rs judges.
//
// usage: node page.mjs PLAN.json
//   PLAN  { packages, chromium, gateway, key, adminKey, folder, scan, count, archive, foreign, shots }
//         packages: the folder of the npm packages; scan: a folder with `count` files in it; archive: a ZIP archive; foreign: no DICOM;
//         folder: where downloads go; shots: where screenshots go, or empty for none.
// Prints one JSON object; exit status 1 with the failed step.
import { readFileSync } from 'node:fs';
import { createServer, request as forward } from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const plan = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const require = createRequire(join(plan.packages, 'x'));
const { chromium } = require('playwright-core');
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

const result = { chips: {}, downloads: {}, barriers: [], violations: [], errors: [], wide: [], asked: {}, notes: {} };

/** A window of its own, which reports what it must not do. */
async function open(browser, { root = plan.gateway, ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, locale: 'en-GB', acceptDownloads: true, ...options });
  context.setDefaultTimeout(60_000);
  const page = await context.newPage();
  await page.addInitScript(() => {
    window.violations = [];
    document.addEventListener('securitypolicyviolation', (event) => window.violations.push(`${event.violatedDirective} ${event.blockedURI}`));
  });
  page.on('console', (message) => {
    // A refused file is an answer 422, and a network that was cut is none: the browser tells of both.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) result.errors.push(message.text());
  });
  page.on('pageerror', (error) => result.errors.push(String(error)));
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (url.protocol.startsWith('http') && url.origin !== new URL(root).origin) result.errors.push(`a request to ${url.origin}`);
  });
  await page.goto(`${root}/${options.hash ?? ''}`);
  return page;
}

async function close(page) {
  result.violations.push(...(await page.evaluate(() => window.violations)));
  await page.context().close();
}

async function look(page, name) {
  if (plan.shots) await page.screenshot({ path: join(plan.shots, `${name}.png`) });
  await page.evaluate(axe);
  const found = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
  for (const { id, impact, nodes } of found.violations) {
    result.barriers.push({ where: name, id, impact, at: nodes.map((node) => `${node.target.join(' ')}: ${node.failureSummary}`).slice(0, 3) });
  }
}

async function signIn(page, key = plan.key) {
  await page.locator('#key').fill(key);
  await page.keyboard.press('Enter');
  await page.locator('.drop').waitFor();
}

/** The numbers beside the number of files. */
const chips = async (page) => (await page.locator('.bar .chip').allTextContents()).join(', ');
const start = (page) => page.locator('.bar .button.main').click();
const chip = (page, text) => page.locator('.bar .chip', { hasText: text });

/** All files of the folder were looked at. */
async function checked(page) {
  await page.locator('.bar .button.main', { hasText: `Pseudonymize ${plan.count} files` }).waitFor();
  await page.locator('.bar [role=status]', { hasText: 'Looking' }).waitFor({ state: 'detached' });
}

/** Every file of the folder came to its end. */
async function ended(page) {
  await chip(page, `${plan.count - 1} done`).waitFor();
  await chip(page, '1 refused').waitFor();
}

async function save(page, name, click) {
  const [download] = await Promise.all([page.waitForEvent('download'), click()]);
  const path = join(plan.folder, `${name}-${download.suggestedFilename()}`);
  await download.saveAs(path);
  result.downloads[name] = path;
}

/** The question that a click brings up, which is answered with no unless told otherwise; '' if none comes. */
async function asked(page, click, answer = 'dismiss') {
  let text = '';
  const listener = (dialog) => {
    text = `${dialog.type()}: ${dialog.message()}`;
    dialog[answer]();
  };
  page.on('dialog', listener);
  await click();
  await page.waitForTimeout(300);
  page.off('dialog', listener);
  return text;
}

/** Asks the admin API as a script does. */
async function admin(method, path, body) {
  const headers = { 'X-Admin-Key': plan.adminKey, 'Content-Type': 'application/json' };
  const answer = await fetch(`${plan.gateway}/admin/v1${path}`, { method, headers, body: body && JSON.stringify(body) });
  return answer.json();
}

/** Writes down what is wider than its place, at three widths. Tables and lists scroll by themselves. */
async function fits(page, where) {
  for (const width of [380, 768, 1280]) {
    await page.setViewportSize({ width, height: 780 });
    await page.waitForTimeout(50);
    const found = await page.evaluate(() => {
      const page = document.documentElement;
      const all = [...document.querySelectorAll('.top, .card, .bar, .drop, .item, .told, .notice, dl, .options li, .dialog > *, .welcome, .again, footer')];
      const over = (element) => element.scrollWidth > element.clientWidth + 1;
      return [over(page) && `page ${page.scrollWidth}`, ...all.filter((one) => one.offsetParent && over(one)).map((one) => `${one.tagName}.${one.className} ${one.scrollWidth}/${one.clientWidth}`)].filter(Boolean);
    });
    for (const what of found) result.wide.push(`${where} at ${width}: ${what}`);
    if (plan.shots) await page.screenshot({ path: join(plan.shots, `fits-${where}-${width}.png`), fullPage: width === 380 });
  }
}

/** A drop as the system makes one, folders included. */
async function drop(page, files) {
  const session = await page.context().newCDPSession(page);
  const box = await page.locator('.drop').boundingBox();
  const at = { x: box.x + box.width / 2, y: box.y + box.height / 2, data: { items: [], files, dragOperationsMask: 1 } };
  for (const type of ['dragEnter', 'dragOver', 'drop']) await session.send('Input.dispatchDragEvent', { type, ...at });
}

const steps = {
  async welcome(browser) {
    const page = await open(browser);
    await page.locator('#key').waitFor();
    await look(page, 'welcome');
    await page.locator('#key').fill('vg_wrong');
    await page.keyboard.press('Enter');
    result.notes.wrongKey = await page.locator('.notice.bad').textContent();
    await signIn(page);
    await look(page, 'drop');
    result.notes.storage = await page.evaluate(() => [Object.keys(localStorage).length, document.cookie, sessionStorage.getItem('veilgate-key') !== null]);
    await close(page);
  },

  /** A folder dropped, cut off and gone on, and all of it taken home. */
  async folder(browser) {
    const page = await open(browser);
    await signIn(page);
    await drop(page, [plan.scan]);
    await checked(page);
    result.notes.rows = await page.locator('.item').count();
    result.notes.unsent = await page.locator('.bar [role=status]').first().textContent();
    await look(page, 'ready');
    await start(page);
    await chip(page, 'done').waitFor();
    await page.context().setOffline(true);
    await page.locator('.notice', { hasText: 'connection' }).waitFor();
    result.notes.offline = await chips(page);
    await look(page, 'offline');
    await page.context().setOffline(false);
    await ended(page);
    result.chips.folder = await chips(page);
    await look(page, 'done');
    await save(page, 'all', () => page.locator('.bar .button', { hasText: 'Download all' }).click());
    await save(page, 'one', () => page.locator('.item .button[title^="Download:"]').first().click());
    await page.locator('.bar .chip', { hasText: 'refused' }).click();
    result.notes.refused = await page.locator('.list').innerText();
    await close(page);
  },

  /** The same folder chosen, stopped half way, and tried again. */
  async cancel(browser) {
    const page = await open(browser);
    await signIn(page);
    await page.locator('#pick-folder').setInputFiles(plan.scan);
    await checked(page);
    await start(page);
    await chip(page, 'done').waitFor();
    await page.locator('.bar .button', { hasText: 'Cancel' }).click();
    await chip(page, 'cancelled').waitFor();
    result.chips.cancelled = await chips(page);
    await page.locator('.bar .button', { hasText: 'again' }).click();
    await ended(page);
    result.chips.again = await chips(page);
    await close(page);
  },

  /** The key is revoked half way: what is there stays, and another key goes on. Nothing goes without a question. */
  async revoked(browser) {
    const { customers } = await admin('GET', '/customers');
    const { projects } = await admin('GET', `/customers/${customers[0].id}/projects`);
    const made = await admin('POST', `/projects/${projects[0].id}/keys`, { name: 'soon-revoked', expires: '90d', rights: ['reidentify'] });
    const page = await open(browser);
    await signIn(page, made.key);
    await drop(page, [plan.scan]);
    await checked(page);
    await start(page);
    await chip(page, 'done').waitFor();
    result.asked.running = await asked(page, () => page.locator('.top .button', { hasText: 'Sign out' }).click());
    result.notes.part = await page.locator('.bar .button', { hasText: 'so far' }).count();
    await admin('DELETE', `/keys/${made.id}`);
    await page.locator('.again #key').waitFor();
    result.chips.revoked = await chips(page);
    result.notes.revoked = await page.locator('.again .notice').textContent();
    await look(page, 'revoked');
    await page.goto(`${plan.gateway}/#account`);
    await page.locator('main .stack .notice.bad').waitFor();
    result.notes.revokedAccount = await page.locator('main').innerText();
    await page.goto(`${plan.gateway}/#files`);
    await page.locator('#key').fill('vg_wrong');
    await page.keyboard.press('Enter');
    await page.locator('form .notice.bad').waitFor();
    await page.locator('#key').fill(plan.key);
    await page.keyboard.press('Enter');
    await page.locator('.again').waitFor({ state: 'detached' });
    await start(page);
    await ended(page);
    result.asked.reload = await asked(page, () => page.reload({ timeout: 1000 }).catch(() => {}));
    result.asked.clear = await asked(page, () => page.locator('.bar .button', { hasText: 'Clear' }).click());
    result.asked.signOut = await asked(page, () => page.locator('.top .button', { hasText: 'Sign out' }).click());
    result.chips.kept = await chips(page);
    await save(page, 'kept', () => page.locator('.bar .button', { hasText: 'Download all' }).click());
    result.asked.saved = await asked(page, () => page.locator('.bar .button', { hasText: 'Clear' }).click());
    await page.locator('.bar').waitFor({ state: 'detached' });
    await close(page);
  },

  /** Every view in every language at every width. */
  async widths(browser) {
    for (const locale of ['en-GB', 'de-DE', 'es-ES']) {
      const page = await open(browser, { locale, colorScheme: locale === 'de-DE' ? 'dark' : 'light' });
      const name = (view) => `${view}-${locale.slice(0, 2)}`;
      await page.locator('#key').waitFor();
      await fits(page, name('welcome'));
      await signIn(page);
      await fits(page, name('drop'));
      await page.locator('#pick-files').setInputFiles([plan.archive, plan.foreign]);
      await start(page);
      await page.locator('.bar .chip.good').waitFor();
      await page.locator('.bar .chip.bad').waitFor();
      await page.locator('.item.bad .what').click();
      await page.locator('.told details').evaluate((it) => (it.open = true));
      await fits(page, name('files'));
      if (locale === 'en-GB') result.notes.told = await page.locator('.told').innerText();
      await page.locator('.item.bad .acts .button').first().click();
      await page.locator('table.attributes').waitFor();
      await fits(page, name('preview'));
      if (locale === 'de-DE') result.notes.why = await page.locator('table.attributes').innerText();
      await page.locator('#tab-attributes').focus();
      await page.keyboard.press('ArrowRight');
      result.notes.tab = await page.evaluate(() => document.activeElement.id);
      await page.locator('figure img').first().waitFor();
      await fits(page, name('picture'));
      await page.keyboard.press('Escape');
      for (const view of ['profile', 'account']) {
        await page.goto(`${plan.gateway}/#${view}`);
        await page.locator(view === 'account' ? 'table' : '.options').waitFor();
        await fits(page, name(view));
      }
      if (locale === 'en-GB') result.notes.identity = await page.locator('.split .card').nth(1).innerText();
      await page.goto(`${plan.gateway}/#admin`);
      await page.locator('#admin-key').waitFor();
      await fits(page, name('admin-key'));
      await page.locator('#admin-key').fill(plan.adminKey);
      await page.keyboard.press('Enter');
      await page.locator('table').waitFor();
      await fits(page, name('admin'));
      await page.locator('table a').first().click();
      await page.locator('form.line .tick').first().waitFor();
      await fits(page, name('admin-customer'));
      if (locale === 'en-GB') result.notes.keys = await page.locator('tr', { hasText: 'soon-revoked' }).last().innerText();
      await close(page);
    }
  },

  /** An archive, and what is no DICOM; both in German, in a narrow dark window. */
  async archive(browser) {
    const page = await open(browser, { viewport: { width: 360, height: 780 }, colorScheme: 'dark', locale: 'de-DE' });
    await signIn(page);
    await page.locator('#pick-files').setInputFiles([plan.archive, plan.foreign]);
    await page.locator('.bar .button.main', { hasText: 'pseudonymisieren' }).click();
    await page.locator('.bar .button.main', { hasText: 'Alle als ZIP' }).waitFor();
    result.chips.archive = await chips(page);
    result.notes.wide = await page.evaluate(() => document.documentElement.scrollWidth);
    await look(page, 'narrow');
    await page.locator('.item .button[title^="Vorher"]').first().click();
    await page.locator('table.attributes').waitFor();
    await look(page, 'narrow-preview');
    await close(page);
  },

  /** Before and after, by keyboard. */
  async preview(browser) {
    const page = await open(browser);
    await signIn(page);
    await page.locator('#pick-folder').setInputFiles(plan.scan);
    await page.locator('.item .button[title^="Before"]').first().focus();
    await page.keyboard.press('Enter');
    await page.locator('table.attributes').waitFor();
    await look(page, 'preview');
    await page.locator('input[type=search]').fill('patientname');
    result.notes.patient = await page.locator('table.attributes tbody tr').first().innerText();
    await page.locator('input[type=search]').fill('');
    await page.locator('.filters button', { hasText: 'Kept' }).click();
    result.notes.kept = await page.locator('table.attributes tbody tr').count();
    await page.locator('#tab-image').click();
    await page.waitForFunction(() => [...document.querySelectorAll('figure img')].filter((image) => image.naturalWidth > 0).length === 2);
    await look(page, 'picture');
    await page.keyboard.press('Escape');
    await page.locator('dialog').waitFor({ state: 'detached' });
    await close(page);
  },

  /** A profile of one's own, where the server lets people choose. */
  async choice(browser) {
    const page = await open(browser);
    await signIn(page);
    await page.goto(`${plan.gateway}/#profile`);
    await page.locator('label', { hasText: 'research' }).click();
    await page.locator('#option-retain-modified-dates:checked').waitFor();
    await page.locator('#option-retain-full-dates').click();
    result.notes.exclude = await page.locator('.notice.bad').textContent();
    await look(page, 'choice');
    await page.goto(`${plan.gateway}/#files`);
    await page.locator('#pick-files').setInputFiles(plan.archive);
    await start(page);
    await chip(page, '2 done').waitFor();
    result.notes.choice = await page.locator('.bar a.chip').textContent();
    await save(page, 'chosen', () => page.locator('.item .button[title^="Download:"]').first().click());
    // Back to the project's own: what was made says under what, until it is dropped again.
    await page.goto(`${plan.gateway}/#profile`);
    await page.locator('label', { hasText: 'the project' }).click();
    await page.waitForFunction(() => !document.querySelector('#option-retain-modified-dates').checked);
    await page.goto(`${plan.gateway}/#files`);
    result.notes.under = await page.locator('.item .under').allTextContents();
    await page.locator('.item .button[title^="Before"]').first().click();
    await page.locator('table.attributes').waitFor();
    result.notes.shownUnder = await page.locator('#panel .keep').textContent();
    await page.keyboard.press('Escape');
    await page.locator('#pick-files').setInputFiles(plan.archive);
    await page.locator('.bar .button.main', { hasText: 'Pseudonymize 3 files' }).waitFor();
    await page.locator('#pick-files').setInputFiles(plan.archive);
    result.notes.already = await page.locator('.bar .notice').textContent();
    await look(page, 'again');
    await start(page);
    await chip(page, '2 done').waitFor();
    result.notes.underAgain = await page.locator('.item .under').allTextContents();
    await close(page);
  },

  async account(browser) {
    const page = await open(browser, { colorScheme: 'dark' });
    await signIn(page);
    await page.goto(`${plan.gateway}/#profile`);
    await page.locator('.options li').first().waitFor();
    await look(page, 'profile');
    await page.goto(`${plan.gateway}/#account`);
    await page.locator('table').waitFor();
    await page.locator('.button', { hasText: 'Check all' }).click();
    await page.waitForFunction(() => document.querySelectorAll('td .button').length === 0);
    result.notes.verdicts = await page.evaluate(() => {
      const all = [...document.querySelectorAll('tbody tr td:last-child')].map((cell) => cell.textContent);
      return Object.fromEntries([...new Set(all)].map((text) => [text, all.filter((other) => other === text).length]));
    });
    result.notes.used = await page.locator('.figure').first().textContent();
    await look(page, 'account');
    await page.locator('.top .button', { hasText: 'Sign out' }).click();
    await page.locator('#key').waitFor();
    result.notes.left = await page.evaluate(() => sessionStorage.getItem('veilgate-key'));
    await close(page);
  },

  /** A customer, a project and a key are made; the key signs in. */
  async admin(browser) {
    const page = await open(browser, { hash: '#admin', locale: 'es-ES' });
    await page.locator('#admin-key').fill(plan.adminKey);
    await page.keyboard.press('Enter');
    await page.locator('table').waitFor();
    await look(page, 'admin');
    await page.locator('#new-customer').fill('clinic-b');
    await page.keyboard.press('Enter');
    await page.locator('table a', { hasText: 'clinic-b' }).click();
    await page.locator('#new-project').fill('trial-9');
    await page.keyboard.press('Enter');
    const section = page.locator('section', { hasText: 'trial-9' });
    await section.locator('input[type=date]').fill(new Date(Date.now() + 30 * 86_400_000).toISOString().slice(0, 10));
    await section.locator('input[type=checkbox]').check();
    await section.locator('form.line input[name=name]').fill('desk');
    await page.keyboard.press('Enter');
    const key = await section.locator('.secret').textContent();
    await look(page, 'admin-customer');
    const { customers } = await admin('GET', '/customers');
    const { projects } = await admin('GET', `/customers/${customers.find((one) => one.name === 'clinic-b').id}/projects`);
    const [desk] = (await admin('GET', `/projects/${projects[0].id}/keys`)).keys;
    result.notes.rights = [desk.rights, desk.expires !== null];
    const plans = page.locator('section dl select').first();
    result.notes.plan = [await asked(page, () => plans.selectOption('pro')), await plans.inputValue()];
    const profile = async () => (await admin('GET', `/projects/${projects[0].id}`)).profile;
    const save = () => asked(page, () => section.locator('details .button').click(), 'accept');
    await section.locator('summary').click();
    await section.locator('details select').selectOption('research');
    result.notes.profile = [await save(), await profile(), await section.locator('dd').first().textContent()];
    await section.locator('summary').click();
    await section.locator('details select').selectOption('own');
    await section.locator('textarea').fill('burned_in = "perhaps"');
    await look(page, 'admin-profile');
    await save();
    await page.locator('.notice.bad').waitFor();
    result.notes.ownProfile = [await page.locator('.notice.bad').textContent(), await profile()];
    await section.locator('textarea').fill('name = "ours"\nburned_in = "pass"\n');
    await save();
    result.notes.ownProfile.push(await profile());
    await page.goBack();
    await page.locator('#new-customer').waitFor();
    await page.goForward();
    await section.waitFor();
    result.notes.secretAgain = await page.locator('.secret').count();
    // Whoever signs out leaves nothing behind, whatever key comes next.
    const shown = async () => (await page.locator('main').innerText()).includes('trial-9');
    result.notes.adminShown = [await shown()];
    await page.locator('.top .button').click();
    await page.locator('#admin-key').waitFor();
    result.notes.adminShown.push(await shown());
    await page.route('**/admin/v1/**', async (route) => {
      result.notes.adminShown.push(await shown(), await page.locator('#admin-key').count());
      await route.continue();
    });
    await page.locator('#admin-key').fill('rubbish');
    await page.keyboard.press('Enter');
    await page.locator('.notice.bad').waitFor();
    result.notes.adminShown.push(await shown(), await page.locator('#admin-key').count());
    await close(page);
    const other = await open(browser);
    await other.locator('#key').fill(key);
    await other.keyboard.press('Enter');
    await other.locator('.drop').waitFor();
    await other.goto(`${plan.gateway}/#account`);
    await other.locator('.figure').nth(1).waitFor();
    result.notes.newKey = await other.locator('.figure').nth(1).textContent();
    await other.goto(`${plan.gateway}/#files`);
    await other.locator('#pick-folder').setInputFiles(plan.scan);
    await checked(other);
    result.notes.quota = await other.locator('.bar .notice').textContent();
    await close(other);
  },

  /** A proxy has put all of it below a prefix. */
  async prefix(browser) {
    const proxy = createServer((asked, answer) => {
      if (!asked.url.startsWith('/veil/')) return answer.writeHead(404).end();
      const { method, headers } = asked;
      const passed = forward(plan.gateway + asked.url.slice('/veil'.length), { method, headers }, (given) => given.pipe(answer.writeHead(given.statusCode, given.headers)));
      asked.pipe(passed);
    });
    await new Promise((ready) => proxy.listen(0, '127.0.0.1', ready));
    const page = await open(browser, { root: `http://127.0.0.1:${proxy.address().port}/veil` });
    await signIn(page);
    await page.locator('#pick-files').setInputFiles(plan.archive);
    await page.locator('.bar .button.main', { hasText: 'Pseudonymize' }).click();
    await chip(page, 'done').waitFor();
    await chip(page, '1 refused').waitFor();
    result.chips.prefix = await chips(page);
    await close(page);
    proxy.close();
  },
};

// No sandbox, as tests run as root in containers.
const browser = await chromium.launch({ executablePath: plan.chromium, chromiumSandbox: false });
try {
  for (const [name, step] of Object.entries(steps)) {
    const began = Date.now();
    try {
      await step(browser);
    } catch (error) {
      console.error(`step ${name}: ${error.stack}\n${JSON.stringify(result, null, 1)}`);
      process.exitCode = 1;
      break;
    }
    result.notes[`${name} took`] = Date.now() - began;
  }
} finally {
  await browser.close();
}
console.log(JSON.stringify(result));
