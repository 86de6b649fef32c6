/* What the cells of a record are together: what rows/contents.py promises.
 *
 * All long cells of a chunk lie in one text. Where that has neither a NUL nor a placeholder, none of them is looked at.
 */
#include "exported.h"
#include "masks.h"
#include "spaces.h"
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

/* Whether there is a NUL or a bracket, as a placeholder has. */
static bool is_suspect(const uint8_t *bytes, int64_t size) {
    uint64_t found = 0;
    int64_t at = 0;
    for (; !found && size - at >= BLOCK; at += BLOCK) {
        struct block block = block_at(bytes + at, BLOCK);
        found = equal(&block, 0) | equal(&block, ']');
    }
    size_t rest = (size_t)(size - at);
    return found || (rest && (memchr(bytes + at, 0, rest) || memchr(bytes + at, ']', rest)));
}

/* The same of a view's text, if that lies in it. */
static bool is_suspect_inside(const uint8_t *view, int32_t size) {
    enum { BEFORE = VIEW - INLINE };
    bytes16 bytes = sixteen_at(view);
    uint32_t of_text = size <= INLINE ? ((1u << size) - 1) << BEFORE : 0;
    return (mask_of(bytes == 0 | bytes == ']') & of_text) != 0;
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
            *last = (struct looked_at){bytes, sizes[buffer], is_suspect(bytes, sizes[buffer]) && findings_in(bytes, sizes[buffer])};
        holds |= last->holds;
    }
    return holds;
}

static void weigh(const struct ArrowArray *cells, int64_t first, int64_t rows, bool holds, int64_t *sizes, uint8_t *findings) {
    const uint8_t *view = (const uint8_t *)cells->buffers[1] + VIEW * (first + cells->offset);
    for (int64_t row = 0; row < rows; row++, view += VIEW) {
        if (!is_valid(cells, first + row)) continue;
        int32_t size;
        memcpy(&size, view, sizeof size);
        sizes[row] += size;
        if ((holds && size > INLINE) || is_suspect_inside(view, size)) {
            struct text text = text_at(cells, first + row);
            findings[row] |= (uint8_t)findings_in(text.bytes, text.size);
        }
    }
}

static bool has_padded(const struct ArrowArray *cells, int64_t first, int64_t rows) {
    for (int64_t row = first; row < first + rows; row++)
        if (is_valid(cells, row) && is_padded(text_at(cells, row))) return true;
    return false;
}

/* What is found of each row, and of each column. */
struct found {
    int64_t *sizes;
    uint8_t *findings, *are_padded;
};

/* Cells of so many rows lie near each other, whatever their column. */
enum { ROWS_AT_ONCE = 256 };

static bool look_at_all(const struct ArrowArray *cells, int64_t done, void *to) {
    const struct found *found = to;
    struct looked_at last = {NULL, 0, false};
    bool holds = false;
    for (int64_t column = 0; column < cells->n_children; column++) holds |= may_hold(cells->children[column], &last);
    for (int64_t at = 0; at < cells->length; at += ROWS_AT_ONCE) {
        int64_t rows = cells->length - at < ROWS_AT_ONCE ? cells->length - at : ROWS_AT_ONCE;
        for (int64_t column = 0; column < cells->n_children; column++) {
            const struct ArrowArray *of_column = cells->children[column];
            weigh(of_column, cells->offset + at, rows, holds, found->sizes + done + at, found->findings + done + at);
            if (!found->are_padded[column]) found->are_padded[column] = has_padded(of_column, cells->offset + at, rows);
        }
    }
    return true;
}

/* Adds of the cells of each row their bytes together, and whether one holds a NUL or a placeholder of a redacted number; tells
 * of each column whether `moat_trim_texts` would make another of it. */
EXPORTED enum fault moat_look_at_cells(
    struct ArrowArrayStream *cells, int64_t rows, int64_t *sizes, uint8_t *findings, uint8_t *are_padded
) {
    return take(cells, rows, is_frame, look_at_all, &(struct found){sizes, findings, are_padded});
}
