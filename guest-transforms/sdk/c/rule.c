// The exports of `wit/transform.wit`, around the author's rule.

#include "inside.h"

#define EXPORT(function) \
    __attribute__((export_name("gristmill:transform/rule@0.1.0#" function)))
#define POST(function) \
    __attribute__((export_name("cabi_post_gristmill:transform/rule@0.1.0#" function)))

void gm_end_line(void);

static const void *config_of_rule;

static abi_string text_of(const char *text) {
    return (abi_string){text, strlen(text)};
}

static abi_strings texts_of(const char *const *texts) {
    size_t count = 0;
    while (texts[count] != NULL) count++;
    abi_string *items = gm_alloc(count * sizeof *items);
    for (size_t i = 0; i < count; i++) items[i] = text_of(texts[i]);
    return (abi_strings){items, count};
}

/// The columns of `fields` up to the next join.
static abi_fields columns_of(const gm_field *fields, size_t count) {
    abi_field *items = gm_alloc(count * sizeof *items);
    size_t made = 0;
    for (; made < count && fields[made].dimension == NULL; made++) {
        const gm_field *field = &fields[made];
        bool is_of_any_size = strcmp(field->type, "decimal()") == 0;
        items[made] = (abi_field){
            .name = text_of(field->name),
            .logical_type = text_of(is_of_any_size ? "decimal" : field->type),
            .nullable = field->nullable,
        };
    }
    return (abi_fields){items, made};
}

static abi_plan plan_of_rule(void) {
    const gm_rule *rule = &gm_the_rule;
    abi_plan plan = {
        .reads = columns_of(rule->reads, rule->reads_count),
        .writes = columns_of(rule->writes, rule->writes_count),
        .reject_codes = texts_of(rule->rejects),
    };
    abi_join *joins = gm_alloc(rule->reads_count * sizeof *joins);
    for (size_t i = plan.reads.count; i < rule->reads_count;) {
        const gm_field *join = &rule->reads[i];
        abi_fields taken = columns_of(join + 1, rule->reads_count - i - 1);
        joins[plan.joins.count++] = (abi_join){
            .dimension = text_of(join->dimension),
            .on = texts_of(join->on),
            .take = taken,
        };
        i += taken.count + 1;
    }
    plan.joins.items = joins;
    if (rule->roles != NULL) {
        const gm_roles *roles = rule->roles;
        plan.roles.is_some = true;
        plan.roles.value = (abi_roles){
            .key = texts_of(roles->key),
            .event_time = text_of(roles->event_time),
            .order = texts_of(roles->order),
        };
        if (roles->deleted != NULL) {
            plan.roles.value.deleted = (abi_option_string){true, text_of(roles->deleted)};
        }
    }
    return plan;
}

/// Rows as they are answered.
static struct {
    gm_column *columns;
    uint32_t *source_rows;
    uint32_t count;
    uint32_t capacity;
    uint32_t source_row;
} answers;

/// Makes room for one more row: a normalizer may answer more rows than it got.
static void more(void) {
    if (answers.count < answers.capacity) return;
    uint32_t capacity = 2 * answers.capacity + 64;
    uint32_t *grown = gm_alloc(capacity * sizeof *grown);
    if (answers.count > 0) memcpy(grown, answers.source_rows, answers.count * sizeof *grown);
    answers.source_rows = grown;
    for (size_t i = 0; i < gm_the_rule.writes_count; i++) {
        uint8_t **all[] = {&answers.columns[i].validity, &answers.columns[i].presence};
        for (size_t j = 0; j < 2; j++) {
            if (*all[j] == NULL) continue;
            uint8_t *bits = gm_alloc(capacity / 8 + 1);
            memset(bits, 0xff, capacity / 8 + 1);
            memcpy(bits, *all[j], answers.capacity / 8 + 1);
            *all[j] = bits;
        }
    }
    answers.capacity = capacity;
}

void gm_emit(const void *out) {
    more();
    gm_write_row(answers.columns, out, answers.count, answers.source_row, answers.capacity);
    answers.source_rows[answers.count++] = answers.source_row;
}

static void emit_absent(void) {
    more();
    gm_write_absent(answers.columns, answers.count, answers.capacity);
    answers.source_rows[answers.count++] = answers.source_row;
}

static bool is_declared(const char *code) {
    for (size_t i = 0; i < gm_the_rule.rejects_count; i++) {
        if (strcmp(gm_the_rule.rejects[i], code) == 0) return true;
    }
    return false;
}

static void begin(uint32_t rows) {
    answers.count = 0;
    answers.capacity = rows;
    answers.source_rows = gm_alloc((rows + 1) * sizeof *answers.source_rows);
    size_t size = gm_the_rule.writes_count * sizeof *answers.columns;
    answers.columns = gm_alloc(size);
    memset(answers.columns, 0, size);
    uint32_t zero = 0;
    for (size_t i = 0; i < gm_the_rule.writes_count; i++) {
        gm_put(&answers.columns[i].offsets, &zero, sizeof zero);
    }
}

static abi_output answered(uint32_t rows, const abi_column *columns) {
    const gm_rule *rule = &gm_the_rule;
    uint8_t *input = gm_alloc(rule->input_size);
    uint8_t *output = gm_alloc(rule->output_size);
    abi_output answer = {0};
    abi_rejection *rejections = gm_alloc((rows + 1) * sizeof *rejections);
    answer.rejections.items = rejections;
    begin(rows);
    for (uint32_t row = 0; row < rows && gm_failure == NULL; row++) {
        answers.source_row = row;
        memset(input, 0, rule->input_size);
        if (gm_read_row(columns, row, input) && rule->roles == NULL) {
            emit_absent();
            continue;
        }
        memset(output, 0, rule->output_size);
        gm_answer said = rule->row(input, output, config_of_rule);
        if (said.kind == GM_ROW) {
            gm_emit(output);
        } else if (said.kind == GM_REJECT) {
            if (!is_declared(said.code)) {
                gm_say_failure("the rule rejects with `%s`, which it does not declare: add "
                               "CODE(\"%s\") to REJECTS",
                               said.code, said.code);
            }
            rejections[answer.rejections.count++] =
                (abi_rejection){row, text_of(said.code), text_of(said.message)};
        } else if (rule->roles == NULL) {
            gm_say_failure("row %u: the rule answers gm_no_row(), which a normalizer may: write "
                           "ROLES, or reject the row",
                           row);
        }
    }
    abi_column *made = gm_alloc(rule->writes_count * sizeof *made);
    for (size_t i = 0; i < rule->writes_count; i++) {
        made[i] = gm_finish(&answers.columns[i], &rule->writes[i], answers.count);
    }
    answer.columns.items = made;
    answer.columns.count = rule->writes_count;
    answer.source_rows.is_some = true;
    answer.source_rows.value = (abi_u32s){answers.source_rows, answers.count};
    return answer;
}

EXPORT("describe") abi_description *describe(void) {
    static abi_description description;
    description = (abi_description){
        .name = text_of(GM_NAME),
        .version = text_of(gm_the_rule.version),
        .summary = text_of(gm_the_rule.summary),
        .config_schema = gm_config_schema(),
    };
    return &description;
}

EXPORT("open") abi_result *open_rule(const char *json, size_t size) {
    static abi_result result;
    gm_failure = NULL;
    void *config = gm_config(json, size);
    const char *refused = gm_the_rule.prepare == NULL ? NULL : gm_the_rule.prepare(config);
    config_of_rule = config;
    gm_end_line();
    gm_keep();
    if (refused != NULL) {
        gm_say_failure("%s", refused);
        result = (abi_result){.is_error = 1, .error = text_of(gm_failure)};
    } else {
        result = (abi_result){.plan = plan_of_rule()};
    }
    return &result;
}

EXPORT("apply") abi_result *apply(uint32_t rows, const abi_column *columns, size_t count) {
    static abi_result result;
    (void)count;
    gm_failure = NULL;
    abi_output answer = answered(rows, columns);
    gm_end_line();
    if (gm_failure != NULL) {
        result = (abi_result){.is_error = 1, .error = text_of(gm_failure)};
    } else {
        result = (abi_result){.output = answer};
    }
    return &result;
}

POST("describe") void after_describe(const void *result) {
    (void)result;
    gm_free_call();
}

POST("open") void after_open(const void *result) {
    (void)result;
    gm_free_call();
}

POST("apply") void after_apply(const void *result) {
    (void)result;
    gm_free_call();
}
