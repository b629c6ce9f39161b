// Small pieces that all views share: texts in the chosen language, numbers and times as people write them, icons,
// buttons, and a link that saves a blob.

import { h, reactive } from './vue.js';
import { languages, words } from './words.js';

const SLOT = 'veilgate-language';

const wanted = () => {
  const all = [sessionStorage.getItem(SLOT), ...navigator.languages].map((tag) => (tag ?? '').slice(0, 2));
  return all.find((tag) => tag in languages) ?? 'en';
};

/** Numbers and dates follow the browser's country where its language is the one that is shown: en-GB, de-AT. */
const tag = (name) => navigator.languages.find((it) => it.slice(0, 2) === name) ?? name;

export const locale = reactive({ name: wanted(), tag: tag(wanted()) });

export function speak(name) {
  Object.assign(locale, { name, tag: tag(name) });
  sessionStorage.setItem(SLOT, name);
  document.documentElement.lang = name;
}

/** The text of a key, with `{name}` filled in. What a language lacks is English. */
export function t(key, values = {}) {
  const text = words[locale.name][key] ?? words.en[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? '');
}

/** The text for a number of things: `key.one` or `key.other`. */
export function n(key, count, values = {}) {
  const form = new Intl.PluralRules(locale.name).select(count) === 'one' ? 'one' : 'other';
  return t(`${key}.${form}`, { n: number(count), ...values });
}

export const has = (key) => key in words.en;

/** The text of a key that may be missing, or what else is to be said. */
export const known = (key, otherwise) => (has(key) ? t(key) : otherwise);

export const number = (value) => new Intl.NumberFormat(locale.tag).format(value);

export function bytes(size) {
  const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'];
  const step = size < 1000 ? 0 : Math.min(4, Math.floor(Math.log10(size) / 3));
  const format = { style: 'unit', unit: units[step], unitDisplay: step ? 'short' : 'long', maximumFractionDigits: size / 1000 ** step < 10 && step ? 1 : 0 };
  return new Intl.NumberFormat(locale.tag, format).format(size / 1000 ** step);
}

export function duration(seconds) {
  const unit = (value, name) => new Intl.NumberFormat(locale.tag, { style: 'unit', unit: name, unitDisplay: 'short' }).format(value);
  if (seconds < 60) return unit(Math.max(1, Math.round(seconds)), 'second');
  if (seconds < 3600) return unit(Math.round(seconds / 60), 'minute');
  return `${unit(Math.floor(seconds / 3600), 'hour')} ${unit(Math.round((seconds % 3600) / 60), 'minute')}`;
}

export const moment = (value) =>
  new Intl.DateTimeFormat(locale.tag, { dateStyle: 'medium', timeStyle: 'short' }).format(new Date(value));

const ICONS = {
  upload: 'M12 16V4m0 0L7 9m5-5 5 5M4 15v4a1 1 0 0 0 1 1h14a1 1 0 0 0 1-1v-4',
  download: 'M12 4v12m0 0-5-5m5 5 5-5M4 19h16',
  check: 'm5 13 4 4L19 7',
  cross: 'M6 6l12 12M18 6 6 18',
  shield: 'M12 3c-2.500 1.800-4.700 2.500-7 2.700v4.800c0 4.500 2.900 8 7 9.500 4.100-1.500 7-5 7-9.500V5.700C16.700 5.500 14.500 4.800 12 3z',
  warn: 'M12 9v4m0 3.500v.500M10.300 4.400 2.900 17.500A2 2 0 0 0 4.600 20.500h14.800a2 2 0 0 0 1.700-3L13.700 4.400a2 2 0 0 0-3.400 0z',
  eye: 'M2.500 12s3.500-6.500 9.500-6.500 9.500 6.500 9.500 6.500-3.500 6.500-9.500 6.500S2.500 12 2.500 12zM12 15a3 3 0 1 0 0-6 3 3 0 0 0 0 6z',
  again: 'M4 12a8 8 0 0 1 14-5.300L20 9m0-5v5h-5M20 12a8 8 0 0 1-14 5.300L4 15m0 5v-5h5',
  file: 'M7 3h7l5 5v12a1 1 0 0 1-1 1H7a1 1 0 0 1-1-1V4a1 1 0 0 1 1-1zm7 0v5h5',
  folder: 'M3 6a1 1 0 0 1 1-1h5l2 2.500h9a1 1 0 0 1 1 1V18a1 1 0 0 1-1 1H4a1 1 0 0 1-1-1z',
  stop: 'M7 7h10v10H7z',
  bin: 'M4 7h16M9 7V4h6v3M6.500 7l1 13h9l1-13M10 11v6m4-6v6',
};

/** Drawn beside a text that says the same, so hidden from readers. */
export const icon = (name, extra = '') =>
  h('svg', { class: ['icon', extra], viewBox: '0 0 24 24', 'aria-hidden': 'true', focusable: 'false' }, h('path', { d: ICONS[name] }));

/** A button with an icon and a text, or with an icon alone whose text is read out. */
export function button(label, onClick, { glyph, kind = '', bare = false, ...more } = {}) {
  const attributes = { type: 'button', class: ['button', kind, bare && 'bare'], onClick, ...more };
  if (bare) Object.assign(attributes, { 'aria-label': label, title: label });
  return h('button', attributes, [glyph && icon(glyph), bare ? null : h('span', label)]);
}

/** Saves a blob as a file; the browser asks where, or puts it with the downloads. */
export function save(blob, name) {
  const url = URL.createObjectURL(blob);
  const link = Object.assign(document.createElement('a'), { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** A word beside what it is about; of a fault, where it can be seen. */
export const notice = (kind, ...content) => h('div', {
  class: ['notice', kind],
  role: kind === 'bad' ? 'alert' : 'status',
  onVnodeMounted: ({ el }) => kind === 'bad' && el.scrollIntoView({ block: 'nearest' }),
}, [icon(kind === 'good' ? 'check' : 'warn'), h('div', content)]);

/** Tabs of a list: arrow keys, Home and End go from one to the next, as the ARIA pattern has it. `shown` names the one that is shown. */
export function tabs(names, shown, choose, label) {
  const go = (event) => {
    const at = names.indexOf(shown);
    const next = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: names.length - 1 }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    const name = names[(next + names.length) % names.length];
    choose(name);
    document.getElementById(`tab-${name}`).focus();
  };
  return h('div', { class: 'tabs', role: 'tablist', onKeydown: go }, names.map((name) => h('button', {
    type: 'button', role: 'tab', id: `tab-${name}`, 'aria-selected': String(shown === name), tabindex: shown === name ? 0 : -1, 'aria-controls': 'panel', onClick: () => choose(name),
  }, label(name))));
}

/** What went wrong, for people. */
export function fault(error) {
  if (error?.problem?.title === 'network') return t('fault.network');
  if (error?.status === 401) return t('fault.key');
  if (error?.spent) return t('fault.spent');
  if (error?.status === 429) return t('fault.rate', { time: duration(error.retryAfter || 1) });
  return error?.message ?? String(error);
}
