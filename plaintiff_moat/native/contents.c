/* What the cells of a record are together: what rows/contents.py promises. */
#include "exported.h"
#include "texts.h"

/* Whether eight bytes may have one that is zero or `]`: every such one is told, and now and then another. */
static bool is_suspect(uint64_t eight) {
    const uint64_t ones = 0x0101010101010101, highs = 0x8080808080808080;
    uint64_t brackets = eight ^ (ones * ']');
    return ((((eight - ones) & ~eight) | ((brackets - ones) & ~brackets)) & highs) != 0;
}

enum { HOLDS_NUL = 1, HOLDS_PLACEHOLDER = 2 };

/* The last eight bytes of a text. A shorter one lies in its view with more behind it, in whose place stands what is no
 * suspect. */
static uint64_t last_eight(struct text text) {
    uint64_t eight;
    if (text.size >= 8) {
        memcpy(&eight, text.bytes + text.size - 8, 8);
        return eight;
    }
    memcpy(&eight, text.bytes, 8);
    return eight | ~(uint64_t)0 << 8 * text.size;
}

static int findings_of(struct text text) {
    static const char placeholder[] = "_REDACTED]";
    enum { LENGTH = sizeof placeholder - 1 };
    bool is_worth_a_look = is_suspect(last_eight(text));
    for (int32_t at = 0; at + 8 < text.size && !is_worth_a_look; at += 8) {
        uint64_t eight;
        memcpy(&eight, text.bytes + at, 8);
        is_worth_a_look = is_suspect(eight);
    }
    if (!is_worth_a_look) return 0;
    int found = memchr(text.bytes, 0, (size_t)text.size) ? HOLDS_NUL : 0;
    for (int32_t at = LENGTH; at <= text.size; at++)
        if (memcmp(text.bytes + at - LENGTH, placeholder, LENGTH) == 0) return found | HOLDS_PLACEHOLDER;
    return found;
}

static void weigh(const struct ArrowArray *cells, int64_t first, int64_t rows, int64_t *sizes, uint8_t *findings) {
    for (int64_t row = 0; row < rows; row++) {
        if (!is_valid(cells, first + row)) continue;
        struct text text = text_at(cells, first + row);
        sizes[row] += text.size;
        findings[row] |= (uint8_t)findings_of(text);
    }
}

/* Adds of the cells of each row: their bytes together, and whether one holds a NUL or a placeholder of a redacted number. */
EXPORTED enum fault moat_weigh_cells(struct ArrowArrayStream *cells, int64_t rows, int64_t *sizes, uint8_t *findings) {
    if (!has_schema(cells, is_frame)) return OTHER_COLUMNS;
    for (int64_t done = 0;;) {
        struct ArrowArray next;
        if (cells->get_next(cells, &next)) return NO_STREAM;
        if (!next.release) return done == rows ? NONE : NO_STREAM;
        bool fits = next.length <= rows - done;
        for (int64_t column = 0; fits && column < next.n_children; column++)
            weigh(next.children[column], next.offset, next.length, sizes + done, findings + done);
        done += next.length;
        next.release(&next);
        if (!fits) return NO_STREAM;
    }
}
