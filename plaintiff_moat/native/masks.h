/* Where a byte stands in 64 others or in 16, as the bits of a word: bit n tells of byte n. */
#ifndef MASKS_H
#define MASKS_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "byte n of a vector is bit n of the word");

enum { BLOCK = 64, SIXTEEN = 16 };

/* Vectors of clang's, which makes of them whatever the processor has. */
typedef uint8_t bytes64 __attribute__((ext_vector_type(BLOCK), aligned(1)));
typedef char truths64 __attribute__((ext_vector_type(BLOCK)));
typedef bool bits64 __attribute__((ext_vector_type(BLOCK)));
typedef uint8_t bytes16 __attribute__((ext_vector_type(SIXTEEN)));
typedef char truths16 __attribute__((ext_vector_type(SIXTEEN)));
typedef bool bits16 __attribute__((ext_vector_type(SIXTEEN)));

struct block {
    bytes64 bytes;
};

/* Behind the last byte stand NULs. */
static inline struct block block_at(const uint8_t *bytes, int64_t size) {
    struct block block = {0};
    memcpy(&block, bytes, size >= BLOCK ? BLOCK : (size_t)size);
    return block;
}

static inline uint64_t bits_of(truths64 truths) {
    bits64 found = __builtin_convertvector(truths, bits64);
    uint64_t mask;
    memcpy(&mask, &found, sizeof mask);
    return mask;
}

static inline uint64_t equal(const struct block *block, uint8_t byte) { return bits_of(block->bytes == byte); }

static inline uint64_t at_least(const struct block *block, uint8_t byte) { return bits_of(block->bytes >= byte); }

static inline bytes16 sixteen_at(const uint8_t *bytes) {
    bytes16 sixteen;
    memcpy(&sixteen, bytes, sizeof sixteen);
    return sixteen;
}

static inline uint32_t mask_of(truths16 truths) {
    bits16 found = __builtin_convertvector(truths, bits16);
    uint16_t mask;
    memcpy(&mask, &found, sizeof mask);
    return mask;
}

/* Bit n tells whether an odd number of bits is set up to and with bit n. */
static inline uint64_t parity_up_to(uint64_t bits) {
    for (int by = 1; by < BLOCK; by *= 2) bits ^= bits << by;
    return bits;
}

static inline int lowest(uint64_t bits) { return __builtin_ctzll(bits); }

static inline int64_t bits_in(uint64_t bits) { return __builtin_popcountll(bits); }

#endif
