// Checks entries of the audit chain in the browser, by the rules of the gateway's own verifier: an entry hashes to what
// the chain says (SHA-256 over a line that names its kind, and its JSON), names the hash of the entry before it, and the
// end of the chain is signed (Ed25519) under the server's public key.

import { text } from './api.js';

const ENTRY = 'veilgate audit entry 1\n';
const CHECKPOINT = 'veilgate audit checkpoint 1\n';

const hex = (buffer) => Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, '0')).join('');
const unhex = (digits) => Uint8Array.from(digits.match(/../g) ?? [], (pair) => parseInt(pair, 16));
const encode = (domain, body) => new TextEncoder().encode(domain + JSON.stringify(body));
const sha256 = async (bytes) => hex(await crypto.subtle.digest('SHA-256', bytes));

/** The server writes members in canonical order, and JSON.parse keeps it; RFC 8785 is JSON.stringify's own form. */
export const hashOf = (body) => sha256(encode(ENTRY, body));

let key = null;

/** The server's public key and its name; `key: null` where the browser knows no Ed25519. */
async function publicKey() {
  if (key) return key;
  const pem = await text('/.well-known/veilgate-audit-key');
  const der = Uint8Array.from(atob(pem.replace(/-----[^-]+-----|\s/g, '')), (letter) => letter.charCodeAt(0));
  const imported = await crypto.subtle.importKey('spki', der, { name: 'Ed25519' }, false, ['verify']).catch(() => null);
  key = { id: await sha256(der), key: imported };
  return key;
}

/** '' if the signed head holds, 'unsigned' if that cannot be said here, else 'signature'. */
export async function checkHead(head) {
  const { id, key: imported } = await publicKey();
  if (head.body.key_id !== id) return 'signature';
  if (!imported) return 'unsigned';
  const holds = await crypto.subtle.verify({ name: 'Ed25519' }, imported, unhex(head.signature), encode(CHECKPOINT, head.body));
  return holds ? '' : 'signature';
}

/** '' if an entry holds, else what does not: 'hash', 'link', 'signature' or 'unsigned'. */
export async function checkEntry(entry, before, head) {
  if ((await hashOf(entry.body)) !== entry.hash) return 'hash';
  if (before && entry.body.previous !== before.hash) return 'link';
  if (entry.body.sequence === head.body.sequence && entry.hash !== head.body.hash) return 'link';
  return checkHead(head);
}
