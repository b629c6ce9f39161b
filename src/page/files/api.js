// What the page asks of the server, and the keys it asks with. Keys live in session storage: they go with the tab.
// Nothing else of the page makes a request but the uploads in queue.js.

import { reactive } from './vue.js';

const KEY = 'veilgate-key';
const ADMIN = 'veilgate-admin-key';

export const session = reactive({
  key: sessionStorage.getItem(KEY) ?? '',
  adminKey: sessionStorage.getItem(ADMIN) ?? '',
  /** Answer of /api/profile, once it is there. */
  about: null,
  /** Preset and options chosen instead of the project's profile; null: none. */
  choice: null,
  /** Answer of /v1/usage. */
  usage: null,
  /** Another project than before was signed in to while the page kept its list. */
  moved: false,
  /** The key was valid and is no longer; what the page holds stays until somebody signs in again. */
  expired: false,
});

export class Refusal extends Error {
  constructor(status, problem, retryAfter = 0) {
    super(problem?.detail ?? problem?.title ?? `HTTP ${status}`);
    Object.assign(this, { status, problem: problem ?? {}, retryAfter });
  }

  /** The month's instances are used up: waiting some seconds does not help. */
  get spent() {
    return this.status === 429 && this.problem.title === 'the instances of this month are used up';
  }
}

/** Where a path of the server's is: a proxy may have put all of it below a prefix. */
export const at = (path) => new URL(`..${path}`, import.meta.url).href;

/** Whether the server answers at all, whatever it says. */
export const answers = () => fetch(at('/health'), { cache: 'no-store', credentials: 'omit' }).then(() => true, () => false);

export function keep(name, value) {
  session[name] = value;
  const slot = name === 'key' ? KEY : ADMIN;
  if (value) sessionStorage.setItem(slot, value);
  else sessionStorage.removeItem(slot);
}

/** What a choice adds to the headers of a request. */
export const choosing = (choice = session.choice) =>
  choice ? { 'Veilgate-Profile': choice.profile, 'Veilgate-Options': choice.options.join(',') } : {};

async function ask(path, options = {}, header = ['X-API-Key', session.key]) {
  const headers = new Headers(options.headers);
  headers.set(...header);
  let response;
  try {
    response = await fetch(at(path), { ...options, headers, cache: 'no-store', credentials: 'omit', redirect: 'error' });
  } catch {
    throw new Refusal(0, { title: 'network' });
  }
  if (response.ok) return response;
  const problem = await response.json().catch(() => null);
  if (response.status === 401 && session.about && headers.get('X-API-Key') === session.key) session.expired = true;
  throw new Refusal(response.status, problem, Number(response.headers.get('retry-after')) || 0);
}

const json = (body) => ({ headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });

export const get = async (path) => (await ask(path)).json();
export const text = async (path) => (await ask(path)).text();
export const post = async (path, body) => (await ask(path, { method: 'POST', ...json(body) })).json();

/** Asks the admin API, with a key that is tried or the one that is known to be right. */
export async function admin(method, path, body, key = session.adminKey) {
  const options = body === undefined ? { method } : { method, ...json(body) };
  return (await ask(`/admin/v1${path}`, options, ['X-Admin-Key', key])).json();
}

/** POST of bytes of one file; the answer as JSON or as a picture. */
export const preview = async (bytes, choice) => (await ask('/v1/preview', { method: 'POST', ...dicom(bytes, choice) })).json();
export const picture = async (bytes, choice, side, frame) =>
  (await ask(`/v1/preview/image?side=${side}&frame=${frame}`, { method: 'POST', ...dicom(bytes, choice) })).blob();
const dicom = (body, choice) => ({ headers: { 'Content-Type': 'application/dicom', ...choosing(choice) }, body });

/** Chooses a profile, or with null the project's again; what it does is the server's to say. */
export async function choose(choice) {
  session.about = await (await ask('/api/profile', { headers: choosing(choice) })).json();
  session.choice = choice;
}

/** Signs in: the key is right if the server tells about its project. Nothing changes before. */
export async function signIn(key) {
  const header = ['X-API-Key', key.trim()];
  const about = await (await ask('/api/profile', { headers: choosing() }, header)).json();
  const moved = session.moved || (session.about !== null && session.about.project !== about.project);
  keep('key', key.trim());
  Object.assign(session, { about, moved, expired: false });
  await refreshUsage().catch(() => {});
}

export function signOut() {
  keep('key', '');
  Object.assign(session, { about: null, usage: null, choice: null, expired: false, moved: false });
}

export async function refreshUsage() {
  session.usage = await get('/v1/usage');
}
