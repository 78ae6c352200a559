// Columns as they cross the sandbox, and as arrays of values.

import { ABSENT } from "./index.js";
import { Mistake } from "./mistake.js";
import { encodeInt64, fitsInt64, readInt64 } from "./int64.js";
import { decodeTexts, encodeTexts } from "./utf8.js";

/** The values of a column: null where one is null, ABSENT where the source did not say. */
export function read(field, column, rows) {
  const values = readValues(field, column, rows);
  mark(values, column.validity, null);
  mark(values, column.presence, ABSENT);
  return values;
}

/** Puts `mark` where `bits` has a 0. */
function mark(values, bits, mark) {
  if (bits == null) return;
  for (let row = 0; row < values.length; row++) {
    if (!((bits[row >> 3] >> (row & 7)) & 1)) values[row] = mark;
  }
}

function readValues(field, { validity, presence, values: { val } }, rows) {
  switch (field.layout) {
    case "bits":
      return Array.from({ length: rows }, (_, row) => ((val[row >> 3] >> (row & 7)) & 1) === 1);
    case "text":
      return decodeTexts(val.data, val.offsets);
    case "bytes":
      return Array.from({ length: rows }, (_, row) =>
        Uint8Array.from(val.data.slice(val.offsets[row], val.offsets[row + 1])),
      );
    case "int64": {
      const values = new Array(rows);
      for (let row = 0; row < rows; row++) {
        if (has(validity, presence, row)) values[row] = readInt64(field, val[row], row);
      }
      return values;
    }
    default:
      return Array.from(val);
  }
}

function has(validity, presence, row) {
  const is = (bits) => bits == null || ((bits[row >> 3] >> (row & 7)) & 1) === 1;
  return is(validity) && is(presence);
}

/** The column of answers. A value that is none of the field's is named with the input row that it
 * belongs to. */
export function write(field, values, sourceRows) {
  const rows = values.length;
  let validity = null;
  let presence = null;
  const blank = BLANKS[field.layout];
  const fits = FITS[field.layout];
  for (let row = 0; row < rows; row++) {
    const value = values[row];
    if (fits(value, field)) continue;
    if (value === null && field.nullable) {
      validity ??= ones(rows);
      validity[row >> 3] &= ~(1 << (row & 7));
    } else if (value === ABSENT && field.tellsAbsent) {
      presence ??= ones(rows);
      presence[row >> 3] &= ~(1 << (row & 7));
    } else {
      throw new Mistake(`row ${sourceRows[row]}: ${wrong(field, value)}`);
    }
    values[row] = blank;
  }
  return { validity, presence, values: { tag: field.layout, val: wire(field, values) } };
}

const BLANKS = { bits: false, int64: 0, float64: 0, text: "", bytes: new Uint8Array() };

const FITS = {
  bits: (value) => typeof value === "boolean",
  int64: fitsInt64,
  float64: (value) => typeof value === "number",
  text: (value) => typeof value === "string" && isText(value),
  bytes: (value) => value instanceof Uint8Array,
};

/** Whether a string has no half of a surrogate pair. */
function isText(value) {
  return value.isWellFormed === undefined || value.isWellFormed();
}

function ones(rows) {
  const bits = new Uint8Array((rows + 7) >> 3).fill(255);
  if (rows & 7) bits[bits.length - 1] = (1 << (rows & 7)) - 1;
  return bits;
}

function wire(field, values) {
  switch (field.layout) {
    case "bits": {
      const bits = new Uint8Array((values.length + 7) >> 3);
      values.forEach((value, row) => {
        if (value) bits[row >> 3] |= 1 << (row & 7);
      });
      return bits;
    }
    case "text":
      return encodeTexts(values);
    case "bytes": {
      const offsets = new Array(values.length + 1);
      offsets[0] = 0;
      values.forEach((value, row) => (offsets[row + 1] = offsets[row] + value.length));
      const data = new Uint8Array(offsets[values.length]);
      values.forEach((value, row) => data.set(value, offsets[row]));
      return { offsets, data };
    }
    case "int64":
      return values.map(encodeInt64);
    default:
      return values;
  }
}

function wrong(field, value) {
  const { name, logicalType } = field;
  if (value === undefined) {
    return `the answer has no \`${name}\`: a row says all its values, null where there is none`;
  }
  if (value === null) {
    const spelt = `"${logicalType} | null"`;
    return `\`${name}\` is null, and the rule promises a value: declare it as ${spelt}`;
  }
  if (value === ABSENT) {
    return (
      `\`${name}\` is ABSENT, and the rule does not say that it may be: declare it as ` +
      `"${logicalType} | null | absent"`
    );
  }
  if (field.layout === "int64" && typeof value === "number") {
    const why = Number.isInteger(value)
      ? "is beyond 2^53 - 1, which no number of JavaScript holds exactly: compute with bigint"
      : `is ${value}, which is no whole number: Math.round, Math.floor and Math.trunc make one`;
    return `\`${name}\` ${why}`;
  }
  if (typeof value === "string" && field.layout === "text") {
    const why = "has half of a surrogate pair, which is no text";
    return `\`${name}\` ${why}: [...text] has whole letters`;
  }
  if (typeof value === "bigint") {
    const why =
      field.layout === "int64"
        ? "it has no room in 64 bits"
        : "Number(..) makes a number, and String(..) a text";
    return `\`${name}\` is ${value}n, a bigint: ${why}`;
  }
  const kind = typeof value === "object" ? "an object" : `a ${typeof value}`;
  return `\`${name}\` is ${short(value)}, ${kind}, and the rule declares ${logicalType}`;
}

function short(value) {
  const text = JSON.stringify(value) ?? String(value);
  return text.length <= 60 ? text : `${text.slice(0, 60)}..`;
}
