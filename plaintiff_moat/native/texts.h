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

static inline bool reserve(struct texts *texts, size_t more) {
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

/* Adds a text that has been written behind the bytes of the others. */
static inline void add_written(struct texts *texts, size_t size) {
    put_view(texts->views + VIEW * texts->added, texts->bytes + texts->size, (int32_t)size, 0, (uint32_t)texts->size);
    set_valid(texts, texts->added++);
    if (size > INLINE) texts->size += size;
}

bool is_view(const struct ArrowSchema *schema);
bool is_frame(const struct ArrowSchema *schema);
bool has_schema(struct ArrowArrayStream *stream, bool (*is)(const struct ArrowSchema *));

/* Gives the texts away; with a source, whose views they are made of, that too. False without memory: then nothing is given. */
bool give(struct texts *texts, struct ArrowArray *source, struct ArrowSchema *schema, struct ArrowArray *array);

/* Adds the rows of one array of the stream. */
typedef bool add_rows(struct texts *texts, const struct ArrowArray *array, const void *how);

/* Makes a column of the stream, which has so many rows and is such a one. */
enum fault make(
    struct ArrowArrayStream *stream, int64_t rows, bool (*is)(const struct ArrowSchema *), add_rows *add, const void *how,
    struct ArrowSchema *schema, struct ArrowArray *array
);

#endif
