// The view that files are dropped on: picking files and folders, the list with each file's fate, progress, downloads.

import { h, ref, computed, onMounted, onUnmounted } from './vue.js';
import { session } from './api.js';
import * as q from './queue.js';
import { pack, harmless } from './zip.js';
import { t, n, has, number, bytes, duration, icon, button, save, notice } from './parts.js';

const { queue, items } = q;

/** Rows beyond those in sight that exist; the others do not. */
const SPARE = 6;

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

/** The states that are shown; none: all. */
const only = ref('');
const shownItems = () => (only.value && q.count(only.value) > 0 ? items.filter((item) => item.state === only.value) : items);

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

/** What became of a file, or will: a word, a colour, and a sentence. */
export function fate(item) {
  switch (item.state) {
    case 'checking': return ['dim', t('state.checking'), ''];
    case 'ready': return ['dim', t(queue.running ? 'state.waiting' : 'state.ready'), ''];
    case 'sending': return ['busy', t('state.sending'), ''];
    case 'working': return ['busy', t('state.working'), ''];
    case 'done': return ['good', t('state.done'), summary(item.attributes)];
    case 'cancelled': return ['dim', t('state.cancelled'), ''];
    case 'unfit': return ['dim', t('state.unfit'), t(`unfit.${item.why}`)];
    case 'refused': return ['bad', t('state.refused'), reason(item)];
    default: return ['bad', t('state.failed'), has(`failed.${item.why}`) ? t(`failed.${item.why}`) : item.detail];
  }
}

function reason(item) {
  const words = has(`refused.${item.why}`) ? t(`refused.${item.why}`) : item.detail;
  return item.tag ? `${words} ${t('refused.at', { tag: item.tag })}` : words;
}

/** "31 removed, 12 replaced": the two numbers that people look for. */
function summary(attributes) {
  const of = (name) => Number(new RegExp(`${name}=(\\d+)`).exec(attributes ?? '')?.[1] ?? 0);
  const changed = of('replaced') + of('uids') + of('shifted') + of('emptied');
  return attributes ? t('state.summary', { removed: number(of('removed')), changed: number(changed) }) : '';
}

function row(item, index, size, height, open) {
  const [colour, word, sentence] = fate(item);
  const [, folder, name] = /^(.*\/)?([^/]*)$/.exec(item.path);
  const glyph = { good: 'check', bad: 'cross', busy: 'upload', dim: item.state === 'unfit' ? 'warn' : 'file' }[colour];
  const told = { 'aria-posinset': index + 1, 'aria-setsize': size };
  const act = (label, click, options) => button(`${label}: ${name}`, click, { bare: true, ...options });
  return h('li', { key: item.id, class: ['item', colour], style: { top: `${index * height}px` }, title: sentence ? `${item.path}\n${sentence}` : item.path, ...told }, [
    icon(glyph, colour),
    h('div', { class: 'what' }, [
      h('div', { class: 'name' }, [folder && h('span', { class: 'folder' }, folder), h('bdi', name)]),
      h('div', { class: 'fate' }, [h('strong', word), sentence && h('span', sentence)]),
    ]),
    h('div', { class: 'size' }, item.state === 'sending'
      ? h('progress', { value: item.loaded, max: item.size, 'aria-label': `${t('progress.file')}: ${name}` })
      : bytes(item.size)),
    h('div', { class: 'acts' }, [
      item.state === 'done' && act(t('act.save'), () => save(item.result, harmless(item.path).split('/').pop()), { glyph: 'download' }),
      ['ready', 'done', 'refused', 'failed', 'cancelled'].includes(item.state) && act(t('act.preview'), () => open(item), { glyph: 'eye' }),
      ['failed', 'cancelled'].includes(item.state) && act(t('act.retry'), () => q.retry([item]), { glyph: 'again' }),
      item.state === 'unfit' && item.why === 'foreign' && act(t('act.anyway'), () => q.sendAnyway(item), { glyph: 'upload' }),
      q.UNDER_WAY.includes(item.state) ? act(t('act.cancel'), () => q.cancelOne(item), { glyph: 'stop' }) : act(t('act.remove'), () => q.remove(item), { glyph: 'cross' }),
    ]),
  ]);
}

const list = {
  props: ['open'],
  setup({ open }) {
    const box = ref(null);
    const top = ref(0);
    const height = ref(480);
    /** Height of a row in pixels, which page.css says. */
    const each = ref(64);
    const measure = () => {
      height.value = box.value.clientHeight;
      each.value = parseInt(getComputedStyle(box.value).getPropertyValue('--row'), 10) || 64;
    };
    const watcher = new ResizeObserver(measure);
    onMounted(() => watcher.observe(box.value));
    onUnmounted(() => watcher.disconnect());
    return () => {
      void queue.tick;
      const all = shownItems();
      const first = Math.max(0, Math.floor(top.value / each.value) - SPARE);
      const shown = all.slice(first, first + Math.ceil(height.value / each.value) + 2 * SPARE);
      const scroll = (event) => (top.value = event.target.scrollTop);
      return h('div', { class: 'list', ref: box, tabindex: 0, role: 'region', 'aria-label': t('list.label'), onScroll: scroll },
        h('ul', { style: { height: `${all.length * each.value}px` } }, shown.map((item, index) => row(item, first + index, all.length, each.value, open))));
    };
  },
};

const zipping = ref(false);

async function saveAll() {
  zipping.value = true;
  try {
    save(await pack(q.results()), 'pseudonymized.zip');
  } finally {
    zipping.value = false;
  }
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
        session.choice && h('a', { class: 'chip busy', href: '#profile' }, `${session.choice.profile} + ${number(session.choice.options.length)}`),
        ...counts.filter(([state]) => q.count(state) > 0).map(([state, colour]) => h('button', {
          type: 'button', class: ['chip', colour], 'aria-pressed': String(only.value === state), title: t('list.only'),
          onClick: () => (only.value = only.value === state ? '' : state),
        }, `${number(q.count(state))} ${t(`count.${state}`)}`)),
      ]),
      h('div', { class: 'row' }, [
        queue.running && button(t('act.cancelAll'), q.cancel, { glyph: 'stop' }),
        !queue.running && waiting > 0 && button(n('act.start', waiting), q.start, { glyph: 'shield', kind: 'main' }),
        !queue.running && broken > 0 && button(n('act.retryAll', broken), q.retryAll, { glyph: 'again' }),
        done > 0 && button(t('act.saveAll'), saveAll, { glyph: 'download', kind: !waiting && !queue.running ? 'main' : '', disabled: zipping.value }),
        !queue.running && button(t('act.clear'), q.clear, { glyph: 'bin' }),
      ]),
    ]),
    queue.running || busy || done ? h('progress', { class: 'total', value: queue.sent, max: Math.max(1, queue.bytes), 'aria-label': t('progress.total') }) : null,
    h('p', { class: 'dim', role: 'status' }, queue.running
      ? [`${bytes(queue.sent)} / ${bytes(queue.bytes)}`, queue.speed > 0 && ` · ${bytes(queue.speed)}/s`, left > 0 && ` · ${t('progress.left', { time: duration(left) })}`]
      : waiting > 0 && queue.sent === 0 && !queue.checking ? t('progress.nothing') : queue.checking ? t('progress.checking') : done > 0 ? t('progress.end') : ''),
    queue.running && queue.hold ? notice('warn', t(`hold.${queue.hold.why}`)) : queue.running && queue.paced ? notice('warn', t('hold.rate')) : null,
    queue.stopped && notice('bad', t(`stopped.${queue.stopped}`), queue.stopped === 'spent' && session.about?.billing ? h('a', { href: '#account' }, t('usage.upgrade')) : null),
  ]);
}

export const uploadView = {
  props: ['open'],
  setup(props) {
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
