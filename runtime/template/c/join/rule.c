// What to call each country: its name and its code. Replace it by your rule.

#define SUMMARY "What to call each country: its name and its code."
#define READS(COLUMN) COLUMN(text, country_code, nullable)
#define JOINS(JOIN, TAKE) JOIN("countries", "country_code") TAKE(text, country_name, nullable)
#define WRITES(COLUMN) COLUMN(text, country_label, nullable)
#include "gristmill.h"

static gm_answer label(const input *row, output *out, const config *config) {
    if (is_null(row->country_name)) {
        out->country_label = row->country_code;
        return gm_row();
    }
    out->country_label =
        gm_format("%.*s (%.*s)", GM_ARGS(row->country_name), GM_ARGS(row->country_code));
    return gm_row();
}

GRISTMILL_RULE(label)
