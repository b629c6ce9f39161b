// ZIP archives in the browser: reading what was picked, and writing what came back (APPNOTE 4.3). Files of an archive
// are unpacked one at a time, when they are sent; what is written refers to the results and copies none of them.

const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;
const END64 = 0x06064b50;
const LOCATOR64 = 0x07064b50;
const MAX32 = 0xffffffff;
const MAX16 = 0xffff;

/** Bytes of an archive that are read to see how a file in it begins. */
const FRONT = 64 << 10;

export const isZip = (bytes) => bytes.length >= 4 && new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true) === LOCAL;

const view = async (blob, from, to) => new DataView(await blob.slice(from, to).arrayBuffer());

/** A 64-bit number; a page handles no file beyond what a double counts. */
const u64 = (data, at) => data.getUint32(at, true) + data.getUint32(at + 4, true) * 2 ** 32;

/** The files in an archive: name, size, `open`, which unpacks, and `head`, which tells how it begins. Throws if it
 *  cannot be read. */
export async function files(blob) {
  const { count, start, length } = await directory(blob);
  const data = await view(blob, start, start + length);
  const found = [];
  for (let at = 0, index = 0; index < count; index++) {
    if (at + 46 > data.byteLength || data.getUint32(at, true) !== CENTRAL) throw new Error('zip');
    const lengths = [28, 30, 32].map((offset) => data.getUint16(at + offset, true));
    const entry = read(data, at, lengths);
    if (!/[/\\]$/.test(entry.name)) found.push({ ...entry, open: () => open(blob, entry), head: () => head(blob, entry) });
    at += 46 + lengths[0] + lengths[1] + lengths[2];
  }
  return found;
}

async function directory(blob) {
  const from = Math.max(0, blob.size - 22 - MAX16);
  const tail = await view(blob, from, blob.size);
  let at = tail.byteLength - 22;
  while (at >= 0 && tail.getUint32(at, true) !== END) at--;
  if (at < 0) throw new Error('zip');
  const told = { count: tail.getUint16(at + 10, true), length: tail.getUint32(at + 12, true), start: tail.getUint32(at + 16, true) };
  const locator = at - 20;
  if (locator < 0 || tail.getUint32(locator, true) !== LOCATOR64) return told;
  const end = u64(tail, locator + 8);
  const wide = await view(blob, end, end + 56);
  if (wide.byteLength < 56 || wide.getUint32(0, true) !== END64) throw new Error('zip');
  return { count: u64(wide, 32), length: u64(wide, 40), start: u64(wide, 48) };
}

function read(data, at, [nameLength, extraLength]) {
  const raw = new Uint8Array(data.buffer, at + 46, nameLength);
  const entry = {
    encrypted: (data.getUint16(at + 8, true) & 1) !== 0,
    method: data.getUint16(at + 10, true),
    packed: data.getUint32(at + 20, true),
    size: data.getUint32(at + 24, true),
    offset: data.getUint32(at + 42, true),
    name: new TextDecoder().decode(raw),
  };
  let extra = at + 46 + nameLength;
  const end = extra + extraLength;
  while (extra + 4 <= end) {
    const [id, length] = [data.getUint16(extra, true), data.getUint16(extra + 2, true)];
    if (id === 1) {
      let field = extra + 4;
      for (const name of ['size', 'packed', 'offset']) {
        if (entry[name] === MAX32 && field + 8 <= end) {
          entry[name] = u64(data, field);
          field += 8;
        }
      }
    }
    extra += 4 + length;
  }
  return entry;
}

/** The data of a file as it stands in the archive. */
async function packed(blob, entry) {
  if (entry.encrypted || ![0, 8].includes(entry.method)) throw new Error('zip');
  const local = await view(blob, entry.offset, entry.offset + 30);
  if (local.byteLength < 30 || local.getUint32(0, true) !== LOCAL) throw new Error('zip');
  const from = entry.offset + 30 + local.getUint16(26, true) + local.getUint16(28, true);
  return blob.slice(from, from + entry.packed);
}

async function open(blob, entry) {
  const data = await packed(blob, entry);
  if (entry.method === 0) return data;
  const unpacked = data.stream().pipeThrough(new DecompressionStream('deflate-raw')).pipeThrough(bounded(entry.size));
  return new Response(unpacked).blob();
}

/** The first bytes of a file, without unpacking the rest. */
async function head(blob, entry) {
  const data = (await packed(blob, entry)).slice(0, FRONT);
  if (entry.method === 0) return new Uint8Array(await data.arrayBuffer());
  const reader = data.stream().pipeThrough(new DecompressionStream('deflate-raw')).getReader();
  const { value } = await reader.read();
  reader.cancel().catch(() => {});
  return value ?? new Uint8Array();
}

/** Lets no more pass than the directory promised. */
function bounded(most) {
  let left = most;
  return new TransformStream({
    transform(chunk, out) {
      left -= chunk.byteLength;
      if (left < 0) throw new Error('zip');
      out.enqueue(chunk);
    },
  });
}

/** A path that leads nowhere but below the folder it is unpacked into. */
export function harmless(path) {
  const names = path.split(/[/\\]/).filter((name) => name !== '' && name !== '.' && name !== '..');
  return names.map((name) => name.replace(/[\u0000-\u001f:*?"<>|]/g, '_')).join('/') || 'file';
}

const TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

/** CRC-32 of a blob, a piece at a time. */
export async function crc32(blob) {
  let crc = MAX32;
  for (let at = 0; at < blob.size; at += 4 << 20) {
    const bytes = new Uint8Array(await blob.slice(at, at + (4 << 20)).arrayBuffer());
    for (let index = 0; index < bytes.length; index++) crc = TABLE[(crc ^ bytes[index]) & 0xff] ^ (crc >>> 8);
  }
  return (crc ^ MAX32) >>> 0;
}

/** The path, or the first of `name (2)`, `name (3)` … that no other file has, whatever the case. */
function free(path, taken) {
  const dot = path.lastIndexOf('.');
  const [stem, end] = dot > path.lastIndexOf('/') + 1 ? [path.slice(0, dot), path.slice(dot)] : [path, ''];
  let found = path;
  for (let number = 2; taken.has(found.toLowerCase()); number++) found = `${stem} (${number})${end}`;
  taken.add(found.toLowerCase());
  return found;
}

/** The names of files in one archive, in order: each path made harmless, and none twice. */
export function names(paths) {
  const taken = new Set();
  return paths.map((path) => free(harmless(path), taken));
}

/** An archive of `{ name, blob, crc }`, not compressed; ZIP64 where it is needed. */
export async function pack(entries) {
  const parts = [];
  const central = [];
  let offset = 0;
  for (const { name: text, blob, crc } of entries) {
    const name = new TextEncoder().encode(text);
    const sum = crc ?? (await crc32(blob));
    const local = header(LOCAL, name, sum, blob.size, null);
    parts.push(local, blob);
    central.push(header(CENTRAL, name, sum, blob.size, offset));
    offset += local.byteLength + blob.size;
  }
  const length = central.reduce((sum, part) => sum + part.byteLength, 0);
  return new Blob([...parts, ...central, end(central.length, length, offset)], { type: 'application/zip' });
}

/** A local header, or with an offset an entry of the directory. Time: none, it would say when the file was made. */
function header(signature, name, crc, size, offset) {
  const inDirectory = offset !== null;
  const wide = [];
  if (size >= MAX32) wide.push(size, size);
  if (inDirectory && offset >= MAX32) wide.push(offset);
  const extra = wide.length ? 4 + wide.length * 8 : 0;
  const fixed = inDirectory ? 46 : 30;
  const data = new DataView(new ArrayBuffer(fixed + name.length + extra));
  let at = 0;
  const put16 = (value) => (data.setUint16(at, value, true), (at += 2));
  const put32 = (value) => (data.setUint32(at, Math.min(value, MAX32), true), (at += 4));
  put32(signature);
  if (inDirectory) put16(45);
  put16(wide.length ? 45 : 20);
  put16(1 << 11);
  put16(0);
  put32(0x00210000);
  put32(crc);
  put32(size);
  put32(size);
  put16(name.length);
  put16(extra);
  if (inDirectory) {
    put16(0);
    put16(0);
    put16(0);
    put32(0);
    put32(offset);
  }
  new Uint8Array(data.buffer).set(name, fixed);
  at = fixed + name.length;
  if (extra) {
    put16(1);
    put16(extra - 4);
    for (const value of wide) put64(data, (at += 8) - 8, value);
  }
  return data.buffer;
}

function put64(data, at, value) {
  data.setUint32(at, value % 2 ** 32, true);
  data.setUint32(at + 4, Math.floor(value / 2 ** 32), true);
}

function end(count, length, offset) {
  const wide = count >= MAX16 || length >= MAX32 || offset >= MAX32;
  const data = new DataView(new ArrayBuffer(wide ? 98 : 22));
  let at = 0;
  if (wide) {
    data.setUint32(0, END64, true);
    put64(data, 4, 44);
    data.setUint16(12, 45, true);
    data.setUint16(14, 45, true);
    for (const [place, value] of [[24, count], [32, count], [40, length], [48, offset]]) put64(data, place, value);
    data.setUint32(56, LOCATOR64, true);
    put64(data, 64, offset + length);
    data.setUint32(72, 1, true);
    at = 76;
  }
  data.setUint32(at, END, true);
  data.setUint16(at + 8, Math.min(count, MAX16), true);
  data.setUint16(at + 10, Math.min(count, MAX16), true);
  data.setUint32(at + 12, Math.min(length, MAX32), true);
  data.setUint32(at + 16, Math.min(offset, MAX32), true);
  return data.buffer;
}
