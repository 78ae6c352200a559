// A row of each change event. Replace it by your rule.

import { Reject, rule } from "./vendor/gristmill/index.js";

export default rule({
  summary: "A row of each change event.",
  reads: {
    changed_at: { at: "value.ts_ms", type: "timestamp(ms) | null" },
    new_id: { at: "value.after.id", type: "int64 | null" },
    old_id: { at: "value.before.id", type: "int64 | null" },
    // Absent where the source does not send it: the table keeps what it has.
    name: { at: "value.after.name", type: "text | null | absent" },
  },
  writes: {
    id: "int64",
    name: "text | null | absent",
    updated_at: "timestamp(ms)",
    is_deleted: "boolean",
  },
  roles: { key: ["id"], eventTime: "updated_at", deleted: "is_deleted" },
  rejects: ["no-row"],

  row({ changed_at, new_id, old_id, name }) {
    const id = new_id ?? old_id;
    if (id === null || changed_at === null) {
      throw new Reject("no-row", "`id` or `ts_ms` is missing");
    }
    return { id, name, updated_at: changed_at, is_deleted: new_id === null };
  },
});
