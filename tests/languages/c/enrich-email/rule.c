// The domain of each e-mail address, and whether it is a company's.

#define SUMMARY "The domain of each e-mail address, and whether it is a company's."
#define CONFIG(KEY)                                                                      \
    KEY(strings, corporate_domains, "[\"contoso.com\",\"autodesk.com\",\"company.com\"]", \
        "Domains whose addresses belong to a company.")
#define READS(COLUMN) COLUMN(text, email, nullable)
#define WRITES(COLUMN) COLUMN(text, email_domain, nullable) COLUMN(boolean, is_corporate, never)
#include "gristmill.h"

#include <strings.h>

static bool is_corporate(gm_text domain, const config *config) {
    for (size_t i = 0; i < config->corporate_domains.count; i++) {
        gm_string known = config->corporate_domains.items[i];
        if (known.size == domain.size && strncasecmp(known.data, domain.data, known.size) == 0) {
            return true;
        }
    }
    return false;
}

static gm_answer enrich_email(const input *row, output *out, const config *config) {
    out->is_corporate = gm_value_boolean(false);
    gm_text email = row->email;
    size_t at = email.size;
    while (at > 0 && email.data[at - 1] != '@') at--;
    if (at == 0 || at == email.size) return gm_row();
    out->email_domain = gm_value_text(email.data + at, email.size - at);
    out->is_corporate = gm_value_boolean(is_corporate(out->email_domain, config));
    return gm_row();
}

GRISTMILL_RULE(enrich_email)
