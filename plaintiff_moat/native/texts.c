/* A column of texts: what it is made of, and what it takes with it. */
#include "texts.h"

/* What a column holds on to. */
struct owned {
    void *views, *bits, *bytes;
    int64_t sizes[1];
    struct ArrowArray source; /* whose bytes the views lead to; none has a release that is NULL */
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

void drop(struct texts *texts) {
    free(texts->views);
    free(texts->bits);
    free(texts->bytes);
}

bool begin(struct texts *texts, int64_t rows) {
    *texts = (struct texts){.rows = rows};
    texts->views = calloc((size_t)rows + 1, VIEW);
    texts->bits = calloc(((size_t)rows >> 3) + 1, 1);
    return texts->views && texts->bits;
}

bool is_view(const struct ArrowSchema *schema) { return strcmp(schema->format, "vu") == 0; }

bool is_frame(const struct ArrowSchema *schema) {
    bool is = strcmp(schema->format, "+s") == 0;
    for (int64_t column = 0; is && column < schema->n_children; column++) is = is_view(schema->children[column]);
    return is;
}

bool has_schema(struct ArrowArrayStream *stream, bool (*is)(const struct ArrowSchema *)) {
    struct ArrowSchema schema;
    if (stream->get_schema(stream, &schema)) return false;
    bool has = is(&schema);
    schema.release(&schema);
    return has;
}

bool give(struct texts *texts, struct ArrowArray *source, struct ArrowSchema *schema, struct ArrowArray *array) {
    enum { OWN = 4 };
    int64_t most = source ? source->n_buffers : OWN, buffers = 0;
    struct owned *owned = calloc(1, sizeof *owned + (size_t)most * sizeof *owned->buffers);
    if (!owned) return false;
    owned->views = texts->views;
    owned->bits = texts->bits;
    owned->bytes = texts->bytes;
    owned->sizes[0] = (int64_t)texts->size;
    owned->buffers[buffers++] = texts->bits;
    owned->buffers[buffers++] = texts->views;
    if (source) {
        owned->source = *source;
        for (; buffers < most; buffers++) owned->buffers[buffers] = source->buffers[buffers];
    } else {
        if (texts->bytes) owned->buffers[buffers++] = texts->bytes;
        owned->buffers[buffers++] = owned->sizes;
    }
    *array = (struct ArrowArray){
        .length = texts->rows, .null_count = texts->nulls, .n_buffers = buffers, .buffers = owned->buffers,
        .release = release_array, .private_data = owned,
    };
    name_schema(schema);
    return true;
}

enum fault take(
    struct ArrowArrayStream *stream, int64_t rows, bool (*is)(const struct ArrowSchema *), take_rows *take_rows, void *to
) {
    if (!has_schema(stream, is)) return OTHER_COLUMNS;
    for (int64_t done = 0;;) {
        struct ArrowArray next;
        if (stream->get_next(stream, &next)) return NO_STREAM;
        if (!next.release) return done == rows ? NONE : NO_STREAM;
        bool fits = next.length <= rows - done;
        bool is_taken = fits && (next.length == 0 || take_rows(&next, done, to));
        done += next.length;
        next.release(&next);
        if (!is_taken) return fits ? NO_MEMORY : NO_STREAM;
    }
}

/* What is to be made of rows, and how. */
struct making {
    struct texts texts;
    add_rows *add;
    const void *how;
};

static bool add_taken(const struct ArrowArray *array, int64_t done, void *to) {
    struct making *making = to;
    (void)done;
    return making->add(&making->texts, array, making->how);
}

enum fault make(
    struct ArrowArrayStream *stream, int64_t rows, bool (*is)(const struct ArrowSchema *), add_rows *add, const void *how,
    struct ArrowSchema *schema, struct ArrowArray *array
) {
    struct making making = {.add = add, .how = how};
    enum fault fault = begin(&making.texts, rows) ? take(stream, rows, is, add_taken, &making) : NO_MEMORY;
    if (!fault && !give(&making.texts, NULL, schema, array)) fault = NO_MEMORY;
    if (fault) drop(&making.texts);
    return fault;
}
