// What rules do with texts.

#include "inside.h"

static bool is_space(char letter) {
    return letter == ' ' || (letter >= '\t' && letter <= '\r');
}

gm_text gm_trim(gm_text text) {
    while (text.size > 0 && is_space(text.data[text.size - 1])) text.size--;
    while (text.size > 0 && is_space(text.data[0])) {
        text.data++;
        text.size--;
    }
    return text;
}

/// How many bytes the letter at `at` takes, and 0 where no letter of UTF-8 begins.
static size_t letter_size(const char *text, const char *text_end) {
    const uint8_t *at = (const uint8_t *)text;
    const uint8_t *end = (const uint8_t *)text_end;
    if (*at < 0x80) return 1;
    int more = *at >= 0xf0 ? 3 : *at >= 0xe0 ? 2 : 1;
    uint32_t letter = *at & (0x3fu >> more);
    if (*at < 0xc2 || *at > 0xf4 || end - at <= more) return 0;
    for (int i = 1; i <= more; i++) {
        if ((at[i] & 0xc0) != 0x80) return 0;
        letter = letter << 6 | (at[i] & 0x3fu);
    }
    static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
    bool is_half = letter >= 0xd800 && letter <= 0xdfff;
    if (letter < least[more] || letter > 0x10ffff || is_half) return 0;
    return (size_t)more + 1;
}

bool gm_is_utf8(const gm_text *text) {
    const char *end = text->data + text->size;
    for (const char *at = text->data; at < end;) {
        size_t size = letter_size(at, end);
        if (size == 0) return false;
        at += size;
    }
    return true;
}

void gm_make_utf8(char *text, size_t size) {
    for (char *at = text, *end = text + size; at < end;) {
        size_t letter = letter_size(at, end);
        if (letter == 0) *at = '?';
        at += letter == 0 ? 1 : letter;
    }
}

const char *gm_c_text(gm_text text) {
    char *copy = gm_alloc(text.size + 1);
    if (text.size > 0) memcpy(copy, text.data, text.size);
    copy[text.size] = 0;
    return copy;
}

bool gm_parse_int64(gm_text text, int64_t *number) {
    bool is_negative = text.size > 0 && text.data[0] == '-';
    size_t at = is_negative || (text.size > 0 && text.data[0] == '+') ? 1 : 0;
    if (at == text.size) return false;
    // Downwards: there is one more number below 0 than above.
    int64_t below = 0;
    for (; at < text.size; at++) {
        int digit = text.data[at] - '0';
        if (digit < 0 || digit > 9) return false;
        if (__builtin_mul_overflow(below, 10, &below)) return false;
        if (__builtin_sub_overflow(below, digit, &below)) return false;
    }
    if (!is_negative && below == INT64_MIN) return false;
    *number = is_negative ? below : -below;
    return true;
}
