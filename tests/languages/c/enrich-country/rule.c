// The name of each country code, from the dimension countries.

#define SUMMARY "The name of each country code, from the dimension countries."
#define JOINS(JOIN, TAKE) JOIN("countries", "country_code") TAKE(text, country_name, nullable)
#define WRITES(COLUMN) COLUMN(text, country_name, nullable)
#include "gristmill.h"

static gm_answer enrich_country(const input *row, output *out, const config *config) {
    out->country_name = row->country_name;
    return gm_row();
}

GRISTMILL_RULE(enrich_country)
