/* What is no UTF-8 (RFC 3629): what layout.py promises. */
#include "exported.h"
#include "masks.h"

static uint64_t behind(const struct block *block, uint8_t byte) { return equal(block, byte) << 1; }

/* What a block says that begins with a character's first byte. The lowest bit of `wrong` is at the first byte that may not
 * stand where it does; without any, `next` is where the character begins that the block ends within, or the block's end. */
struct characters {
    uint64_t wrong;
    int next;
};

static struct characters characters_in(const struct block *block, uint64_t beyond) {
    uint64_t of_two = at_least(block, 0xc0), of_three = at_least(block, 0xe0), of_four = at_least(block, 0xf0);
    uint64_t from_90 = at_least(block, 0x90), from_a0 = at_least(block, 0xa0);
    uint64_t expected = of_two << 1 | of_three << 2 | of_four << 3, found = beyond & ~of_two;
    uint64_t unused = (of_two & ~at_least(block, 0xc2)) | at_least(block, 0xf5);
    uint64_t overlong = (behind(block, 0xe0) & ~from_a0) | (behind(block, 0xf0) & ~from_90);
    uint64_t surrogate = behind(block, 0xed) & from_a0, too_large = behind(block, 0xf4) & from_90;
    uint64_t unfinished = (of_two & 1ull << 63) | (of_three & 3ull << 62) | (of_four & 7ull << 61);
    return (struct characters){
        (expected ^ found) | unused | overlong | surrogate | too_large,
        /* Guessed, so that the next block is fetched meanwhile: half the time of a text that is in no cache. */
        __builtin_expect(unfinished != 0, 0) ? lowest(unfinished) : BLOCK,
    };
}

/* Writes down which records are no UTF-8, and returns how many. Records are told by their ends; between them stands ASCII.
 * 6 MB of ASCII take 0.3 ms, and at most 1.8 where no block is. */
EXPORTED int64_t moat_find_undecodable(const uint8_t *bytes, const int64_t *ends, int64_t records, int64_t *undecodable) {
    int64_t size = records ? ends[records - 1] : 0, record = 0, found = 0;
    for (int64_t at = 0; at < size;) {
        struct block block = block_at(bytes + at, size - at);
        uint64_t beyond = at_least(&block, 0x80);
        struct characters characters = beyond ? characters_in(&block, beyond) : (struct characters){0, BLOCK};
        if (characters.wrong) {
            int64_t wrong = at + lowest(characters.wrong);
            while (record + 1 < records && ends[record] <= wrong) record++;
            undecodable[found++] = record;
            at = ends[record];
        } else at += characters.next;
    }
    return found;
}
