/* The Arrow C data and stream interfaces, and how a text is read from an array of string views. */
#ifndef ARROW_H
#define ARROW_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* https://arrow.apache.org/docs/format/CDataInterface.html and CStreamInterface.html */
struct ArrowSchema {
    const char *format, *name, *metadata;
    int64_t flags, n_children;
    struct ArrowSchema **children, *dictionary;
    void (*release)(struct ArrowSchema *);
    void *private_data;
};

struct ArrowArray {
    int64_t length, null_count, offset, n_buffers, n_children;
    const void **buffers;
    struct ArrowArray **children, *dictionary;
    void (*release)(struct ArrowArray *);
    void *private_data;
};

struct ArrowArrayStream {
    int (*get_schema)(struct ArrowArrayStream *, struct ArrowSchema *);
    int (*get_next)(struct ArrowArrayStream *, struct ArrowArray *);
    const char *(*get_last_error)(struct ArrowArrayStream *);
    void (*release)(struct ArrowArrayStream *);
    void *private_data;
};

/* What ends a function that takes a stream or makes columns; as arrow.py numbers them. */
enum fault { NONE, NO_MEMORY, NO_STREAM, OTHER_COLUMNS, MALFORMED };

/* Less than 2 GiB, as Arrow has it. */
struct text {
    const uint8_t *bytes;
    int32_t size;
};

static inline bool is_valid(const struct ArrowArray *array, int64_t row) {
    const uint8_t *bits = array->buffers[0];
    row += array->offset;
    return !bits || (bits[row >> 3] >> (row & 7) & 1);
}

/* A view: its size, and either up to twelve bytes or a prefix, the number of a buffer and an offset in it. */
enum { VIEW = 16, INLINE = 12 };

static inline struct text text_at(const struct ArrowArray *array, int64_t row) {
    const uint8_t *view = (const uint8_t *)array->buffers[1] + VIEW * (row + array->offset);
    int32_t size;
    uint32_t buffer, offset;
    memcpy(&size, view, 4);
    if (size <= INLINE) return (struct text){view + 4, size};
    memcpy(&buffer, view + 8, 4);
    memcpy(&offset, view + 12, 4);
    return (struct text){(const uint8_t *)array->buffers[2 + buffer] + offset, size};
}

/* The first byte of a text stands in its view, whatever its size; 0 for an empty one. */
static inline uint8_t first_byte(const struct ArrowArray *array, int64_t row) {
    const uint8_t *view = (const uint8_t *)array->buffers[1] + VIEW * (row + array->offset);
    int32_t size;
    memcpy(&size, view, 4);
    return size ? view[4] : 0;
}

#endif
