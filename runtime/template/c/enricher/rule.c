// The name of each row, cut to a length. Replace it by your rule.

#define SUMMARY "The name of each row, cut to a length."
#define CONFIG(KEY) KEY(integer, length, "8", "Letters that are kept.")
#define READS(COLUMN) COLUMN(text, name, nullable)
#define WRITES(COLUMN) COLUMN(text, short_name, nullable)
#define REJECTS(CODE) CODE("blank-name")
#include "gristmill.h"

/// How many bytes the first `letters` letters of a text take.
static size_t size_of(gm_text text, int64_t letters) {
    size_t size = 0;
    for (; size < text.size; size++) {
        bool begins_letter = (text.data[size] & 0xc0) != 0x80;
        if (begins_letter && letters-- == 0) break;
    }
    return size;
}

static gm_answer shorten(const input *row, output *out, const config *config) {
    if (is_null(row->name)) return gm_row();
    gm_text name = gm_trim(row->name);
    if (name.size == 0) return gm_reject("blank-name", "`name` is blank");
    out->short_name = gm_value_text(name.data, size_of(name, config->length));
    return gm_row();
}

GRISTMILL_RULE(shorten)
