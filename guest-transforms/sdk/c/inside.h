// What the files of the SDK share, and a rule does not see.

#pragma once

#define READS(COLUMN)
#define WRITES(COLUMN)
#include "abi.h"
#include "gristmill.h"

extern const gm_rule gm_the_rule;

/// Gives back what the call took. What was taken before `gm_keep` stays.
void gm_free_call(void);
void gm_keep(void);

/// Remembers why the call fails; `gm_failure` is NULL while it does not.
void gm_say_failure(const char *format, ...) __attribute__((format(printf, 1, 2)));
extern const char *gm_failure;

bool gm_is_utf8(const gm_text *text);

/// Puts `?` for each byte that belongs to no letter of UTF-8: the host takes no other text, and
/// what is said to a person need not be exact.
void gm_make_utf8(char *text, size_t size);

/// Where a value of this logical type lies in a column.
abi_layout gm_layout(const char *logical_type);

/// The JSON Schema of the config, and the config of a document that fits it.
abi_string gm_config_schema(void);
void *gm_config(const char *json, size_t size);

/// Growing bytes.
typedef struct {
    char *data;
    size_t size;
    size_t room;
} gm_buffer;

void gm_put(gm_buffer *buffer, const void *data, size_t size);

/// What is answered in a column.
typedef struct {
    gm_buffer values;
    gm_buffer offsets;
    uint8_t *validity;
    uint8_t *presence;
} gm_column;

/// Puts the values of a row of `columns` into `row`. Answers whether one is absent that its field
/// does not tell.
bool gm_read_row(const abi_column *columns, uint32_t row, uint8_t *input);

/// Appends the values of `output`. `capacity` is how many rows there may be.
void gm_write_row(gm_column *columns, const uint8_t *output, uint32_t row, uint32_t source_row,
                  uint32_t capacity);

/// Appends a row of which nothing is known.
void gm_write_absent(gm_column *columns, uint32_t row, uint32_t capacity);

abi_column gm_finish(const gm_column *column, const gm_field *field, uint32_t rows);
