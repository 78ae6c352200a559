// 64-bit integers, exact. QuickJS gets each as its lower and its upper 32 bits: see `build.mjs`.

import { Mistake } from "./mistake.js";

const HALF = 2 ** 32;
const MAX = 2n ** 63n - 1n;
const MIN = -(2n ** 63n);

/** The value of a pair, as `field` has it: a bigint, or a number that is exact. */
export function readInt64(field, [low, high], row) {
  const number = high * HALF + (low >>> 0);
  const isExact = Number.isSafeInteger(number);
  if (isExact) return field.isBigint ? BigInt(number) : number;
  const exact = (BigInt(high) << 32n) + BigInt(low >>> 0);
  if (field.isBigint) return exact;
  if (field.isInstant && exact === MAX) return Infinity;
  if (field.isInstant && exact === MIN) return -Infinity;
  throw new Mistake(
    `row ${row}: \`${field.name}\` is ${exact}, which no number of JavaScript holds exactly: ` +
      'declare it as "int64", which is a bigint',
  );
}

/** Whether an answer is a whole number of 64 bits. */
export function fitsInt64(value, field) {
  if (typeof value === "bigint") return value <= MAX && value >= MIN;
  const isInfinite = value === Infinity || value === -Infinity;
  return Number.isSafeInteger(value) || (isInfinite && field.isInstant);
}

/** The pair of a value. */
export function encodeInt64(value) {
  if (Number.isSafeInteger(value)) {
    const high = Math.floor(value / HALF);
    return [(value - high * HALF) | 0, high];
  }
  const exact = value === Infinity ? MAX : value === -Infinity ? MIN : value;
  return [Number(BigInt.asIntN(32, exact)), Number(exact >> 32n)];
}
