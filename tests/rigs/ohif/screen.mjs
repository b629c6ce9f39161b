// What is on the screen: the picture in the viewport, waited for until it is really drawn, and screenshots.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Get the notices of a first visit out of the way whenever they appear. */
export async function dismissNotices(page) {
  for (const label of ['Confirm and hide', 'Skip all']) {
    const notice = page.getByText(label, { exact: true });
    await page.addLocatorHandler(notice, (button) => button.click(), { noWaitAfter: true });
  }
}

/** Runs in the page: the image shown and the canvas's own pixels, null while there is none or it is of one colour. */
function picture(series) {
  const viewport = window.cornerstone?.getRenderingEngines()[0]?.getViewports()[0];
  const image = viewport?.getCurrentImageId?.();
  const canvas = document.querySelector('canvas.cornerstone-canvas');
  if (!image?.includes(series) || !canvas?.width) return null;
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  const words = new Uint32Array(data.buffer);
  return words.every((word) => word === words[0]) ? null : { image, png: canvas.toDataURL('image/png') };
}

/** Wait until a picture of this series is drawn and has stopped changing; `{ image, png }`, the pixels as base64. */
export async function drawn(page, series, unlike) {
  let last = null;
  for (const until = Date.now() + 30_000; Date.now() < until;) {
    const now = await page.evaluate(picture, `/series/${series}/`);
    if (now && now.png === last?.png && now.png !== unlike?.png) return now;
    last = now;
    await page.waitForTimeout(250);
  }
  throw new Error(`no picture of series ${series} was drawn`);
}

/** Write a picture's pixels; the file's path. */
export function keepPicture(folder, name, { png }) {
  const path = join(folder, `${name}.canvas.png`);
  writeFileSync(path, Buffer.from(png.split(',')[1], 'base64'));
  return path;
}

/** Write a screenshot of the whole page, small enough to be kept in a repository; the file's path. */
export async function shoot(page, folder, name) {
  const path = join(folder, `${name}.jpg`);
  await page.screenshot({ path, type: 'jpeg', quality: 80 });
  return path;
}
