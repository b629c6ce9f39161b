// What is taken home: one result, or an archive of all with a manifest, which tells of every file on the list what became of
// it. The manifest has the form of the gateway's own (dicomweb/manifest.rs), and one outcome more: `unsent`.

import { session } from './api.js';
import { items, saved } from './queue.js';
import { names, pack, harmless } from './zip.js';
import { save } from './parts.js';

const MANIFEST = 'manifest.json';

export function saveOne(item) {
  save(item.result, harmless(item.path).split('/').pop());
  saved([item]);
}

export async function saveAll() {
  const list = items.filter((item) => item.state !== 'checking');
  const done = list.filter((item) => item.state === 'done');
  const [, ...entries] = names([MANIFEST, ...done.map((item) => item.path)]);
  const entryOf = new Map(done.map((item, index) => [item, entries[index]]));
  const manifest = new Blob([`${JSON.stringify(manifestOf(list, entryOf), null, 2)}\n`]);
  const files = done.map((item, index) => ({ name: entries[index], blob: item.result, crc: item.crc }));
  save(await pack([...files, { name: MANIFEST, blob: manifest }]), 'pseudonymized.zip');
  saved(done);
}

function manifestOf(list, entryOf) {
  const refused = list.filter((item) => item.state === 'refused');
  const burnedIn = refused.filter((item) => item.why === 'pixels').length;
  return {
    made_by: `veilgate ${session.about?.version ?? ''}`.trim(),
    processed: entryOf.size,
    failed: refused.length - burnedIn,
    rejected_burned_in: burnedIn,
    files: list.map((item, index) => ({ index: index + 1, name: item.path, ...fateOf(item, entryOf) })),
  };
}

/** What is unknown is left out. */
function fateOf(item, entryOf) {
  const some = (value) => value || undefined;
  if (item.state === 'done') return { entry: entryOf.get(item), outcome: 'done', sop_instance_uid: some(item.instance) };
  const why = { code: some(item.why), tag: some(item.tag), keyword: some(item.keyword), reason: some(item.detail) };
  return { outcome: item.state === 'refused' ? 'refused' : 'unsent', ...why };
}
