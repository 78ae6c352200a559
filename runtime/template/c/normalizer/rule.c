// A row of each change event. Replace it by your rule.

#define SUMMARY "A row of each change event."
// The name is absent where the source does not send it: the table keeps what it has.
#define READS(COLUMN)                                             \
    COLUMN(timestamp(ms), changed_at, nullable, "value.ts_ms")    \
    COLUMN(int64, new_id, nullable, "value.after.id")             \
    COLUMN(int64, old_id, nullable, "value.before.id")            \
    COLUMN(text, name, absent, "value.after.name")
#define WRITES(COLUMN)                       \
    COLUMN(int64, id, never)                 \
    COLUMN(text, name, absent)               \
    COLUMN(timestamp(ms), updated_at, never) \
    COLUMN(boolean, is_deleted, never)
#define ROLES .key = {"id"}, .event_time = "updated_at", .deleted = "is_deleted"
#define REJECTS(CODE) CODE("no-row")
#include "gristmill.h"

static gm_answer row_of(const input *event, output *out, const config *config) {
    bool is_deleted = is_null(event->new_id);
    out->id = is_deleted ? event->old_id : event->new_id;
    if (is_null(out->id) || is_null(event->changed_at)) {
        return gm_reject("no-row", "`id` or `ts_ms` is missing");
    }
    out->name = event->name;
    out->updated_at = event->changed_at;
    out->is_deleted = gm_value_boolean(is_deleted);
    return gm_row();
}

GRISTMILL_RULE(row_of)
