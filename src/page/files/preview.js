// Before and after: every attribute of one file with its fate and the clause behind it, and its picture.

import { h, ref, computed, onMounted, onUnmounted } from './vue.js';
import * as api from './api.js';
import { why, more } from './refusal.js';
import { t, known, number, icon, button, tabs, notice, fault } from './parts.js';

/** Bytes sent of a file until its attributes are known: pixels are of no use for them. */
const STEPS = [1 << 20, 16 << 20, 80 << 20];

/** Largest file of which a picture is asked. */
const PICTURE = 64 << 20;

/** Attributes drawn at first, and each time that more are wanted. */
const SOME = 300;

const FATES = ['removed', 'replaced', 'emptied', 'kept', 'added'];
const COLOURS = { removed: 'bad', replaced: 'busy', emptied: 'warn', kept: '', added: 'good' };

async function attributes(file, choice) {
  for (const step of STEPS) {
    try {
      return await api.preview(file.slice(0, step), choice);
    } catch (error) {
      const cutOff = error.status === 422 && step < file.size && step !== STEPS.at(-1);
      if (!cutOff) throw error;
    }
  }
}

export const previewDialog = {
  props: ['item', 'close'],
  setup({ item, close }) {
    const dialog = ref(null);
    const told = ref(null);
    const wrong = ref('');
    const tab = ref('attributes');
    const chosen = ref('');
    const wanted = ref('');
    const most = ref(SOME);
    const pictures = ref(null);
    /** What came back is shown as it was made; what is still to be sent, as it would be made now. */
    const choice = ['done', 'refused'].includes(item.state) ? item.choice : api.session.choice;
    let file = null;

    onMounted(async () => {
      dialog.value.showModal();
      try {
        file = await item.open();
        told.value = Object.freeze(await attributes(file, choice));
      } catch (error) {
        wrong.value = sentence(error);
      }
    });
    onUnmounted(() => forget(pictures.value));

    const found = computed(() => {
      // A tag as the table writes it, or without its brackets: that one.
      const tag = /^\(?([\da-f]{4}),\s*([\da-f]{4})\)?$/i.exec(wanted.value.trim())?.slice(1).join(',').toUpperCase();
      const words = wanted.value.toLowerCase().replace(/[(),\s]+/g, ' ').trim().split(' ').filter(Boolean);
      const fits = (line) => {
        if (tag) return line.tag === `(${tag})`;
        const all = `${line.keyword} ${line.tag.replace(/[(),]/g, '')} ${line.tag} ${line.old ?? ''} ${line.new ?? ''} ${line.creator ?? ''}`.toLowerCase();
        return words.every((word) => all.includes(word)) || all.includes(wanted.value.toLowerCase().trim());
      };
      return (told.value?.attributes ?? []).filter((line) => (!chosen.value || line.outcome === chosen.value) && fits(line));
    });
    const counts = computed(() => Object.fromEntries(FATES.map((name) => [name, (told.value?.attributes ?? []).filter((line) => (line.counted || name === 'added') && line.outcome === name).length])));

    const look = (name) => {
      tab.value = name;
      if (name === 'image' && !pictures.value) draw(1);
    };
    const draw = async (frame) => {
      forget(pictures.value);
      pictures.value = { frame, sides: {} };
      if (file.size > PICTURE) return (pictures.value = { frame, large: true });
      const one = async (side) => {
        try {
          return { url: URL.createObjectURL(await api.picture(file, choice, side, frame)) };
        } catch (error) {
          return { why: sentence(error) };
        }
      };
      const [before, after] = await Promise.all([one('before'), one('after')]);
      pictures.value = { frame, sides: { before, after } };
    };

    const filters = () => h('div', { class: 'filters' }, [
      h('input', { type: 'search', value: wanted.value, placeholder: t('preview.search'), 'aria-label': t('preview.search'), onInput: (event) => (wanted.value = event.target.value) }),
      ...['', ...FATES].map((name) => h('button', { type: 'button', 'aria-pressed': String(chosen.value === name), onClick: () => (chosen.value = name) },
        name ? `${t(`fate.${name}`)} ${number(counts.value[name])}` : t('preview.all'))),
    ]);

    const table = () => h('div', { class: 'table', tabindex: 0, role: 'region', 'aria-label': t('preview.table') }, h('table', { class: 'attributes cards' }, [
      h('thead', h('tr', ['name', 'before', 'after', 'fate'].map((name) => h('th', { scope: 'col' }, t(`col.${name}`))))),
      h('tbody', found.value.slice(0, most.value).map(row)),
    ]));

    const panel = () => tab.value === 'image' ? image(pictures.value, draw, told.value) : [
      told.value.refused && notice('bad', h('p', `${t('preview.refused')} ${why(told.value.refused)}`), more(told.value.refused)),
      filters(),
      found.value.length ? table() : h('p', { class: 'dim' }, t('preview.none')),
      found.value.length > most.value && h('div', button(t('preview.more'), () => (most.value += 4 * SOME))),
      told.value.cut && notice('warn', t('preview.cut')),
    ];

    return () => h('dialog', { ref: dialog, onClose: close, 'aria-labelledby': 'preview-title' }, h('div', { class: 'dialog' }, [
      h('header', [
        h('h2', { id: 'preview-title' }, h('bdi', item.path)),
        told.value && tabs(['attributes', 'image'], tab.value, look, (name) => t(`preview.${name}`)),
        button(t('close'), () => dialog.value.close(), { glyph: 'cross', bare: true }),
      ]),
      h('div', { id: 'panel', role: told.value ? 'tabpanel' : undefined, 'aria-labelledby': told.value ? `tab-${tab.value}` : undefined }, [
        h('p', { class: 'dim row keep' }, [icon('eye'), h('span', [t('preview.private'), told.value && ` ${t('preview.profile', { name: told.value.profile.name })}`])]),
        wrong.value ? notice('bad', wrong.value) : told.value ? panel() : h('p', { role: 'status' }, t('preview.loading')),
      ]),
    ]));
  },
};

const sentence = (error) => (error.problem?.files?.[0] ? why(error.problem.files[0]) : fault(error));

function row(line) {
  const value = (text, gone) => text === null || text === undefined ? h('span', { class: 'dim' }, gone) : text === '' ? h('span', { class: 'dim' }, t('preview.emptied')) : text;
  const before = value(line.old, t('preview.nothing'));
  return h('tr', { class: line.outcome }, [
    h('th', { scope: 'row' }, [
      line.path.length > 0 && h('div', { class: 'depth mono' }, line.path.join(' › ')),
      h('div', (line.keyword || line.creator || '—').split(/(?<=[a-z])(?=[A-Z])/).flatMap((word, at) => (at ? [h('wbr'), word] : [word]))),
      h('div', { class: 'dim mono' }, `${line.tag} ${line.vr}`),
    ]),
    h('td', { 'data-label': t('col.before') }, line.outcome === 'removed' ? h('del', before) : before),
    h('td', { 'data-label': t('col.after') }, line.outcome === 'kept' ? h('span', { class: 'dim' }, '=') : value(line.new, t('preview.nothing'))),
    h('td', [h('span', { class: ['chip', COLOURS[line.outcome]] }, t(`fate.${line.outcome}`)), h('div', { class: 'why' }, [h('div', known(`why.${line.code}`, '')), h('div', { class: 'clause', lang: 'en' }, line.reason)])]),
  ]);
}

function image(pictures, draw, told) {
  if (!pictures) return null;
  if (pictures.large) return notice('warn', t('preview.large'));
  const frames = Number(told.attributes.find((line) => line.keyword === 'NumberOfFrames' && !line.path.length)?.old) || 1;
  const side = (name) => {
    const shown = pictures.sides[name];
    const content = !shown ? h('p', { role: 'status' }, t('preview.loading')) : shown.url
      ? h('img', { src: shown.url, alt: `${t('preview.image')}: ${t(`preview.${name}`)}` })
      : notice('warn', t('preview.nopicture', { why: shown.why }));
    return h('figure', [h('figcaption', t(`preview.${name}`)), content]);
  };
  return [
    frames > 1 && h('label', { class: 'row' }, [`${t('preview.frame')} ${number(pictures.frame)} / ${number(frames)}`,
      h('input', { type: 'range', min: 1, max: frames, value: pictures.frame, onChange: (event) => draw(Number(event.target.value)) })]),
    h('div', { class: 'pictures' }, ['before', 'after'].map(side)),
  ];
}

function forget(pictures) {
  for (const side of Object.values(pictures?.sides ?? {})) if (side.url) URL.revokeObjectURL(side.url);
}
