// A file is opened.

#define WRITES(COLUMN) COLUMN(int64, number, nullable)
#include "gristmill.h"

static gm_answer mistaken(const input *row, output *out, const config *config) {
    out->number = gm_value_int64(fopen("names.txt", "r") != NULL);
    return gm_row();
}

GRISTMILL_RULE(mistaken)
