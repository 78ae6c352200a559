// From a rule's lists to its structs, and to the tables by which `rule.c` fills them.

#pragma once

#define REQUIRED ""

#ifndef SUMMARY
#define SUMMARY ""
#endif
#ifndef VERSION
#define VERSION "0.1.0"
#endif
#ifndef CONFIG
#define CONFIG(KEY)
#endif
#ifndef READS
#define READS(COLUMN)
#endif
#ifndef JOINS
#define JOINS(JOIN, TAKE)
#endif
#ifndef WRITES
#error "the rule does not say what it writes: #define WRITES(COLUMN) COLUMN(text, name, nullable)"
#define WRITES(COLUMN)
#endif
#ifndef REJECTS
#define REJECTS(CODE)
#endif

/// A column of the plan, or where `dimension` is set the join that the columns behind it are of.
typedef struct {
    const char *type;
    const char *name;
    size_t offset;
    bool nullable;
    bool tells_absent;
    const char *dimension;
    const char *const *on;
} gm_field;

typedef struct {
    const char *type;
    const char *name;
    const char *initial;
    const char *about;
    size_t offset;
} gm_key;

/// The columns by which the host keeps the newest row of each key.
typedef struct {
    const char *key[16];
    const char *event_time;
    const char *deleted;
    const char *order[16];
} gm_roles;

/// Everything that `rule.c` knows of the rule.
typedef struct {
    const char *summary;
    const char *version;
    const gm_field *reads;
    size_t reads_count;
    const gm_field *writes;
    size_t writes_count;
    const gm_key *config;
    size_t config_count;
    const char *const *rejects;
    size_t rejects_count;
    const gm_roles *roles;
    size_t input_size;
    size_t output_size;
    size_t config_size;
    gm_answer (*row)(const void *, void *, const void *);
    const char *(*prepare)(void *);
} gm_rule;

typedef int64_t gm_config_integer;
typedef double gm_config_number;
typedef bool gm_config_truth;
typedef gm_string gm_config_string;
typedef gm_strings gm_config_strings;

#define GM_MEMBER(type, field, ...) gm_##type field;
#define GM_NOTHING(...)
#define GM_CONFIG_MEMBER(type, field, ...) gm_config_##type field;

typedef struct {
    READS(GM_MEMBER)
    JOINS(GM_NOTHING, GM_MEMBER)
    char gm_end;
} input;

typedef struct {
    WRITES(GM_MEMBER)
    char gm_end;
} output;

typedef struct {
    CONFIG(GM_CONFIG_MEMBER)
    char gm_end;
} config;

#define GM_nulls_never false, false
#define GM_nulls_nullable true, false
#define GM_nulls_absent true, true

#define GM_FIRST(first, ...) first
#define GM_FIELD(of, type, field, nulls, ...) \
    {#type, GM_FIRST(__VA_ARGS__ __VA_OPT__(, ) #field), offsetof(of, field), GM_nulls_##nulls},
#define GM_READ(...) GM_FIELD(input, __VA_ARGS__)
#define GM_WRITE(...) GM_FIELD(output, __VA_ARGS__)
#define GM_JOIN(name, ...) \
    {.dimension = name, .on = (const char *const[]){__VA_ARGS__, NULL}},
#define GM_KEY(type, field, initial, about) \
    {#type, #field, initial, about, offsetof(config, field)},
#define GM_CODE(code) code,

#define GM_COUNT(table) (sizeof(table) / sizeof *(table) - 1)

/// Makes a function the component's rule; last in the file. GRISTMILL_PREPARED_RULE(row, prepare)
/// also names a `const char *prepare(config *)` that is called once: it checks what the schema
/// cannot say, and returns a sentence that refuses the config, or NULL.
#define GRISTMILL_RULE(function) GM_RULE(function, NULL)
#define GRISTMILL_PREPARED_RULE(function, prepare)        \
    static const char *gm_prepare(void *config) {         \
        return prepare(config);                           \
    }                                                     \
    GM_RULE(function, gm_prepare)

#define GM_RULE(function, gm_prepare)                                                     \
    static gm_answer gm_function(const void *row, void *out, const void *given) {         \
        return function(row, out, given);                                                 \
    }                                                                                     \
    static const gm_field gm_reads[] = {READS(GM_READ) JOINS(GM_JOIN, GM_READ){NULL}};    \
    static const gm_field gm_writes[] = {WRITES(GM_WRITE){NULL}};                         \
    static const gm_key gm_keys[] = {CONFIG(GM_KEY){NULL}};                               \
    static const char *const gm_codes[] = {REJECTS(GM_CODE) NULL};                        \
    const gm_rule gm_the_rule = {                                                         \
        .summary = SUMMARY,                                                               \
        .version = VERSION,                                                               \
        .reads = gm_reads,                                                                \
        .reads_count = GM_COUNT(gm_reads),                                                \
        .writes = gm_writes,                                                              \
        .writes_count = GM_COUNT(gm_writes),                                              \
        .config = gm_keys,                                                                \
        .config_count = GM_COUNT(gm_keys),                                                \
        .rejects = gm_codes,                                                              \
        .rejects_count = GM_COUNT(gm_codes),                                              \
        .roles = GM_ROLES,                                                                \
        .input_size = sizeof(input),                                                      \
        .output_size = sizeof(output),                                                    \
        .config_size = sizeof(config),                                                    \
        .row = gm_function,                                                               \
        .prepare = gm_prepare,                                                            \
    };

#ifdef ROLES
#define GM_ROLES &(const gm_roles){ROLES}
#else
#define GM_ROLES NULL
#endif
