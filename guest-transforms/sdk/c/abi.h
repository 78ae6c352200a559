// The types of `wit/transform.wit` as they lie in memory (the component model's canonical ABI).

#pragma once

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ABI_LIST(type) \
    struct {           \
        type *items;   \
        size_t count;  \
    }

typedef ABI_LIST(const char) abi_string;
typedef ABI_LIST(uint8_t) abi_bytes;
typedef ABI_LIST(abi_string) abi_strings;
typedef ABI_LIST(uint32_t) abi_u32s;

typedef struct {
    bool is_some;
    abi_bytes value;
} abi_option_bytes;

typedef struct {
    bool is_some;
    abi_string value;
} abi_option_string;

typedef struct {
    abi_u32s offsets;
    abi_bytes data;
} abi_varlen;

/// The cases of `values`, in their order.
typedef enum { ABI_BITS, ABI_INT64, ABI_FLOAT64, ABI_TEXT, ABI_BYTES } abi_layout;

typedef struct {
    uint8_t layout;
    union {
        abi_bytes bits;
        ABI_LIST(int64_t) int64;
        ABI_LIST(double) float64;
        abi_varlen varlen;
    };
} abi_values;

typedef struct {
    abi_option_bytes validity;
    abi_option_bytes presence;
    abi_values values;
} abi_column;

typedef struct {
    abi_string name;
    abi_string logical_type;
    bool nullable;
} abi_field;

typedef ABI_LIST(abi_field) abi_fields;

typedef struct {
    abi_strings key;
    abi_string event_time;
    abi_option_string deleted;
    abi_strings order;
} abi_roles;

typedef struct {
    abi_string dimension;
    abi_strings on;
    abi_fields take;
} abi_join;

typedef struct {
    abi_string name;
    abi_string value;
} abi_attribute;

typedef ABI_LIST(abi_attribute) abi_attributes;

typedef struct {
    abi_fields reads;
    ABI_LIST(abi_join) joins;
    abi_fields writes;
    struct {
        bool is_some;
        abi_roles value;
    } roles;
    abi_strings reject_codes;
    abi_attributes attributes;
} abi_plan;

typedef struct {
    abi_string name;
    abi_string version;
    abi_string summary;
    abi_string config_schema;
    abi_attributes attributes;
} abi_description;

typedef struct {
    uint32_t row;
    abi_string code;
    abi_string message;
} abi_rejection;

typedef struct {
    ABI_LIST(abi_column) columns;
    struct {
        bool is_some;
        abi_u32s value;
    } source_rows;
    ABI_LIST(abi_rejection) rejections;
} abi_output;

typedef struct {
    uint8_t is_error;
    union {
        abi_plan plan;
        abi_output output;
        abi_string error;
    };
} abi_result;

static_assert(sizeof(abi_column) == 44 && sizeof(abi_field) == 20, "as the interface has it");
static_assert(sizeof(abi_plan) == 80 && sizeof(abi_output) == 28, "as the interface has it");
