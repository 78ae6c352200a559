// `printf` to gristmill's log, and what a failure says before the call traps.

#include <stdarg.h>

#include "inside.h"

__attribute__((import_module("gristmill:transform/log@0.1.0"), import_name("write"))) void
gm_log_write(int32_t level, const char *message, size_t size);

enum { DEBUG, INFO, WARN, ERROR };

/// Longer lines are cut, in bytes: the host keeps no more.
enum { LINE_MAX = 2048 };

static char line[LINE_MAX];
static size_t line_size;

static void write_log(int32_t level, char *text, size_t size) {
    gm_make_utf8(text, size);
    gm_log_write(level, text, size);
}

static void put(const char *text, size_t size) {
    for (size_t at = 0; at < size; at++) {
        if (text[at] == '\n') {
            write_log(INFO, line, line_size);
            line_size = 0;
        } else if (line_size < LINE_MAX) {
            line[line_size++] = text[at];
        }
    }
}

void gm_end_line(void) {
    if (line_size > 0) put("\n", 1);
}

int vprintf(const char *restrict format, va_list arguments) {
    char text[LINE_MAX];
    int size = vsnprintf(text, sizeof text, format, arguments);
    if (size > 0) put(text, (size_t)size < sizeof text ? (size_t)size : sizeof text - 1);
    return size;
}

int printf(const char *restrict format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int size = vprintf(format, arguments);
    va_end(arguments);
    return size;
}

int puts(const char *text) {
    put(text, strlen(text));
    put("\n", 1);
    return 0;
}

int putchar(int letter) {
    char text = (char)letter;
    put(&text, 1);
    return letter;
}

static const char *name_of(const char *file) {
    const char *slash = strrchr(file, '/');
    return slash == NULL ? file : slash + 1;
}

void gm_fail_at(const char *file, int line_number, const char *format, ...) {
    char text[LINE_MAX];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    size_t said = size < 0 ? 0 : (size_t)size < sizeof text ? (size_t)size : sizeof text - 1;
    if (line_number > 0) {
        const char *name = name_of(file);
        int more = snprintf(text + said, sizeof text - said, " (%s:%d)", name, line_number);
        if (more > 0 && (size_t)more < sizeof text - said) said += (size_t)more;
    }
    write_log(ERROR, text, said);
    __builtin_trap();
}

/// Behind `assert`, by an option of `build.py`.
void gm_assert_fail(const char *what, const char *file, int line_number, const char *function) {
    (void)function;
    gm_fail_at(file, line_number, "assert(%s) does not hold", what);
}

/// Behind `abort`.
void gm_abort(void) {
    gm_fail_at("", 0, "the rule called abort(): answer gm_reject(..) for a row that is of no use");
}
