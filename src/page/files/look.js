// What can be said about a picked file before it is sent: is it DICOM (PS3.10 7.1), and is it within the bounds.

/** Bytes from the start that are looked at. */
export const HEAD = 264;

const TWO_LETTERS = /^(AE|AS|AT|CS|DA|DS|DT|FD|FL|IS|LO|LT|OB|OD|OF|OL|OV|OW|PN|SH|SL|SQ|SS|ST|SV|TM|UC|UI|UL|UN|UR|US|UT|UV)$/;

/** Names that file systems and packers leave about, which nobody means to send. */
const LEFTOVERS = /(^|\/)(\.[^/]*|__MACOSX\/.*|Thumbs\.db|desktop\.ini)$/i;

export const isLeftover = (path) => LEFTOVERS.test(path);

/** '' if a file that begins so may be sent, else why not: empty, large or foreign. */
export function look(bytes, size, most) {
  if (size === 0) return 'empty';
  if (size > most) return 'large';
  return isDicom(bytes) ? '' : 'foreign';
}

export function isDicom(bytes) {
  const letters = (at, count) => String.fromCharCode(...bytes.subarray(at, at + count));
  if (letters(128, 4) === 'DICM' || letters(0, 4) === 'DICM') return true;
  return [0, 128].some((at) => beginsLikeDataSet(bytes, at, letters));
}

/** Without the prefix: a low group first, and a VR or a plausible length behind the tag. */
function beginsLikeDataSet(bytes, at, letters) {
  if (bytes.length < at + 8) return false;
  const view = new DataView(bytes.buffer, bytes.byteOffset + at);
  const little = view.getUint16(0, true);
  const big = view.getUint16(0, false);
  const low = (group) => group === 0x0002 || group === 0x0008;
  if (!low(little) && !low(big)) return false;
  return TWO_LETTERS.test(letters(at + 4, 2)) || (low(little) && view.getUint32(4, true) < 4096);
}
