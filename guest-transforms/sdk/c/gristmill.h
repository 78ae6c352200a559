// Write a gristmill rule in C.
//
// A rule says in lists what it reads and writes, includes this file, and is one function from a row
// to a row:
//
//     #define SUMMARY "How old each person gets in a year."
//     #define CONFIG(KEY) KEY(integer, year, REQUIRED, "The year for which ages are computed.")
//     #define READS(COLUMN) COLUMN(int64, birth_year, nullable)
//     #define WRITES(COLUMN) COLUMN(int64, age, nullable)
//     #define REJECTS(CODE) CODE("unborn")
//     #include "gristmill.h"
//
//     static gm_answer enrich_age(const input *row, output *out, const config *config) {
//         if (is_null(row->birth_year)) return gm_row();
//         if (row->birth_year.value > config->year) {
//             return gm_reject("unborn", "`birth_year` is after %lld", config->year);
//         }
//         out->age = gm_value_int64(config->year - row->birth_year.value);
//         return gm_row();
//     }
//
//     GRISTMILL_RULE(enrich_age)
//
// - `COLUMN(type, field, nulls, "name")`: `type` is a logical type of `wit/transform.wit` as it
//   stands there, boolean, int64, float64, text, bytes, timestamp(ms), date, time(us), uuid, json,
//   decimal(10,2) or decimal(); `nulls` is `never`, `nullable` or `absent`; the name is left out
//   where it is the field's.
// - A value has `is`, GM_VALUE, GM_NULL or GM_ABSENT, and behind it `value`, or `data` and `size`
//   for text and bytes. What the rule does not set is null. An enricher is not asked about a row in
//   which a value is absent that it does not read as `absent`: what it writes is absent there, too.
// - `JOINS(JOIN, TAKE)`: `JOIN("countries", "country_code") TAKE(text, country_name, nullable)` has
//   the host look `country_name` up, which stands in the row beside what is read.
// - `CONFIG(KEY)`: `KEY(type, field, "default as JSON", "What it is for.")`, types integer, number,
//   truth, string and strings; REQUIRED where there is no default.
// - `ROLES`: `.key = {"id"}, .event_time = "updated_at", .deleted = "is_deleted", .order = {"seq"}`
//   makes the rule a normalizer. It may answer `gm_no_row()`, and `gm_emit(out)` further rows.
// - A text has no zero at its end: `gm_parse_int64` reads a number, `gm_c_text` copies it with one.
// - `printf` goes to gristmill's log. There is no clock, no random number, no file. A mistake that
//   C leaves undefined, such as an overflow or a null pointer, fails on the row, with its line.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "outside.h"

/// What a row has in a column.
typedef enum { GM_NULL, GM_VALUE, GM_ABSENT } gm_is;

typedef struct {
    gm_is is;
    bool value;
} gm_boolean;

typedef struct {
    gm_is is;
    int64_t value;
} gm_int64;

typedef struct {
    gm_is is;
    double value;
} gm_float64;

/// UTF-8, without a zero at its end.
typedef struct {
    gm_is is;
    const char *data;
    size_t size;
} gm_text;

typedef gm_text gm_bytes;
typedef gm_text gm_uuid;
typedef gm_text gm_json;
typedef gm_int64 gm_date;
#define gm_timestamp(unit) gm_int64
#define gm_time(unit) gm_int64
#define gm_decimal(...) gm_text

/// A text of the config, with a zero at its end.
typedef struct {
    const char *data;
    size_t size;
} gm_string;

typedef struct {
    const gm_string *items;
    size_t count;
} gm_strings;

/// What the rule says of a row.
typedef struct {
    enum { GM_ROW, GM_NO_ROW, GM_REJECT } kind;
    const char *code;
    const char *message;
} gm_answer;

#define is_null(cell) ((cell).is == GM_NULL)
#define is_absent(cell) ((cell).is == GM_ABSENT)
#define has_value(cell) ((cell).is == GM_VALUE)

static inline gm_boolean gm_value_boolean(bool value) {
    return (gm_boolean){GM_VALUE, value};
}

static inline gm_int64 gm_value_int64(int64_t value) {
    return (gm_int64){GM_VALUE, value};
}

static inline gm_float64 gm_value_float64(double value) {
    return (gm_float64){GM_VALUE, value};
}

/// A part of a text: nothing is copied, so `data` has to live until the call ends, as what the row
/// has does, and what `gm_alloc` and `gm_format` make.
static inline gm_text gm_value_text(const char *data, size_t size) {
    return (gm_text){GM_VALUE, data, size};
}

/// Memory until the call ends; never null.
void *gm_alloc(size_t size);

/// A text as `printf` makes it. `%.*s` takes `GM_ARGS(row->name)`.
gm_text gm_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

/// The size and the data of a text, for `%.*s`.
#define GM_ARGS(text) (int)(text).size, (text).data

/// A copy with a zero at its end, for what C's library reads: `strtod(gm_c_text(row->price), NULL)`.
/// Without one it would read on in the next row.
const char *gm_c_text(gm_text text);

/// Sets `number` to the whole number that `text` is, with nothing around it. False where it is none,
/// or has no room in 64 bits.
bool gm_parse_int64(gm_text text, int64_t *number);

/// A text without the ASCII spaces at its ends.
gm_text gm_trim(gm_text text);

/// The row is answered by what stands in `out`.
static inline gm_answer gm_row(void) {
    return (gm_answer){.kind = GM_ROW};
}

/// Of a normalizer: the event is about no row.
static inline gm_answer gm_no_row(void) {
    return (gm_answer){.kind = GM_NO_ROW};
}

/// The row cannot be used: it becomes a dead letter with one of the codes of REJECTS, and one
/// sentence for a person: what is wrong with which value.
gm_answer gm_reject(const char *code, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/// Of a normalizer: answers a row beside the one that it returns.
void gm_emit(const void *out);

/// Fails on this row, which becomes a dead letter without a code: for what cannot be.
#define gm_fail(...) gm_fail_at(__FILE__, __LINE__, __VA_ARGS__)
_Noreturn void gm_fail_at(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#include "declared.h"
