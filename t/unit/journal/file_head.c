/* SPDX-License-Identifier: Apache-2.0 */
/* The head of a hub's file. */
#include "t/unit/unit.h"

#include "journal/file_head.h"

static es_file_head_t an_example(void)
{
    es_file_head_t head = {.state = ES_FILE_SAVED,
                           .hub = "shop",
                           .is_clustered = 1,
                           .key = "prefix:",
                           .saved_ms = 1700000000123u,
                           .epoch = {1700000000000u, 42u << 12}};

    return head;
}

static void a_head_is_read_as_it_was_written(void **state)
{
    unsigned char bytes[ES_FILE_HEAD_SIZE];
    es_file_head_t head = an_example(), read;

    (void)state;
    memset(head.hub, 'h', sizeof(head.hub) - 1);
    memset(head.key, 'k', sizeof(head.key) - 1);
    es_file_head_write(bytes, &head);
    assert_int_equal(es_file_head_read(&read, bytes, sizeof(bytes)), 0);
    assert_int_equal(read.state, head.state);
    assert_string_equal(read.hub, head.hub);
    assert_int_equal(read.is_clustered, 1);
    assert_string_equal(read.key, head.key);
    assert_int_equal(read.saved_ms, head.saved_ms);
    assert_int_equal(es_id_compare(&read.epoch, &head.epoch), 0);
}

/* The format must not change without another version. */
static void the_bytes_are_these(void **state)
{
    static const unsigned char begin[] = "\x8e"
                                         "ESHUB\r\n\0\0\0\2\0\0\0\2shop";
    unsigned char bytes[ES_FILE_HEAD_SIZE];
    es_file_head_t head = an_example();

    (void)state;
    es_file_head_write(bytes, &head);
    assert_memory_equal(bytes, begin, sizeof(begin));
    assert_memory_equal(bytes + 80, "\1prefix:", 9);
    assert_memory_equal(bytes + 146, "\0\0\1\x8b\xcf\xe5\x68\x7b", 8);
    assert_memory_equal(bytes + 162, "\0\0\0\0\0\2\xa0\0", 8);
}

static void what_is_not_ours_is_told_apart(void **state)
{
    unsigned char bytes[ES_FILE_HEAD_SIZE];
    es_file_head_t head = an_example();
    apr_size_t len;

    (void)state;
    es_file_head_write(bytes, &head);
    for (len = 0; len < sizeof(bytes); len++) {
        assert_int_equal(es_file_head_read(&head, bytes, len),
                         len < 8 ? APR_EINVAL : APR_EGENERAL);
    }
    bytes[11]++;
    assert_int_equal(es_file_head_read(&head, bytes, len), APR_EMISMATCH);
    bytes[11]--;
    bytes[0]++;
    assert_int_equal(es_file_head_read(&head, bytes, len), APR_EINVAL);
    bytes[0]--;
    assert_int_equal(es_file_head_read(&head, bytes, len), APR_SUCCESS);
}

static void a_damaged_head_is_refused(void **state)
{
    static const struct {
        int at;
        unsigned char value;
    } bad[] = {{15, 0},   {15, 3},   {12, 1},   {80, 2},
               {30, 'x'}, {79, 'x'}, {145, 'x'}};
    unsigned char bytes[ES_FILE_HEAD_SIZE];
    es_file_head_t head;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        head = an_example();
        es_file_head_write(bytes, &head);
        bytes[bad[i].at] = bad[i].value;
        assert_int_equal(es_file_head_read(&head, bytes, sizeof(bytes)),
                         APR_EGENERAL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_head_is_read_as_it_was_written),
        cmocka_unit_test(the_bytes_are_these),
        cmocka_unit_test(what_is_not_ours_is_told_apart),
        cmocka_unit_test(a_damaged_head_is_refused),
    };

    return cmocka_run_group_tests(tests, unit_start, unit_stop);
}
