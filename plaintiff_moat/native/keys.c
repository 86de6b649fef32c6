/* The text that a dedupe key is the hash of: what rows/identity.py promises. */
#include "exported.h"
#include "texts.h"

/* Words of printable ASCII with one space between them, in lower case; NULL for any other text. Without a branch for each
 * byte, so that several are looked at together. */
static uint8_t *put_usual(uint8_t *restrict to, struct text text) {
    const uint8_t *bytes = text.bytes;
    if (text.size == 0) return to;
    int unusual = (bytes[0] == ' ') | (bytes[text.size - 1] == ' ');
    for (int32_t at = 0; at < text.size; at++) {
        uint8_t byte = bytes[at];
        unusual |= (byte < ' ') | (byte > '~');
        to[at] = byte | (uint8_t)((byte >= 'A' && byte <= 'Z') << 5);
    }
    for (int32_t at = 1; at < text.size; at++) unusual |= (bytes[at] == ' ') & (bytes[at - 1] == ' ');
    return unusual ? NULL : to + text.size;
}

static bool add_joined(struct texts *texts, const struct ArrowArray *rows, const void *how) {
    enum { SEPARATOR = 0x1f };
    const struct text *first = how;
    for (int64_t row = rows->offset; row < rows->offset + rows->length; row++) {
        size_t most = (size_t)first->size;
        for (int64_t column = 0; column < rows->n_children; column++) {
            const struct ArrowArray *parts = rows->children[column];
            most += 1 + (is_valid(parts, row) ? (size_t)text_at(parts, row).size : 0);
        }
        if (!reserve(texts, most)) return false;
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
