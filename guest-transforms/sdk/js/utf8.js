// Texts as UTF-8, end to end. QuickJS has no TextDecoder: what it has in machine code is used.

/** Characters that are made of one array at a time: more arguments than that are too many. */
const CHUNK = 8192;

const NOT_ASCII = /[^\x00-\x7f]/;

/** The texts `data[offsets[i] .. offsets[i + 1]]`. */
export function decodeTexts(data, offsets) {
  const latin = latinOf(data);
  const isAscii = !NOT_ASCII.test(latin);
  const texts = new Array(offsets.length - 1);
  for (let row = 0; row < texts.length; row++) {
    const text = latin.slice(offsets[row], offsets[row + 1]);
    texts[row] = isAscii || !NOT_ASCII.test(text) ? text : decodeURIComponent(escape(text));
  }
  return texts;
}

/** What is said to a person, with U+FFFD for half a surrogate pair: the host takes whole ones. */
export function wellFormed(text) {
  return String(text).toWellFormed();
}

/** A string with a character for each byte. */
function latinOf(data) {
  let latin = "";
  for (let from = 0; from < data.length; from += CHUNK) {
    latin += String.fromCharCode.apply(null, data.slice(from, from + CHUNK));
  }
  return latin;
}

/** The offsets and the data of texts. */
export function encodeTexts(texts) {
  const offsets = new Array(texts.length + 1);
  offsets[0] = 0;
  let whole = texts.join("");
  if (NOT_ASCII.test(whole)) {
    const encoded = texts.map((text) =>
      NOT_ASCII.test(text) ? unescape(encodeURIComponent(text)) : text,
    );
    texts = encoded;
    whole = encoded.join("");
  }
  for (let row = 0; row < texts.length; row++) offsets[row + 1] = offsets[row] + texts[row].length;
  const data = new Uint8Array(whole.length);
  for (let at = 0; at < data.length; at++) data[at] = whole.charCodeAt(at);
  return { offsets, data };
}
