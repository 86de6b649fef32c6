/* Where a byte stands in 64 others, as the bits of a word: bit n tells of byte n.
 *
 * Two blocks of 64 are compared at once, in vectors of 16 bytes, which every processor of 64 bits has.
 */
#ifndef MASKS_H
#define MASKS_H

#include <stdint.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "byte n of a word has its bits from 8 n on");

enum { BLOCK = 64, PAIR = 2 * BLOCK };

typedef uint8_t bytes16 __attribute__((vector_size(16)));
typedef uint64_t words2 __attribute__((vector_size(16)));

/* Two blocks side by side: the n-th vector has the n-th eight bytes of both. */
struct pair {
    bytes16 eights[8];
};

struct masks {
    uint64_t of[2];
};

static inline struct pair whole_pair(const uint8_t *bytes) {
    struct pair pair;
    for (int n = 0; n < 8; n++) {
        uint64_t first, second;
        memcpy(&first, bytes + 8 * n, 8);
        memcpy(&second, bytes + BLOCK + 8 * n, 8);
        pair.eights[n] = (bytes16)(words2){first, second};
    }
    return pair;
}

/* Behind the last byte stand NULs. */
static inline struct pair pair_at(const uint8_t *bytes, int64_t size) {
    if (size >= PAIR) return whole_pair(bytes);
    uint8_t filled[PAIR] = {0};
    memcpy(filled, bytes, (size_t)size);
    return whole_pair(filled);
}

/* In each word, bit 8 n + m becomes bit 8 m + n: Warren, Hacker's Delight, 7-3. */
static inline words2 transposed(words2 words) {
    words2 swapped = (words ^ (words >> 7)) & 0x00AA00AA00AA00AAu;
    words ^= swapped ^ (swapped << 7);
    swapped = (words ^ (words >> 14)) & 0x0000CCCC0000CCCCu;
    words ^= swapped ^ (swapped << 14);
    swapped = (words ^ (words >> 28)) & 0x00000000F0F0F0F0u;
    return words ^ swapped ^ (swapped << 28);
}

static inline struct masks equal(const struct pair *pair, uint8_t byte) {
    bytes16 found = {0}, wanted = found + byte;
    for (int n = 0; n < 8; n++) found |= (bytes16)(pair->eights[n] == wanted) & (found * 0 + (uint8_t)(1 << n));
    words2 masks = transposed((words2)found);
    return (struct masks){{masks[0], masks[1]}};
}

/* Bit n tells whether an odd number of bits is set up to and with bit n. */
static inline uint64_t parity_up_to(uint64_t bits) {
    for (int by = 1; by < BLOCK; by *= 2) bits ^= bits << by;
    return bits;
}

static inline int lowest(uint64_t bits) { return __builtin_ctzll(bits); }

static inline int64_t bits_in(uint64_t bits) { return __builtin_popcountll(bits); }

#endif
