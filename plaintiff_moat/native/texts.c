/* Cells of an Arrow stream into canonical texts: what rows/normalise.py, rows/phones.py and rows/identity.py promise.
 *
 * Each function gives one array of string views with a row for each row of the stream, in order.
 */
#include <stdlib.h>

#include "arrow.h"

/* What an array of this file holds on to. */
struct owned {
    void *views, *bits, *bytes;
    int64_t sizes[1];
    struct ArrowArray source; /* whose bytes the views lead to; of those of its own, one that is released */
    const void *buffers[];
};

static void release_array(struct ArrowArray *array) {
    struct owned *owned = array->private_data;
    if (owned->source.release) owned->source.release(&owned->source);
    free(owned->views);
    free(owned->bits);
    free(owned->bytes);
    free(owned);
    array->release = NULL;
}

static void release_schema(struct ArrowSchema *schema) { schema->release = NULL; }

static void name_schema(struct ArrowSchema *schema) {
    enum { NULLABLE = 2 };
    *schema = (struct ArrowSchema){.format = "vu", .name = "", .flags = NULLABLE, .release = release_schema};
}

/* Texts as they are added: views, a bit for each that is none, and the bytes of those beyond twelve. */
struct texts {
    uint8_t *views, *bits, *bytes;
    size_t size, capacity;
    int64_t rows, added, nulls;
};

static void drop(struct texts *texts) {
    free(texts->views);
    free(texts->bits);
    free(texts->bytes);
}

static bool begin(struct texts *texts, int64_t rows) {
    *texts = (struct texts){.rows = rows};
    texts->views = calloc((size_t)rows + 1, VIEW);
    texts->bits = calloc(((size_t)rows >> 3) + 1, 1);
    return texts->views && texts->bits;
}

static bool reserve(struct texts *texts, size_t more) {
    if (more <= texts->capacity - texts->size) return true;
    size_t capacity = 2 * texts->capacity + more;
    uint8_t *grown = capacity <= INT32_MAX ? realloc(texts->bytes, capacity) : NULL;
    if (!grown) return false;
    texts->bytes = grown;
    texts->capacity = capacity;
    return true;
}

static void add_null(struct texts *texts) {
    texts->added++;
    texts->nulls++;
}

static void set_valid(struct texts *texts, int64_t row) { texts->bits[row >> 3] |= (uint8_t)(1 << (row & 7)); }

static void put_view(uint8_t *view, const uint8_t *bytes, int32_t size, uint32_t buffer, uint32_t offset) {
    memcpy(view, &size, 4);
    if (size <= INLINE) {
        memset(view + 4, 0, INLINE);
        memcpy(view + 4, bytes, (size_t)size);
    } else {
        memcpy(view + 4, bytes, 4);
        memcpy(view + 8, &buffer, 4);
        memcpy(view + 12, &offset, 4);
    }
}

/* Adds a text that has been written behind the bytes of the others. */
static void add_written(struct texts *texts, size_t size) {
    put_view(texts->views + VIEW * texts->added, texts->bytes + texts->size, (int32_t)size, 0, (uint32_t)texts->size);
    set_valid(texts, texts->added++);
    if (size > INLINE) texts->size += size;
}

static bool export_array(const struct texts *texts, struct ArrowArray *array) {
    struct owned *owned = calloc(1, sizeof *owned + 4 * sizeof *owned->buffers);
    if (!owned) return false;
    owned->views = texts->views;
    owned->bits = texts->bits;
    owned->bytes = texts->bytes;
    owned->sizes[0] = (int64_t)texts->size;
    int64_t buffers = 0;
    owned->buffers[buffers++] = texts->bits;
    owned->buffers[buffers++] = texts->views;
    if (texts->bytes) owned->buffers[buffers++] = texts->bytes;
    owned->buffers[buffers++] = owned->sizes;
    *array = (struct ArrowArray){
        .length = texts->rows, .null_count = texts->nulls, .n_buffers = buffers, .buffers = owned->buffers,
        .release = release_array, .private_data = owned,
    };
    return true;
}

static bool is_view(const struct ArrowSchema *schema) { return strcmp(schema->format, "vu") == 0; }

static bool is_frame(const struct ArrowSchema *schema) {
    bool is = strcmp(schema->format, "+s") == 0;
    for (int64_t column = 0; is && column < schema->n_children; column++) is = is_view(schema->children[column]);
    return is;
}

static bool has_schema(struct ArrowArrayStream *stream, bool (*is)(const struct ArrowSchema *)) {
    struct ArrowSchema schema;
    if (stream->get_schema(stream, &schema)) return false;
    bool has = is(&schema);
    schema.release(&schema);
    return has;
}

/* Adds the rows of one array of the stream. */
typedef bool add_rows(struct texts *texts, const struct ArrowArray *array, const void *how);

static enum fault collect(
    struct ArrowArrayStream *stream, int64_t rows, bool (*is)(const struct ArrowSchema *), add_rows *add, const void *how,
    struct ArrowSchema *schema, struct ArrowArray *array
) {
    if (!has_schema(stream, is)) return OTHER_COLUMNS;
    struct texts texts;
    enum fault fault = begin(&texts, rows) ? NONE : NO_MEMORY;
    while (!fault) {
        struct ArrowArray next;
        if (stream->get_next(stream, &next)) fault = NO_STREAM;
        else if (!next.release) break;
        else {
            if (next.length > rows - texts.added) fault = NO_STREAM;
            else if (!add(&texts, &next, how)) fault = NO_MEMORY;
            next.release(&next);
        }
    }
    if (!fault && texts.added < rows) fault = NO_STREAM;
    if (!fault && !export_array(&texts, array)) fault = NO_MEMORY;
    if (fault) drop(&texts);
    else name_schema(schema);
    return fault;
}

/* Each of these writes what a text is read as, and gives its end; NULL where it cannot be read. */
typedef uint8_t *reading(uint8_t *to, struct text text);
enum { LONGEST = 16 /* 123456789012.34 */ };

static bool add_read(struct texts *texts, const struct ArrowArray *array, const void *how) {
    reading *const *read = how;
    for (int64_t row = 0; row < array->length; row++) {
        uint8_t *end = NULL;
        if (!reserve(texts, LONGEST)) return false;
        uint8_t *to = texts->bytes + texts->size;
        if (is_valid(array, row)) end = (*read)(to, text_at(array, row));
        if (end) add_written(texts, (size_t)(end - to));
        else add_null(texts);
    }
    return true;
}

static int32_t digits_at(struct text text, int32_t at) {
    int32_t end = at;
    while (end < text.size && is_digit(text.bytes[end])) end++;
    return end - at;
}

/* [$][ ]digits, plain or by threes with commas, and perhaps a point with two of them and zeros: as 0.00. */
static uint8_t *put_amount(uint8_t *to, struct text text) {
    enum { MOST = 12 };
    int32_t at = 0, whole = 0, first;
    if (at < text.size && text.bytes[at] == '$') at++;
    if (at < text.size && text.bytes[at] == ' ') at++;
    for (first = at;; at++) {
        int32_t count = digits_at(text, at);
        bool groups = at > first;
        if (count == 0 || (groups && count != 3)) return NULL;
        for (int32_t end = at + count; at < end; at++) {
            if (whole == 0 && text.bytes[at] == '0') continue;
            if (++whole > MOST) return NULL;
            *to++ = text.bytes[at];
        }
        if (at == text.size || text.bytes[at] != ',') break;
        if (!groups && count > 3) return NULL;
    }
    if (whole == 0) *to++ = '0';
    memcpy(to, ".00", 3);
    if (at < text.size) {
        int32_t count = digits_at(text, at + 1);
        if (text.bytes[at] != '.' || count == 0 || at + 1 + count != text.size) return NULL;
        for (int32_t place = 0; place < count; place++) {
            uint8_t digit = text.bytes[at + 1 + place];
            if (place < 2) to[1 + place] = digit;
            else if (digit != '0') return NULL;
        }
    }
    return to + 3;
}

static int value_of(struct text text, int32_t at, int32_t count) {
    int value = 0;
    for (int32_t end = at + count; at < end; at++) value = 10 * value + text.bytes[at] - '0';
    return value;
}

static uint8_t *put_digits(uint8_t *to, int value, int count) {
    for (int place = count - 1; place >= 0; place--, value /= 10) to[place] = (uint8_t)('0' + value % 10);
    return to + count;
}

/* YYYY-MM-DD or m/d/YYYY, of the Gregorian calendar and the years from 0001: as the former. */
static uint8_t *put_day(uint8_t *to, struct text text) {
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int32_t first = digits_at(text, 0), second = digits_at(text, first + 1);
    int32_t third = digits_at(text, first + second + 2);
    if (first == 0 || second == 0 || first + second + third + 2 != text.size) return NULL;
    uint8_t separator = text.bytes[first];
    if (text.bytes[first + second + 1] != separator) return NULL;
    int year, month, day;
    if (separator == '-' && first == 4 && second == 2 && third == 2) {
        year = value_of(text, 0, 4), month = value_of(text, 5, 2), day = value_of(text, 8, 2);
    } else if (separator == '/' && first <= 2 && second <= 2 && third == 4) {
        month = value_of(text, 0, first), day = value_of(text, first + 1, second);
        year = value_of(text, first + second + 2, 4);
    } else return NULL;
    if (year < 1 || month < 1 || month > 12 || day < 1) return NULL;
    bool leaps = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    if (day > lengths[month - 1] + (leaps && month == 2)) return NULL;
    to = put_digits(to, year, 4);
    *to++ = '-';
    to = put_digits(to, month, 2);
    *to++ = '-';
    return put_digits(to, day, 2);
}

/* Up to three of the marks that stand between the groups of a telephone number. */
static int32_t behind_marks(struct text text, int32_t at) {
    for (int32_t end = at + 3; at < end && at < text.size; at++)
        if (text.bytes[at] != '-' && text.bytes[at] != '.' && text.bytes[at] != ' ') break;
    return at;
}

/* [+1] and ten digits by three, three and four, the first three perhaps in brackets: as +1 and the digits. */
static uint8_t *put_number(uint8_t *to, struct text text) {
    int32_t at = 0;
    bool has_sign = text.size > 0 && text.bytes[0] == '+';
    if (has_sign) at++;
    if (at < text.size && text.bytes[at] == '1') at = behind_marks(text, at + 1);
    else if (has_sign) return NULL;
    *to++ = '+';
    *to++ = '1';
    static const int32_t groups[] = {3, 3, 4};
    for (int group = 0; group < 3; group++) {
        bool is_in_brackets = group == 0 && at < text.size && text.bytes[at] == '(';
        if (group > 0) at = behind_marks(text, at);
        if (is_in_brackets) at++;
        int32_t end = at + groups[group];
        if (end > text.size || (group == 0 && text.bytes[at] < '2')) return NULL;
        for (; at < end; at++) {
            if (!is_digit(text.bytes[at])) return NULL;
            *to++ = text.bytes[at];
        }
        if (is_in_brackets && (at == text.size || text.bytes[at++] != ')')) return NULL;
    }
    return at == text.size ? to : NULL;
}

EXPORTED enum fault moat_read_amounts(
    struct ArrowArrayStream *texts, int64_t rows, struct ArrowSchema *schema, struct ArrowArray *array
) {
    return collect(texts, rows, is_view, add_read, &(reading *){put_amount}, schema, array);
}

EXPORTED enum fault moat_read_days(
    struct ArrowArrayStream *texts, int64_t rows, struct ArrowSchema *schema, struct ArrowArray *array
) {
    return collect(texts, rows, is_view, add_read, &(reading *){put_day}, schema, array);
}

EXPORTED enum fault moat_read_numbers(
    struct ArrowArrayStream *texts, int64_t rows, struct ArrowSchema *schema, struct ArrowArray *array
) {
    return collect(texts, rows, is_view, add_read, &(reading *){put_number}, schema, array);
}

/* Words of printable ASCII with one space between them, in lower case; NULL for any other text. */
static uint8_t *put_usual(uint8_t *to, struct text text) {
    uint8_t before = ' ';
    for (int32_t at = 0; at < text.size; at++) {
        uint8_t byte = text.bytes[at];
        if (byte < ' ' || byte > '~' || (byte == ' ' && before == ' ')) return NULL;
        *to++ = byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte;
        before = byte;
    }
    return text.size > 0 && before == ' ' ? NULL : to;
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
    return collect(parts, rows, is_frame, add_joined, &system, schema, array);
}

static uint32_t three_bytes(const uint8_t *at) { return (uint32_t)at[0] << 16 | (uint32_t)at[1] << 8 | at[2]; }

/* The character of UTF-8 is white space (White_Space, UAX #44) or a byte order mark. */
static bool is_space_of_two(const uint8_t *at) { return at[0] == 0xc2 && (at[1] == 0x85 || at[1] == 0xa0); }

static bool is_space_of_three(const uint8_t *at) {
    uint32_t bytes = three_bytes(at);
    return bytes == 0xe19a80 || (bytes >= 0xe28080 && bytes <= 0xe2808a) || bytes == 0xe280a8 || bytes == 0xe280a9 ||
        bytes == 0xe280af || bytes == 0xe2819f || bytes == 0xe38080 || bytes == 0xefbbbf;
}

static bool is_space(uint8_t byte) { return byte == ' ' || (byte >= '\t' && byte <= '\r'); }

static struct text trim(struct text text) {
    for (;;) {
        int32_t space = 0;
        if (text.size > 0 && is_space(text.bytes[0])) space = 1;
        else if (text.size > 0 && text.bytes[0] < 0x80) break;
        else if (text.size >= 2 && is_space_of_two(text.bytes)) space = 2;
        else if (text.size >= 3 && is_space_of_three(text.bytes)) space = 3;
        if (space == 0) break;
        text.bytes += space;
        text.size -= space;
    }
    for (;;) {
        const uint8_t *end = text.bytes + text.size;
        if (text.size > 0 && is_space(end[-1])) text.size -= 1;
        else if (text.size > 0 && end[-1] < 0x80) break;
        else if (text.size >= 2 && is_space_of_two(end - 2)) text.size -= 2;
        else if (text.size >= 3 && is_space_of_three(end - 3)) text.size -= 3;
        else break;
    }
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

/* Takes the source over: the views lead to its bytes. */
static bool export_within(const struct texts *texts, struct ArrowArray *source, struct ArrowArray *array) {
    size_t buffers = (size_t)source->n_buffers;
    struct owned *owned = calloc(1, sizeof *owned + buffers * sizeof *owned->buffers);
    if (!owned) return false;
    owned->views = texts->views;
    owned->bits = texts->bits;
    memcpy(owned->buffers, source->buffers, buffers * sizeof *owned->buffers);
    owned->buffers[0] = texts->bits;
    owned->buffers[1] = texts->views;
    owned->source = *source;
    *array = (struct ArrowArray){
        .length = texts->rows, .null_count = texts->nulls, .n_buffers = source->n_buffers, .buffers = owned->buffers,
        .release = release_array, .private_data = owned,
    };
    return true;
}

/* The texts of the stream's one array without white space and byte order marks at their ends; none where nothing is left. */
EXPORTED enum fault moat_trim_texts(
    struct ArrowArrayStream *stream, int64_t rows, struct ArrowSchema *schema, struct ArrowArray *array
) {
    if (rows == 0) return collect(stream, rows, is_view, add_read, NULL, schema, array);
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
        struct text whole = {NULL, 0}, part;
        if (is_valid(&source, row)) whole = text_at(&source, row);
        part = trim(whole);
        if (part.size == 0) {
            add_null(&texts);
            continue;
        }
        const uint8_t *view = (const uint8_t *)source.buffers[1] + VIEW * (row + source.offset);
        put_within(texts.views + VIEW * row, view, whole, part);
        set_valid(&texts, row);
        texts.added++;
    }
    if (!is_done || !export_within(&texts, &source, array)) {
        drop(&texts);
        source.release(&source);
        return NO_MEMORY;
    }
    name_schema(schema);
    return NONE;
}

/* Whether eight bytes may have one that is zero or `]`: every such one is told, and now and then another. */
static bool is_suspect(uint64_t eight) {
    const uint64_t ones = 0x0101010101010101, highs = 0x8080808080808080;
    uint64_t brackets = eight ^ (ones * ']');
    return ((((eight - ones) & ~eight) | ((brackets - ones) & ~brackets)) & highs) != 0;
}

enum { HOLDS_NUL = 1, HOLDS_PLACEHOLDER = 2 };

/* The last eight bytes of a text; of a shorter one, which lies in its view with more behind it, all and others that are no suspects. */
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

/* Of the cells of each row: their bytes together, and whether one holds a NUL or a placeholder of a redacted number. */
EXPORTED enum fault moat_weigh_cells(struct ArrowArrayStream *cells, int64_t rows, int64_t *sizes, uint8_t *findings) {
    if (!has_schema(cells, is_frame)) return OTHER_COLUMNS;
    for (int64_t done = 0;;) {
        struct ArrowArray next;
        if (cells->get_next(cells, &next)) return NO_STREAM;
        if (!next.release) return done == rows ? NONE : NO_STREAM;
        if (next.length > rows - done) {
            next.release(&next);
            return NO_STREAM;
        }
        for (int64_t row = next.offset; row < next.offset + next.length; row++, done++) {
            int64_t size = 0;
            int found = 0;
            for (int64_t column = 0; column < next.n_children; column++) {
                if (!is_valid(next.children[column], row)) continue;
                struct text text = text_at(next.children[column], row);
                size += text.size;
                found |= findings_of(text);
            }
            sizes[done] = size;
            findings[done] = (uint8_t)found;
        }
        next.release(&next);
    }
}
