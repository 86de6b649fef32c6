/* Cells read as amounts, days and telephone numbers: what rows/normalise.py, rows/measure.py and rows/phones.py
 * promise. */
#include "digits.h"
#include "exported.h"
#include "texts.h"

/* Each of these writes what a text is read as, and gives its end; NULL where it cannot be read. */
typedef uint8_t *reading(uint8_t *to, struct text text);
enum { LONGEST = 22 /* -123456789012345678.90 */ };

static bool add_read(struct texts *texts, const struct ArrowArray *array, const void *how) {
    reading *const *read = how;
    for (int64_t row = 0; row < array->length; row++) {
        uint8_t *end = NULL;
        if (!reserve(texts, LONGEST)) return false;
        uint8_t *to = texts->bytes + texts->size;
        if (is_valid(array, row)) end = (*read)(to, text_at(array, row));
        if (end) add_written(texts, (size_t)(end - to));
        else add_null(texts);
    }
    return true;
}

static int32_t digits_at(struct text text, int32_t at) {
    int32_t end = at;
    while (end < text.size && is_digit(text.bytes[end])) end++;
    return end - at;
}

static bool skips(struct text text, int32_t *at, uint8_t byte) {
    bool skips = *at < text.size && text.bytes[*at] == byte;
    *at += skips;
    return skips;
}

/* Digits, plain or by threes with commas, and perhaps a point with two of them and zeros, up to the end: as 0.00. */
static uint8_t *put_plain(uint8_t *to, struct text text, int32_t at, int32_t most) {
    int32_t whole = 0;
    for (int32_t first = at;; at++) {
        int32_t count = digits_at(text, at);
        bool groups = at > first;
        if (count == 0 || (groups && count != 3)) return NULL;
        for (int32_t end = at + count; at < end; at++) {
            if (whole == 0 && text.bytes[at] == '0') continue;
            if (++whole > most) return NULL;
            *to++ = text.bytes[at];
        }
        if (at == text.size || text.bytes[at] != ',') break;
        if (!groups && count > 3) return NULL;
    }
    if (whole == 0) *to++ = '0';
    memcpy(to, ".00", 3);
    if (at < text.size) {
        int32_t count = digits_at(text, at + 1);
        if (text.bytes[at] != '.' || count == 0 || at + 1 + count != text.size) return NULL;
        for (int32_t place = 0; place < count; place++) {
            uint8_t digit = text.bytes[at + 1 + place];
            if (place < 2) to[1 + place] = digit;
            else if (digit != '0') return NULL;
        }
    }
    return to + 3;
}

/* [$][ ] and what numeric(14,2) holds. */
static uint8_t *put_amount(uint8_t *to, struct text text) {
    enum { MOST = 12 };
    int32_t at = 0;
    skips(text, &at, '$');
    skips(text, &at, ' ');
    return put_plain(to, text, at, MOST);
}

/* The same with a minus sign before or behind the dollar's, or in parentheses, and of more digits. */
static uint8_t *put_signed(uint8_t *to, struct text text) {
    enum { MOST = 18 };
    int32_t at = 0;
    bool is_minus = skips(text, &at, '-');
    if (is_minus) skips(text, &at, ' ');
    bool has_dollar = skips(text, &at, '$');
    skips(text, &at, ' ');
    bool is_enclosed = !is_minus && skips(text, &at, '(');
    if (is_enclosed) {
        skips(text, &at, ' ');
        skips(text, &at, '$');
        skips(text, &at, ' ');
        if (at == text.size || text.bytes[text.size - 1] != ')') return NULL;
        text.size--;
        if (text.bytes[text.size - 1] == ' ') text.size--;
    } else if (has_dollar && !is_minus) is_minus = skips(text, &at, '-');
    if (is_minus || is_enclosed) *to++ = '-';
    return put_plain(to, text, at, MOST);
}

static uint8_t *put_digits(uint8_t *to, int value, int count) {
    for (int place = count - 1; place >= 0; place--, value /= 10) to[place] = (uint8_t)('0' + value % 10);
    return to + count;
}

/* YYYY-MM-DD or m/d/YYYY, of the Gregorian calendar and the years from 0001: as the former. */
static uint8_t *put_day(uint8_t *to, struct text text) {
    enum { LONGEST_DAY = 10 };
    if (text.size > LONGEST_DAY) return NULL;
    int32_t first = digits_at(text, 0), second = digits_at(text, first + 1);
    int32_t third = digits_at(text, first + second + 2);
    if (first == 0 || second == 0 || first + second + third + 2 != text.size) return NULL;
    uint8_t separator = text.bytes[first];
    if (text.bytes[first + second + 1] != separator) return NULL;
    int year, month, day;
    if (separator == '-' && first == 4 && second == 2 && third == 2) {
        year = number(text.bytes, 4), month = number(text.bytes + 5, 2), day = number(text.bytes + 8, 2);
    } else if (separator == '/' && first <= 2 && second <= 2 && third == 4) {
        month = number(text.bytes, first), day = number(text.bytes + first + 1, second);
        year = number(text.bytes + first + second + 2, 4);
    } else return NULL;
    if (!is_day(year, month, day)) return NULL;
    to = put_digits(to, year, 4);
    *to++ = '-';
    to = put_digits(to, month, 2);
    *to++ = '-';
    return put_digits(to, day, 2);
}

/* Up to three of the marks that stand between the groups of a telephone number. */
static int32_t behind_marks(struct text text, int32_t at) {
    for (int32_t end = at + 3; at < end && at < text.size; at++)
        if (text.bytes[at] != '-' && text.bytes[at] != '.' && text.bytes[at] != ' ') break;
    return at;
}

/* [+1] and ten digits by three, three and four, the first three perhaps in brackets: as +1 and the digits. */
static uint8_t *put_number(uint8_t *to, struct text text) {
    int32_t at = 0;
    bool has_sign = text.size > 0 && text.bytes[0] == '+';
    if (has_sign) at++;
    if (at < text.size && text.bytes[at] == '1') at = behind_marks(text, at + 1);
    else if (has_sign) return NULL;
    *to++ = '+';
    *to++ = '1';
    static const int32_t groups[] = {3, 3, 4};
    for (int group = 0; group < 3; group++) {
        bool is_in_brackets = group == 0 && at < text.size && text.bytes[at] == '(';
        if (group > 0) at = behind_marks(text, at);
        if (is_in_brackets) at++;
        int32_t end = at + groups[group];
        if (end > text.size || (group == 0 && text.bytes[at] < '2')) return NULL;
        for (; at < end; at++) {
            if (!is_digit(text.bytes[at])) return NULL;
            *to++ = text.bytes[at];
        }
        if (is_in_brackets && (at == text.size || text.bytes[at++] != ')')) return NULL;
    }
    return at == text.size ? to : NULL;
}

EXPORTED enum fault moat_read_amounts(
    struct ArrowArrayStream *texts, int64_t rows, struct ArrowSchema *schema, struct ArrowArray *array
) {
    return make(texts, rows, is_view, add_read, &(reading *){put_amount}, schema, array);
}

EXPORTED enum fault moat_read_signed_amounts(
    struct ArrowArrayStream *texts, int64_t rows, struct ArrowSchema *schema, struct ArrowArray *array
) {
    return make(texts, rows, is_view, add_read, &(reading *){put_signed}, schema, array);
}

EXPORTED enum fault moat_read_days(
    struct ArrowArrayStream *texts, int64_t rows, struct ArrowSchema *schema, struct ArrowArray *array
) {
    return make(texts, rows, is_view, add_read, &(reading *){put_day}, schema, array);
}

EXPORTED enum fault moat_read_numbers(
    struct ArrowArrayStream *texts, int64_t rows, struct ArrowSchema *schema, struct ArrowArray *array
) {
    return make(texts, rows, is_view, add_read, &(reading *){put_number}, schema, array);
}
