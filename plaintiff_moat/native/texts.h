/* A column of texts that is being made, and how it is given away. */
#ifndef TEXTS_H
#define TEXTS_H

#include <stdlib.h>

#include "arrow.h"

/* Texts as they are added: views, a bit for each that is none, and the bytes of those beyond twelve. */
struct texts {
    uint8_t *views, *bits, *bytes;
    size_t size, capacity;
    int64_t rows, added, nulls;
};

/* Room for so many rows; to be given away or dropped. */
bool begin(struct texts *texts, int64_t rows);
void drop(struct texts *texts);

/* Room for so many bytes more, and for twelve that are read of any text. */
static inline bool reserve(struct texts *texts, size_t more) {
    more += INLINE;
    if (texts->bytes && more <= texts->capacity - texts->size) return true;
    size_t capacity = 2 * texts->capacity + more + 1;
    uint8_t *grown = capacity <= INT32_MAX ? realloc(texts->bytes, capacity) : NULL;
    if (!grown) return false;
    texts->bytes = grown;
    texts->capacity = capacity;
    return true;
}

static inline void add_null(struct texts *texts) {
    texts->added++;
    texts->nulls++;
}

static inline void set_valid(struct texts *texts, int64_t row) { texts->bits[row >> 3] |= (uint8_t)(1 << (row & 7)); }

static inline void put_view(uint8_t *view, const uint8_t *bytes, int32_t size, uint32_t buffer, uint32_t offset) {
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

/* The view of a text of the first buffer that has twelve bytes to read from `at` on, whatever its size. */
static inline void put_readable(uint8_t *view, const uint8_t *bytes, int64_t at, int64_t size) {
    static const uint8_t kept[2 * INLINE] = {[0 ... INLINE - 1] = UINT8_MAX};
    bool is_inline = size <= INLINE;
    const uint8_t *mask = kept + INLINE - (is_inline ? size : INLINE);
    uint32_t prefix, prefix_mask;
    uint64_t rest, rest_mask;
    memcpy(&prefix, bytes + at, 4);
    memcpy(&prefix_mask, mask, 4);
    memcpy(&rest, bytes + at + 4, 8);
    memcpy(&rest_mask, mask + 4, 8);
    uint64_t words[2] = {
        (uint64_t)size | (uint64_t)(prefix & prefix_mask) << 32,
        is_inline ? rest & rest_mask : (uint64_t)at << 32,
    };
    memcpy(view, words, VIEW);
}

/* Adds a text that has been written behind the bytes of the others. */
static inline void add_written(struct texts *texts, size_t size) {
    put_readable(texts->views + VIEW * texts->added, texts->bytes, (int64_t)texts->size, (int64_t)size);
    set_valid(texts, texts->added++);
    texts->size += size > INLINE ? size : 0;
}

bool is_view(const struct ArrowSchema *schema);
bool is_frame(const struct ArrowSchema *schema);
bool has_schema(struct ArrowArrayStream *stream, bool (*is)(const struct ArrowSchema *));

/* Gives the texts away; with a source, whose views they are made of, that too. False without memory: then nothing is given. */
bool give(struct texts *texts, struct ArrowArray *source, struct ArrowSchema *schema, struct ArrowArray *array);

/* Takes the rows of one array of a stream, before which so many are done; false without memory. */
typedef bool take_rows(const struct ArrowArray *array, int64_t done, void *to);

/* Takes all of the stream, which has so many rows and is such a one. */
enum fault take(
    struct ArrowArrayStream *stream, int64_t rows, bool (*is)(const struct ArrowSchema *), take_rows *take_rows, void *to
);

/* Adds the rows of one array of the stream; false without memory. */
typedef bool add_rows(struct texts *texts, const struct ArrowArray *array, const void *how);

/* Makes a column of the stream, which has so many rows and is such a one. */
enum fault make(
    struct ArrowArrayStream *stream, int64_t rows, bool (*is)(const struct ArrowSchema *), add_rows *add, const void *how,
    struct ArrowSchema *schema, struct ArrowArray *array
);

#endif
