// From columns to rows, and back.

#include "inside.h"

abi_layout gm_layout(const char *type) {
    if (strcmp(type, "boolean") == 0) return ABI_BITS;
    if (strcmp(type, "float64") == 0) return ABI_FLOAT64;
    if (strcmp(type, "bytes") == 0) return ABI_BYTES;
    bool is_number = strcmp(type, "int64") == 0 || strncmp(type, "time", 4) == 0;
    return is_number || strcmp(type, "date") == 0 ? ABI_INT64 : ABI_TEXT;
}

static bool bit(const uint8_t *bits, uint32_t row) {
    return bits[row >> 3] >> (row & 7) & 1;
}

static gm_is is_of(const abi_column *column, uint32_t row) {
    if (column->presence.is_some && !bit(column->presence.value.items, row)) return GM_ABSENT;
    if (column->validity.is_some && !bit(column->validity.value.items, row)) return GM_NULL;
    return GM_VALUE;
}

static void read_cell(const abi_column *column, uint32_t row, gm_is is, void *cell) {
    const abi_values *values = &column->values;
    switch ((abi_layout)values->layout) {
        case ABI_BITS:
            *(gm_boolean *)cell = (gm_boolean){is, is == GM_VALUE && bit(values->bits.items, row)};
            return;
        case ABI_INT64:
            *(gm_int64 *)cell = (gm_int64){is, is == GM_VALUE ? values->int64.items[row] : 0};
            return;
        case ABI_FLOAT64:
            *(gm_float64 *)cell = (gm_float64){is, is == GM_VALUE ? values->float64.items[row] : 0};
            return;
        case ABI_TEXT:
        case ABI_BYTES: {
            const uint32_t *offsets = values->varlen.offsets.items + row;
            const char *data = (const char *)values->varlen.data.items;
            // An empty list has no address, and a rule may pass this one on to `memcpy`.
            const char *from = data == NULL ? "" : data + offsets[0];
            size_t size = is == GM_VALUE ? offsets[1] - offsets[0] : 0;
            *(gm_text *)cell = (gm_text){is, is == GM_VALUE ? from : "", size};
        }
    }
}

bool gm_read_row(const abi_column *columns, uint32_t row, uint8_t *input) {
    bool is_untold = false;
    const gm_rule *rule = &gm_the_rule;
    for (size_t i = 0; i < rule->reads_count; i++) {
        const gm_field *field = &rule->reads[i];
        if (field->dimension != NULL) continue;
        gm_is is = is_of(columns, row);
        if (is == GM_ABSENT && !field->tells_absent) {
            is_untold = true;
            is = GM_NULL;
        }
        read_cell(columns, row, is, input + field->offset);
        columns++;
    }
    return is_untold;
}

/// Clears a row's bit, where none was cleared before after setting all.
static void clear(uint8_t **bits, uint32_t row, uint32_t capacity) {
    if (*bits == NULL) {
        *bits = gm_alloc(capacity / 8 + 1);
        memset(*bits, 0xff, capacity / 8 + 1);
    }
    (*bits)[row >> 3] &= (uint8_t)~(1u << (row & 7));
}

static void put_value(gm_column *column, abi_layout layout, const void *cell, bool is_value,
                      uint32_t row) {
    switch (layout) {
        case ABI_BITS: {
            uint8_t none = 0;
            if ((row & 7) == 0) gm_put(&column->values, &none, 1);
            if (is_value && ((const gm_boolean *)cell)->value) {
                column->values.data[row >> 3] |= (char)(1u << (row & 7));
            }
            return;
        }
        case ABI_INT64: {
            int64_t value = is_value ? ((const gm_int64 *)cell)->value : 0;
            gm_put(&column->values, &value, sizeof value);
            return;
        }
        case ABI_FLOAT64: {
            double value = is_value ? ((const gm_float64 *)cell)->value : 0;
            gm_put(&column->values, &value, sizeof value);
            return;
        }
        case ABI_TEXT:
        case ABI_BYTES: {
            const gm_text *text = cell;
            if (is_value) gm_put(&column->values, text->data, text->size);
            uint32_t end = (uint32_t)column->values.size;
            gm_put(&column->offsets, &end, sizeof end);
        }
    }
}

void gm_write_row(gm_column *columns, const uint8_t *output, uint32_t row, uint32_t source_row,
                  uint32_t capacity) {
    const gm_rule *rule = &gm_the_rule;
    for (size_t i = 0; i < rule->writes_count; i++) {
        const gm_field *field = &rule->writes[i];
        const void *cell = output + field->offset;
        gm_is is = *(const gm_is *)cell;
        abi_layout layout = gm_layout(field->type);
        if (is == GM_NULL && !field->nullable) {
            gm_say_failure("row %u: `%s` is null, and the rule promises a value: set it, or "
                           "declare it `nullable`",
                           source_row, field->name);
        }
        if (is == GM_ABSENT && !field->tells_absent) {
            gm_say_failure("row %u: `%s` is absent, and the rule does not say that it may be: "
                           "declare it `absent`",
                           source_row, field->name);
        }
        if (is == GM_VALUE && layout == ABI_TEXT && !gm_is_utf8(cell)) {
            gm_say_failure("row %u: `%s` is no UTF-8: cut texts between letters, or declare bytes",
                           source_row, field->name);
        }
        if (is == GM_NULL) clear(&columns[i].validity, row, capacity);
        if (is == GM_ABSENT) clear(&columns[i].presence, row, capacity);
        put_value(&columns[i], layout, cell, is == GM_VALUE, row);
    }
}

void gm_write_absent(gm_column *columns, uint32_t row, uint32_t capacity) {
    for (size_t i = 0; i < gm_the_rule.writes_count; i++) {
        clear(&columns[i].presence, row, capacity);
        put_value(&columns[i], gm_layout(gm_the_rule.writes[i].type), NULL, false, row);
    }
}

static abi_option_bytes bits_of(uint8_t *bits, uint32_t rows) {
    if (bits == NULL) return (abi_option_bytes){.is_some = false};
    // Beyond the last row there are zeros.
    if (rows & 7) bits[rows >> 3] &= (uint8_t)((1u << (rows & 7)) - 1);
    return (abi_option_bytes){.is_some = true, .value = {bits, (rows + 7) / 8}};
}

abi_column gm_finish(const gm_column *column, const gm_field *field, uint32_t rows) {
    abi_column made = {
        .validity = bits_of(column->validity, rows),
        .presence = bits_of(column->presence, rows),
        .values.layout = gm_layout(field->type),
    };
    void *data = column->values.data;
    size_t size = column->values.size;
    switch ((abi_layout)made.values.layout) {
        case ABI_BITS:
            made.values.bits.items = data;
            made.values.bits.count = size;
            break;
        case ABI_INT64:
            made.values.int64.items = data;
            made.values.int64.count = rows;
            break;
        case ABI_FLOAT64:
            made.values.float64.items = data;
            made.values.float64.count = rows;
            break;
        case ABI_TEXT:
        case ABI_BYTES:
            made.values.varlen.offsets.items = (uint32_t *)column->offsets.data;
            made.values.varlen.offsets.count = rows + 1;
            made.values.varlen.data.items = data;
            made.values.varlen.data.count = size;
    }
    return made;
}
