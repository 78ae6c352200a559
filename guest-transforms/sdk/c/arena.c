// Memory of a call: given out end to end, and given back when the host has read the answer.

#include <stdalign.h>
#include <stdarg.h>

#include "inside.h"

/// Smallest block that is asked for. 256 KiB: a batch of 1,000 rows of `enrich-email` fits.
static const size_t BLOCK_MIN = 1 << 18;

typedef struct block {
    struct block *older;
    size_t size;
    size_t used;
    alignas(16) char data[];
} block;

static block *newest;
static block *kept;
static size_t kept_used;

void *gm_alloc(size_t size) {
    size = (size + 15) & ~(size_t)15;
    if (newest == NULL || newest->size - newest->used < size) {
        size_t room = size > BLOCK_MIN ? size : BLOCK_MIN;
        block *made = malloc(sizeof(block) + room);
        if (made == NULL) {
            gm_fail_at("gristmill", 0,
                       "there is no more memory: raise memory_max_bytes in the transform's limits");
        }
        *made = (block){.older = newest, .size = room};
        newest = made;
    }
    void *given = newest->data + newest->used;
    newest->used += size;
    return given;
}

void gm_keep(void) {
    kept = newest;
    kept_used = newest == NULL ? 0 : newest->used;
}

void gm_free_call(void) {
    while (newest != kept) {
        block *older = newest->older;
        free(newest);
        newest = older;
    }
    if (newest != NULL) newest->used = kept_used;
}

/// The host asks for memory by this: for a batch and a config, never to make one larger.
__attribute__((export_name("cabi_realloc"))) void *gm_realloc(void *old, size_t old_size,
                                                              size_t align, size_t size) {
    (void)align;
    void *given = gm_alloc(size);
    if (old_size > 0) memcpy(given, old, old_size);
    return given;
}

void gm_put(gm_buffer *buffer, const void *data, size_t size) {
    if (buffer->room - buffer->size < size) {
        size_t room = 2 * (buffer->size + size);
        char *grown = gm_alloc(room);
        if (buffer->size > 0) memcpy(grown, buffer->data, buffer->size);
        buffer->data = grown;
        buffer->room = room;
    }
    if (size > 0) memcpy(buffer->data + buffer->size, data, size);
    buffer->size += size;
}

static gm_text formatted(const char *format, va_list arguments) {
    va_list again;
    va_copy(again, arguments);
    int size = vsnprintf(NULL, 0, format, arguments);
    if (size < 0) size = 0;
    char *data = gm_alloc((size_t)size + 1);
    vsnprintf(data, (size_t)size + 1, format, again);
    va_end(again);
    return gm_value_text(data, (size_t)size);
}

/// What is said to a person.
static const char *said(const char *format, va_list arguments) {
    gm_text text = formatted(format, arguments);
    gm_make_utf8((char *)text.data, text.size);
    return text.data;
}

gm_text gm_format(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    gm_text text = formatted(format, arguments);
    va_end(arguments);
    return text;
}

gm_answer gm_reject(const char *code, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const char *message = said(format, arguments);
    va_end(arguments);
    return (gm_answer){.kind = GM_REJECT, .code = code, .message = message};
}

const char *gm_failure;

void gm_say_failure(const char *format, ...) {
    if (gm_failure != NULL) return;
    va_list arguments;
    va_start(arguments, format);
    gm_failure = said(format, arguments);
    va_end(arguments);
}
