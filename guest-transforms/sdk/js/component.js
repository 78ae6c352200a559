// The component: what the host calls, around the rule in `rule.js`.

import { isReady, Outside } from "./outside.js";
import { read, write } from "./column.js";
import { configSchema, configured, declared } from "./declared.js";
import { ABSENT, Reject } from "./index.js";
import { Mistake } from "./mistake.js";
import { wellFormed } from "./utf8.js";
import { NAME } from "../../.build/about.js";
import author from "../../rule.js";

const DECLARED = declared(author);
const INPUTS = [...DECLARED.reads, ...DECLARED.joins.flatMap((join) => join.take)];

let opened;

function describe() {
  isReady();
  return {
    name: NAME,
    version: author.version ?? "0.1.0",
    summary: author.summary ?? "",
    configSchema: JSON.stringify(configSchema(author.config)),
    attributes: [],
  };
}

function open(given) {
  isReady();
  try {
    const config = configured(author.config, JSON.parse(given));
    opened = { config: author.prepare === undefined ? config : author.prepare(config) };
  } catch (error) {
    throw error instanceof Outside ? inWords(error) : wellFormed(error?.message ?? error);
  }
  const field = ({ name, logicalType, nullable }) => ({ name, logicalType, nullable });
  const { reads, joins, writes, roles, rejects, attributes } = DECLARED;
  return {
    reads: reads.map(field),
    joins: joins.map(({ dimension, on, take }) => ({ dimension, on, take: take.map(field) })),
    writes: writes.map(field),
    roles: roles ?? null,
    rejectCodes: rejects,
    attributes,
  };
}

function apply(batch) {
  try {
    return answered(batch);
  } catch (error) {
    throw inWords(error);
  }
}

function answered(batch) {
  const { rows } = batch;
  const columns = INPUTS.map((field, i) => read(field, batch.columns[i], rows));
  const names = INPUTS.map((field) => field.property);
  const answers = DECLARED.writes.map(() => []);
  const sourceRows = [];
  const rejections = [];
  const untold = INPUTS.map((field, i) => ({ field, i }))
    .filter(({ field, i }) => !field.tellsAbsent && batch.columns[i].presence != null)
    .map(({ i }) => columns[i]);
  const isNormalizer = DECLARED.roles !== undefined;
  for (let row = 0; row < rows; row++) {
    if (untold.length > 0 && untold.some((values) => values[row] === ABSENT)) {
      if (!isNormalizer) {
        for (const values of answers) values.push(ABSENT);
        sourceRows.push(row);
        continue;
      }
    }
    const given = {};
    for (let i = 0; i < names.length; i++) {
      const value = columns[i][row];
      given[names[i]] = value === ABSENT && !INPUTS[i].tellsAbsent ? null : value;
    }
    let answer;
    try {
      answer = author.row(given, opened.config);
    } catch (error) {
      if (!(error instanceof Reject)) throw error;
      rejections.push(rejection(row, error));
      continue;
    }
    if (isNormalizer && answer === null) continue;
    if (isNormalizer && Array.isArray(answer)) {
      for (const one of answer) take(answers, sourceRows, row, one);
    } else {
      take(answers, sourceRows, row, answer);
    }
  }
  const tellsAbsent = (field) => field.tellsAbsent || untold.length > 0;
  const written = DECLARED.writes.map((field, i) =>
    write({ ...field, tellsAbsent: tellsAbsent(field) }, answers[i], sourceRows),
  );
  const isEach = sourceRows.length === rows && sourceRows.every((source, row) => source === row);
  // An empty list of pairs is not aligned as one of 64-bit integers: see `pairs.mjs`.
  const kept = sourceRows.length === 0 ? [] : written;
  return { columns: kept, sourceRows: isEach ? null : sourceRows, rejections };
}

function take(answers, sourceRows, row, answer) {
  if (answer === null || typeof answer !== "object") {
    const what = answer === undefined ? "nothing: `return` is missing" : String(answer);
    throw new Mistake(`row ${row}: the rule answered ${what}, not an object with its columns`);
  }
  if (typeof answer.then === "function") {
    throw new Mistake(`row ${row}: the rule answered a promise: \`row\` is not async`);
  }
  const { writes } = DECLARED;
  let known = 0;
  for (let i = 0; i < writes.length; i++) {
    const value = answer[writes[i].property];
    if (value !== undefined) known++;
    answers[i].push(value);
  }
  const names = Object.keys(answer);
  if (names.length > known) {
    const odd = names.find((name) => !writes.some((field) => field.property === name));
    if (odd !== undefined) {
      throw new Mistake(`row ${row}: the answer has \`${odd}\`, which the rule does not write`);
    }
  }
  sourceRows.push(row);
}

function rejection(row, { code, message, stack }) {
  if (!DECLARED.rejects.includes(code)) {
    const spelt = JSON.stringify([...DECLARED.rejects, code]);
    const mistake = new Mistake(
      `the rule rejects with \`${code}\`, which it does not declare: rejects: ${spelt}`,
    );
    mistake.stack = stack;
    throw mistake;
  }
  return { row, code, message: wellFormed(message) };
}

/** An error in one line, with the author's line that it comes from. */
function inWords(error) {
  return wellFormed(error instanceof Error ? placed(error) : `the rule threw ${String(error)}`);
}

function placed(error) {
  const isOurs = error instanceof Mistake || error instanceof Outside;
  const said = isOurs ? error.message : `${error.name}: ${error.message}`;
  const frames = String(error.stack ?? "").split("\n");
  const own = frames.map((frame) => /([^\s()@]+\.m?js):(\d+)/.exec(frame)).filter(
    (found) => found !== null && !found[1].includes("vendor/gristmill/"),
  );
  return own.length === 0 ? said : `${said} (${own[0][1].replace(/^\.?\//, "")}:${own[0][2]})`;
}

export const rule = { describe, open, apply };
