// Does wrong what the row says.

#define READS(COLUMN) COLUMN(text, what, nullable)
#define WRITES(COLUMN)               \
    COLUMN(int64, number, nullable)  \
    COLUMN(text, said, nullable)     \
    COLUMN(timestamp(ms), day, never)
#define REJECTS(CODE) CODE("even")
#include "gristmill.h"

#include <assert.h>

static int64_t down(volatile int64_t *number) {
    int64_t one = *number;
    return down(&one) + 1;
}

static gm_answer mistaken(const input *row, output *out, const config *config) {
    out->day = gm_value_int64(0);
    int64_t largest = INT64_MAX;
    volatile int64_t zero = 0;
    volatile size_t five = 5;
    int64_t few[3] = {1, 2, 3};
    int64_t *volatile nowhere = NULL;
#define IS(text) (row->what.size == strlen(text) && memcmp(row->what.data, text, strlen(text)) == 0)
    if (IS("an addition without room")) out->number = gm_value_int64(largest + 1 + zero);
    if (IS("a division by zero")) out->number = gm_value_int64(1 / zero);
    if (IS("an index outside")) out->number = gm_value_int64(few[five]);
    if (IS("a null pointer")) out->number = gm_value_int64(*nowhere);
    if (IS("a shift too far")) out->number = gm_value_int64(1LL << (64 + zero));
    if (IS("a fraction without room")) out->number = gm_value_int64((int64_t)(1e30 + (double)zero));
    if (IS("an assertion")) assert(zero == 1);
    if (IS("a failure")) gm_fail("`what` cannot be %d", 7);
    if (IS("an abort")) abort();
    if (IS("null where a value is promised")) out->day.is = GM_NULL;
    if (IS("absent where nobody expects it")) out->said.is = GM_ABSENT;
    if (IS("no UTF-8")) out->said = gm_value_text("\xff", 1);
    if (IS("an unknown code")) return gm_reject("odd", "the row is odd");
    if (IS("no row")) return gm_no_row();
    if (IS("a recursion without end")) out->number = gm_value_int64(down(&largest));
    if (IS("too much memory")) memset(gm_alloc(1 << 28), 1, 1 << 28);
    if (IS("a reason that is no UTF-8")) return gm_reject("even", "`%.2s` is odd", "x\u00e9");
    if (IS("a failure that is no UTF-8")) gm_fail("`%.2s` is odd", "x\u00e9");
    if (IS("a code that is no UTF-8")) return gm_reject("\xff", "the row is odd");
    if (IS("numbers in texts")) {
        const char *least = "-9223372036854775808";
        const char *texts[] = {"12", least, least + 1, "+5", "1 ", "-", ""};
        char said[200] = "";
        for (size_t i = 0; i < 7; i++) {
            int64_t number = 0;
            bool is_one = gm_parse_int64(gm_value_text(texts[i], strlen(texts[i])), &number);
            size_t size = strlen(said);
            snprintf(said + size, sizeof said - size, "%d %lld, ", is_one, number);
        }
        return gm_reject("even", "%s%s", said, gm_c_text(gm_value_text("123", 2)));
    }
    if (IS("lines that are printed")) {
        printf("%d: %.*s\n", 7, GM_ARGS(row->what));
        puts("a text");
        printf("one more\n");
        putchar('x');
        printf("%c, without an end", 0xe9);
        return gm_reject("even", "printed");
    }
    if (IS("a line that is too long")) {
        for (int i = 0; i < 1500; i++) printf("\u00e9");
        printf("%1500s%1500s\n", "x", "\u00e9");
        return gm_reject("even", "printed");
    }
    return gm_row();
}

GRISTMILL_RULE(mistaken)
