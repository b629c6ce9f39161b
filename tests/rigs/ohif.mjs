// Drives OHIF in Debian's Chromium against a gateway, as a reader would: study list, search, thumbnails, viewer, scrolling,
// every series, upload, and a link with a token. It judges nothing that bytes or pixels tell: it writes them down, and
// tests/rig_ohif.rs judges.
//
// usage: node ohif.mjs PLAN.json
//   PLAN  { packages, chromium, gateway, front, key, folder, patient, study, series: [{ number, uid, kind }],
//           uploads: [file], uploaded }
//         packages: the folder of the npm packages; front: the port under which the browser knows the gateway, where
//         everything is recorded; folder: where screenshots, pictures and the record go; kind of a series: "image" or
//         "document"; uploaded: the patient of the uploads; all names as the gateway gives them.
// Prints one JSON object { pictures, shots, notes, record }; exit status 1 with the failed step and a screenshot of it.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Record } from './ohif/record.mjs';
import { dismissNotices, drawn, keepPicture, shoot } from './ohif/screen.mjs';
import { serve } from './ohif/serve.mjs';

const plan = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const { chromium } = createRequire(join(plan.packages, 'x'))('playwright-core');
const dist = join(plan.packages, '@ohif/app/dist');
const front = `http://127.0.0.1:${plan.front}`;
const record = new Record(join(plan.folder, 'record'));
const result = { pictures: {}, shots: {}, notes: {} };
const images = plan.series.filter((series) => series.kind === 'image');

/** Software WebGL, as there is no GPU; no sandbox, as tests run as root in containers. */
const launch = () => chromium.launch({
  executablePath: plan.chromium,
  chromiumSandbox: false,
  args: ['--use-angle=swiftshader', '--enable-unsafe-swiftshader', '--ignore-gpu-blocklist'],
});

async function open(browser, viewer) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, serviceWorkers: 'block' });
  context.setDefaultTimeout(30_000);
  record.attach(context, [viewer.url, front]);
  const page = await context.newPage();
  await dismissNotices(page);
  return page;
}

async function seen(page, name) {
  result.shots[name] = await shoot(page, plan.folder, name);
  record.text(name, await page.content());
}

const patientField = (page) => page.locator('input').first();
const row = (page, patient) => page.locator('tr, [role=row]').filter({ hasText: patient }).first();
const thumbnail = (page, number) => page.locator(`[data-cy^=study-browser-thumbnail][data-series="${number}"]`);

/** At least so many thumbnails are pictures. */
const thumbnailsLoaded = (page, count) => page.waitForFunction(
  (count) => [...document.querySelectorAll('img[src^="blob:"]')].filter((img) => img.naturalWidth > 0).length >= count,
  count,
);

const steps = {
  async list(page, viewer) {
    await page.goto(viewer.url);
    await row(page, plan.patient).waitFor();
    await seen(page, 'list');
  },

  async search(page) {
    await patientField(page).fill('nobody');
    await page.getByText('No studies available').waitFor();
    await patientField(page).fill(plan.patient);
    await row(page, plan.patient).waitFor();
    await seen(page, 'search');
  },

  async thumbnails(page) {
    await row(page, plan.patient).click();
    await thumbnailsLoaded(page, images.length);
    await seen(page, 'thumbnails');
  },

  async viewer(page) {
    await page.getByText('Basic Viewer').first().click();
    const first = await drawn(page, images[0].uid);
    result.pictures.first = keepPicture(plan.folder, 'first', first);
    await seen(page, 'viewer');
  },

  async scroll(page) {
    const before = await drawn(page, images[0].uid);
    const place = page.locator('[data-cy=viewport-overlay-bottom-right]');
    result.notes.place = [await place.innerText()];
    await page.locator('[data-cy=viewport-pane]').hover();
    await page.mouse.wheel(0, 100);
    const after = await drawn(page, images[0].uid, before);
    result.notes.place.push(await place.innerText());
    result.pictures.scrolled = keepPicture(plan.folder, 'scrolled', after);
  },

  async series(page) {
    for (const { number, uid } of images) {
      await thumbnail(page, number).dblclick();
      result.pictures[number] = keepPicture(plan.folder, `series-${number}`, await drawn(page, uid));
      await seen(page, `series-${number}`);
    }
  },

  async documents(page) {
    for (const { number } of plan.series.filter((series) => series.kind === 'document')) {
      await thumbnail(page, number).dblclick();
      await page.locator('object, embed, iframe').first().waitFor();
      await page.waitForTimeout(2_000);
      await seen(page, `series-${number}`);
    }
  },

  async upload(page, viewer) {
    await page.goto(viewer.url);
    await page.getByText('Upload', { exact: true }).click();
    await page.locator('input[type=file]').first().setInputFiles(plan.uploads);
    await page.getByText(`${plan.uploads.length} files completed.`).waitFor();
    await seen(page, 'upload');
    await page.goto(viewer.url);
    await row(page, plan.uploaded).waitFor();
    result.notes.uploaded = await row(page, plan.uploaded).innerText();
    await seen(page, 'uploaded');
  },
};

/** The viewer opened by a link that carries the key, with nothing else that knows it. */
async function link(browser) {
  const viewer = await serve(dist, front, null);
  const page = await open(browser, viewer);
  await page.goto(`${viewer.url}/viewer?StudyInstanceUIDs=${plan.study}&token=${plan.key}`);
  result.pictures.link = keepPicture(plan.folder, 'link', await drawn(page, images[0].uid));
  result.notes.address = page.url();
  viewer.close();
}

async function run(browser) {
  const viewer = await serve(dist, front, plan.key);
  const page = await open(browser, viewer);
  for (const [name, step] of Object.entries(steps)) {
    const began = Date.now();
    await step(page, viewer).catch(async (error) => {
      await shoot(page, plan.folder, `failed-${name}`);
      throw new Error(`step ${name}: ${error.message}`);
    });
    console.error(`${name}: ${Date.now() - began} ms`);
  }
  viewer.close();
  await link(browser);
}

const unhook = await record.between(plan.front, plan.gateway);
const browser = await launch();
try {
  await run(browser);
  result.record = await record.whole();
  console.log(JSON.stringify(result));
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  await browser.close();
  unhook();
  process.exit();
}
