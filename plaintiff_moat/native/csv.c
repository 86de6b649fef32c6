/* Records of CSV text: what proof.py and layout.py promise. */
#include <stdbool.h>

#include "exported.h"
#include "quotes.h"

struct text {
    const uint8_t *bytes;
    int64_t size;
    uint8_t delimiter;
    int quote;
};

/* A line that holds nothing but its line end; CR alone is what a file can end with. */
static bool is_blank(const uint8_t *bytes, int64_t start, int64_t end) {
    if (end - start == 1) return bytes[start] == LF || bytes[start] == CR;
    return end - start == 2 && bytes[start] == CR && bytes[start + 1] == LF;
}

EXPORTED int64_t moat_count(const uint8_t *bytes, int64_t size, uint8_t byte) {
    int64_t count = 0;
    for (int64_t at = 0; at < size; at += BLOCK) {
        struct block block = block_at(bytes + at, size - at);
        count += bits_in(equal(&block, byte));
    }
    return count;
}

struct proof {
    struct text text;
    int64_t limit, *newlines, *starts, newlines_found, starts_found;
    int64_t clean; /* where the last record ends */
    bool final, broken;
};

static bool separates(const struct text *text, uint8_t byte) {
    return byte == text->delimiter || byte == LF || byte == text->quote;
}

/* Tells whether a closing quote may stand before what begins at `at` and is no separator. */
static bool ends_line(const struct proof *proof, int64_t at) {
    const struct text *text = &proof->text;
    if (at == text->size) return true;
    if (text->bytes[at] != CR) return false;
    return at + 1 < text->size ? text->bytes[at + 1] == LF : !proof->final;
}

/* The lowest bit is at the first quote that may not stand where it does, or right behind it, and no record ends between. */
static uint64_t violations(const struct proof *proof, int64_t at, struct quotes quotes, uint64_t separators) {
    bool separated = at == 0 || separates(&proof->text, proof->text.bytes[at - 1]);
    uint64_t wrong = quotes.opening & ~(separators << 1 | separated);
    for (uint64_t behind = quotes.behind_closing & ~separators; behind; behind &= behind - 1)
        if (!ends_line(proof, at + lowest(behind))) return wrong | behind;
    return wrong;
}

static void end_record(struct proof *proof, int64_t end) {
    if (end - proof->clean > proof->limit) {
        proof->broken = true;
        return;
    }
    if (!is_blank(proof->text.bytes, proof->clean, end)) proof->starts[proof->starts_found++] = proof->clean;
    proof->clean = end;
}

static void prove_block(
    struct proof *proof, int64_t at, uint64_t newlines, uint64_t delimiters, uint64_t all, struct carry *carry
) {
    struct quotes quotes = told_apart(all, carry);
    uint64_t wrong = 0, ends = newlines & ~quotes.inside;
    if (all | quotes.behind_closing) wrong = violations(proof, at, quotes, delimiters | newlines | all);
    if (wrong) ends &= (wrong & -wrong) - 1;
    for (; newlines; newlines &= newlines - 1) {
        int64_t newline = at + lowest(newlines);
        proof->newlines[proof->newlines_found++] = newline;
        if (!proof->broken && ends & newlines & -newlines) end_record(proof, newline + 1);
    }
    proof->broken |= wrong != 0;
}

static void prove_end(struct proof *proof, bool is_inside) {
    int64_t size = proof->text.size;
    if (proof->final && is_inside) proof->broken = true;
    if (proof->broken) return;
    if (size - proof->clean > proof->limit) proof->broken = true;
    else if (proof->final && proof->clean < size) end_record(proof, size);
}

struct proved {
    int64_t starts, clean, broken;
};

/* `newlines` has room for all of the text's line feeds, and `starts` for one more. */
EXPORTED void moat_prove(
    const uint8_t *bytes,
    int64_t size,
    uint8_t delimiter,
    int quote,
    int final,
    int64_t limit,
    int64_t *newlines,
    int64_t *starts,
    struct proved *proved
) {
    struct proof proof = {.text = {bytes, size, delimiter, quote}, .limit = limit, .newlines = newlines, .starts = starts};
    struct carry carry = {0, 0};
    proof.final = final;
    for (int64_t at = 0; at < size; at += BLOCK) {
        struct block block = block_at(bytes + at, size - at);
        uint64_t quotes = quotes_in(&block, quote);
        uint64_t delimiters = quotes | carry.closed ? equal(&block, delimiter) : 0;
        prove_block(&proof, at, equal(&block, LF), delimiters, quotes, &carry);
    }
    prove_end(&proof, carry.inside != 0);
    *proved = (struct proved){proof.starts_found, proof.clean, proof.broken};
}

/* The columns of a layout, and of the record that begins at `start` what is known so far. */
struct layout {
    struct text text;
    int64_t *starts, *ends, *first_lines, *last_lines, *widths, *contents, *strays, records;
    int64_t line, start, first_line, delimiters, marks;
    bool is_stray;
};

/* A record's content is all but its delimiters, the marks of its quoting and what ends its line. */
static void lay_record(struct layout *layout, int64_t end, int64_t last_line) {
    const uint8_t *bytes = layout->text.bytes;
    int64_t start = layout->start, record = layout->records;
    if (!is_blank(bytes, start, end)) {
        bool fed = bytes[end - 1] == LF, returned = fed && end - start > 1 && bytes[end - 2] == CR;
        layout->starts[record] = start;
        layout->ends[record] = end;
        layout->first_lines[record] = layout->first_line;
        layout->last_lines[record] = last_line;
        layout->widths[record] = layout->delimiters + 1;
        layout->contents[record] = end - start - layout->delimiters - layout->marks - fed - returned;
        layout->strays[record] = layout->is_stray;
        layout->records++;
    }
    layout->start = end;
    layout->first_line = last_line + 1;
    layout->delimiters = layout->marks = 0;
    layout->is_stray = false;
}

/* Where in a block stands what a layout counts. */
struct found {
    uint64_t newlines, ends, delimiters, marks, strays;
};

static void add(struct layout *layout, const struct found *found, uint64_t where) {
    layout->delimiters += bits_in(found->delimiters & where);
    layout->marks += bits_in(found->marks & where);
    layout->is_stray |= (found->strays & where) != 0;
}

static void lay_block(struct layout *layout, int64_t at, const struct found *found) {
    uint64_t left = UINT64_MAX;
    for (uint64_t newlines = found->newlines; newlines; newlines &= newlines - 1) {
        uint64_t newline = newlines & -newlines;
        if (found->ends & newline) {
            add(layout, found, left & (newline - 1));
            left = -newline;
            lay_record(layout, at + lowest(newline) + 1, layout->line);
        }
        layout->line++;
    }
    add(layout, found, left);
}

/* Where lines end and quotes enclose, from one record's start to another's. */
static void lay_sound(struct layout *layout, int64_t end) {
    const struct text *text = &layout->text;
    struct carry carry = {0, 0};
    for (int64_t at = layout->start; at < end; at += BLOCK) {
        struct block block = block_at(text->bytes + at, end - at);
        struct quotes quotes = told_apart(quotes_in(&block, text->quote), &carry);
        uint64_t newlines = equal(&block, LF);
        bool fed = at + BLOCK < text->size && text->bytes[at + BLOCK] == LF;
        struct found found = {
            .newlines = newlines,
            .ends = newlines & ~quotes.inside,
            .delimiters = equal(&block, text->delimiter) & ~quotes.inside,
            .marks = quotes.all & ~doubled(quotes),
            .strays = equal(&block, CR) & ~quotes.inside & ~(newlines >> 1 | (uint64_t)fed << 63),
        };
        lay_block(layout, at, &found);
    }
    if (layout->start < end) lay_record(layout, end, layout->line);
}

/* One record, whatever stands in it: all of its delimiters count. */
static void lay_damaged(struct layout *layout, int64_t end) {
    const uint8_t *bytes = layout->text.bytes + layout->start;
    int64_t size = end - layout->start, lines = moat_count(bytes, size, LF);
    layout->delimiters = moat_count(bytes, size, layout->text.delimiter);
    lay_record(layout, end, layout->line + lines - (bytes[size - 1] == LF));
    layout->line += lines;
}

/* `damage` are `stretches` pairs of start and end, in order. `columns` has as many rows as a layout has columns, of `room`
 * entries each: one for each line feed and two for each stretch, and one more. Returns the number of records. */
EXPORTED int64_t moat_lay_out(
    const uint8_t *bytes,
    int64_t size,
    uint8_t delimiter,
    int quote,
    int64_t first_line,
    const int64_t *damage,
    int64_t stretches,
    int64_t *columns,
    int64_t room
) {
    struct layout layout = {
        .text = {bytes, size, delimiter, quote},
        .starts = columns,
        .ends = columns + room,
        .first_lines = columns + 2 * room,
        .last_lines = columns + 3 * room,
        .widths = columns + 4 * room,
        .contents = columns + 5 * room,
        .strays = columns + 6 * room,
        .line = first_line,
        .first_line = first_line,
    };
    for (int64_t stretch = 0; stretch < stretches; stretch++) {
        lay_sound(&layout, damage[2 * stretch]);
        lay_damaged(&layout, damage[2 * stretch + 1]);
    }
    lay_sound(&layout, size);
    return layout.records;
}
