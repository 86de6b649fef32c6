/* Which bytes of CSV text stand inside quotes.
 *
 * After Langdale and Lemire, "Parsing Gigabytes of JSON per Second" (2019): a byte stands inside quotes where the
 * number of quotes up to it is odd, and that is told of 64 bytes at a time.
 */
#ifndef QUOTES_H
#define QUOTES_H

#include "masks.h"

enum { LF = '\n', CR = '\r', NO_QUOTE = -1 };

/* What a block must know of those before it: all bits where it begins inside quotes, bit 0 where behind a closing one. */
struct carry {
    uint64_t inside, closed;
};

/* An opening quote stands inside of what it encloses, a closing one outside. A doubled one closes and opens. */
struct quotes {
    uint64_t all, inside, opening, behind_closing;
};

static inline struct quotes told_apart(uint64_t all, struct carry *carry) {
    uint64_t inside = parity_up_to(all) ^ carry->inside, closing = all & ~inside;
    struct quotes quotes = {all, inside, all & inside, closing << 1 | carry->closed};
    carry->inside = inside >> 63 ? UINT64_MAX : 0;
    carry->closed = closing >> 63;
    return quotes;
}

/* The second quote of each doubled one, which is the cell's; all others only mark it. */
static inline uint64_t doubled(struct quotes quotes) { return quotes.opening & quotes.behind_closing; }

static inline uint64_t quotes_in(const struct block *block, int quote) {
    return quote == NO_QUOTE ? 0 : equal(block, (uint8_t)quote);
}

#endif
