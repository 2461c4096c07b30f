/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of shm/segment.c: all pages at once. */
#include "t/unit/unit.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "shm/segment.h"

#define PAGE 4096
#define PAGES 600 /* more than a read takes at a time */

static int resident(void *mem)
{
    unsigned char pages[PAGES];
    int i, count = 0;

    assert_int_equal(mincore(mem, sizeof(pages) * PAGE, pages), 0);
    for (i = 0; i < PAGES; i++) {
        count += pages[i] & 1;
    }
    return count;
}

FACTS(a_segment_is_zeroed_and_begins_at_a_page)
{
    void *mem;

    assert_int_equal(es_segment_create(&mem, PAGES * PAGE, pool), 0);
    assert_int_equal((apr_uintptr_t)mem % PAGE, 0);
    assert_int_equal(((char *)mem)[PAGES * PAGE - 1], 0);
    assert_int_equal(es_segment_create(&mem, 0, pool), APR_EINVAL);
}

FACTS(populating_provides_all_pages)
{
    void *mem;

    assert_int_equal(es_segment_create(&mem, PAGES * PAGE, pool), 0);
    assert_int_not_equal(resident(mem), PAGES);
    assert_int_equal(es_segment_populate(mem, PAGES * PAGE), APR_SUCCESS);
    assert_int_equal(resident(mem), PAGES);
}

/* The kernel has no pages beyond the end of a file, as it has none without
 * memory: a process that writes there gets SIGBUS. */
FACTS(a_page_that_cannot_be_had_is_an_error)
{
    FILE *file = tmpfile();
    char *mem;

    assert_non_null(file);
    assert_int_equal(ftruncate(fileno(file), PAGE), 0);
    mem = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(file),
               0);
    assert_ptr_not_equal(mem, MAP_FAILED);
    assert_int_equal(es_segment_populate(mem, 3 * PAGE), APR_ENOMEM);
    munmap(mem, 3 * PAGE);
    fclose(file);
}

static const struct CMUnitTest tests[] = {
    UNIT(a_segment_is_zeroed_and_begins_at_a_page),
    UNIT(populating_provides_all_pages),
    UNIT(a_page_that_cannot_be_had_is_an_error),
};

UNIT_MAIN(tests)
