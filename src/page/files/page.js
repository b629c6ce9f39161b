// The page as a whole: sign-in, the views and the way between them.

import { createApp, h, ref, onMounted, nextTick } from './vue.js';
import { session, signIn, signOut, keep } from './api.js';
import { languages } from './words.js';
import { locale, speak, t, icon, button, notice, fault } from './parts.js';
import { queue, clear } from './queue.js';
import { uploadView, mayGo } from './upload.js';
import { previewDialog } from './preview.js';
import { profileView, accountView } from './account.js';
import { adminView } from './admin.js';

const VIEWS = { files: uploadView, profile: profileView, account: accountView, admin: adminView };

const view = ref('files');
/** What stands behind the view's name in the address: `#admin/ID`. */
const place = ref('');
const shown = ref(null);

function follow() {
  const [name, ...rest] = location.hash.slice(1).split('/');
  view.value = name in VIEWS ? name : 'files';
  place.value = rest.join('/');
  document.title = `${t(`nav.${view.value}`)} · Veilgate`;
}

function header() {
  const link = (name) => h('a', { href: `#${name}`, 'aria-current': view.value === name ? 'page' : undefined }, t(`nav.${name}`));
  return h('header', { class: 'top' }, [
    h('a', { class: 'brand', href: '#files' }, [h('img', { src: 'page/veil.svg', alt: '', width: 32, height: 32 }), h('span', 'Veilgate')]),
    session.about && view.value !== 'admin' ? h('nav', { 'aria-label': t('nav.label') }, ['files', 'profile', 'account'].map(link)) : h('span', { class: 'grow' }),
    h('label', { class: 'language' }, [
      h('span', { class: 'reader' }, t('language')),
      h('select', { value: locale.name, onChange: (event) => (speak(event.target.value), follow()) },
        Object.entries(languages).map(([name, label]) => h('option', { value: name, lang: name }, label))),
    ]),
    session.about && view.value !== 'admin' && button(t('sign.out'), leave),
    session.adminKey && view.value === 'admin' && button(t('sign.out'), () => keep('adminKey', '')),
  ]);
}

function leave() {
  if (!mayGo()) return;
  clear();
  signOut();
}

const signForm = {
  props: ['title'],
  setup(props) {
    const key = ref('');
    const wrong = ref('');
    const busy = ref(false);
    const submit = async (event) => {
      event.preventDefault();
      busy.value = true;
      wrong.value = '';
      try {
        await signIn(key.value);
        queue.stopped = '';
      } catch (error) {
        wrong.value = fault(error);
      }
      busy.value = false;
    };
    return () => h('form', { class: 'card', onSubmit: submit }, [
      h('h2', t(props.title)),
      h('label', { for: 'key' }, t('sign.key')),
      h('input', { id: 'key', type: 'password', autocomplete: 'off', spellcheck: 'false', required: true, value: key.value, onInput: (event) => (key.value = event.target.value), 'aria-describedby': 'key-hint' }),
      h('p', { id: 'key-hint', class: 'dim' }, t('sign.hint')),
      wrong.value && notice('bad', wrong.value),
      h('div', h('button', { class: 'button main', type: 'submit', disabled: busy.value }, t('sign.in'))),
    ]);
  },
};

const welcome = () => h('div', { class: 'welcome' }, [
  h('div', [
    h('h1', t('welcome.title')),
    h('p', { class: 'lead' }, t('welcome.lead')),
    h('ul', { class: 'points' }, ['one', 'two', 'three'].map((name) => h('li', [icon('check', 'good'), h('span', t(`welcome.${name}`))]))),
  ]),
  h(signForm, { title: 'sign.title' }),
]);

/** Above the view, which keeps what it has: files and results are still there. */
const again = () => h('div', { class: 'again' }, [notice('bad', t('stopped.key')), h(signForm, { title: 'sign.again' })]);

const page = {
  setup() {
    const begun = ref(false);
    onMounted(async () => {
      window.addEventListener('hashchange', async () => {
        follow();
        await nextTick();
        document.querySelector('main')?.focus({ preventScroll: true });
        scrollTo(0, 0);
      });
      for (const kind of ['dragover', 'drop']) window.addEventListener(kind, (event) => event.preventDefault());
      speak(locale.name);
      follow();
      if (session.key) await signIn(session.key).catch((error) => error.status === 401 && signOut());
      begun.value = true;
    });
    const content = () => {
      if (!begun.value) return null;
      if (view.value === 'admin') return h(adminView, { place: place.value });
      if (!session.about) return welcome();
      return [session.expired && again(), h(VIEWS[view.value], { open: (item) => (shown.value = item) })];
    };
    return () => [
      h('a', { class: 'skip', href: '#main', onClick: (event) => (event.preventDefault(), document.querySelector('main').focus()) }, t('nav.skip')),
      header(),
      h('main', { id: 'main', tabindex: -1 }, content()),
      h('footer', [h('p', t('foot.words')), session.about && h('p', `Veilgate ${session.about.version}`)]),
      shown.value && h(previewDialog, { key: shown.value.id, item: shown.value, close: () => (shown.value = null) }),
    ];
  },
};

createApp(page).mount('#app');
