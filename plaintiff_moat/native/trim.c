/* Cells without white space at their ends: what rows/normalise.py promises. Their bytes stay where they are. */
#include "exported.h"
#include "texts.h"

static uint32_t three_bytes(const uint8_t *at) { return (uint32_t)at[0] << 16 | (uint32_t)at[1] << 8 | at[2]; }

/* The character of UTF-8 is white space (White_Space, UAX #44) or a byte order mark. */
static bool is_space_of_two(const uint8_t *at) { return at[0] == 0xc2 && (at[1] == 0x85 || at[1] == 0xa0); }

static bool is_space_of_three(const uint8_t *at) {
    uint32_t bytes = three_bytes(at);
    return bytes == 0xe19a80 || (bytes >= 0xe28080 && bytes <= 0xe2808a) || bytes == 0xe280a8 || bytes == 0xe280a9 ||
        bytes == 0xe280af || bytes == 0xe2819f || bytes == 0xe38080 || bytes == 0xefbbbf;
}

static bool is_space(uint8_t byte) { return byte == ' ' || (byte >= '\t' && byte <= '\r'); }

/* The bytes of the space that a text begins with, and of the one that it ends with; 0 without one. */
static int32_t first_space(struct text text) {
    if (text.size >= 1 && text.bytes[0] < 0x80) return is_space(text.bytes[0]);
    if (text.size >= 2 && is_space_of_two(text.bytes)) return 2;
    return text.size >= 3 && is_space_of_three(text.bytes) ? 3 : 0;
}

static int32_t last_space(struct text text) {
    const uint8_t *end = text.bytes + text.size;
    if (text.size >= 1 && end[-1] < 0x80) return is_space(end[-1]);
    if (text.size >= 2 && is_space_of_two(end - 2)) return 2;
    return text.size >= 3 && is_space_of_three(end - 3) ? 3 : 0;
}

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

/* Rows whose texts are looked at column by column, and lie near each other: all columns of a file hold one text. */
enum { ROWS_AT_ONCE = 256 };

/* Tells of a column whether one of these rows is such, if it is not told yet. */
typedef void finder(const struct ArrowArray *texts, int64_t first, int64_t end, uint8_t *is_found);

struct finding {
    finder *find;
    uint8_t *are_found;
};

static bool find_in_all(const struct ArrowArray *rows, int64_t done, void *to) {
    const struct finding *finding = to;
    (void)done;
    int64_t end = rows->offset + rows->length;
    for (int64_t first = rows->offset; first < end; first += ROWS_AT_ONCE) {
        int64_t last = end - first < ROWS_AT_ONCE ? end : first + ROWS_AT_ONCE;
        for (int64_t column = 0; column < rows->n_children; column++)
            finding->find(rows->children[column], first, last, &finding->are_found[column]);
    }
    return true;
}

static void find_padded(const struct ArrowArray *texts, int64_t first, int64_t end, uint8_t *is_found) {
    for (int64_t row = first; row < end && !*is_found; row++) {
        if (!is_valid(texts, row)) continue;
        struct text text = text_at(texts, row);
        *is_found = text.size == 0 || first_space(text) > 0 || last_space(text) > 0;
    }
}

/* Tells of each column whether `moat_trim_texts` would make another of it. */
EXPORTED enum fault moat_find_padded(struct ArrowArrayStream *columns, int64_t rows, uint8_t *are_padded) {
    return take(columns, rows, is_frame, find_in_all, &(struct finding){find_padded, are_padded});
}

static void find_indented(const struct ArrowArray *texts, int64_t first, int64_t end, uint8_t *is_found) {
    for (int64_t row = first; row < end && !*is_found; row++)
        *is_found = is_valid(texts, row) && first_byte(texts, row) <= ' ';
}

/* Tells of each column whether one of its texts begins with white space or a control character of ASCII, or is empty. */
EXPORTED enum fault moat_find_indented(struct ArrowArrayStream *columns, int64_t rows, uint8_t *are_indented) {
    return take(columns, rows, is_frame, find_in_all, &(struct finding){find_indented, are_indented});
}

/* The texts of the stream's one array without white space and byte order marks at their ends; none where nothing is left. */
EXPORTED enum fault moat_trim_texts(
    struct ArrowArrayStream *stream, int64_t rows, struct ArrowSchema *schema, struct ArrowArray *array
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
        struct text part = trim(whole);
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
