/* The text that a dedupe key is the hash of: what rows/identity.py promises. */
#include "exported.h"
#include "masks.h"
#include "texts.h"

/* Writes sixteen bytes in lower case, and gives a bit for each that no usual text has: one that is not printable ASCII, or a
 * space behind a space. */
static inline uint32_t put_sixteen(uint8_t *to, const uint8_t *from) {
    enum { CASE = 'a' - 'A', LETTERS = 'Z' - 'A' + 1, PRINTABLE = '~' - ' ' + 1 };
    bytes16 bytes = sixteen_at(from);
    bytes16 lower = bytes | ((bytes16)(bytes - 'A' < LETTERS) & CASE);
    memcpy(to, &lower, sizeof lower);
    uint32_t spaces = mask_of(bytes == ' ');
    return mask_of(bytes - ' ' >= PRINTABLE) | (spaces & spaces << 1);
}

/* The same of fewer, of which twelve can be read or that are more. */
static inline uint32_t put_fewer(uint8_t *to, struct text text) {
    uint8_t bytes[SIXTEEN] = {0};
    if (text.size > INLINE) {
        memcpy(bytes, text.bytes, 8);
        memcpy(bytes + text.size - 8, text.bytes + text.size - 8, 8);
    } else memcpy(bytes, text.bytes, INLINE);
    return put_sixteen(to, bytes) & ((1u << text.size) - 1);
}

/* Words of printable ASCII with one space between them, in lower case; NULL for any other text. Each sixteen bytes begin with
 * the last of those before, so that two spaces are always seen together. Up to sixteen bytes more are written than given. */
static uint8_t *put_usual(uint8_t *to, struct text text) {
    if (text.size == 0) return to;
    if (text.bytes[0] == ' ' || text.bytes[text.size - 1] == ' ') return NULL;
    uint32_t unusual = 0;
    if (text.size < SIXTEEN) unusual = put_fewer(to, text);
    else {
        int32_t last = text.size - SIXTEEN;
        for (int32_t at = 0; at < last; at += SIXTEEN - 1) unusual |= put_sixteen(to + at, text.bytes + at);
        unusual |= put_sixteen(to + last, text.bytes + last);
    }
    return unusual ? NULL : to + text.size;
}

static size_t size_of_parts(const struct ArrowArray *rows) {
    size_t size = 0;
    for (int64_t column = 0; column < rows->n_children; column++) {
        const struct ArrowArray *parts = rows->children[column];
        for (int64_t row = rows->offset; row < rows->offset + rows->length; row++)
            size += is_valid(parts, row) ? (size_t)text_at(parts, row).size : 0;
    }
    return size;
}

static bool add_joined(struct texts *texts, const struct ArrowArray *rows, const void *how) {
    enum { SEPARATOR = 0x1f };
    const struct text *first = how;
    size_t of_each_row = (size_t)first->size + (size_t)rows->n_children;
    if (!reserve(texts, size_of_parts(rows) + (size_t)rows->length * of_each_row + SIXTEEN)) return false;
    for (int64_t row = rows->offset; row < rows->offset + rows->length; row++) {
        uint8_t *begin = texts->bytes + texts->size, *to = begin;
        memcpy(to, first->bytes, (size_t)first->size);
        to += first->size;
        for (int64_t column = 0; to && column < rows->n_children; column++) {
            const struct ArrowArray *parts = rows->children[column];
            *to++ = SEPARATOR;
            if (is_valid(parts, row)) to = put_usual(to, text_at(parts, row));
        }
        if (to) add_written(texts, (size_t)(to - begin));
        else add_null(texts);
    }
    return true;
}

/* The texts of each row behind `first`, joined with U+001F; none where one of them is not usual. */
EXPORTED enum fault moat_join_usual(
    struct ArrowArrayStream *parts, int64_t rows, const uint8_t *first, int32_t first_size,
    struct ArrowSchema *schema, struct ArrowArray *array
) {
    struct text system = {first, first_size};
    return make(parts, rows, is_frame, add_joined, &system, schema, array);
}
