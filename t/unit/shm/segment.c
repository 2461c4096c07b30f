/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of shm/segment.c: where a segment is, and that core dumps are without
 * it. */
#include "t/unit/store_kit.h"

#include "shm/segment.h"

/* The line VmFlags of the mapping that starts up to two pages before mem. */
static const char *flags_of(const void *mem)
{
    static char line[1024];
    apr_uintptr_t at = (apr_uintptr_t)mem;
    FILE *smaps = fopen("/proc/self/smaps", "re");
    int is_ours = 0;

    assert_non_null(smaps);
    while (fgets(line, sizeof(line), smaps) != NULL) {
        unsigned long from, to;

        if (sscanf(line, "%lx-%lx ", &from, &to) == 2) {
            is_ours = from <= at && at < to && at - from <= 2 * 4096;
        }
        if (is_ours && strncmp(line, "VmFlags:", 8) == 0) {
            break;
        }
    }
    fclose(smaps);
    return line;
}

static void a_segment_is_zeroed_and_on_a_page(void **state)
{
    apr_pool_t *pool;
    void *mem;

    (void)state;
    apr_pool_create(&pool, NULL);
    assert_int_equal(es_segment_create(&mem, 3 * 4096, pool), 0);
    assert_int_equal((apr_uintptr_t)mem % 4096, 0);
    assert_int_equal(((char *)mem)[0], 0);
    assert_int_equal(((char *)mem)[3 * 4096 - 1], 0);
    apr_pool_destroy(pool);
}

static void a_core_dump_is_without_it(void **state)
{
    apr_pool_t *pool;
    void *mem;

    (void)state;
    apr_pool_create(&pool, NULL);
    assert_int_equal(es_segment_create(&mem, 3 * 4096, pool), 0);
    assert_non_null(strstr(flags_of(mem), " dd"));
    assert_non_null(strstr(flags_of((char *)mem + 3 * 4096 - 1 - 8192), " dd"));
    apr_pool_destroy(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_segment_is_zeroed_and_on_a_page),
        cmocka_unit_test(a_core_dump_is_without_it),
    };

    apr_initialize();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
