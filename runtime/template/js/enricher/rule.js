// The name of each row, cut to a length. Replace it by your rule.

import { Reject, rule } from "./vendor/gristmill/index.js";

export default rule({
  summary: "The name of each row, cut to a length.",
  config: { length: { type: "integer", default: 8, description: "Letters that are kept." } },
  reads: { name: "text | null" },
  writes: { short_name: "text | null" },
  rejects: ["blank-name"],

  row({ name }, { length }) {
    if (name === null) return { short_name: null };
    const letters = [...name.trim()];
    if (letters.length === 0) throw new Reject("blank-name", "`name` is blank");
    return { short_name: letters.slice(0, length).join("") };
  },
});
