// What a rule imports. `index.d.ts` has the types and says more.

import { Mistake } from "./mistake.js";

/** What the source did not say. It is not null: the target keeps what it has. */
export const ABSENT = Symbol.for("gristmill.absent");

/** Thrown for a row that cannot be used: it becomes a dead letter. */
export class Reject extends Error {
  constructor(code, message) {
    super(message);
    this.name = "Reject";
    this.code = code;
  }
}

/** Declares the rule of a component, its default export. */
export function rule(declaration) {
  return known(declaration, ["row", "writes"]);
}

const KEYS = [
  "summary",
  "version",
  "config",
  "prepare",
  "reads",
  "joins",
  "writes",
  "roles",
  "rejects",
  "attributes",
  "row",
];

function known(declaration, required) {
  const odd = Object.keys(declaration).find((key) => !KEYS.includes(key));
  if (odd !== undefined) {
    throw new Mistake(`a rule has no \`${odd}\`: it has ${KEYS.join(", ")}`);
  }
  const missing = required.find((key) => declaration[key] === undefined);
  if (missing !== undefined) {
    throw new Mistake(`the rule has no \`${missing}\`: rule({ reads, writes, row(..) { .. } })`);
  }
  return declaration;
}
