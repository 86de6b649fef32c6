/* Names that anybody can see: what rows/prepare.py promises. */
#include "exported.h"
#include "texts.h"

static bool find_visible(const struct ArrowArray *texts, int64_t done, void *to) {
    uint8_t *are_visible = (uint8_t *)to + done;
    for (int64_t row = 0; row < texts->length; row++) {
        uint8_t first = is_valid(texts, row) ? first_byte(texts, row) : 0;
        are_visible[row] = first > ' ' && first <= '~';
    }
    return true;
}

/* Tells of each row whether its text begins with a visible character of ASCII. */
EXPORTED enum fault moat_find_visible(struct ArrowArrayStream *texts, int64_t rows, uint8_t *are_visible) {
    return take(texts, rows, is_view, find_visible, are_visible);
}
