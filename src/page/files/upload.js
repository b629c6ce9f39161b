// The view that files are dropped on: picking files and folders, progress, and what can be done with all of them. The list
// itself is list.js.

import { h, ref, computed, onMounted } from './vue.js';
import { session, refreshUsage } from './api.js';
import * as q from './queue.js';
import { list, only, profileName } from './list.js';
import { saveAll } from './results.js';
import { t, n, bytes, duration, icon, button, notice } from './parts.js';

const { queue, items } = q;

/** What a drop holds, folders included, as `{ path, file }`. */
async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return picked(transfer.files);
  const found = [];
  for (const entry of entries) await walk(entry, '', found);
  return found;
}

async function walk(entry, above, found) {
  const path = above + entry.name;
  if (entry.isFile) {
    const file = await new Promise((resolve) => entry.file(resolve, () => resolve(null)));
    if (file) found.push({ path, file });
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    const some = await new Promise((resolve) => reader.readEntries(resolve, () => resolve([])));
    if (!some.length) return;
    for (const below of some) await walk(below, `${path}/`, found);
  }
}

const picked = (list) => [...list].map((file) => ({ path: file.webkitRelativePath || file.name, file }));

const over = ref(false);

function dropZone() {
  const pick = (folder) => () => document.getElementById(folder ? 'pick-folder' : 'pick-files').click();
  const chosen = (event) => {
    q.add(picked(event.target.files));
    event.target.value = '';
  };
  const input = (id, label, more) => h('input', { id, type: 'file', class: 'hidden', multiple: true, tabindex: -1, 'aria-label': label, onChange: chosen, ...more });
  const small = items.length > 0;
  return h('section', {
    class: ['drop', over.value && 'over', small && 'small'],
    'aria-label': t('drop.label'),
    onDragover: (event) => (event.preventDefault(), (over.value = true)),
    onDragleave: () => (over.value = false),
    onDrop: async (event) => {
      event.preventDefault();
      over.value = false;
      q.add(await dropped(event.dataTransfer));
    },
  }, [
    icon('upload', 'large'),
    h('div', [h('h2', t('drop.title')), small ? null : h('p', t('drop.hint'))]),
    h('div', { class: 'row' }, [
      button(t('drop.files'), pick(false), { glyph: 'file', kind: small ? '' : 'main' }),
      button(t('drop.folder'), pick(true), { glyph: 'folder' }),
    ]),
    input('pick-files', t('drop.files')),
    input('pick-folder', t('drop.folder'), { webkitdirectory: true }),
  ]);
}

const zipping = ref(false);

async function zip() {
  zipping.value = true;
  try {
    await saveAll();
  } finally {
    zipping.value = false;
  }
}

/** Asks before results go that nobody has saved, or files that are under way; true if they may go. */
export function mayGo() {
  const lost = q.unsaved();
  if (lost > 0) return window.confirm(n('ask.lose', lost));
  return !queue.running || window.confirm(t('ask.stop'));
}

/** Says it before the start if more files wait than are left of the month. */
function beyond(waiting) {
  const { quota, files_used_mtd: used } = session.usage ?? {};
  const left = typeof quota === 'number' ? Math.max(0, quota - used) : Infinity;
  return waiting > left ? notice('warn', n('quota.left', left), ' ', n('quota.waiting', waiting)) : null;
}

function bar() {
  void queue.tick;
  const [waiting, busy, done] = [q.count('ready'), q.count(...q.UNDER_WAY), q.count('done')];
  const broken = q.count('failed', 'cancelled');
  const left = queue.speed > 0 ? (queue.bytes - queue.sent) / queue.speed : 0;
  const counts = [['done', 'good'], ['refused', 'bad'], ['failed', 'bad'], ['cancelled', 'dim'], ['unfit', 'dim']];
  return h('section', { class: 'bar', 'aria-label': t('progress.label') }, [
    h('div', { class: 'row spread' }, [
      h('div', { class: 'row' }, [
        h('strong', n('list.files', items.length)),
        session.choice && h('a', { class: 'chip busy', href: '#profile' }, profileName(session.choice)),
        ...counts.filter(([state]) => q.count(state) > 0).map(([state, colour]) => h('button', {
          type: 'button', class: ['chip', colour], 'aria-pressed': String(only.value === state), title: t('list.only'),
          onClick: () => (only.value = only.value === state ? '' : state),
        }, n(`count.${state}`, q.count(state)))),
      ]),
      h('div', { class: 'row' }, [
        queue.running && button(t('act.cancelAll'), q.cancel, { glyph: 'stop' }),
        !queue.running && waiting > 0 && button(n('act.start', waiting), q.start, { glyph: 'shield', kind: 'main', disabled: session.expired }),
        !queue.running && broken > 0 && button(n('act.retryAll', broken), q.retryAll, { glyph: 'again', disabled: session.expired }),
        done > 0 && button(queue.running || waiting ? n('act.savePart', done) : t('act.saveAll'), zip, { glyph: 'download', kind: !waiting && !queue.running ? 'main' : '', disabled: zipping.value }),
        !queue.running && button(t('act.clear'), () => mayGo() && q.clear(), { glyph: 'bin' }),
      ]),
    ]),
    queue.running || busy || done ? h('progress', { class: 'total', value: queue.sent, max: Math.max(1, queue.bytes), 'aria-label': t('progress.total') }) : null,
    h('p', { class: 'dim', role: 'status' }, queue.running
      ? [`${bytes(queue.sent)} / ${bytes(queue.bytes)}`, queue.speed > 0 && ` · ${bytes(queue.speed)}/s`, left > 0 && ` · ${t('progress.left', { time: duration(left) })}`]
      : waiting > 0 && queue.sent === 0 && !queue.checking ? t('progress.nothing') : queue.checking ? t('progress.checking') : done > 0 ? t(q.unsaved() > 0 ? 'progress.end' : 'progress.saved') : ''),
    queue.running && queue.hold ? notice('warn', t(`hold.${queue.hold.why}`)) : queue.running && queue.paced ? notice('warn', t('hold.rate')) : null,
    session.moved && done > 0 && notice('warn', t('list.moved')),
    queue.already > 0 && notice('', n('list.already', queue.already)),
    waiting + done > 0 && h('p', { class: 'dim' }, t('list.names')),
    !queue.running && queue.stopped !== 'spent' && beyond(waiting),
    queue.stopped === 'spent' && notice('bad', t('stopped.spent'), session.about?.billing ? h('a', { href: '#account' }, t('usage.upgrade')) : null),
  ]);
}

export const uploadView = {
  props: ['open'],
  setup(props) {
    onMounted(() => refreshUsage().catch(() => {}));
    const any = computed(() => (void queue.tick, items.length > 0));
    return () => h('div', { class: 'stack' }, [
      h('h1', { class: 'reader' }, t('nav.files')),
      dropZone(),
      any.value ? [bar(), h(list, { open: props.open })] : promises(),
    ]);
  },
};

const promises = () => h('ul', { class: 'promises' }, ['local', 'nothing', 'standard'].map((name, index) =>
  h('li', [icon(['file', 'bin', 'shield'][index]), h('div', [h('h3', t(`promise.${name}.title`)), h('p', t(`promise.${name}`))])])));

window.addEventListener('beforeunload', (event) => {
  if (queue.running || q.count(...q.UNDER_WAY) > 0 || q.unsaved() > 0) event.preventDefault();
});
