// What the profile does, what was used of the month, and the project's audit chain with its proofs.

import { h, ref, watch, onMounted } from './vue.js';
import { session, get, post, choose, refreshUsage } from './api.js';
import { checkEntry } from './receipt.js';
import { t, n, known, number, moment, button, notice, fault } from './parts.js';

/** Entries of a page. */
const PAGE = 50;

export const profileView = {
  setup() {
    const wrong = ref('');
    const busy = ref(false);
    /** Nothing is changed before the server has agreed. */
    const attempt = async (choice) => {
      wrong.value = '';
      busy.value = true;
      await choose(choice).catch((error) => (wrong.value = fault(error)));
      busy.value = false;
    };
    return () => content(wrong.value, busy.value, attempt);
  },
};

function content(wrong, busy, attempt) {
  const { profile, presets, choose: mayChoose } = session.about;
  const { choice } = session;
  const toggle = (name, on) => attempt({ ...choice, options: on ? [...choice.options, name] : choice.options.filter((other) => other !== name) });
  const policy = (name) => [h('dt', t(`policy.${name}`)), h('dd', h('span', { class: ['chip', profile[name] === 'refuse' ? 'good' : 'warn'] }, t(`policy.${profile[name]}`)))];
  return h('div', { class: 'stack' }, [
    h('h1', t('nav.profile')),
    h('p', { class: 'dim' }, t(mayChoose ? 'profile.leadChoose' : 'profile.lead')),
    mayChoose && h('fieldset', { class: 'row', disabled: busy }, [
      h('legend', t('profile.which')),
      h('label', { class: 'row' }, [h('input', { type: 'radio', name: 'preset', checked: !choice, onChange: () => attempt(null) }), t('profile.own')]),
      ...presets.map((preset) => h('label', { class: 'row' }, [h('input', { type: 'radio', name: 'preset', checked: choice?.profile === preset, onChange: () => attempt({ profile: preset, options: [] }) }), preset])),
    ]),
    wrong && notice('bad', wrong),
    choice && profile.options.some((it) => it.chosen) && notice('warn', t('profile.mind')),
    h('div', { class: 'split' }, [
      h('section', { class: 'card' }, [
        h('h2', profile.name),
        h('p', [h('strong', t('profile.base')), ' (PS3.15 E.2). ', t('profile.always')]),
        profile.rules > 0 && notice('warn', n('profile.rules', profile.rules)),
        h('dl', [h('dt', t('profile.edition')), h('dd', `PS3.15 ${profile.edition}`), h('dt', t('profile.digest')), h('dd', { class: 'mono' }, profile.digest)]),
      ]),
      h('section', { class: 'card' }, [h('h2', t('profile.policies')), h('dl', ['burned_in', 'recognizable_visual_features', 'private_sop_class'].flatMap(policy))]),
    ]),
    h('section', { class: 'card' }, [h('h2', t('profile.options')), h('ul', { class: 'options' }, profile.options.map((it) => option(it, choice, busy, toggle)))]),
  ]);
}

function option(it, choice, busy, toggle) {
  const id = `option-${it.name}`;
  const state = it.chosen ? 'on' : it.available ? 'off' : 'unbuilt';
  return h('li', { key: it.name }, [
    // What the preset itself chose is no longer up for choice.
    h('input', { type: 'checkbox', id, checked: it.chosen, disabled: busy || !choice || !it.available || (it.chosen && !choice.options.includes(it.name)), onChange: ({ target }) => {
      toggle(it.name, target.checked);
      // Shown as chosen once the server has agreed.
      target.checked = it.chosen;
    } }),
    h('label', { for: id }, `${it.meaning || it.name} `),
    h('span', { class: ['chip', it.chosen && 'busy'] }, t(`profile.${state}`)),
    h('span', { class: 'dim' }, [`${it.clause}. `, it.chosen && h('strong', { class: 'warn' }, t('profile.warning')), t(`option.${it.name}`)]),
    it.attributes.length > 0 && h('details', [h('summary', n('profile.keeps', it.attributes.length)), h('p', { class: 'dim mono' }, it.attributes.join(', '))]),
  ]);
}

export const accountView = {
  setup() {
    /** Null until they are known. */
    const entries = ref(null);
    const head = ref(null);
    const wrong = ref('');
    const verdicts = ref({});
    const busy = ref(false);

    const attempt = async (work) => {
      wrong.value = '';
      busy.value = true;
      try {
        await work();
      } catch (error) {
        wrong.value = fault(error);
      }
      busy.value = false;
    };
    /** The newest entries first: their numbers follow from the end of the chain. */
    const newest = () => attempt(async () => {
      const first = await get('/v1/audit?limit=1');
      const page = await get(`/v1/audit?after=${Math.max(0, first.head.body.sequence - PAGE)}&limit=${PAGE + 10}`);
      head.value = page.head;
      entries.value = page.entries.reverse();
      verdicts.value = {};
    });
    const older = () => attempt(async () => {
      const last = entries.value.at(-1).body.sequence;
      const page = await get(`/v1/audit?after=${Math.max(0, last - 1 - PAGE)}&limit=${PAGE}`);
      entries.value = [...entries.value, ...page.entries.filter((entry) => entry.body.sequence < last).reverse()];
    });
    const check = async (index) => {
      const entry = entries.value[index];
      verdicts.value = { ...verdicts.value, [entry.body.sequence]: await checkEntry(entry, entries.value[index + 1], head.value) };
    };
    const checkAll = () => attempt(async () => {
      for (const index of entries.value.keys()) await check(index);
    });
    watch(() => session.expired, (expired) => !expired && newest());
    onMounted(() => {
      newest();
      refreshUsage().catch(() => {});
    });

    return () => h('div', { class: 'stack' }, [
      h('h1', t('nav.account')),
      h('div', { class: 'split' }, [usage(attempt, busy.value), identity()]),
      wrong.value && notice('bad', wrong.value),
      h('section', { class: 'card' }, [
        h('div', { class: 'row spread' }, [h('h2', t('audit.title')), h('div', { class: 'row' }, [
          button(t('audit.refresh'), newest, { glyph: 'again', disabled: busy.value }),
          entries.value?.length > 0 && button(t('audit.all'), checkAll, { glyph: 'shield', disabled: busy.value }),
        ])]),
        h('p', { class: 'dim' }, t('audit.lead')),
        head.value && h('p', { class: 'dim' }, n('audit.head', head.value.body.sequence, { date: moment(head.value.body.time) })),
        entries.value?.length > 0 && table(entries.value, verdicts.value, (index) => attempt(() => check(index))),
        entries.value?.length === 0 && h('p', t('audit.none')),
        entries.value?.at(-1)?.body.sequence > 1 && h('div', button(t('audit.older'), older, { disabled: busy.value })),
      ]),
    ]);
  },
};

function usage(attempt, busy) {
  const it = session.usage;
  const bounded = typeof it?.quota === 'number';
  // Checkout leads back to where the buyer was; the provider's page is no part of this one.
  const back = location.origin + location.pathname + location.hash;
  const buy = () => attempt(async () => location.assign((await post('/v1/billing/checkout-session', { success_url: back, cancel_url: back })).checkout_url));
  const portal = () => attempt(async () => location.assign((await post('/v1/billing/portal-session', { return_url: back })).portal_url));
  return h('section', { class: 'card' }, [
    h('h2', t('usage.title')),
    it && h('p', { class: 'figure' }, bounded ? n('usage.of', it.quota, { used: number(it.files_used_mtd) }) : n('usage.unlimited', it.files_used_mtd)),
    it && bounded && h('progress', { value: it.files_used_mtd, max: it.quota || 1, 'aria-label': t('usage.title') }),
    it && h('p', { class: 'dim' }, t('usage.reset', { date: moment(it.reset_at) })),
    session.about.billing && h('div', { class: 'row' }, [
      button(t('usage.upgrade'), buy, { kind: 'main', disabled: busy }),
      button(t('usage.manage'), portal, { disabled: busy }),
    ]),
  ]);
}

function identity() {
  const { tier, project, key, project_name: projectName, key_name: keyName } = session.about;
  /** What people call it, and under that what the audit calls it. */
  const named = (name, id) => h('dd', [name && name !== id && h('div', name), h('div', { class: ['mono', name && name !== id && 'dim'] }, id)]);
  return h('section', { class: 'card' }, [
    h('h2', t('usage.plan')),
    h('p', { class: 'figure' }, t(`tier.${tier}`)),
    h('dl', [h('dt', t('usage.project')), named(projectName, project), h('dt', t('usage.key')), named(keyName, key)]),
  ]);
}

function table(entries, verdicts, check) {
  const heads = ['number', 'when', 'what', 'outcome', 'detail', 'check'];
  return h('div', { class: 'table', tabindex: 0, role: 'region', 'aria-label': t('audit.title') }, h('table', { class: 'cards' }, [
    h('thead', h('tr', heads.map((name) => h('th', { scope: 'col' }, t(`audit.${name}`))))),
    h('tbody', entries.map(({ body }, index) => {
      const { event } = body;
      return h('tr', { key: body.sequence }, [
        h('td', { class: 'short' }, number(body.sequence)),
        h('td', { class: 'short' }, moment(body.time)),
        h('td', `${t(`kind.${event.kind}`)}: ${known(`action.${event.action}`, event.action)}`),
        h('td', h('span', { class: ['chip', { done: 'good', partial: 'warn' }[event.outcome] ?? 'bad'] }, t(`outcome.${event.outcome}`))),
        h('td', [detail(event)]),
        h('td', { class: 'short' }, verdict(body.sequence, verdicts[body.sequence], () => check(index))),
      ]);
    })),
  ]));
}

function detail(event) {
  const [done, refused] = [event.instances_done ?? 0, event.instances_refused ?? 0];
  if (event.kind === 'request') return done + refused > 0 && `${n('count.done', done)}, ${n('count.refused', refused)}`;
  return [
    event.reason && h('div', known(`refused.${event.reason}`, event.reason)),
    (event.instance || event.subject) && h('div', { class: 'mono dim' }, event.instance ?? event.subject),
  ];
}

function verdict(sequence, found, check) {
  if (found === undefined) return button(t('audit.checkEntry', { n: number(sequence) }), check, { glyph: 'shield', bare: true });
  if (found === '') return h('span', { class: 'chip good', title: t('receipt.good.long') }, t('receipt.good'));
  return h('span', { class: ['chip', found === 'unsigned' ? 'warn' : 'bad'], title: t(`receipt.${found}`) }, found === 'unsigned' ? t('receipt.unsigned') : t('receipt.bad'));
}
