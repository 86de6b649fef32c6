/* Rows as JSON objects: what rows/payload.py promises. */
#include "exported.h"
#include "masks.h"
#include "texts.h"

/* What stands behind a backslash for a byte that JSON writes so (RFC 8259, 7); u where its number does, 0 where it is itself. */
static const uint8_t escapes[256] = {
    [0 ... 7] = 'u', ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', [0x0b] = 'u', ['\f'] = 'f', ['\r'] = 'r', [0x0e ... 0x1f] = 'u',
    ['"'] = '"', ['\\'] = '\\',
};

/* Bytes that are written beyond the text's own. */
static size_t bytes_added(uint8_t byte) { return escapes[byte] == 'u' ? 5 : escapes[byte] != 0; }

static bool has_escapes(const uint8_t *from) {
    bytes16 bytes = sixteen_at(from);
    return mask_of(bytes < ' ' | bytes == '"' | bytes == '\\') != 0;
}

/* Of most texts it is told of sixteen bytes at a time that nothing is added; the last sixteen may be looked at twice. */
static size_t size_of_escapes(struct text text) {
    int32_t at = 0, last = text.size - SIXTEEN;
    while (at < last && !has_escapes(text.bytes + at)) at += SIXTEEN;
    if (last >= 0 && at >= last && !has_escapes(text.bytes + last)) return 0;
    size_t size = 0;
    for (at = 0; at < text.size; at++) size += bytes_added(text.bytes[at]);
    return size;
}

static uint8_t *put_escaped(uint8_t *to, struct text text) {
    static const char digits[] = "0123456789abcdef";
    for (int32_t at = 0; at < text.size; at++) {
        uint8_t byte = text.bytes[at], escape = escapes[byte];
        if (escape) *to++ = '\\';
        *to++ = escape ? escape : byte;
        if (escape != 'u') continue;
        memcpy(to, "00", 2);
        to[2] = (uint8_t)digits[byte >> 4];
        to[3] = (uint8_t)digits[byte & 15];
        to += 4;
    }
    return to;
}

static uint8_t *put_text(uint8_t *to, struct text text, bool is_plain) {
    *to++ = '"';
    if (is_plain) {
        memcpy(to, text.bytes, (size_t)text.size);
        to += text.size;
    } else to = put_escaped(to, text);
    *to++ = '"';
    return to;
}

static bool add_cell(struct texts *texts, size_t *size, const struct ArrowArray *cells, int64_t row, const char *key) {
    static const char null[] = "null";
    struct text text = {NULL, 0};
    size_t escapes_size = 0, key_size = strlen(key);
    bool is_null = !is_valid(cells, row);
    if (!is_null) {
        text = text_at(cells, row);
        escapes_size = size_of_escapes(text);
    }
    if (!reserve(texts, *size + key_size + (size_t)text.size + escapes_size + sizeof null + 1)) return false;
    uint8_t *begin = texts->bytes + texts->size, *to = begin + *size;
    memcpy(to, key, key_size);
    to += key_size;
    if (is_null) {
        memcpy(to, null, sizeof null - 1);
        to += sizeof null - 1;
    } else to = put_text(to, text, escapes_size == 0);
    *size = (size_t)(to - begin);
    return true;
}

static bool add_objects(struct texts *texts, const struct ArrowArray *rows, const void *how) {
    const char *const *keys = how;
    for (int64_t row = rows->offset; row < rows->offset + rows->length; row++) {
        size_t size = 0;
        for (int64_t column = 0; column < rows->n_children; column++)
            if (!add_cell(texts, &size, rows->children[column], row, keys[column])) return false;
        texts->bytes[texts->size + size++] = '}';
        add_written(texts, size);
    }
    return true;
}

/* An object for each row. `keys` are what stands before each column's value: a bracket or a comma, the name and a colon. */
EXPORTED enum fault moat_write_objects(
    struct ArrowArrayStream *columns, int64_t rows, const char *const *keys, struct ArrowSchema *schema, struct ArrowArray *array
) {
    return make(columns, rows, is_frame, add_objects, keys, schema, array);
}
