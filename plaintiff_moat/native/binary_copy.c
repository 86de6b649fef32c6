/* Rows of an Arrow stream as PostgreSQL's binary COPY: what binary_copy.py promises.
 *
 * Reads 64-bit integers and string views. Writes the form that COPY's documentation gives under
 * "Binary Format"; fields are what the types' receive functions read (uuid_recv, numeric_recv, date_recv, jsonb_recv,
 * array_recv).
 */
#include "digits.h"
#include "exported.h"
#include "texts.h"

/* As binary_copy.py numbers them. */
enum kind { INTEGER, TEXT, JSONB, UUID, DATE, NUMERIC, TEXT_ARRAY };

enum {
    TEXT_OID = 25,
    EPOCH = 730120,     /* 2000-01-01, in days after 0000-12-31 */
    GROUP = 4,          /* decimal digits in one of numeric's */
    LONGEST_NUMBER = 64, /* more than any that numeric(14,2) holds */
    OF_A_VALUE = 32     /* more than a value takes beyond three bytes for each of its text, its size included */
};

static uint8_t *put16(uint8_t *to, uint16_t value) {
    to[0] = (uint8_t)(value >> 8);
    to[1] = (uint8_t)value;
    return to + 2;
}

static uint8_t *put32(uint8_t *to, uint32_t value) {
    to[0] = (uint8_t)(value >> 24);
    to[1] = (uint8_t)(value >> 16);
    to[2] = (uint8_t)(value >> 8);
    to[3] = (uint8_t)value;
    return to + 4;
}

static uint8_t *put_bytes(uint8_t *to, const uint8_t *bytes, int32_t size) {
    memcpy(to, bytes, (size_t)size);
    return to + size;
}

/* A text of a view: of one that lies in it all bytes are copied that it has room for, in two moves. */
static uint8_t *put_text(uint8_t *to, struct text text) {
    if (text.size > INLINE) return put_bytes(to, text.bytes, text.size);
    memcpy(to, text.bytes, INLINE);
    return to + text.size;
}

/* The value of a hexadecimal digit, and one more: 0 stands for what is none. */
static const uint8_t hexadecimal[256] = {['0'] = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, ['a'] = 11, 12, 13, 14, 15, 16};

/* Each of these writes a value behind the four bytes of its size, and gives its end; NULL where it is malformed. */

static uint8_t *put_uuid(uint8_t *to, struct text text) {
    if (text.size != 32) return NULL;
    bool is_one = true; /* told at the end: of random digits none can be foretold */
    for (int at = 0; at < 32; at += 2) {
        int high = hexadecimal[text.bytes[at]], low = hexadecimal[text.bytes[at + 1]];
        is_one &= high && low;
        *to++ = (uint8_t)(16 * (high - 1) + low - 1);
    }
    return is_one ? to : NULL;
}

/* YYYY-MM-DD of the Gregorian calendar, as days since 2000-01-01. */
static uint8_t *put_date(uint8_t *to, struct text text) {
    if (text.size != 10 || text.bytes[4] != '-' || text.bytes[7] != '-') return NULL;
    int year = number(text.bytes, 4), month = number(text.bytes + 5, 2), day = number(text.bytes + 8, 2);
    if (!is_day(year, month, day)) return NULL;
    int past = year - 1;
    int days = 365 * past + past / 4 - past / 100 + past / 400 + before_month[month - 1] + (leaps(year) && month > 2) + day;
    return put32(to, (uint32_t)(days - EPOCH));
}

/* Digits, and after a point more of them: in groups of four around the point, the first and the last filled up. */
static uint8_t *put_numeric(uint8_t *to, struct text text) {
    int32_t whole = 0, size = text.size;
    while (whole < size && is_digit(text.bytes[whole])) whole++;
    int32_t scale = size - whole - (whole < size);
    if (whole == 0 || size > LONGEST_NUMBER || (whole < size && (text.bytes[whole] != '.' || scale == 0))) return NULL;
    int32_t groups = (whole + GROUP - 1) / GROUP;
    int32_t fraction = (scale + GROUP - 1) / GROUP;
    to = put16(to, (uint16_t)(groups + fraction));
    to = put16(to, (uint16_t)(groups - 1));
    to = put16(to, 0);
    to = put16(to, (uint16_t)scale);
    const uint8_t *next = text.bytes;
    for (int32_t group = 0; group < groups; group++) {
        int count = group ? GROUP : whole - GROUP * (groups - 1);
        to = put16(to, (uint16_t)number(next, count));
        next += count;
    }
    if (scale) next++;
    for (int32_t left = scale; left > 0; left -= GROUP) {
        int value = 0;
        for (int at = 0; at < GROUP; at++) {
            value *= 10;
            if (at >= left) continue;
            if (!is_digit(*next)) return NULL;
            value += *next++ - '0';
        }
        to = put16(to, (uint16_t)value);
    }
    return to;
}

/* {ONE,OTHER}: no quotes, no escapes, no empty element. */
static uint8_t *put_text_array(uint8_t *to, struct text text) {
    if (text.size < 2 || text.bytes[0] != '{' || text.bytes[text.size - 1] != '}') return NULL;
    const uint8_t *element = text.bytes + 1, *end = text.bytes + text.size - 1;
    bool is_empty = element == end;
    to = put32(to, !is_empty); /* dimensions */
    to = put32(to, 0);         /* of nulls */
    to = put32(to, TEXT_OID);
    if (is_empty) return to;
    uint8_t *count_at = to;
    uint32_t count = 0;
    to = put32(to + 4, 1);
    for (const uint8_t *at = element; at <= end; at++) {
        if (at < end && *at != ',') {
            if (*at == '"' || *at == '\\' || *at == '{' || *at == '}' || *at == ' ') return NULL;
            continue;
        }
        if (at == element) return NULL;
        to = put32(to, (uint32_t)(at - element));
        to = put_bytes(to, element, (int32_t)(at - element));
        element = at + 1;
        count++;
    }
    put32(count_at, count);
    return to;
}

static uint8_t *put_integer(uint8_t *to, int64_t value) {
    return value == (int32_t)value ? put32(to, (uint32_t)value) : NULL;
}

static uint8_t *put_value(uint8_t *to, enum kind kind, const struct ArrowArray *cells, int64_t row) {
    if (kind == INTEGER) return put_integer(to, ((const int64_t *)cells->buffers[1])[row + cells->offset]);
    struct text text = text_at(cells, row);
    switch (kind) {
    case TEXT: return put_text(to, text);
    case JSONB: *to = 1; return put_bytes(to + 1, text.bytes, text.size);
    case UUID: return put_uuid(to, text);
    case DATE: return put_date(to, text);
    case NUMERIC: return put_numeric(to, text);
    case TEXT_ARRAY: return put_text_array(to, text);
    default: return NULL;
    }
}

/* Output that grows by what an array can need at most, so that nothing is checked while its rows are written. */
struct output {
    uint8_t *bytes;
    size_t size, capacity;
};

static bool grow(struct output *out, size_t more) {
    if (more <= out->capacity - out->size) return true;
    uint8_t *grown = realloc(out->bytes, out->size + more);
    if (!grown) return false;
    out->bytes = grown;
    out->capacity = out->size + more;
    return true;
}

static size_t most_bytes(const struct ArrowArray *rows, const int32_t *kinds, size_t of_each_row) {
    size_t most = (size_t)rows->length * (2 + of_each_row + (size_t)rows->n_children * OF_A_VALUE);
    for (int64_t column = 0; column < rows->n_children; column++) {
        if (kinds[column] == INTEGER) continue;
        const struct ArrowArray *cells = rows->children[column];
        for (int64_t row = rows->offset; row < rows->offset + rows->length; row++)
            if (is_valid(cells, row)) most += (kinds[column] == TEXT_ARRAY ? 3 : 1) * (size_t)text_at(cells, row).size;
    }
    return most;
}

struct place {
    int64_t row, column;
};

static enum fault write_rows(
    struct output *out, const struct ArrowArray *rows, const int32_t *kinds, struct text beginning, struct place *place
) {
    uint8_t *to = out->bytes + out->size;
    for (int64_t row = rows->offset; row < rows->offset + rows->length; row++, place->row++) {
        to = put_bytes(to, beginning.bytes, beginning.size);
        for (int64_t column = 0; column < rows->n_children; column++) {
            const struct ArrowArray *cells = rows->children[column];
            if (!is_valid(cells, row)) {
                to = put32(to, UINT32_MAX);
                continue;
            }
            uint8_t *end = put_value(to + 4, (enum kind)kinds[column], cells, row);
            if (!end) {
                place->column = column;
                return MALFORMED;
            }
            put32(to, (uint32_t)(end - to - 4));
            to = end;
        }
    }
    out->size = (size_t)(to - out->bytes);
    return NONE;
}

static bool is_of_kind(const struct ArrowSchema *column, enum kind kind) {
    return kind == INTEGER ? strcmp(column->format, "l") == 0 : is_view(column);
}

static bool has_columns(struct ArrowArrayStream *stream, const int32_t *kinds, int64_t columns) {
    struct ArrowSchema schema;
    if (stream->get_schema(stream, &schema)) return false;
    bool has = strcmp(schema.format, "+s") == 0 && schema.n_children == columns;
    for (int64_t column = 0; has && column < columns; column++)
        has = is_of_kind(schema.children[column], (enum kind)kinds[column]);
    schema.release(&schema);
    return has;
}

/* Reads the stream to its end. Each row begins with `beginning`: the number of its fields and the first of them. The bytes are
 * the caller's, to be given back with moat_free; at a fault there are none. */
EXPORTED enum fault moat_binary_copy(
    struct ArrowArrayStream *stream,
    const int32_t *kinds,
    int64_t columns,
    const uint8_t *beginning,
    int32_t beginning_size,
    uint8_t **bytes,
    int64_t *size,
    struct place *place
) {
    static const uint8_t header[19] = "PGCOPY\n\377\r\n";
    struct output out = {NULL, 0, 0};
    enum fault fault = has_columns(stream, kinds, columns) ? NONE : OTHER_COLUMNS;
    if (!fault && !grow(&out, sizeof header + 2)) fault = NO_MEMORY;
    if (!fault) {
        memcpy(out.bytes, header, sizeof header);
        out.size = sizeof header;
    }
    while (!fault) {
        struct ArrowArray rows;
        if (stream->get_next(stream, &rows)) fault = NO_STREAM;
        else if (!rows.release) break;
        else {
            fault = grow(&out, most_bytes(&rows, kinds, (size_t)beginning_size) + 2)
                ? write_rows(&out, &rows, kinds, (struct text){beginning, beginning_size}, place)
                : NO_MEMORY;
            rows.release(&rows);
        }
    }
    if (fault) {
        free(out.bytes);
        return fault;
    }
    put16(out.bytes + out.size, UINT16_MAX);
    *bytes = out.bytes;
    *size = (int64_t)out.size + 2;
    return NONE;
}

EXPORTED void moat_free(void *bytes) { free(bytes); }
