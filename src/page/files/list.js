// The list of files: what became of each, or will, and what can be done with it. Of its rows only those in sight exist;
// one may be open, and tells all.

import { h, ref, nextTick, onMounted, onUpdated, onUnmounted } from './vue.js';
import { session } from './api.js';
import * as q from './queue.js';
import { saveOne } from './results.js';
import { why, more } from './refusal.js';
import { t, n, known, number, bytes, icon, button } from './parts.js';

const { queue, items } = q;

/** Rows beyond those in sight that exist; the others do not. */
const SPARE = 6;

/** The states that are shown; none: all. */
export const only = ref('');

/** What became of a file, or will: a word, a colour, and a sentence. */
function fate(item) {
  switch (item.state) {
    case 'checking': return ['dim', t('state.checking'), ''];
    case 'ready': return ['dim', t(queue.running ? 'state.waiting' : 'state.ready'), ''];
    case 'sending': return ['busy', t('state.sending'), ''];
    case 'working': return ['busy', t('state.working'), ''];
    case 'done': return ['good', t('state.done'), summary(item.attributes)];
    case 'cancelled': return ['dim', t('state.cancelled'), ''];
    case 'unfit': return ['dim', t('state.unfit'), t(`unfit.${item.why}`)];
    case 'refused': return ['bad', t('state.refused'), why(refusalOf(item))];
    default: return ['bad', t('state.failed'), known(`failed.${item.why}`, item.detail)];
  }
}

const refusalOf = ({ why: code, tag, keyword, detail }) => ({ code, tag, keyword, reason: detail });

/** "31 attributes removed, 12 changed": the two numbers that people look for. */
function summary(attributes) {
  const of = (name) => Number(new RegExp(`${name}=(\\d+)`).exec(attributes ?? '')?.[1] ?? 0);
  const changed = of('replaced') + of('uids') + of('shifted') + of('emptied');
  return attributes ? `${n('state.removed', of('removed'))}, ${n('state.changed', changed)}` : '';
}

/** The profile of a choice, for people. */
export const profileName = (choice) => (choice ? `${choice.profile} + ${number(choice.options.length)}` : t('profile.own'));

/** What a file was sent under, where somebody chose. */
const under = (item) => (item.choice || session.choice) && ['done', 'refused'].includes(item.state) && profileName(item.choice);

/** Takes a file off the list; asks if its result would go with it. */
const take = (item) => (item.state !== 'done' || item.saved || window.confirm(n('ask.lose', 1))) && q.remove(item);

function row(item, { index, size, top, isOpen, toggle, measure, open }) {
  const [colour, word, sentence] = fate(item);
  const [, folder, name] = /^(.*\/)?([^/]*)$/.exec(item.path);
  const [, above, last] = /^(.*\/)?([^/]+\/)$/.exec(folder ?? '') ?? [];
  const glyph = { good: 'check', bad: 'cross', busy: 'upload', dim: item.state === 'unfit' ? 'warn' : 'file' }[colour];
  const act = (label, click, options) => button(`${label}: ${name}`, click, { bare: true, ...options });
  const told = { 'aria-posinset': index + 1, 'aria-setsize': size };
  return h('li', { key: item.id, class: ['item', colour, isOpen && 'open'], style: { top: `${top}px` }, ...told }, [
    icon(glyph, colour),
    h('button', { type: 'button', class: 'what', 'aria-expanded': String(isOpen), title: sentence ? `${item.path}\n${sentence}` : item.path, onClick: toggle }, [
      h('span', { class: 'name' }, [above && h('span', { class: 'above' }, above), last && h('span', { class: 'folder' }, last), h('bdi', name)]),
      h('span', { class: 'fate' }, [h('strong', word), under(item) && [' ', h('span', { class: 'under' }, under(item))], sentence && [' ', h('span', sentence)]]),
    ]),
    h('div', { class: 'size' }, item.state === 'sending'
      ? h('progress', { value: item.loaded, max: item.size, 'aria-label': `${t('progress.file')}: ${name}` })
      : bytes(item.size)),
    h('div', { class: 'acts' }, [
      item.state === 'done' && act(t('act.save'), () => saveOne(item), { glyph: 'download' }),
      ['ready', 'done', 'refused', 'failed', 'cancelled'].includes(item.state) && act(t('act.preview'), () => open(item), { glyph: 'eye' }),
      ['failed', 'cancelled'].includes(item.state) && act(t('act.retry'), () => q.retry([item]), { glyph: 'again' }),
      item.state === 'unfit' && item.why === 'foreign' && act(t('act.anyway'), () => (q.sendAnyway(item), q.count('ready') === 1 && q.start()), { glyph: 'upload' }),
      q.UNDER_WAY.includes(item.state) ? act(t('act.cancel'), () => q.cancelOne(item), { glyph: 'stop' }) : act(t('act.remove'), () => take(item), { glyph: 'cross' }),
    ]),
    isOpen && h('div', { class: 'told', onToggleCapture: measure }, [
      h('p', { class: 'dim' }, [h('bdi', item.path), ` · ${bytes(item.size)}`]),
      item.state === 'refused' && more(refusalOf(item)),
    ]),
  ]);
}

export const list = {
  props: ['open'],
  setup({ open }) {
    const box = ref(null);
    const scrolled = ref(0);
    const height = ref(480);
    /** Height of a row in pixels, which page.css says. */
    const each = ref(64);
    const opened = ref(0);
    /** Pixels by which the open row is higher than the others. */
    const extra = ref(0);
    const measure = () => {
      height.value = box.value.clientHeight;
      each.value = parseInt(getComputedStyle(box.value).getPropertyValue('--row'), 10) || 64;
      const higher = box.value.querySelector('.item.open')?.offsetHeight;
      if (higher) extra.value = higher - each.value;
    };
    const toggle = async (item) => {
      opened.value = item.id === opened.value ? 0 : item.id;
      await nextTick();
      box.value?.querySelector('.item.open')?.scrollIntoView({ block: 'nearest' });
    };
    const watcher = new ResizeObserver(measure);
    onMounted(() => watcher.observe(box.value));
    onUpdated(measure);
    onUnmounted(() => watcher.disconnect());
    return () => {
      void queue.tick;
      const all = only.value && q.count(only.value) > 0 ? items.filter((item) => item.state === only.value) : items;
      const openAt = opened.value ? all.findIndex((item) => item.id === opened.value) : -1;
      const spare = openAt < 0 ? 0 : extra.value;
      const beside = SPARE + Math.ceil(spare / each.value);
      const first = Math.max(0, Math.floor(scrolled.value / each.value) - beside);
      const shown = all.slice(first, first + Math.ceil(height.value / each.value) + 2 * beside);
      const place = (index) => ({ index, size: all.length, top: index * each.value + (openAt >= 0 && index > openAt ? spare : 0) });
      const one = (item, at) => row(item, {
        ...place(first + at), isOpen: item.id === opened.value, measure, open,
        toggle: () => toggle(item),
      });
      return h('div', { class: 'list', ref: box, tabindex: 0, role: 'region', 'aria-label': t('list.label'), onScroll: (event) => (scrolled.value = event.target.scrollTop) },
        h('ul', { style: { height: `${all.length * each.value + spare}px` } }, shown.map(one)));
    };
  },
};
