// The files that were picked, and their way to the server and back: a few at once, each in a request of its own, again
// when the network or the server stumbles, slower when the server asks for it. Results stay in the browser's memory.
//
// Items and numbers are plain, as they change thousands of times; views read `queue.tick`, which changes with the next
// frame after something else did.

import { ref } from './vue.js';
import { at, session, answers, choosing, refreshUsage, Refusal } from './api.js';
import { HEAD, look, isLeftover } from './look.js';
import { isZip, files as filesOf, crc32 } from './zip.js';

/** Requests at the same time. */
const AT_ONCE = 4;

/** Files checked at the same time. */
const CHECKS = 24;

/** Tries of one file when the network fails, and the pause before the second, in ms, which doubles; while nobody answers none counts. */
const TRIES = 5;
const PAUSE = 1000;
const AWAY = 3000;

/** Time over which the speed is measured, in milliseconds. */
const WINDOW = 30_000;

export const UNDER_WAY = ['sending', 'working'];

const frame = ref(0);

export const queue = {
  get tick() {
    return frame.value;
  },
  /** How many items are in each state. */
  counts: {},
  /** Bytes of all that is to be sent, and of what was. */
  bytes: 0,
  sent: 0,
  running: false,
  /** Why nothing is sent for a while: { why: 'rate' | 'busy' | 'network', until }. */
  hold: null,
  /** The key may not send as fast as this page could. */
  paced: false,
  /** Why sending ended: 'spent' | 'key'. */
  stopped: '',
  /** Bytes a second. */
  speed: 0,
  checking: 0,
  /** Files of the last drop that were on the list already. */
  already: 0,
};

export const items = [];
/** Items by what tells a file from another. */
const known = new Map();
const requests = new Map();
let samples = [];
let nextStart = 0;
let drawn = false;
let next = 1;
/** No item before this one is ready. */
let first = 0;

function draw() {
  if (drawn) return;
  drawn = true;
  requestAnimationFrame(() => {
    drawn = false;
    frame.value++;
  });
}

function put(item, state) {
  if (item.state) queue.counts[item.state]--;
  queue.counts[state] = (queue.counts[state] ?? 0) + 1;
  item.state = state;
  if (state === 'ready') first = 0;
  draw();
}

/** The next item to be sent. */
function ready() {
  while (first < items.length && items[first].state !== 'ready') first++;
  return items[first];
}

export const count = (...states) => states.reduce((sum, state) => sum + (queue.counts[state] ?? 0), 0);

/** Takes picked files in: `{ path, file }`. An archive is taken as the files in it. */
export async function add(picked) {
  queue.checking++;
  Object.assign(queue, { stopped: '', already: 0 });
  refreshUsage().catch(() => {});
  try {
    // As people count: 2 before 10. Systems give folders in any order.
    const order = new Intl.Collator(undefined, { numeric: true });
    const wanted = picked.filter(({ path }) => !isLeftover(path)).sort((one, other) => order.compare(one.path, other.path));
    await inTurns(wanted.map(({ path, file }) => enter(path, file.size, file.lastModified, {
      file,
      open: async () => file,
      head: async () => new Uint8Array(await file.slice(0, HEAD).arrayBuffer()),
    })));
  } finally {
    queue.checking--;
    draw();
  }
}

/** A new item, or null if the file is on the list already. What was made of it under another choice is made anew. */
function enter(path, size, stamp, source) {
  const mark = `${path}\n${size}\n${stamp}`;
  const same = known.get(mark);
  if (same && ['done', 'refused'].includes(same.state) && !sameChoice(same.choice, session.choice)) return renew(same, source);
  if (same) queue.already++;
  if (same) return null;
  const item = { id: next++, path, size, mark, loaded: 0, tries: 0, ...source };
  known.set(mark, item);
  items.push(item);
  put(item, 'checking');
  return item;
}

const sameChoice = (one, other) => JSON.stringify(choosing(one ?? null)) === JSON.stringify(choosing(other));

function renew(item, source) {
  queue.sent -= item.loaded;
  Object.assign(item, source, { loaded: 0, tries: 0, result: null, saved: false, why: '', detail: '' });
  put(item, 'ready');
  return null;
}

/** Checks many files, some at a time: each costs a way to the disk and back. */
async function inTurns(list) {
  const left = list.filter(Boolean).values();
  const worker = async () => {
    for (const item of left) await check(item);
  };
  await Promise.all(Array.from({ length: CHECKS }, worker));
}

async function check(item) {
  const bytes = await item.head().catch(() => null);
  if (item.state !== 'checking') return;
  if (bytes && item.file && isZip(bytes)) return expand(item);
  const why = item.locked ? 'locked' : bytes ? look(bytes, item.size, session.about?.limits.instance ?? Infinity) : 'unreadable';
  if (why) return unfit(item, why);
  queue.bytes += item.size;
  put(item, 'ready');
}

/** Puts the files of an archive in its place. */
async function expand(item) {
  const found = await filesOf(item.file).catch(() => null);
  if (item.state !== 'checking') return;
  if (!found) return unfit(item, 'zip');
  const folder = item.path.replace(/\.zip$/i, '');
  drop(item);
  const wanted = found.map((entry) => [`${folder}/${entry.name}`, entry]).filter(([path]) => !isLeftover(path));
  await inTurns(wanted.map(([path, { size, open, head, encrypted }]) => enter(path, size, '', { open, head, locked: encrypted })));
}

function unfit(item, why) {
  item.why = why;
  put(item, 'unfit');
}

/** Sends a file all the same that does not look like DICOM. */
export function sendAnyway(item) {
  queue.bytes += item.size;
  put(item, 'ready');
}

export function start() {
  Object.assign(queue, { running: true, stopped: '', paced: false });
  samples = [];
  draw();
  pump();
}

/** Results that are in memory alone. */
export const unsaved = () => items.reduce((sum, item) => sum + (item.state === 'done' && !item.saved), 0);

export function saved(list) {
  for (const item of list) item.saved = true;
}

/** Stops what is under way; what came back stays. */
export function cancel() {
  queue.running = false;
  queue.hold = null;
  draw();
  for (const request of requests.values()) request.abort();
  for (const item of items) if (['ready', ...UNDER_WAY].includes(item.state)) leave(item, 'cancelled');
}

export function cancelOne(item) {
  const request = requests.get(item.id);
  leave(item, 'cancelled');
  request?.abort();
}

/** Ends an item without its bytes being sent. */
function leave(item, state) {
  queue.sent -= item.loaded;
  queue.bytes -= item.size;
  item.loaded = 0;
  put(item, state);
}

export function retry(list) {
  for (const item of list) {
    if (!['failed', 'cancelled'].includes(item.state)) continue;
    Object.assign(item, { tries: 0, why: '', detail: '' });
    queue.bytes += item.size;
    put(item, 'ready');
  }
  start();
}

export const retryAll = () => retry(items);

export function clear() {
  cancel();
  for (const item of items) item.state = 'gone';
  items.length = first = 0;
  known.clear();
  session.moved = false;
  Object.assign(queue, { counts: {}, bytes: 0, sent: 0, stopped: '', speed: 0, already: 0 });
  draw();
}

export function remove(item) {
  if (UNDER_WAY.includes(item.state)) cancelOne(item);
  if (item.state === 'ready') queue.bytes -= item.size;
  drop(item);
}

function drop(item) {
  queue.counts[item.state]--;
  item.state = 'gone';
  items.splice(items.indexOf(item), 1);
  known.delete(item.mark);
  first = 0;
  draw();
}

let wake = 0;

/** Starts what may be started; called whenever that may have changed. */
function pump() {
  clearTimeout(wake);
  if (!queue.running) return;
  const now = Date.now();
  const until = Math.max(nextStart, queue.hold?.until ?? 0);
  if (now < until) {
    wake = setTimeout(pump, until - now);
    return;
  }
  if (queue.hold) draw();
  queue.hold = null;
  while (requests.size < AT_ONCE && Date.now() >= nextStart) {
    const item = ready();
    if (!item) break;
    send(item);
  }
  if (requests.size === 0 && !ready()) {
    queue.running = false;
    refreshUsage().catch(() => {});
    draw();
  } else if (requests.size < AT_ONCE) {
    wake = setTimeout(pump, Math.max(200, nextStart - Date.now()));
  }
}

async function send(item) {
  const request = new XMLHttpRequest();
  requests.set(item.id, request);
  put(item, 'sending');
  item.tries++;
  item.choice = session.choice;
  let answer;
  try {
    const file = await item.open();
    if (item.state === 'sending') answer = await exchange(request, item, file);
  } catch (fault) {
    answer = fault;
  }
  requests.delete(item.id);
  if (UNDER_WAY.includes(item.state)) await settle(item, answer);
  measure();
  pump();
}

function exchange(request, item, file) {
  return new Promise((resolve, reject) => {
    request.open('POST', at('/api/deidentify'));
    request.setRequestHeader('X-API-Key', session.key);
    request.setRequestHeader('Content-Type', 'application/dicom');
    for (const [name, value] of Object.entries(choosing(item.choice))) request.setRequestHeader(name, value);
    request.responseType = 'blob';
    request.upload.onprogress = (event) => {
      progress(item, Math.min(event.loaded, item.size));
    };
    request.upload.onload = () => {
      if (item.state === 'sending') put(item, 'working');
    };
    request.onload = () => resolve(request);
    request.onerror = request.ontimeout = () => reject(new Refusal(0, { title: 'network' }));
    request.onabort = () => reject(new Refusal(0, { title: 'cancelled' }));
    request.send(file);
  });
}

function progress(item, loaded) {
  queue.sent += loaded - item.loaded;
  item.loaded = loaded;
  measure();
  draw();
}

function measure() {
  const now = performance.now();
  samples.push([now, queue.sent]);
  while (samples.length > 2 && samples[0][0] < now - WINDOW) samples.shift();
  const [since, before] = samples[0];
  queue.speed = now - since > 500 ? Math.max(0, ((queue.sent - before) * 1000) / (now - since)) : queue.speed;
}

async function settle(item, answer) {
  if (!(answer instanceof XMLHttpRequest)) return stumble(item, answer);
  pace(answer);
  if (answer.status === 200) {
    item.result = answer.response;
    item.attributes = answer.getResponseHeader('veilgate-attributes') ?? '';
    item.instance = answer.getResponseHeader('veilgate-instance') ?? '';
    item.saved = false;
    item.crc = await crc32(item.result);
    progress(item, item.size);
    return put(item, 'done');
  }
  const problem = await answer.response.text().then(JSON.parse).catch(() => null);
  const refusal = new Refusal(answer.status, problem, Number(answer.getResponseHeader('retry-after')) || 0);
  if (refusal.spent) return stop(item, 'spent');
  if (answer.status === 401) return stop(item, 'key');
  if (answer.status === 429) return again(item, 'rate', (refusal.retryAfter || 2) * 1000);
  if (answer.status === 503 || answer.status === 502 || answer.status === 504) return stumble(item, refusal);
  const file = problem?.files?.[0];
  Object.assign(item, { why: file?.code ?? '', tag: file?.tag ?? '', keyword: file?.keyword ?? '', detail: file?.reason ?? refusal.message });
  if (answer.status !== 422 && answer.status !== 413) return leave(item, 'failed');
  progress(item, item.size);
  put(item, 'refused');
}

/** Spreads the requests that the key still has, before the server has to refuse one. */
function pace(answer) {
  const left = Number(answer.getResponseHeader('ratelimit-remaining') ?? Infinity);
  const [, burst, window] = /q=(\d+);w=(\d+)/.exec(answer.getResponseHeader('ratelimit-policy') ?? '') ?? [];
  if (left <= AT_ONCE && burst > 0) {
    const interval = (window / burst) * 1000;
    nextStart = Math.max(nextStart, Date.now()) + interval;
    queue.paced = interval > 300;
  }
}

/** The network or the server failed: waits longer each time, and gives up in the end, but not while nobody answers. */
async function stumble(item, fault) {
  item.detail = fault?.message ?? '';
  item.why = fault?.status ? 'server' : fault instanceof Refusal ? 'network' : 'unreadable';
  const away = item.why === 'network' && !(await answers());
  if (!UNDER_WAY.includes(item.state)) return;
  if (away) item.tries--;
  if (item.why === 'unreadable' || item.tries >= TRIES) return leave(item, 'failed');
  again(item, item.why === 'network' ? 'network' : 'busy', away ? AWAY : (fault.retryAfter || 0) * 1000 || PAUSE * 2 ** (item.tries - 1));
}

function again(item, why, pause) {
  queue.sent -= item.loaded;
  item.loaded = 0;
  if (why === 'rate') item.tries--;
  const until = Date.now() + pause;
  if (!queue.hold || queue.hold.until < until) queue.hold = { why, until };
  put(item, 'ready');
}

function stop(item, why) {
  queue.sent -= item.loaded;
  item.loaded = 0;
  put(item, 'ready');
  queue.running = false;
  queue.stopped = why;
  if (why === 'key') session.expired = true;
  for (const [id, request] of requests) if (id !== item.id) request.abort();
  for (const one of items) if (UNDER_WAY.includes(one.state)) again(one, 'rate', 0);
}

window.addEventListener('online', () => {
  if (queue.hold?.why === 'network') queue.hold = null;
  draw();
  pump();
});
