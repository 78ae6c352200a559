// QuickJS makes a number of a 64-bit integer, which loses digits beyond 2^53. So it is compiled for
// an interface in which each is a pair of its halves: in memory the two are the same, and in the
// component only the name of the type differs, which is put right here.

/** What stands for `s64` in the interface that QuickJS is compiled for. */
export const PAIR = "tuple<s32, s32>";

/** How the component model spells the two types (Binary.md, `defvaltype`). */
const PAIR_TYPE = Buffer.from([0x6f, 0x02, 0x7a, 0x7a]);
const INT64_TYPE = Buffer.from([0x78]);

/** Kinds of sections that have types in them, and components. */
const COMPONENT = 4;
const TYPE = 7;

/** A component's magic number and version. */
const HEADER_SIZE = 8;

/** The component with `s64` where it has the pair. */
export function asInt64(component) {
  const parts = [component.subarray(0, HEADER_SIZE)];
  for (let at = HEADER_SIZE; at < component.length; ) {
    const [size, begin] = readSize(component, at + 1);
    let content = component.subarray(begin, begin + size);
    if (component[at] === COMPONENT) content = asInt64(content);
    if (component[at] === TYPE) content = renamed(content);
    parts.push(component.subarray(at, at + 1), spelt(content.length), content);
    at = begin + size;
  }
  return Buffer.concat(parts);
}

function renamed(types) {
  const parts = [];
  let at = 0;
  for (let found; (found = types.indexOf(PAIR_TYPE, at)) >= 0; at = found + PAIR_TYPE.length) {
    parts.push(types.subarray(at, found), INT64_TYPE);
  }
  return Buffer.concat([...parts, types.subarray(at)]);
}

/** A size in LEB128, and where it ends. */
function readSize(bytes, at) {
  let size = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[at++];
    size += (byte & 127) * 2 ** shift;
    if (byte < 128) return [size, at];
  }
}

function spelt(size) {
  const bytes = [];
  for (; size > 127; size = Math.floor(size / 128)) bytes.push((size & 127) | 128);
  return Buffer.from([...bytes, size]);
}
