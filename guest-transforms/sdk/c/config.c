// A rule's config: its JSON Schema, and from JSON to the struct. The host has checked the document
// against the schema.

#include "inside.h"

typedef struct {
    const char *at;
    const char *end;
} reader;

static void put_text(gm_buffer *to, const char *text) {
    gm_put(to, text, strlen(text));
}

/// A text in quotation marks, as JSON spells it.
static void put_quoted(gm_buffer *to, const char *text) {
    put_text(to, "\"");
    for (; *text != 0; text++) {
        if (*text == '"' || *text == '\\') put_text(to, "\\");
        gm_put(to, *text == '\n' ? " " : text, 1);
    }
    put_text(to, "\"");
}

static const char *schema_of(const char *type) {
    if (strcmp(type, "integer") == 0) return "\"type\":\"integer\"";
    if (strcmp(type, "number") == 0) return "\"type\":\"number\"";
    if (strcmp(type, "truth") == 0) return "\"type\":\"boolean\"";
    if (strcmp(type, "string") == 0) return "\"type\":\"string\"";
    return "\"type\":\"array\",\"items\":{\"type\":\"string\"}";
}

abi_string gm_config_schema(void) {
    gm_buffer schema = {0};
    gm_buffer required = {0};
    put_text(&schema, "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{");
    for (size_t i = 0; i < gm_the_rule.config_count; i++) {
        const gm_key *key = &gm_the_rule.config[i];
        if (i > 0) put_text(&schema, ",");
        put_quoted(&schema, key->name);
        put_text(&schema, ":{");
        put_text(&schema, schema_of(key->type));
        put_text(&schema, ",\"description\":");
        put_quoted(&schema, key->about);
        if (key->initial[0] != 0) {
            put_text(&schema, ",\"default\":");
            put_text(&schema, key->initial);
        } else {
            put_text(&required, required.size > 0 ? "," : "");
            put_quoted(&required, key->name);
        }
        put_text(&schema, "}");
    }
    put_text(&schema, "},\"required\":[");
    gm_put(&schema, required.data, required.size);
    put_text(&schema, "]}");
    return (abi_string){schema.data, schema.size};
}

static void skip_space(reader *from) {
    while (from->at < from->end && strchr(" \t\r\n,:", *from->at) != NULL) from->at++;
}

static bool begins(reader *from, char letter) {
    skip_space(from);
    return from->at < from->end && *from->at == letter;
}

static void put_letter(gm_buffer *to, uint32_t letter) {
    uint8_t bytes[4];
    size_t size = letter < 0x80 ? 1 : letter < 0x800 ? 2 : letter < 0x10000 ? 3 : 4;
    for (size_t i = size - 1; i > 0; i--) {
        bytes[i] = (uint8_t)(0x80 | (letter & 0x3f));
        letter >>= 6;
    }
    static const uint8_t marks[] = {0, 0, 0xc0, 0xe0, 0xf0};
    bytes[0] = (uint8_t)(marks[size] | letter);
    gm_put(to, bytes, size);
}

/// The number that the four digits behind `\u` make.
static uint32_t hex(reader *from) {
    char digits[5] = {0};
    for (int i = 0; i < 4 && from->at < from->end; i++) digits[i] = *from->at++;
    return (uint32_t)strtoul(digits, NULL, 16);
}

static gm_string string(reader *from) {
    gm_buffer text = {0};
    from->at++;
    while (from->at < from->end && *from->at != '"') {
        if (*from->at != '\\') {
            gm_put(&text, from->at++, 1);
            continue;
        }
        from->at++;
        static const char spelt[] = "\"\\/bfnrt";
        static const char meant[] = "\"\\/\b\f\n\r\t";
        char letter = *from->at++;
        const char *known = strchr(spelt, letter);
        if (known != NULL && letter != 0) {
            gm_put(&text, &meant[known - spelt], 1);
        } else {
            uint32_t code = hex(from);
            if (code >= 0xd800 && code < 0xdc00 && from->at[0] == '\\') {
                from->at += 2;
                code = 0x10000 + ((code - 0xd800) << 10) + (hex(from) - 0xdc00);
            }
            put_letter(&text, code);
        }
    }
    from->at++;
    gm_put(&text, "", 1);
    return (gm_string){text.data, text.size - 1};
}

static gm_strings strings(reader *from) {
    gm_buffer items = {0};
    from->at++;
    while (begins(from, '"')) {
        gm_string item = string(from);
        gm_put(&items, &item, sizeof item);
    }
    from->at++;
    return (gm_strings){(const gm_string *)items.data, items.size / sizeof(gm_string)};
}

/// Reads a value that fits `type` to where the key stands in the config.
static void value(reader *from, const char *type, void *to) {
    skip_space(from);
    if (strcmp(type, "string") == 0) {
        *(gm_string *)to = string(from);
    } else if (strcmp(type, "strings") == 0) {
        *(gm_strings *)to = strings(from);
    } else if (strcmp(type, "truth") == 0) {
        *(bool *)to = *from->at == 't';
        from->at += *from->at == 't' ? 4 : 5;
    } else {
        // A number ends where the document goes on: it ends with a zero, see `gm_config`.
        char *behind;
        double number = strtod(from->at, &behind);
        if (strcmp(type, "number") == 0) {
            *(double *)to = number;
        } else {
            // JSON may spell a whole number as 5.0 or 1e16.
            char *digits;
            long long whole = strtoll(from->at, &digits, 10);
            *(int64_t *)to = digits == behind ? whole : (int64_t)number;
        }
        from->at = behind;
    }
}

void *gm_config(const char *json, size_t size) {
    uint8_t *config = gm_alloc(gm_the_rule.config_size);
    memset(config, 0, gm_the_rule.config_size);
    for (size_t i = 0; i < gm_the_rule.config_count; i++) {
        const gm_key *key = &gm_the_rule.config[i];
        reader from = {key->initial, key->initial + strlen(key->initial)};
        if (key->initial[0] != 0) value(&from, key->type, config + key->offset);
    }
    gm_text ended = gm_format("%.*s", (int)size, json);
    reader from = {ended.data, ended.data + ended.size};
    if (begins(&from, '{')) from.at++;
    while (begins(&from, '"')) {
        gm_string name = string(&from);
        for (size_t i = 0; i < gm_the_rule.config_count; i++) {
            const gm_key *key = &gm_the_rule.config[i];
            if (strcmp(key->name, name.data) == 0) value(&from, key->type, config + key->offset);
        }
    }
    return config;
}
