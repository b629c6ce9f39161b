// How a project is given another profile: one of the server's, or one of its own as TOML. What the profiles do is told by
// the view of a project's key; what a text may say, by the server.

import { h, ref } from './vue.js';
import { t } from './parts.js';

const PRESETS = ['basic', 'research', 'blank'];

/** What the choice is called: empty for what the server's settings say, `own` for a text. */
const kindOf = (profile) => (profile === null ? '' : PRESETS.includes(profile) ? profile : 'own');

const nameOf = (kind) => (kind === '' ? t('admin.server') : kind === 'own' ? t('admin.profileOwn') : kind);

/** The profile of a project in a word. */
export const profileName = (profile) => nameOf(kindOf(profile));

/** A form that opens, in which another profile is chosen. `change` sends it, and answers nothing where that failed. */
export const profileChoice = {
  props: ['project', 'change'],
  setup(props) {
    const kind = ref(kindOf(props.project.profile));
    const text = ref(kind.value === 'own' ? props.project.profile : '');
    const open = ref(false);
    const send = async (event) => {
      event.preventDefault();
      if (!window.confirm(t('admin.profileReally', { name: props.project.name }))) return;
      const profile = kind.value === '' ? null : kind.value === 'own' ? text.value : kind.value;
      if (await props.change('PATCH', `/projects/${props.project.id}`, { profile })) open.value = false;
    };
    return () => {
      const id = `profile-${props.project.id}`;
      return h('details', { open: open.value, onToggle: (event) => (open.value = event.target.open) }, [
        h('summary', t('admin.profileChange')),
        h('form', { class: 'stack', onSubmit: send }, [
          h('label', [t('admin.profile'), ' ', h('select', { id, value: kind.value, onChange: (event) => (kind.value = event.target.value) },
            ['', ...PRESETS, 'own'].map((one) => h('option', { value: one }, nameOf(one))))]),
          kind.value === 'own' && h('label', { class: 'stack' }, [t('admin.profileText'), h('textarea', {
            class: 'mono', rows: 12, required: true, spellcheck: 'false', value: text.value, onInput: (event) => (text.value = event.target.value),
          })]),
          h('div', h('button', { class: 'button main', type: 'submit' }, t('admin.save'))),
        ]),
      ]);
    };
  },
};
