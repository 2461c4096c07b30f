/* SPDX-License-Identifier: Apache-2.0 */
#include "t/unit/deliver_fixture.h"

#include <poll.h>
#include <pthread.h>

#include "deliver/inbox.h"

#define THREADS 4
#define NOTES 2000

static int is_readable(const es_inbox_t *inbox)
{
    struct pollfd poll_fd = {0};

    poll_fd.fd = es_inbox_fd(inbox);
    poll_fd.events = POLLIN;
    return poll(&poll_fd, 1, 0) == 1;
}

static void test_order_and_wake(void **state)
{
    es_note_t notes[3] = {{NULL, 1}, {NULL, 2}, {NULL, 3}};
    es_inbox_t *inbox;
    es_note_t *note;
    int i;

    (void)state;
    assert_int_equal(es_inbox_open(&inbox), APR_SUCCESS);
    assert_false(is_readable(inbox));
    assert_true(es_inbox_is_empty(inbox));
    assert_null(es_inbox_take(inbox));
    for (i = 0; i < 3; i++) {
        assert_int_equal(es_inbox_post(inbox, &notes[i]), APR_SUCCESS);
    }
    assert_true(is_readable(inbox));
    es_inbox_drain(inbox);
    assert_false(is_readable(inbox));
    assert_false(es_inbox_is_empty(inbox));
    note = es_inbox_take(inbox);
    for (i = 1; i <= 3; i++, note = note->next) {
        assert_int_equal(note->kind, i);
    }
    assert_null(note);
    assert_true(es_inbox_is_empty(inbox));
    es_inbox_post(inbox, &notes[0]);
    assert_true(is_readable(inbox)); /* again */
    es_inbox_close(inbox);
}

static void test_shut(void **state)
{
    es_note_t before = {NULL, 1}, after = {NULL, 2};
    es_inbox_t *inbox;

    (void)state;
    es_inbox_open(&inbox);
    es_inbox_post(inbox, &before);
    es_inbox_shut(inbox);
    assert_int_equal(es_inbox_post(inbox, &after), APR_EOF);
    assert_ptr_equal(es_inbox_take(inbox), &before);
    assert_null(before.next);
    es_inbox_drain(inbox);
    es_inbox_wake(inbox);
    assert_true(is_readable(inbox));
    es_inbox_close(inbox);
}

typedef struct poster_t {
    es_inbox_t *inbox;
    es_note_t notes[NOTES];
} poster_t;

static void *on_poster(void *arg)
{
    poster_t *poster = arg;
    int i;

    for (i = 0; i < NOTES; i++) {
        poster->notes[i].kind = i;
        es_inbox_post(poster->inbox, &poster->notes[i]);
    }
    return NULL;
}

/* A thread that sleeps on the descriptor misses no note, and gets those of each
 * other thread in the order in which they were posted. */
static void test_many_threads(void **state)
{
    static poster_t posters[THREADS];
    int next[THREADS] = {0};
    pthread_t threads[THREADS];
    struct pollfd poll_fd = {0};
    es_inbox_t *inbox;
    es_note_t *note;
    int total = 0;
    int i;

    (void)state;
    es_inbox_open(&inbox);
    for (i = 0; i < THREADS; i++) {
        posters[i].inbox = inbox;
        pthread_create(&threads[i], NULL, on_poster, &posters[i]);
    }
    poll_fd.fd = es_inbox_fd(inbox);
    poll_fd.events = POLLIN;
    while (total < THREADS * NOTES) {
        assert_int_equal(poll(&poll_fd, 1, 10000), 1);
        es_inbox_drain(inbox);
        for (note = es_inbox_take(inbox); note; note = note->next) {
            for (i = 0; i < THREADS; i++) {
                if (note >= posters[i].notes &&
                    note < posters[i].notes + NOTES) {
                    assert_int_equal(note->kind, next[i]);
                    next[i]++;
                }
            }
            total++;
        }
    }
    for (i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    es_inbox_close(inbox);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_and_wake),
        cmocka_unit_test(test_shut),
        cmocka_unit_test(test_many_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
