/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/chunk.c. */
#include "t/unit/unit.h"

#include "base/chunk.h"

static es_slice_t head(apr_size_t size)
{
    char *room = apr_palloc(pool, ES_FRAME_CHUNK_HEAD_SIZE);
    apr_size_t len = es_frame_chunk_head(room, size);

    assert_int_equal(len, es_frame_chunk_head_size(size));
    assert_true(len <= ES_FRAME_CHUNK_HEAD_SIZE);
    return es_slice(room, len);
}

FACTS(a_head_is_hex_and_crlf)
{
    assert_slice(head(1), "1\r\n");
    assert_slice(head(10), "a\r\n");
    assert_slice(head(0xdeadbeef), "deadbeef\r\n");
}

FACTS(digits_change_at_powers_of_16)
{
    assert_slice(head(15), "f\r\n");
    assert_slice(head(16), "10\r\n");
    assert_slice(head(255), "ff\r\n");
    assert_slice(head(256), "100\r\n");
    assert_slice(head(65535), "ffff\r\n");
    assert_slice(head(65536), "10000\r\n");
}

FACTS(the_greatest_size_fits_its_room)
{
    assert_slice(head(UINT64_MAX), "ffffffffffffffff\r\n");
    assert_slice(head((apr_size_t)1 << 63), "8000000000000000\r\n");
    assert_slice(head((apr_size_t)1 << 32), "100000000\r\n");
}

FACTS(tail_and_last_chunk_are_the_rfcs)
{
    assert_slice(es_frame_chunk_tail(), "\r\n");
    assert_int_equal(es_frame_chunk_tail().len, ES_FRAME_CHUNK_TAIL_SIZE);
    assert_slice(es_frame_chunk_last(), "0\r\n\r\n");
}

static const struct CMUnitTest tests[] = {
    UNIT(a_head_is_hex_and_crlf),
    UNIT(digits_change_at_powers_of_16),
    UNIT(the_greatest_size_fits_its_room),
    UNIT(tail_and_last_chunk_are_the_rfcs),
};

UNIT_MAIN(tests)
