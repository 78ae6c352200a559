/**
 * Write a gristmill rule in JavaScript.
 *
 * ```js
 * import { Reject, rule } from "./vendor/gristmill/index.js";
 *
 * export default rule({
 *   summary: "How old each person gets in a year.",
 *   config: { year: { type: "integer", description: "The year for which ages are computed." } },
 *   reads: { birth_year: "int53 | null" },
 *   writes: { age: "int64 | null" },
 *   rejects: ["unborn"],
 *   row({ birth_year }, { year }) {
 *     if (birth_year === null) return { age: null };
 *     if (birth_year > year) throw new Reject("unborn", `\`birth_year\` is after ${year}`);
 *     return { age: year - birth_year };
 *   },
 * });
 * ```
 *
 * `console.log` goes to gristmill's log. There is no clock, no random number, no file and no
 * network: the same row gives the same answer tomorrow.
 */

/** What the source did not say. It is not null: the target keeps what it has. */
export declare const ABSENT: unique symbol;

/** The values of each logical type. */
interface Values {
  boolean: boolean;
  /** Exact. Where it is written a number may stand, too. */
  int64: bigint;
  /** Of logical type int64, for numbers that are small: one beyond 2^53 - 1 is refused by name. */
  int53: number;
  float64: number;
  text: string;
  bytes: Uint8Array;
  /** Microseconds since the Unix epoch, UTC. The largest and the smallest of 64 bits are infinity
   * and -infinity. */
  "timestamp(us)": bigint;
  /** Milliseconds since the Unix epoch, UTC, or Infinity. `new Date(value)` takes them. */
  "timestamp(ms)": number;
  /** Days since the Unix epoch, or Infinity. */
  date: number;
  /** Microseconds since midnight. */
  "time(us)": number;
  /** Milliseconds since midnight. */
  "time(ms)": number;
  uuid: string;
  /** A decimal number as text, exact. */
  decimal: string;
  /** A JSON document as text. */
  json: string;
  null: null;
  absent: typeof ABSENT;
}

/** The value of a type such as `"text | null"` or `"decimal(10,2) | null | absent"`. */
export type Value<T extends string> = T extends `${infer First} | ${infer Rest}`
  ? Value<First> | Value<Rest>
  : T extends keyof Values
    ? Values[T]
    : T extends `decimal(${string})`
      ? string
      : never;

/**
 * A column: its type, or also where it stands when not under its own name (`value.after.email`).
 *
 * `| null` where a value may be null. `| absent` where the source may not have said it, and the
 * rule wants to know: an enricher is not asked about a row in which another value is absent, and
 * what it writes is absent there, too.
 */
export type Column = string | { type: string; at: string };

type TypeOf<C extends Column> = C extends string ? C : C extends { type: infer T } ? T : never;
type Row<C> = { [N in keyof C]: C[N] extends Column ? Value<TypeOf<C[N]> & string> : never };
type Written<V> = bigint extends V ? V | number : V;
type Answer<C> = { [N in keyof C]: C[N] extends Column ? Written<Row<C>[N]> : never };
type Taken<J> = J extends Record<string, { take: infer T }> ? UnionToIntersection<Row<T>> : {};
type UnionToIntersection<U> = (U extends unknown ? (u: U) => void : never) extends (
  i: infer I,
) => void
  ? I
  : never;

/** A key of the config: JSON Schema. Without a `default` it is required, unless `optional`. */
export interface ConfigKey {
  type: "string" | "integer" | "number" | "boolean" | "array" | "object";
  description?: string;
  default?: unknown;
  optional?: boolean;
  [keyword: string]: unknown;
}

type ConfigValue<K> = K extends { type: "string" }
  ? string
  : K extends { type: "integer" | "number" }
    ? number
    : K extends { type: "boolean" }
      ? boolean
      : K extends { type: "array"; items: infer I }
        ? ConfigValue<I>[]
        : any;
type ConfigOf<C> = { [N in keyof C]: ConfigValue<C[N]> };

/** The columns by which the host keeps the newest row of each key: they make a normalizer. */
export interface Roles {
  key: string[];
  eventTime: string;
  deleted?: string;
  order?: string[];
}

export interface Declaration<C, R, J, W, P> {
  /** What `gristmill transform inspect` says of the rule. */
  summary?: string;
  /** `0.1.0`, if not said otherwise. */
  version?: string;
  /** The keys that a pipeline file can set. */
  config?: C;
  /** Called once with the config: checks what the schema cannot say, and prepares what rows need.
   * An Error is shown to whoever starts the pipeline. */
  prepare?(config: ConfigOf<C>): P;
  /** The columns, or in a normalizer the document paths, that a row has. */
  reads?: R;
  /** By dimension: columns that the host looks up, null where nothing matches. */
  joins?: J;
  /** The columns that an answer has. */
  writes: W;
  roles?: Roles;
  /** The codes of `Reject`. */
  rejects?: string[];
  /** As in `wit/transform.wit`. */
  attributes?: [string, string][];
  /** From a row to a row. A normalizer may also answer null, for an event that is about no row, or
   * an array of rows. */
  row(
    row: Row<R> & Taken<J>,
    config: unknown extends P ? ConfigOf<C> : P,
  ): Answer<W> | Answer<W>[] | null;
}

/** Declares the rule of a component, its default export. */
export declare function rule<
  const C extends Record<string, ConfigKey> = {},
  const R extends Record<string, Column> = {},
  const J extends Record<string, { on: string[]; take: Record<string, Column> }> = {},
  const W extends Record<string, Column> = {},
  P = unknown,
>(declaration: Declaration<C, R, J, W, P>): Declaration<C, R, J, W, P>;

/** Thrown for a row that cannot be used: it becomes a dead letter. */
export declare class Reject extends Error {
  /** `code` is one of `rejects`, `message` one sentence for a person: what is wrong with which
   * value. */
  constructor(code: string, message: string);
  readonly code: string;
}
