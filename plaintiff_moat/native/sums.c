/* The sum of amounts: what rows/measure.py promises. */
#include "digits.h"
#include "exported.h"
#include "texts.h"

/* Dollars and cents are added up apart, so that the sum of no chunk is too large. */
struct sum {
    int64_t dollars, cents;
};

struct adding {
    struct sum *sum;
    bool is_malformed;
};

/* Digits, a point and two more of them. */
static bool add_amount(struct sum *sum, struct text text) {
    enum { CENTS = 3, MOST = 18 };
    int32_t whole = text.size - CENTS;
    if (whole < 1 || whole > MOST || text.bytes[whole] != '.') return false;
    int64_t dollars = 0;
    int cents = number(text.bytes + whole + 1, CENTS - 1);
    for (int32_t at = 0; at < whole; at++) {
        if (!is_digit(text.bytes[at])) return false;
        dollars = 10 * dollars + text.bytes[at] - '0';
    }
    if (cents < 0 || __builtin_add_overflow(sum->dollars, dollars, &sum->dollars)) return false;
    sum->cents += cents;
    return true;
}

static bool add_amounts(const struct ArrowArray *amounts, int64_t done, void *to) {
    struct adding *adding = to;
    (void)done;
    for (int64_t row = 0; row < amounts->length; row++)
        if (is_valid(amounts, row) && !add_amount(adding->sum, text_at(amounts, row))) adding->is_malformed = true;
    return true;
}

/* Adds all amounts; MALFORMED where a text is none as `moat_read_amounts` writes it. */
EXPORTED enum fault moat_sum_amounts(struct ArrowArrayStream *amounts, int64_t rows, struct sum *sum) {
    struct adding adding = {sum, false};
    enum fault fault = take(amounts, rows, is_view, add_amounts, &adding);
    return !fault && adding.is_malformed ? MALFORMED : fault;
}
