/* Which texts are e-mail addresses as nearly all are: what rows/warn.py promises. */
#include "exported.h"
#include "masks.h"
#include "texts.h"

enum { LONGEST = 254, LONGEST_LOCAL = 64, LONGEST_LABEL = 63 }; /* RFC 5321, 4.5.3.1, and RFC 1035, 2.3.4 */

/* What a byte may be part of: an atom (RFC 5322, 3.2.3) or a label, or begin the last one. */
enum { OF_ATOM = 1, OF_LABEL = 2, LETTER = 4 };

static const uint8_t parts[256] = {
    ['a' ... 'z'] = OF_ATOM | OF_LABEL | LETTER, ['A' ... 'Z'] = OF_ATOM | OF_LABEL | LETTER,
    ['0' ... '9'] = OF_ATOM | OF_LABEL, ['-'] = OF_ATOM | OF_LABEL,
    ['!'] = OF_ATOM, ['#'] = OF_ATOM, ['$'] = OF_ATOM, ['%'] = OF_ATOM, ['&'] = OF_ATOM, ['\''] = OF_ATOM,
    ['*'] = OF_ATOM, ['+'] = OF_ATOM, ['/'] = OF_ATOM, ['='] = OF_ATOM, ['?'] = OF_ATOM, ['^'] = OF_ATOM,
    ['_'] = OF_ATOM, ['`'] = OF_ATOM, ['{'] = OF_ATOM, ['|'] = OF_ATOM, ['}'] = OF_ATOM, ['~'] = OF_ATOM,
};

/* How many bytes from `at` on are of such a part. */
static int32_t count_at(struct text text, int32_t at, uint8_t part) {
    int32_t end = at;
    while (end < text.size && parts[text.bytes[end]] & part) end++;
    return end - at;
}

/* Where the @ behind a dot-atom stands; 0 without one. */
static int32_t end_of_local(struct text text) {
    for (int32_t at = 0;; at++) {
        int32_t atom = count_at(text, at, OF_ATOM);
        at += atom;
        if (atom == 0 || at == text.size) return 0;
        if (text.bytes[at] == '@') return at;
        if (text.bytes[at] != '.') return 0;
    }
}

/* Two labels or more, neither of which begins or ends with a hyphen; the last has two characters and begins with a letter. */
static bool is_domain(struct text text, int32_t at) {
    for (bool is_first = true;; is_first = false, at++) {
        int32_t label = count_at(text, at, OF_LABEL), end = at + label;
        if (label == 0 || label > LONGEST_LABEL || text.bytes[at] == '-' || text.bytes[end - 1] == '-') return false;
        if (end == text.size) return !is_first && label > 1 && (parts[text.bytes[at]] & LETTER);
        if (text.bytes[end] != '.') return false;
        at = end;
    }
}

static bool is_any_address(struct text text) {
    if (text.size > LONGEST) return false;
    int32_t at = end_of_local(text);
    return at > 0 && at <= LONGEST_LOCAL && is_domain(text, at + 1);
}

/* Up to four times sixteen bytes of a text, as bits: what most addresses are told by. */
struct marks {
    uint64_t labels, dots, ats, hyphens;
};

static void mark(struct marks *marks, const uint8_t *from, int32_t at) {
    enum { CASE = 'a' - 'A', LETTERS = 'z' - 'a' + 1, DIGITS = 10 };
    bytes16 bytes = sixteen_at(from);
    truths16 hyphens = bytes == '-';
    truths16 labels = ((bytes | CASE) - 'a' < LETTERS) | (bytes - '0' < DIGITS) | hyphens;
    marks->labels |= (uint64_t)mask_of(labels) << at;
    marks->hyphens |= (uint64_t)mask_of(hyphens) << at;
    marks->dots |= (uint64_t)mask_of(bytes == '.') << at;
    marks->ats |= (uint64_t)mask_of(bytes == '@') << at;
}

/* Whether a text is labels with an @ behind the first or a later one, a dot behind any other, and no hyphens at the ends of
 * labels. Such an address is told apart without a look at each byte; any other text may be one, too. */
static bool is_plain_address(struct text text) {
    if (text.size < SIXTEEN || text.size >= BLOCK) return false;
    struct marks marks = {0};
    int32_t last = text.size - SIXTEEN;
    for (int32_t at = 0; at < last; at += SIXTEEN) mark(&marks, text.bytes + at, at);
    mark(&marks, text.bytes + last, last);
    uint64_t all = (1ull << text.size) - 1, separators = marks.dots | marks.ats;
    uint64_t before = separators << 1 | 1, behind = separators >> 1 | 1ull << (text.size - 1);
    if ((marks.labels | separators) != all || bits_in(marks.ats) != 1) return false;
    if ((separators | marks.hyphens) & (before | behind)) return false;
    uint64_t domain_dots = marks.dots & ~(marks.ats - 1);
    if (!domain_dots) return false;
    int32_t top = BLOCK - __builtin_clzll(domain_dots);
    return text.size - top > 1 && (parts[text.bytes[top]] & LETTER);
}

static bool is_address(struct text text) { return is_plain_address(text) || is_any_address(text); }

static bool find_addresses(const struct ArrowArray *texts, int64_t done, void *to) {
    uint8_t *are_addresses = (uint8_t *)to + done;
    for (int64_t row = 0; row < texts->length; row++)
        are_addresses[row] = is_valid(texts, row) && is_address(text_at(texts, row));
    return true;
}

/* Tells of each row whether its text is one; 0 where there is none. */
EXPORTED enum fault moat_find_addresses(struct ArrowArrayStream *texts, int64_t rows, uint8_t *are_addresses) {
    return take(texts, rows, is_view, find_addresses, are_addresses);
}
