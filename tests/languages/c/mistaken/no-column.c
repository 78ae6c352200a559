// A column is misspelt.

#define WRITES(COLUMN) COLUMN(int64, number, nullable)
#include "gristmill.h"

static gm_answer mistaken(const input *row, output *out, const config *config) {
    out->nubmer = gm_value_int64(1);
    return gm_row();
}

GRISTMILL_RULE(mistaken)
