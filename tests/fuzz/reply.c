/*
 * Whatever bytes come for a reply, and however they are cut, the reader and the decoder tell the
 * same: entries, an error, or that it is no reply.
 */
#include "tests/unit/replies.h"

#include "tests/fuzz/fuzz.h"

/* Feed it all in pieces of lengths that `seed` chooses; 0: as a whole. */
static void feed(struct replies *r, struct fuzz_input in, uint32_t seed)
{
    int told = 0;

    while (in.left > 0 && told >= 0) {
        size_t n = seed == 0 ? in.left : 1 + (seed >> 24) % 23;

        n = n < in.left ? n : in.left;
        told = replies_feed(r, in.at, n);
        in.at += n;
        in.left -= n;
        seed = seed * 1664525 + (seed > 0) * 1013904223U;
    }
}

static void check(enum entry_reply kind, struct fuzz_input in, uint8_t seed)
{
    struct replies whole, cut;

    replies_open(&whole, kind);
    replies_open(&cut, kind);
    feed(&whole, in, 0);
    feed(&cut, in, seed + 1U);
    PROPERTY(fuzz_same(whole.log.data, whole.log.len, cut.log.data, cut.log.len));
    PROPERTY(whole.entries == cut.entries && whole.bytes == cut.bytes);
    PROPERTY(whole.bytes <= in.left);
    replies_close(&whole);
    replies_close(&cut);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {(const char *)data, size};
    uint8_t seed = fuzz_byte(&in);

    check(ENTRY_XREAD, in, seed);
    check(ENTRY_XRANGE, in, seed);
    return 0;
}
