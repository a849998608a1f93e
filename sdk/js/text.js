// Text to UTF-8 and back, without the TextEncoder and TextDecoder that small engines lack.

/** Thrown for bytes that are not UTF-8. */
export class NotText extends Error {}

/** The bytes of a text; a lone surrogate becomes U+FFFD. */
export function encode(text) {
  // Most text is ASCII, where a character is a byte.
  const bytes = new Uint8Array(text.length * 3);
  let at = 0;
  for (let i = 0; i < text.length; i++) {
    let code = text.charCodeAt(i);
    if (code < 0x80) {
      bytes[at++] = code;
      continue;
    }
    if (code >= 0xd800 && code < 0xe000) {
      const low = code < 0xdc00 ? text.charCodeAt(i + 1) : NaN;
      if (low >= 0xdc00 && low < 0xe000) {
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        i++;
      } else {
        code = 0xfffd;
      }
    }
    if (code < 0x800) {
      bytes[at++] = 0xc0 | (code >> 6);
    } else if (code < 0x10000) {
      bytes[at++] = 0xe0 | (code >> 12);
      bytes[at++] = 0x80 | ((code >> 6) & 0x3f);
    } else {
      bytes[at++] = 0xf0 | (code >> 18);
      bytes[at++] = 0x80 | ((code >> 12) & 0x3f);
      bytes[at++] = 0x80 | ((code >> 6) & 0x3f);
    }
    bytes[at++] = 0x80 | (code & 0x3f);
  }
  return bytes.slice(0, at);
}

/** The text of bytes. Throws `NotText` where they are not UTF-8. */
export function decode(bytes) {
  let text = "";
  for (let from = 0; from < bytes.length; from += CHUNK) {
    const to = Math.min(from + CHUNK, bytes.length);
    let ascii = 0;
    for (let i = from; i < to; i++) ascii |= bytes[i];
    if (ascii >= 0x80) return text + decodeSlowly(bytes, from);
    text += String.fromCharCode.apply(null, bytes.subarray(from, to));
  }
  return text;
}

// As many as may be arguments of one call.
const CHUNK = 4096;

// The least code that a sequence of 1 to 4 bytes may stand for: a shorter way to write it is not UTF-8.
const LEAST = [0, 0, 0x80, 0x800, 0x10000];

function decodeSlowly(bytes, from) {
  const parts = [];
  let codes = [];
  for (let i = from; i < bytes.length; ) {
    const first = bytes[i];
    const length = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
    if (length === 0 || i + length > bytes.length) throw new NotText(`byte ${i} is not UTF-8`);
    let code = length === 1 ? first : first & (0x7f >> length);
    for (let more = 1; more < length; more++) {
      const next = bytes[i + more];
      if ((next & 0xc0) !== 0x80) throw new NotText(`byte ${i + more} is not UTF-8`);
      code = (code << 6) | (next & 0x3f);
    }
    if (code < LEAST[length] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) {
      throw new NotText(`byte ${i} is not UTF-8`);
    }
    codes.push(code);
    if (codes.length === CHUNK) {
      parts.push(String.fromCodePoint.apply(null, codes));
      codes = [];
    }
    i += length;
  }
  parts.push(String.fromCodePoint.apply(null, codes));
  return parts.join("");
}
