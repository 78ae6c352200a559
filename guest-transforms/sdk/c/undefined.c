// What the compiler calls where a rule does what C leaves undefined. Each begins with the place.

#include "inside.h"

typedef struct {
    const char *file;
    uint32_t line;
    uint32_t column;
} place;

// What the compiler passes behind the place is of no use here, but has to be taken.
#define ONE const place *at, uintptr_t left
#define TWO const place *at, uintptr_t left, uintptr_t right

#define UNDEFINED(handler, operands, what)                        \
    _Noreturn void __ubsan_handle_##handler##_abort(operands);    \
    void __ubsan_handle_##handler##_abort(operands) {             \
        gm_fail_at(at->file, (int)at->line, what);                \
    }

UNDEFINED(add_overflow, TWO,
          "an addition has no room in its type: use a wider one, or check it first")
UNDEFINED(sub_overflow, TWO,
          "a subtraction has no room in its type: use a wider one, or check it first")
UNDEFINED(mul_overflow, TWO,
          "a product has no room in its type: use a wider one, or check it first")
UNDEFINED(negate_overflow, ONE,
          "a negation has no room in its type: check it first")
UNDEFINED(divrem_overflow, TWO,
          "a division by zero, or one that has no room in its type")
UNDEFINED(shift_out_of_bounds, TWO,
          "a shift by less than 0, or by more than the type is wide")
UNDEFINED(out_of_bounds, ONE,
          "an index outside of its array")
UNDEFINED(type_mismatch_v1, ONE,
          "a null pointer, or one that is not aligned, is followed")
UNDEFINED(pointer_overflow, TWO,
          "a pointer is moved out of what it points into")
UNDEFINED(nonnull_arg, const place *at,
          "a null pointer is passed where none may be")
UNDEFINED(load_invalid_value, ONE,
          "a bool that is neither true nor false, or an enum that is none")
UNDEFINED(float_cast_overflow, ONE,
          "a fraction has no room in the whole number that it becomes")
UNDEFINED(vla_bound_not_positive, ONE,
          "an array of a length below 1")
UNDEFINED(invalid_builtin, const place *at,
          "a builtin function is called with 0")

_Noreturn void __ubsan_handle_builtin_unreachable(const place *at);
void __ubsan_handle_builtin_unreachable(const place *at) {
    gm_fail_at(at->file, (int)at->line, "a place is reached that was said to be unreachable");
}

_Noreturn void __ubsan_handle_missing_return(const place *at);
void __ubsan_handle_missing_return(const place *at) {
    gm_fail_at(at->file, (int)at->line, "the function ends without `return`");
}
