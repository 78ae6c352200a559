// Each logical type, passed on: a value, null and absent.

#define SUMMARY "Each logical type, passed on: a value, null and absent."
#define CONFIG(KEY) KEY(integer, whole, "0", "Stands for a null of `n`; 0 leaves it.")
#define READS(COLUMN)                    \
    COLUMN(boolean, flag, absent)        \
    COLUMN(int64, n, absent)             \
    COLUMN(float64, x, absent)           \
    COLUMN(text, t, absent)              \
    COLUMN(bytes, b, absent)             \
    COLUMN(timestamp(us), us, absent)    \
    COLUMN(timestamp(ms), ms, absent)    \
    COLUMN(date, day, absent)            \
    COLUMN(time(us), time_us, absent)    \
    COLUMN(time(ms), time_ms, absent)    \
    COLUMN(uuid, id, absent)             \
    COLUMN(decimal(10,2), price, absent) \
    COLUMN(decimal(), amount, absent)    \
    COLUMN(json, doc, absent)
#define WRITES(COLUMN)                                 \
    COLUMN(boolean, flag, absent, "same_flag")         \
    COLUMN(int64, n, absent, "same_n")                 \
    COLUMN(float64, x, absent, "same_x")               \
    COLUMN(text, t, absent, "same_t")                  \
    COLUMN(bytes, b, absent, "same_b")                 \
    COLUMN(timestamp(us), us, absent, "same_us")       \
    COLUMN(timestamp(ms), ms, absent, "same_ms")       \
    COLUMN(date, day, absent, "same_day")              \
    COLUMN(time(us), time_us, absent, "same_time_us")  \
    COLUMN(time(ms), time_ms, absent, "same_time_ms")  \
    COLUMN(uuid, id, absent, "same_id")                \
    COLUMN(decimal(10,2), price, absent, "same_price") \
    COLUMN(decimal(), amount, absent, "same_amount")   \
    COLUMN(json, doc, absent, "same_doc")
#define REJECTS(CODE) CODE("told-to")
#include "gristmill.h"

static gm_answer every_type(const input *row, output *out, const config *config) {
    if (has_value(row->t) && row->t.size == 6 && memcmp(row->t.data, "reject", 6) == 0) {
        return gm_reject("told-to", "`t` is %.*s, and `n` is %lld", GM_ARGS(row->t), row->n.value);
    }
    out->flag = row->flag;
    out->n = row->n;
    if (row->n.is == GM_NULL && config->whole != 0) out->n = gm_value_int64(config->whole);
    out->x = row->x;
    out->t = row->t;
    out->b = row->b;
    out->us = row->us;
    out->ms = row->ms;
    out->day = row->day;
    out->time_us = row->time_us;
    out->time_ms = row->time_ms;
    out->id = row->id;
    out->price = row->price;
    out->amount = row->amount;
    out->doc = row->doc;
    return gm_row();
}

GRISTMILL_RULE(every_type)
