/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of deliver/control_frame.c: the bytes of each control frame, in one
 * piece and without its first bytes. */
#include "t/unit/deliver_fixture.h"
#include "t/unit/skip.h"

#include <sys/resource.h>

#include "deliver/control_frame.h"

/* The bytes of a frame, NUL at the end. Valid until the next call. */
static const char *bytes_of(const es_control_frame_t *frame)
{
    static char bytes[1024];
    apr_size_t len = 0;
    int i;

    for (i = frame->first; i < frame->first + frame->count; i++) {
        assert_true(len + frame->iov[i].iov_len < sizeof(bytes));
        memcpy(bytes + len, frame->iov[i].iov_base, frame->iov[i].iov_len);
        len += frame->iov[i].iov_len;
    }
    assert_int_equal(len, frame->len);
    bytes[len] = '\0';
    return bytes;
}

static void test_keepalive_is_an_event_or_a_comment(void **state)
{
    es_control_frame_t frame;

    (void)state;
    es_control_frame_keepalive(&frame, 0, 0);
    assert_string_equal(bytes_of(&frame), "event: keep-alive\ndata: \n\n");
    es_control_frame_keepalive(&frame, 1, 0);
    assert_string_equal(bytes_of(&frame), ": keep-alive\n");
    es_control_frame_keepalive(&frame, 1, 1);
    assert_string_equal(bytes_of(&frame), "d\r\n: keep-alive\n\r\n");
    es_control_frame_clear(&frame);
}

static void test_the_end_has_the_last_chunk(void **state)
{
    es_control_frame_t frame;

    (void)state;
    es_control_frame_end(&frame, 4321, 0);
    assert_string_equal(bytes_of(&frame), "retry: 4321\n");
    es_control_frame_end(&frame, 4321, 1);
    assert_string_equal(bytes_of(&frame), "c\r\nretry: 4321\n\r\n0\r\n\r\n");
    es_control_frame_clear(&frame);
}

static void test_a_reset_names_the_channels(void **state)
{
    static const es_id_t id = {7, 3};
    es_control_frame_t frame;
    es_slot_t slots[2];
    es_pos_t pos;
    hub_t hub;

    (void)state;
    hub_open(&hub, 64 * 1024);
    hub_subscribe(&hub, "a,b", slots, &pos);
    assert_int_equal(
        es_control_frame_reset(&frame, &id, hub.store, slots, 2, 0),
        APR_SUCCESS);
    assert_string_equal(bytes_of(&frame),
                        "event: stream-reset\nid: 7-3\n"
                        "data: {\"channels\":[\"a\",\"b\"]}\n\n");
    es_control_frame_clear(&frame);
    assert_int_equal(
        es_control_frame_reset(&frame, &id, hub.store, slots, 1, 1),
        APR_SUCCESS);
    assert_string_equal(bytes_of(&frame),
                        "36\r\nevent: stream-reset\nid: 7-3\n"
                        "data: {\"channels\":[\"a\"]}\n\n\r\n");
    es_control_frame_clear(&frame);
    hub_close(&hub);
}

/* Wherever a write stopped, the rest of the frame is what is left. */
static void test_any_number_of_first_bytes_is_left_out(void **state)
{
    es_control_frame_t frame;
    char whole[128];
    apr_size_t len, cut;

    (void)state;
    es_control_frame_end(&frame, 4321, 1);
    len = frame.len;
    strcpy(whole, bytes_of(&frame));
    for (cut = 0; cut <= len + 1; cut++) {
        es_control_frame_end(&frame, 4321, 1);
        es_control_frame_skip(&frame, cut);
        assert_string_equal(bytes_of(&frame), cut < len ? whole + cut : "");
        assert_true((frame.count == 0) == (cut >= len));
        es_control_frame_clear(&frame);
    }
}

/* A process without memory loses a client, and not all of them. The slots are
 * so many that their names have no room. */
static void test_a_reset_without_memory_is_an_error(void **state)
{
    static const es_id_t id = {7, 3};
    es_control_frame_t frame;
    struct rlimit before, limit;

    (void)state;
#ifdef __SANITIZE_ADDRESS__
    SKIP_SINCE("AddressSanitizer's own memory is above any limit");
#endif
    assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
    limit = before;
    limit.rlim_cur = (rlim_t)2 << 30;
    assert_int_equal(setrlimit(RLIMIT_AS, &limit), 0);
    assert_int_equal(
        es_control_frame_reset(&frame, &id, NULL, NULL, 0x7fffffff, 1),
        APR_ENOMEM);
    assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
    es_control_frame_clear(&frame);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keepalive_is_an_event_or_a_comment),
        cmocka_unit_test(test_the_end_has_the_last_chunk),
        cmocka_unit_test(test_a_reset_names_the_channels),
        cmocka_unit_test(test_any_number_of_first_bytes_is_left_out),
        cmocka_unit_test(test_a_reset_without_memory_is_an_error),
    };
    int failed;

    apr_initialize();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    apr_terminate();
    return failed;
}
