/* Digits, and the days of the Gregorian calendar that they write. */
#ifndef DIGITS_H
#define DIGITS_H

#include <stdbool.h>
#include <stdint.h>

/* Days of a year without a leap day before each month, and of all of it. */
static const int before_month[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365};

static inline bool is_digit(uint8_t byte) { return byte >= '0' && byte <= '9'; }

/* What so many digits write; -1 where one is none. */
static inline int number(const uint8_t *digits, int count) {
    int value = 0;
    while (count--) {
        if (!is_digit(*digits)) return -1;
        value = 10 * value + *digits++ - '0';
    }
    return value;
}

static inline bool leaps(int year) { return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0; }

static inline bool is_day(int year, int month, int day) {
    if (year < 1 || month < 1 || month > 12 || day < 1) return false;
    return day <= before_month[month] - before_month[month - 1] + (leaps(year) && month == 2);
}

#endif
