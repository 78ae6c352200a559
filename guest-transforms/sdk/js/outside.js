// What a rule does not have: clock, random numbers, timers, network. Each of them throws a sentence
// that says what to do. The console goes to the log. Imported before the rule.

import { write } from "gristmill:transform/log@0.1.0";

import { wellFormed } from "./utf8.js";

const CLOCK =
  "a rule has no clock, so that the same row gives the same answer tomorrow: take the time from " +
  "a column of the row, or from the config";
const RANDOM =
  "a rule has no random numbers, so that the same row gives the same answer again: take them " +
  "from a hash of the row";
const WAIT = "a rule answers at once, and has no timers: compute the answer in `row`";
const NETWORK =
  "a rule has no network and no files: put the data into the config, or into a dimension that it " +
  "joins";

/** A rule asked for what it does not have. */
export class Outside extends Error {
  constructor(name, why) {
    super(`${name}: ${why}`);
    this.name = "Outside";
  }
}

function refuses(name, why) {
  return () => {
    throw new Outside(name, why);
  };
}

function hide(name, value) {
  Object.defineProperty(globalThis, name, { value, writable: true, configurable: true });
}

const RealDate = Date;

function RuleDate(...given) {
  if (new.target === undefined) throw new Outside("Date()", CLOCK);
  if (given.length === 0) throw new Outside("new Date()", CLOCK);
  return Reflect.construct(RealDate, given, new.target);
}
Object.setPrototypeOf(RuleDate, RealDate);
RuleDate.prototype = RealDate.prototype;
RuleDate.prototype.constructor = RuleDate;
RuleDate.now = refuses("Date.now()", CLOCK);
Object.defineProperty(RuleDate, "name", { value: "Date" });
hide("Date", RuleDate);

Math.random = refuses("Math.random()", RANDOM);
hide("performance", { now: refuses("performance.now()", CLOCK) });
hide("crypto", {
  getRandomValues: refuses("crypto.getRandomValues()", RANDOM),
  randomUUID: refuses("crypto.randomUUID()", RANDOM),
});
for (const name of ["setTimeout", "setInterval", "setImmediate", "queueMicrotask"]) {
  hide(name, refuses(`${name}()`, WAIT));
}
for (const name of ["fetch", "XMLHttpRequest", "WebSocket"]) {
  hide(name, refuses(`${name}()`, NETWORK));
}

/** Longer lines are cut, in characters: the host keeps no more. */
const LINE_MAX = 2048;

let isBuilt = false;

/** Called by the first call into the component: there is a log from now on. */
export function isReady() {
  isBuilt = true;
}

function says(level) {
  return (...values) => {
    if (isBuilt) write(level, wellFormed(values.map(shown).join(" ").slice(0, LINE_MAX)));
  };
}

function shown(value) {
  if (typeof value === "string") return value;
  if (value instanceof Error) return `${value.name}: ${value.message}`;
  try {
    const exact = (_, inner) => (typeof inner === "bigint" ? `${inner}n` : inner);
    return JSON.stringify(value, exact) ?? String(value);
  } catch {
    return String(value);
  }
}

hide("console", {
  debug: says("debug"),
  log: says("info"),
  info: says("info"),
  warn: says("warn"),
  error: says("error"),
});
