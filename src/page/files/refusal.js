// A refusal in words: why, at which attribute, who can do something about it, and what the server said word for word.

import { h } from './vue.js';
import { t, has, known } from './parts.js';

/** Refusals that a project's profile can let pass. */
const BY_PROFILE = ['pixels', 'private-sop-class'];

/** Refusals whose sentence says itself what to do. */
const SAID = ['dicomdir', 'key-destroyed', 'patient-erased', 'study-erased'];

/** Who can do something: `operator`, `source`, or nobody else. */
export const who = (code) => (BY_PROFILE.includes(code) ? 'operator' : !has(`refused.${code}`) || SAID.includes(code) ? '' : 'source');

/** Why, in one sentence or two. */
export function why({ code, tag, keyword, reason }) {
  const words = known(`refused.${code}`, reason);
  return tag ? `${words} ${t('refused.at', { tag: keyword ? `${keyword} ${tag}` : tag })}` : words;
}

/** The rest of it: who can change that, and the server's own words. */
export const more = ({ code, reason }) => [
  who(code) && h('p', t(`next.${who(code)}`)),
  reason && has(`refused.${code}`) && h('details', [h('summary', t('refused.details')), h('p', { class: 'mono', lang: 'en' }, reason)]),
];
