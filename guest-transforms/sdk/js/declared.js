// What a rule declares, checked, as the plan has it.

import { Mistake } from "./mistake.js";

/** The layouts of logical types. `int53` is int64 as a number. */
const LAYOUTS = {
  boolean: "bits",
  int64: "int64",
  int53: "int64",
  float64: "float64",
  text: "text",
  bytes: "bytes",
  "timestamp(us)": "int64",
  "timestamp(ms)": "int64",
  date: "int64",
  "time(us)": "int64",
  "time(ms)": "int64",
  uuid: "text",
  decimal: "text",
  json: "text",
};

/** The fields of `{ name: "text | null", .. }`. */
export function fields(columns) {
  return Object.entries(columns ?? {}).map(([property, column]) => field(property, column));
}

function field(property, column) {
  const { type, at = property } = typeof column === "string" ? { type: column } : column;
  const parts = String(type).split("|").map((part) => part.trim());
  const values = parts.filter((part) => part !== "null" && part !== "absent");
  const layout = /^decimal\(\d+,\s*\d+\)$/.test(values[0]) ? "text" : LAYOUTS[values[0]];
  if (values.length !== 1 || layout === undefined) {
    const known = Object.keys(LAYOUTS).join(", ");
    throw new Mistake(
      `\`${property}\` is of type "${type}", and no column is: ${known} or decimal(p,s), each ` +
        'also with " | null"',
    );
  }
  const tellsAbsent = parts.includes("absent");
  return {
    property,
    name: at,
    logicalType: values[0] === "int53" ? "int64" : values[0].replace(" ", ""),
    nullable: tellsAbsent || parts.includes("null"),
    tellsAbsent,
    layout,
    isBigint: values[0] === "int64" || values[0] === "timestamp(us)",
    isInstant: values[0] === "timestamp(ms)" || values[0] === "date",
  };
}

/** Everything that the host asks for. */
export function declared(rule) {
  if (rule === undefined || typeof rule.row !== "function") {
    throw new Mistake("rule.js has no rule: export default rule({ reads, writes, row(..) {..} })");
  }
  const joins = Object.entries(rule.joins ?? {}).map(([dimension, { on, take }]) => {
    return { dimension, on: [on].flat(), take: fields(take) };
  });
  const { roles } = rule;
  return {
    reads: fields(rule.reads),
    joins,
    writes: fields(rule.writes),
    roles: roles && {
      key: roles.key,
      eventTime: roles.eventTime,
      deleted: roles.deleted ?? null,
      order: roles.order ?? [],
    },
    rejects: rule.rejects ?? [],
    attributes: rule.attributes ?? [],
  };
}

/** The JSON Schema of the config. */
export function configSchema(config) {
  const properties = {};
  const required = [];
  for (const [name, { optional, ...key }] of Object.entries(config ?? {})) {
    properties[name] = key;
    if (!optional && !("default" in key)) required.push(name);
  }
  return { type: "object", properties, additionalProperties: false, required };
}

/** The config with its defaults. */
export function configured(keys, given) {
  for (const [name, value] of Object.entries(given)) exact(name, value, keys?.[name]);
  const config = {};
  for (const [name, key] of Object.entries(keys ?? {})) {
    if ("default" in key) config[name] = key.default;
  }
  return Object.assign(config, given);
}

/** Beyond it a whole number is of no 64 bits, but one that is written as 1e300. */
const WHOLE_MAX = 2 ** 64;

/** Refuses a whole number whose digits JSON.parse has lost. */
function exact(name, value, schema) {
  if (Array.isArray(value)) {
    for (const item of value) exact(name, item, schema?.items);
  } else if (value !== null && typeof value === "object") {
    for (const [inner, held] of Object.entries(value)) {
      const known = schema?.properties?.[inner] ?? schema?.additionalProperties;
      exact(`${name}.${inner}`, held, known);
    }
  } else if (
    Number.isInteger(value) &&
    !Number.isSafeInteger(value) &&
    Math.abs(value) <= WHOLE_MAX &&
    schema?.type !== "number"
  ) {
    throw new Mistake(
      `\`${name}\` is beyond 2^53 - 1, which no number of JavaScript holds exactly: make it a ` +
        "string, and BigInt(..) of it in `prepare`",
    );
  }
}
