// For whoever runs the gateway: customers, their projects and keys, usage, and where each audit chain ends. Behind the
// admin key, which is not an API key and opens no project's data.

import { h, ref, watch, onMounted } from './vue.js';
import { session, keep, admin } from './api.js';
import { t, n, known, number, moment, button, notice, fault } from './parts.js';
import { profileChoice, profileName } from './project.js';

const TIERS = ['free', 'pro', 'enterprise'];

export const adminView = {
  props: ['place'],
  setup(props) {
    const customers = ref(null);
    /** The chosen customer with all that hangs on it. */
    const chosen = ref(null);
    const made = ref(null);
    const wrong = ref('');
    const busy = ref(false);
    /** Changes when somebody signs out: what was asked before is not shown after. */
    let era = 0;

    const forget = () => {
      era++;
      customers.value = chosen.value = made.value = null;
      busy.value = false;
    };
    /** Does the work, and takes its answer unless somebody signed out meanwhile. */
    const attempt = async (work, take = () => {}) => {
      const begun = era;
      wrong.value = '';
      try {
        const answer = await work();
        if (begun === era) take(answer);
        return begun === era ? answer : undefined;
      } catch (error) {
        if (begun !== era) return undefined;
        if (error.status === 401) keep('adminKey', '');
        if (error.status === 401) forget();
        wrong.value = error.status === 404 && !customers.value ? t('admin.off') : fault(error);
      }
    };
    const load = (key = session.adminKey) => attempt(async () => {
      const all = (await admin('GET', '/customers', undefined, key)).customers;
      const usages = await Promise.all(all.map((one) => admin('GET', `/customers/${one.id}/usage`, undefined, key)));
      return all.map((one, index) => ({ ...one, usage: usages[index] }));
    }, (all) => {
      if (key !== session.adminKey) keep('adminKey', key);
      customers.value = all;
    });
    const choose = (customer) => attempt(async () => {
      const { projects } = await admin('GET', `/customers/${customer.id}/projects`);
      const more = await Promise.all(projects.map(async ({ id }) => ({
        keys: (await admin('GET', `/projects/${id}/keys`)).keys,
        head: (await admin('GET', `/projects/${id}/chain`)).head,
      })));
      return { customer, projects: projects.map((project, index) => ({ ...project, ...more[index] })) };
    }, (all) => props.place === customer.id && (chosen.value = all));
    /** Shows whom the address names. */
    const follow = async () => {
      const named = customers.value?.find((one) => one.id === props.place);
      if (chosen.value?.customer.id !== named?.id) chosen.value = made.value = null;
      if (named) await choose(named);
    };
    const refresh = async (key) => {
      if (await load(key)) await follow();
    };
    const enter = async (key) => {
      busy.value = true;
      await refresh(key);
      busy.value = false;
    };
    const change = (method, path, body) => attempt(async () => {
      const answer = await admin(method, path, body);
      await refresh();
      return answer;
    });
    const addKey = async (project, body) => {
      const answer = await change('POST', `/projects/${project.id}/keys`, body);
      if (answer) made.value = { project: project.id, key: answer.key, copied: false };
      return answer;
    };
    const revoke = (key) => window.confirm(t('admin.really', { name: key.name })) && ((made.value = null), change('DELETE', `/keys/${key.id}`));
    /** Asks first: whoever goes through the list with the arrow keys would change it at every step. */
    const tier = (customer, now, choice) => {
      const asked = { name: customer.name, tier: t(`tier.${choice.value}`) };
      if (window.confirm(t('admin.tierReally', asked))) return change('PATCH', `/customers/${customer.id}`, { tier: choice.value });
      choice.value = now;
    };
    const copied = () => (made.value = { ...made.value, copied: true });

    watch(() => session.adminKey, (key) => key || forget());
    watch(() => props.place, follow);
    onMounted(() => session.adminKey && refresh());

    return () => h('div', { class: 'stack' }, [
      h('h1', t('admin.title')),
      wrong.value && notice('bad', wrong.value),
      !session.adminKey ? signIn(enter, busy.value)
        : chosen.value ? one(chosen.value, made.value, { change, addKey, revoke, tier, copied })
        : customers.value && !customers.value.some((it) => it.id === props.place) && all(customers.value, change),
    ]);
  },
};

function signIn(enter, busy) {
  const submit = (event) => {
    event.preventDefault();
    enter(new FormData(event.target).get('key').trim());
  };
  return h('form', { class: 'card narrow', 'aria-busy': String(busy), onSubmit: submit }, [
    h('label', { for: 'admin-key' }, t('admin.key')),
    h('input', { id: 'admin-key', name: 'key', type: 'password', autocomplete: 'off', required: true, readonly: busy, 'aria-describedby': 'admin-hint' }),
    h('p', { id: 'admin-hint', class: 'dim' }, t('sign.hint')),
    h('div', h('button', { class: 'button main', type: 'submit', disabled: busy }, t('sign.in'))),
  ]);
}

const scrolling = (label, heads, rows) => h('div', { class: 'table', tabindex: 0, role: 'region', 'aria-label': label }, h('table', { class: 'cards' }, [
  h('thead', h('tr', heads.map((name) => h('th', { scope: 'col' }, name)))),
  h('tbody', rows),
]));

const quota = (value) => (typeof value === 'number' ? number(value) : '∞');

function all(customers, change) {
  const rows = customers.map((it) => h('tr', { key: it.id }, [
    h('th', { scope: 'row' }, h('a', { href: `#admin/${it.id}` }, it.name)),
    h('td', { 'data-label': t('admin.tier') }, t(`tier.${it.tier}`)),
    h('td', { 'data-label': t('admin.used') }, number(it.usage.used)),
    h('td', { 'data-label': t('admin.quota') }, quota(it.usage.quota)),
    h('td', { class: 'short', 'data-label': t('admin.made') }, moment(it.created)),
  ]));
  return [
    h('section', { class: 'card' }, [
      h('h2', t('admin.customers')),
      h('p', { class: 'dim' }, t('admin.choose')),
      scrolling(t('admin.customers'), ['name', 'tier', 'used', 'quota', 'made'].map((name) => t(`admin.${name}`)), rows),
    ]),
    h('section', { class: 'card' }, [h('h2', t('admin.addCustomer')), line('customer', (fields) => change('POST', '/customers', fields), [
      h('label', [t('admin.tier'), h('select', { name: 'tier' }, TIERS.map((tier) => h('option', { value: tier }, t(`tier.${tier}`))))]),
    ])]),
  ];
}

/** A form of one line: a name, and what else is needed. */
function line(id, submit, more = []) {
  const send = async (event) => {
    event.preventDefault();
    const form = event.target;
    const fields = Object.fromEntries([...new FormData(form)].filter(([, value]) => value !== ''));
    // Through that day, as whoever chose it counts days.
    if (fields.expires) fields.expires = new Date(`${fields.expires}T23:59:59`).toISOString();
    if (await submit(fields)) form.reset();
  };
  return h('form', { class: 'line', key: id, onSubmit: send }, [
    h('label', [t('admin.name'), h('input', { name: 'name', required: true, autocomplete: 'off', id: `new-${id}` })]),
    ...more,
    h('button', { class: 'button main', type: 'submit' }, t('admin.add')),
  ]);
}

function one({ customer, projects }, made, acts) {
  const { usage } = customer;
  const tier = customer.given_tier ?? customer.tier;
  return [
    h('div', h('a', { class: 'button', href: '#admin' }, t('admin.back'))),
    h('section', { class: 'card' }, [
      h('h2', `${t('admin.customer')}: ${customer.name}`),
      h('dl', [
        h('dt', t('admin.tier')), h('dd', h('select', { value: tier, 'aria-label': t('admin.tier'), onChange: (event) => acts.tier(customer, tier, event.target) },
          TIERS.map((one) => h('option', { value: one }, t(`tier.${one}`))))),
        h('dt', t('usage.title')), h('dd', `${number(usage.used)} / ${quota(usage.quota)}`),
      ]),
      typeof usage.quota === 'number' && h('progress', { value: usage.used, max: usage.quota || 1, 'aria-label': t('usage.title') }),
    ]),
    ...projects.map((project) => section(project, made, acts)),
    h('section', { class: 'card' }, [h('h2', t('admin.addProject')), line('project', (fields) => acts.change('POST', `/customers/${customer.id}/projects`, fields))]),
  ];
}

function section(project, made, acts) {
  const { head } = project;
  const state = (key) => (key.revoked ? 'revoked' : key.expires && new Date(key.expires) < new Date() ? 'expired' : 'active');
  const rows = project.keys.map((key) => h('tr', { key: key.id }, [
    h('th', { scope: 'row' }, [h('div', key.name), h('div', { class: 'mono dim' }, `${key.prefix}…`)]),
    h('td', { 'data-label': t('admin.made') }, moment(key.created)),
    h('td', { 'data-label': t('admin.expires') }, key.expires ? moment(key.expires) : t('admin.never')),
    h('td', { 'data-label': t('admin.lastUsed') }, key.used ? moment(key.used) : t('admin.unused')),
    h('td', { 'data-label': t('admin.rights') }, key.rights.length ? key.rights.map((right) => known(`right.${right}`, right)).join(', ') : '—'),
    h('td', h('span', { class: ['chip', state(key) === 'active' ? 'good' : 'bad'] }, t(`admin.${state(key)}`))),
    h('td', { class: 'short' }, [state(key) === 'active' && button(t('admin.revoke'), () => acts.revoke(key), { kind: 'danger', 'aria-label': `${t('admin.revoke')}: ${key.name}` })]),
  ]));
  return h('section', { class: 'card', key: project.id }, [
    h('h2', `${t('admin.project')}: ${project.name}`),
    h('dl', [
      h('dt', t('admin.profile')), h('dd', [profileName(project.profile), h(profileChoice, { project, change: acts.change })]),
      h('dt', t('admin.chain')), h('dd', [`${n('admin.entries', head.body.sequence)}, ${t('admin.signed', { date: moment(head.body.time) })}`, h('div', { class: 'mono dim' }, head.body.hash)]),
    ]),
    h('h3', t('admin.keys')),
    project.keys.length > 0 && scrolling(`${t('admin.keys')}: ${project.name}`, ['name', 'made', 'expires', 'lastUsed', 'rights', 'state', 'revoke'].map((name) => t(`admin.${name}`)), rows),
    made?.project === project.id && h('div', { role: 'status' }, [
      h('p', t('admin.newKey')),
      h('code', { class: 'secret' }, made.key),
      button(t(made.copied ? 'admin.copied' : 'admin.copy'), () => navigator.clipboard?.writeText(made.key).then(acts.copied)),
    ]),
    h('h3', t('admin.addKey')),
    line(`key-${project.id}`, ({ right, ...fields }) => acts.addKey(project, { ...fields, rights: right ? [right] : [] }), [
      h('label', [t('admin.until'), h('input', { name: 'expires', type: 'date', min: new Date(Date.now() + 86_400_000).toISOString().slice(0, 10) })]),
      h('label', { class: 'tick' }, [h('input', { name: 'right', type: 'checkbox', value: 'reidentify' }), t('right.reidentify')]),
    ]),
  ]);
}
