/* Cells of CSV text as views of it: what read.py promises.
 *
 * All columns hold one copy of the text. A cell with doubled quotes is written anew where it stands in that copy, whose
 * bytes have been compared up to the cell's end by then.
 */
#include <stdatomic.h>

#include "exported.h"
#include "quotes.h"
#include "texts.h"

/* The text that columns hold together; whichever is released last frees it, in whatever thread that is. */
struct shared {
    atomic_llong holders;
    int64_t sizes[1];
    const void *buffers[4];
    uint8_t bytes[];
};

static struct shared *share(const uint8_t *bytes, int64_t size) {
    if (size > INT32_MAX) return NULL;
    struct shared *shared = malloc(sizeof *shared + (size_t)size + INLINE);
    if (!shared) return NULL;
    atomic_init(&shared->holders, 1);
    shared->sizes[0] = size;
    shared->buffers[2] = shared->bytes;
    shared->buffers[3] = shared->sizes;
    memcpy(shared->bytes, bytes, (size_t)size);
    memset(shared->bytes + size, 0, INLINE);
    return shared;
}

static void let_go(struct shared *shared) {
    if (atomic_fetch_sub(&shared->holders, 1) == 1) free(shared);
}

static void release_hold(struct ArrowArray *array) {
    let_go(array->private_data);
    array->release = NULL;
}

/* A source for `give`, which has nothing of its own but this hold. */
static struct ArrowArray held(struct shared *shared) {
    atomic_fetch_add(&shared->holders, 1);
    return (struct ArrowArray){
        .n_buffers = 4, .buffers = shared->buffers, .release = release_hold, .private_data = shared,
    };
}

/* The columns that are made, and the cell that begins at `start`. */
struct cells {
    uint8_t *bytes;
    int quote;
    struct texts *columns;
    int64_t width, column, row, rows_end, start, content;
    bool has_doubled, disagrees;
};

static void put_cell(struct cells *cells, int64_t from, int64_t to) {
    if (cells->column == cells->width || cells->row >= cells->rows_end) {
        cells->disagrees = true;
        return;
    }
    struct texts *texts = &cells->columns[cells->column++];
    int64_t size = to - from, row = cells->row;
    put_readable(texts->views + VIEW * row, cells->bytes, from, size);
    texts->bits[row >> 3] |= (uint8_t)((size > 0) << (row & 7));
    cells->content += size;
}

/* Writes each doubled quote once, and gives the new end. */
static int64_t halve_quotes(uint8_t *bytes, int64_t from, int64_t to, int quote) {
    int64_t end = from;
    for (int64_t at = from; at < to; at++) {
        uint8_t byte = bytes[at];
        bytes[end++] = byte;
        if (byte == quote) at++;
    }
    return end;
}

static void end_cell(struct cells *cells, int64_t to) {
    int64_t from = cells->start;
    if (from < to && cells->bytes[from] == cells->quote) {
        if (to - from < 2 || cells->bytes[to - 1] != cells->quote) {
            cells->disagrees = true;
            return;
        }
        from++, to--;
        if (cells->has_doubled) to = halve_quotes(cells->bytes, from, to, cells->quote);
        cells->has_doubled = false;
    }
    put_cell(cells, from, to);
}

static void end_record(struct cells *cells) {
    cells->disagrees |= cells->column != cells->width;
    cells->column = 0;
    cells->row++;
}

static bool is_blank(const struct cells *cells, int64_t to) { return cells->column == 0 && to <= cells->start; }

static void lay_block(struct cells *cells, int64_t at, uint64_t newlines, uint64_t delimiters, uint64_t doubled) {
    for (uint64_t separators = newlines | delimiters; separators; separators &= separators - 1) {
        uint64_t separator = separators & -separators;
        int64_t to = at + lowest(separator), next = to + 1;
        bool is_end = (newlines & separator) != 0;
        cells->has_doubled |= (doubled & (separator - 1)) != 0;
        doubled &= -separator;
        if (is_end && to > cells->start && cells->bytes[to - 1] == CR) to--;
        if (!is_end || !is_blank(cells, to)) {
            end_cell(cells, to);
            if (is_end) end_record(cells);
        }
        cells->start = next;
    }
    cells->has_doubled |= doubled != 0;
}

/* Records that all can be read, and blank lines. */
static void lay_stretch(struct cells *cells, int64_t start, int64_t end, uint8_t delimiter) {
    struct carry carry = {0, 0};
    cells->start = start;
    for (int64_t at = start; at < end; at += BLOCK) {
        struct block block = block_at(cells->bytes + at, end - at);
        struct quotes quotes = told_apart(quotes_in(&block, cells->quote), &carry);
        uint64_t newlines = equal(&block, LF) & ~quotes.inside, delimiters = equal(&block, delimiter) & ~quotes.inside;
        lay_block(cells, at, newlines, delimiters, doubled(quotes));
    }
    if (is_blank(cells, end)) return;
    end_cell(cells, end);
    end_record(cells);
}

static bool begin_all(struct texts *columns, int64_t width, int64_t rows) {
    bool begun = true;
    for (int64_t column = 0; begun && column < width; column++) begun = begin(&columns[column], rows);
    return begun;
}

static int64_t nulls_of(const struct texts *texts) {
    int64_t nulls = texts->rows;
    for (int64_t at = 0; at < texts->rows; at += 8) nulls -= bits_in(texts->bits[at >> 3]);
    return nulls;
}

static enum fault give_all(
    struct texts *columns, int64_t width, struct shared *shared, struct ArrowSchema *schemas, struct ArrowArray *arrays
) {
    for (int64_t column = 0; column < width; column++) {
        struct ArrowArray hold = held(shared);
        columns[column].nulls = nulls_of(&columns[column]);
        if (give(&columns[column], &hold, &schemas[column], &arrays[column])) {
            columns[column] = (struct texts){.rows = 0};
            continue;
        }
        release_hold(&hold);
        while (column-- > 0) arrays[column].release(&arrays[column]);
        return NO_MEMORY;
    }
    return NONE;
}

/* `stretches` are `count` times four numbers: start and end in the text, first row and the one behind the last. Rows of none
 * of them have no texts. MALFORMED where a record is not as wide as all are or the cells do not hold `content` bytes. */
EXPORTED enum fault moat_lay_cells(
    const uint8_t *bytes,
    int64_t size,
    uint8_t delimiter,
    int quote,
    const int64_t *stretches,
    int64_t count,
    int64_t rows,
    int64_t content,
    int64_t width,
    struct ArrowSchema *schemas,
    struct ArrowArray *arrays
) {
    enum fault fault = NO_MEMORY;
    struct shared *shared = share(bytes, size);
    struct texts *columns = calloc((size_t)width, sizeof *columns);
    if (shared && columns && begin_all(columns, width, rows)) {
        struct cells cells = {.bytes = shared->bytes, .quote = quote, .columns = columns, .width = width};
        for (const int64_t *stretch = stretches; stretch < stretches + 4 * count; stretch += 4) {
            cells.row = stretch[2];
            cells.rows_end = stretch[3];
            lay_stretch(&cells, stretch[0], stretch[1], delimiter);
            cells.disagrees |= cells.row != cells.rows_end;
        }
        bool agrees = !cells.disagrees && cells.content == content;
        fault = agrees ? give_all(columns, width, shared, schemas, arrays) : MALFORMED;
    }
    for (int64_t column = 0; columns && column < width; column++) drop(&columns[column]);
    free(columns);
    if (shared) let_go(shared);
    return fault;
}
