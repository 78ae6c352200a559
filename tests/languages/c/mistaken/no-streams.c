#define READS(COLUMN) COLUMN(text, what, nullable)
#define WRITES(COLUMN) COLUMN(text, said, nullable)
#include "gristmill.h"

static gm_answer mistaken(const input *row, output *out, const config *config) {
    fprintf(stderr, "%d\n", (int)lrand48());
    if (clock() == 0) exit(1);
    return gm_row();
}

GRISTMILL_RULE(mistaken)
