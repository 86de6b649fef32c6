/* White space (White_Space, UAX #44) and byte order marks at the ends of a text. */
#ifndef SPACES_H
#define SPACES_H

#include "arrow.h"

static inline uint32_t three_bytes(const uint8_t *at) { return (uint32_t)at[0] << 16 | (uint32_t)at[1] << 8 | at[2]; }

static inline bool is_space_of_two(const uint8_t *at) { return at[0] == 0xc2 && (at[1] == 0x85 || at[1] == 0xa0); }

static inline bool is_space_of_three(const uint8_t *at) {
    uint32_t bytes = three_bytes(at);
    return bytes == 0xe19a80 || (bytes >= 0xe28080 && bytes <= 0xe2808a) || bytes == 0xe280a8 || bytes == 0xe280a9 ||
        bytes == 0xe280af || bytes == 0xe2819f || bytes == 0xe38080 || bytes == 0xefbbbf;
}

static inline bool is_space(uint8_t byte) { return byte == ' ' || (byte >= '\t' && byte <= '\r'); }

/* The bytes of the space that a text begins with, and of the one that it ends with; 0 without one. */
static inline int32_t first_space(struct text text) {
    if (text.size >= 1 && text.bytes[0] < 0x80) return is_space(text.bytes[0]);
    if (text.size >= 2 && is_space_of_two(text.bytes)) return 2;
    return text.size >= 3 && is_space_of_three(text.bytes) ? 3 : 0;
}

static inline int32_t last_space(struct text text) {
    const uint8_t *end = text.bytes + text.size;
    if (text.size >= 1 && end[-1] < 0x80) return is_space(end[-1]);
    if (text.size >= 2 && is_space_of_two(end - 2)) return 2;
    return text.size >= 3 && is_space_of_three(end - 3) ? 3 : 0;
}

static inline bool is_padded(struct text text) {
    return text.size == 0 || first_space(text) > 0 || last_space(text) > 0;
}

#endif
