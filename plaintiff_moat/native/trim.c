/* Parts of texts: what rows/normalise.py and rows/identity.py promise. Their bytes stay where they are. */
#include "exported.h"
#include "spaces.h"
#include "texts.h"

static struct text trim(struct text text) {
    for (int32_t space; (space = first_space(text)) > 0; text.size -= space) text.bytes += space;
    for (int32_t space; (space = last_space(text)) > 0;) text.size -= space;
    return text;
}

/* The view of a text that lies within that of `view`. */
static void put_within(uint8_t *to, const uint8_t *view, struct text whole, struct text part) {
    uint32_t buffer = 0, offset = 0;
    if (part.size == whole.size) {
        memcpy(to, view, VIEW);
        return;
    }
    if (whole.size > INLINE) {
        memcpy(&buffer, view + 8, 4);
        memcpy(&offset, view + 12, 4);
    }
    put_view(to, part.bytes, part.size, buffer, offset + (uint32_t)(part.bytes - whole.bytes));
}

/* Nearly all texts begin with a visible character. */
static bool is_filled(const struct ArrowArray *texts, int64_t row) {
    if (!is_valid(texts, row)) return false;
    uint8_t first = first_byte(texts, row);
    return (first > ' ' && first <= '~') || trim(text_at(texts, row)).size > 0;
}

static bool count_filled(const struct ArrowArray *rows, int64_t done, void *to) {
    int64_t *counts = to;
    (void)done;
    int64_t end = rows->offset + rows->length;
    for (int64_t column = 0; column < rows->n_children; column++)
        for (int64_t row = rows->offset; row < end; row++) counts[column] += is_filled(rows->children[column], row);
    return true;
}

/* Adds for each column its texts of more than white space and byte order marks. */
EXPORTED enum fault moat_count_filled(struct ArrowArrayStream *columns, int64_t rows, int64_t *counts) {
    return take(columns, rows, is_frame, count_filled, counts);
}

/* What is left of a text: a part of it, and none where that is empty. */
typedef struct text cutter(struct text text, int32_t size);

static struct text trim_all(struct text text, int32_t size) {
    (void)size;
    return trim(text);
}

/* Not more than so many bytes, and whole characters. */
static struct text shorten(struct text text, int32_t size) {
    if (text.size <= size || size < 0) return text;
    while (size > 0 && (text.bytes[size] & 0xc0) == 0x80) size--;
    return (struct text){text.bytes, size};
}

/* The texts of the stream's one array, cut. */
static enum fault cut_texts(
    struct ArrowArrayStream *stream, int64_t rows, cutter *cut, int32_t size, struct ArrowSchema *schema, struct ArrowArray *array
) {
    if (rows == 0) return make(stream, rows, is_view, NULL, NULL, schema, array);
    if (!has_schema(stream, is_view)) return OTHER_COLUMNS;
    struct ArrowArray source;
    if (stream->get_next(stream, &source) || !source.release) return NO_STREAM;
    if (source.length != rows) {
        source.release(&source);
        return NO_STREAM;
    }
    struct texts texts;
    bool is_done = begin(&texts, rows);
    for (int64_t row = 0; is_done && row < rows; row++) {
        struct text whole = {(const uint8_t *)"", 0};
        if (is_valid(&source, row)) whole = text_at(&source, row);
        struct text part = cut(whole, size);
        if (part.size == 0) {
            add_null(&texts);
            continue;
        }
        const uint8_t *view = (const uint8_t *)source.buffers[1] + VIEW * (row + source.offset);
        put_within(texts.views + VIEW * row, view, whole, part);
        set_valid(&texts, row);
        texts.added++;
    }
    if (is_done && give(&texts, &source, schema, array)) return NONE;
    drop(&texts);
    source.release(&source);
    return NO_MEMORY;
}

/* Without white space and byte order marks at their ends. */
EXPORTED enum fault moat_trim_texts(
    struct ArrowArrayStream *stream, int64_t rows, struct ArrowSchema *schema, struct ArrowArray *array
) {
    return cut_texts(stream, rows, trim_all, 0, schema, array);
}

/* Not more than so many bytes of each. */
EXPORTED enum fault moat_shorten_texts(
    struct ArrowArrayStream *stream, int64_t rows, int32_t size, struct ArrowSchema *schema, struct ArrowArray *array
) {
    return cut_texts(stream, rows, shorten, size, schema, array);
}
