/* Which texts are e-mail addresses as nearly all are: what rows/warn.py promises. */
#include "exported.h"
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

static bool is_address(struct text text) {
    if (text.size > LONGEST) return false;
    int32_t at = end_of_local(text);
    return at > 0 && at <= LONGEST_LOCAL && is_domain(text, at + 1);
}

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
