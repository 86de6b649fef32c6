/* What the cells of a record are together: what rows/contents.py promises.
 *
 * All long cells of a chunk lie in one text. Where that has neither a NUL nor a placeholder, none of them is looked at.
 */
#include "exported.h"
#include "texts.h"

enum { HOLDS_NUL = 1, HOLDS_PLACEHOLDER = 2 };

static const char placeholder[] = "_REDACTED]";
enum { LENGTH = sizeof placeholder - 1 };

static bool holds_placeholder(const uint8_t *bytes, int64_t size) {
    const uint8_t *end = bytes + size;
    for (const uint8_t *at = bytes + (size < LENGTH ? size : LENGTH - 1); at < end; at++) {
        at = memchr(at, placeholder[LENGTH - 1], (size_t)(end - at));
        if (!at) return false;
        if (memcmp(at - LENGTH + 1, placeholder, LENGTH) == 0) return true;
    }
    return false;
}

static int findings_in(const uint8_t *bytes, int64_t size) {
    return (size && memchr(bytes, 0, (size_t)size) ? HOLDS_NUL : 0) | (holds_placeholder(bytes, size) ? HOLDS_PLACEHOLDER : 0);
}

/* Not 0 where one of eight bytes is: after Mycroft. */
static uint64_t zero_in(uint64_t eight) {
    const uint64_t ones = 0x0101010101010101, highs = 0x8080808080808080;
    return (eight - ones) & ~eight & highs;
}

/* Whether a text that lies in its view holds a NUL or a bracket, as a placeholder does. Behind the text stand zeros. */
static bool is_suspect(const uint8_t *view, int32_t size) {
    static const uint8_t behind[2 * INLINE] = {[INLINE ... 2 * INLINE - 1] = UINT8_MAX};
    const uint64_t brackets = 0x0101010101010101 * (uint8_t)']';
    uint64_t first, last, behind_first, behind_last;
    memcpy(&first, view + 4, 8);
    memcpy(&last, view + 8, 8);
    memcpy(&behind_first, behind + INLINE - size, 8);
    memcpy(&behind_last, behind + INLINE - size + 4, 8);
    uint64_t nul = zero_in(first | behind_first) | zero_in(last | behind_last);
    return (nul | zero_in(first ^ brackets) | zero_in(last ^ brackets)) != 0;
}

/* The text that long cells were last found in, and whether it holds anything. */
struct looked_at {
    const void *bytes;
    int64_t size;
    bool holds;
};

static bool may_hold(const struct ArrowArray *cells, struct looked_at *last) {
    int64_t buffers = cells->n_buffers - 3;
    const int64_t *sizes = buffers > 0 ? cells->buffers[cells->n_buffers - 1] : NULL;
    bool holds = false;
    for (int64_t buffer = 0; buffer < buffers; buffer++) {
        const void *bytes = cells->buffers[2 + buffer];
        if (bytes != last->bytes || sizes[buffer] != last->size)
            *last = (struct looked_at){bytes, sizes[buffer], findings_in(bytes, sizes[buffer]) != 0};
        holds |= last->holds;
    }
    return holds;
}

static void weigh(const struct ArrowArray *cells, int64_t first, int64_t rows, bool holds, int64_t *sizes, uint8_t *findings) {
    const uint8_t *view = (const uint8_t *)cells->buffers[1] + VIEW * (first + cells->offset);
    for (int64_t row = 0; row < rows; row++, view += VIEW) {
        if (!is_valid(cells, first + row)) continue;
        struct text text = text_at(cells, first + row);
        sizes[row] += text.size;
        bool is_worth_a_look = text.size > INLINE ? holds : is_suspect(view, text.size);
        if (is_worth_a_look) findings[row] |= (uint8_t)findings_in(text.bytes, text.size);
    }
}

/* Adds of the cells of each row: their bytes together, and whether one holds a NUL or a placeholder of a redacted number. */
EXPORTED enum fault moat_weigh_cells(struct ArrowArrayStream *cells, int64_t rows, int64_t *sizes, uint8_t *findings) {
    if (!has_schema(cells, is_frame)) return OTHER_COLUMNS;
    struct looked_at last = {NULL, 0, false};
    for (int64_t done = 0;;) {
        struct ArrowArray next;
        if (cells->get_next(cells, &next)) return NO_STREAM;
        if (!next.release) return done == rows ? NONE : NO_STREAM;
        bool fits = next.length <= rows - done;
        for (int64_t column = 0; fits && column < next.n_children; column++) {
            const struct ArrowArray *of_column = next.children[column];
            weigh(of_column, next.offset, next.length, may_hold(of_column, &last), sizes + done, findings + done);
        }
        done += next.length;
        next.release(&next);
        last.bytes = NULL; /* another text may come to lie where this one lay */
        if (!fits) return NO_STREAM;
    }
}
