// Each logical type, passed on: a value, null and absent.

import { Reject, rule } from "./vendor/gristmill/index.js";

export default rule({
  summary: "Each logical type, passed on: a value, null and absent.",
  config: {
    whole: { type: "integer", default: 0, description: "Stands for a null of `n`; 0 leaves it." },
  },
  reads: {
    flag: "boolean | null | absent",
    n: "int64 | null | absent",
    x: "float64 | null | absent",
    t: "text | null | absent",
    b: "bytes | null | absent",
    us: "timestamp(us) | null | absent",
    ms: "timestamp(ms) | null | absent",
    day: "date | null | absent",
    time_us: "time(us) | null | absent",
    time_ms: "time(ms) | null | absent",
    id: "uuid | null | absent",
    price: "decimal(10,2) | null | absent",
    amount: "decimal | null | absent",
    doc: "json | null | absent",
  },
  writes: {
    flag: { at: "same_flag", type: "boolean | null | absent" },
    n: { at: "same_n", type: "int64 | null | absent" },
    x: { at: "same_x", type: "float64 | null | absent" },
    t: { at: "same_t", type: "text | null | absent" },
    b: { at: "same_b", type: "bytes | null | absent" },
    us: { at: "same_us", type: "timestamp(us) | null | absent" },
    ms: { at: "same_ms", type: "timestamp(ms) | null | absent" },
    day: { at: "same_day", type: "date | null | absent" },
    time_us: { at: "same_time_us", type: "time(us) | null | absent" },
    time_ms: { at: "same_time_ms", type: "time(ms) | null | absent" },
    id: { at: "same_id", type: "uuid | null | absent" },
    price: { at: "same_price", type: "decimal(10,2) | null | absent" },
    amount: { at: "same_amount", type: "decimal | null | absent" },
    doc: { at: "same_doc", type: "json | null | absent" },
  },
  rejects: ["told-to"],

  row(row, { whole }) {
    if (row.t === "reject") {
      throw new Reject("told-to", `\`t\` is ${row.t}, and \`n\` is ${String(row.n)}`);
    }
    return row.n === null && whole !== 0 ? { ...row, n: whole } : row;
  },
});
