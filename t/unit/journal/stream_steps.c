/* SPDX-License-Identifier: Apache-2.0 */
/* Death at every instruction of what a cluster's thread does to a store: append
 * with given ids, begin an epoch, fill. What is left is the journal as it was,
 * the new one with its last id, or, of a fill, an empty one that its readers
 * notice; also if the parent migrates it, and if the repairing process dies.
 *
 * ES_STEPS=all: as for store_steps. */
#include "t/unit/stepper.h"
#include "t/unit/stream_kit.h"

#include "base/log.h"
#include "journal/migrate.h"
#include "journal/spans.h"

#define RING 4096
#define CHANNELS 8
#define LIVING 2
#define LIMIT_S 280

static kit_t *kit;

/* ---- the store before the operation ------------------------------------- */

static char wide[700]; /* a text that takes much room */

static void start(unsigned epoch)
{
    stream_start(kit, epoch);
}

static void append(const char *names, const char *text, unsigned after,
                   unsigned n)
{
    assert_int_equal(stream_append_one(kit, names, text, stream_id(1, after),
                                       stream_id(1, n)),
                     0);
}

static es_slot_t slots[2]; /* of a and q */

static void subscribe(void)
{
    assert_int_equal(kit_subscribe(kit, LIVING, "a", &slots[0]), 0);
    assert_int_equal(kit_subscribe(kit, LIVING, "q", &slots[1]), 0);
}

/** Two epochs, a closed channel, one with a publisher's id. */
static void few_events(void)
{
    stream_t stream;
    es_id_t end = stream_id(1, 6), marker = stream_id(2, 0);

    subscribe();
    start(1);
    append("a", "data: old1\n\n", 0, 1);
    append("ab", "data: old2\n\n", 1, 2);
    stream_begin(&stream);
    stream_event(&stream, "a", "own", "data: old3\n\n", stream_id(1, 3));
    stream_event(&stream, "c", NULL, "data: old4\n\n", stream_id(1, 4));
    stream_close(&stream, "c", KIT_NOW + 60000, stream_id(1, 6));
    assert_int_equal(stream_append(kit, &stream, stream_id(1, 2)), 0);
    assert_int_equal(es_store_begin_epoch(kit->store, &end, &marker), 0);
    assert_int_equal(
        stream_append_one(kit, "b", "data: old5\n\n", marker, stream_id(2, 1)),
        0);
}

/** The ring is full, and was overwritten. */
static void ring_full(void)
{
    static const char *const names[] = {"a", "b", "ab", "c", "e"};
    unsigned i;

    subscribe();
    start(1);
    for (i = 0; i < 30; i++) {
        append(names[i % 5], "data: old\n\n", i, i + 1);
    }
    assert_true(es_store_tail(kit->store) > RING);
    stream_append_one(kit, "a", "data: old\n\n", stream_id(1, 30),
                      stream_id(2, 0));
    es_store_begin_epoch(kit->store,
                         &(es_id_t){stream_id(1, 30).ms, stream_id(1, 30).n},
                         &(es_id_t){stream_id(2, 0).ms, stream_id(2, 0).n});
    assert_int_equal(stream_append_one(kit, "a", "data: old\n\n",
                                       stream_id(2, 0), stream_id(2, 1)),
                     0);
}

/** All slots have subscribers or events. */
static void table_full(void)
{
    es_slot_t slot;

    few_events();
    assert_int_equal(kit_subscribe(kit, LIVING, "m", &slot), 0);
    assert_int_equal(kit_subscribe(kit, LIVING, "n", &slot), 0);
    assert_int_equal(kit_subscribe(kit, LIVING, "o", &slot), 0);
    assert_int_equal(kit_subscribe(kit, LIVING, "p", &slot), 0);
    assert_int_equal(kit->store->channels.table->high_slot, CHANNELS);
}

/** A store with ids of its own. */
static void own_ids(void)
{
    es_appended_t done;

    subscribe();
    assert_int_equal(kit_append(kit, "a", "data: old1\n\n", &done), 0);
    assert_int_equal(kit_append(kit, "b", "data: old2\n\n", &done), 0);
}

/* ---- operations --------------------------------------------------------- */

/* Not on the stack, see store_steps.c. */
static stream_t stream;

static apr_status_t do_append(void)
{
    stream_begin(&stream);
    stream_event(&stream, "a", NULL, "data: new1\n\n", stream_id(2, 2));
    stream_event(&stream, "bd", "two", "data: new2\n\n", stream_id(2, 4));
    return stream_append(kit, &stream, stream_id(2, 1));
}

static apr_status_t do_append_closes(void)
{
    stream_begin(&stream);
    stream_event(&stream, "a", NULL, "data: new1\n\n", stream_id(2, 2));
    stream_close(&stream, "a", KIT_NOW + 60000, stream_id(2, 3));
    stream_event(&stream, "a", NULL, "data: new2\n\n", stream_id(2, 4));
    stream_event(&stream, "c", NULL, "data: new3\n\n", stream_id(2, 5));
    stream_close(&stream, "b", KIT_NOW + 60000, stream_id(2, 6));
    return stream_append(kit, &stream, stream_id(2, 1));
}

static apr_status_t do_append_known(void)
{
    stream_begin(&stream);
    stream_event(&stream, "a", "own", "data: old3\n\n", stream_id(2, 2));
    return stream_append(kit, &stream, stream_id(2, 1));
}

static apr_status_t do_append_known_last(void)
{
    stream_begin(&stream);
    stream_event(&stream, "b", NULL, "data: new1\n\n", stream_id(2, 2));
    stream_event(&stream, "a", "own", "data: old3\n\n", stream_id(2, 3));
    return stream_append(kit, &stream, stream_id(2, 1));
}

static apr_status_t do_append_left_out(void)
{
    stream_begin(&stream);
    stream_event(&stream, "ax", NULL, "data: new1\n\n", stream_id(2, 2));
    stream_event(&stream, "y", NULL, "data: new2\n\n", stream_id(2, 3));
    return stream_append(kit, &stream, stream_id(2, 1));
}

static apr_status_t do_begin_epoch(void)
{
    es_id_t after = stream_id(2, 1), marker = stream_id(3, 0);

    return es_store_begin_epoch(kit->store, &after, &marker);
}

/** A history with ids that are all lower, and of an epoch that is new. */
static apr_status_t do_fill_lower(void)
{
    es_id_t ids[5];
    int i;

    for (i = 0; i < 5; i++) {
        ids[i] = stream_id(9, i);
        ids[i].ms = 1000;
    }
    stream_begin(&stream);
    stream_event(&stream, "a", NULL, "data: new1\n\n", ids[1]);
    stream_event(&stream, "bd", "own", "data: new2\n\n", ids[2]);
    stream_close(&stream, "b", KIT_NOW + 60000, ids[3]);
    stream_event(&stream, "a", NULL, wide, ids[4]);
    return stream_fill(kit, &stream, ids[0], ids[4]);
}

/** The same stream, after a hole. */
static apr_status_t do_fill_same(void)
{
    stream_begin(&stream);
    stream_event(&stream, "b", NULL, "data: new1\n\n", stream_id(2, 7));
    stream_event(&stream, "a", NULL, "data: new2\n\n", stream_id(2, 8));
    return stream_fill(kit, &stream, stream_id(2, 6), stream_id(2, 8));
}

static apr_status_t do_fill_empty(void)
{
    stream_begin(&stream);
    return stream_fill(kit, &stream, stream_id(4, 0), stream_id(4, 0));
}

static apr_status_t do_fill_left_out(void)
{
    stream_begin(&stream);
    stream_event(&stream, "r", NULL, "data: new1\n\n", stream_id(4, 1));
    stream_event(&stream, "s", NULL, "data: new2\n\n", stream_id(4, 2));
    stream_event(&stream, "ta", NULL, "data: new3\n\n", stream_id(4, 3));
    return stream_fill(kit, &stream, stream_id(4, 0), stream_id(4, 3));
}

typedef struct operation_t {
    const char *name;
    void (*setup)(void);
    apr_status_t (*run)(void);
    int fills;
    int writes_less; /* 1 = nothing of the last event, or not all channels */
} operation_t;

static const operation_t operations[] = {
    {"append", few_events, do_append, 0, 0},
    {"append and evict", ring_full, do_append, 0, 0},
    {"append, close and open", few_events, do_append_closes, 0, 0},
    {"append a known event", few_events, do_append_known, 0, 0},
    {"append, a known event at last", few_events, do_append_known_last, 0, 1},
    {"append, and leave channels out", table_full, do_append_left_out, 0, 1},
    {"begin an epoch", few_events, do_begin_epoch, 0, 0},
    {"fill with lower ids", few_events, do_fill_lower, 1, 0},
    {"fill a full ring", ring_full, do_fill_lower, 1, 0},
    {"fill with higher ids of the epoch", few_events, do_fill_same, 1, 0},
    {"fill with nothing", few_events, do_fill_empty, 1, 0},
    {"fill, and leave channels out", table_full, do_fill_left_out, 1, 1},
    {"fill a store with ids of its own", own_ids, do_fill_lower, 1, 0},
};

/* ---- what must hold ----------------------------------------------------- */

/** What a survivor sees: events, last id, closed channels; and for each id and
 * channel whether a client may resume by it. */
typedef struct view_t {
    char text[4096];
    char last[60];
    char closed[5];
    char resumes[1000];
} view_t;

/** Ids that clients may have. */
static int list_ids(es_id_t *ids)
{
    int count = 0;
    unsigned n;

    for (n = 0; n < 9; n++) {
        ids[count++] = stream_id(1, n);
        ids[count++] = stream_id(2, n);
        ids[count++] = kit_id(n);
        ids[count] = stream_id(9, n);
        ids[count++].ms = 1000;
    }
    for (n = 24; n < 32; n++) {
        ids[count++] = stream_id(1, n);
    }
    ids[count++] = stream_id(3, 0);
    ids[count++] = stream_id(4, 0);
    ids[count++] = stream_id(4, 3);
    return count;
}

static const char *const names[] = {"a", "b", "c", "q"};

static es_slot_t find_slot(const char *name)
{
    es_slice_t slice = es_slice_of(name);
    es_slot_t slot = 0;

    es_channels_find(&kit->store->channels, slice,
                     es_channels_hash(&kit->store->channels, slice), &slot);
    return slot;
}

/** May a client resume? It does not subscribe, as that would make slots. */
static int may_resume(es_slot_t slot, const es_id_t *id)
{
    static const es_resume_reach_t reach = {0};
    const es_table_t *table = kit->store->channels.table;
    es_id_t forgotten = {table->forgotten_ms, table->forgotten_n};
    char text[ES_ID_TEXT_SIZE];
    es_start_t start;

    if (slot == 0) {
        return es_spans_have(kit->store, id) &&
               es_id_compare(&forgotten, id) <= 0;
    }
    assert_int_equal(es_store_current(kit->store, &start), 0);
    return es_store_resume(kit->store, &slot, 1,
                           es_slice(text, es_id_format(text, id)), &reach,
                           &start) == APR_SUCCESS;
}

/** Takes the lock. */
static void view(view_t *seen)
{
    char *at = seen->resumes;
    es_id_t ids[64], last;
    int count = list_ids(ids);
    int i, k;

    memset(seen, 0, sizeof(*seen));
    assert_int_equal(es_store_last(kit->store, &last), 0);
    es_id_format(seen->last, &last);
    strcpy(seen->text, stream_text(kit));
    for (k = 0; k < 4; k++) {
        es_slot_t slot = find_slot(names[k]);

        seen->closed[k] =
            slot != 0 && es_close_is_closed(kit->store, slot, KIT_NOW) ? '1'
                                                                       : '0';
        for (i = 0; i < count; i++) {
            *at++ = may_resume(slot, &ids[i]) ? 'y' : 'n';
        }
    }
    assert_true(at < seen->resumes + sizeof(seen->resumes));
}

static view_t before, after, emptied;
static es_pos_t old_positions[STREAM_MAX]; /* of records, and the head */
static int nold;

static int is_end_of(const char *text, const char *all)
{
    size_t len = strlen(text), whole = strlen(all);

    return len <= whole && strcmp(all + whole - len, text) == 0;
}

/** Does each 'y' of seen stand where all has one, too? */
static int is_no_surer(const char *seen, const char *all)
{
    for (; *seen != '\0'; seen++, all++) {
        if (*seen != *all && !(*seen == 'n' && *all == 'y')) {
            return 0;
        }
    }
    return *all == '\0';
}

static int is_view(const view_t *seen, const view_t *expected)
{
    return strcmp(seen->text, expected->text) == 0 &&
           strcmp(seen->last, expected->last) == 0 &&
           strcmp(seen->closed, expected->closed) == 0 &&
           strcmp(seen->resumes, expected->resumes) == 0;
}

/** The events of the operation are there, but not its last id: nothing is
 * written of the last event, as it is known or its channels are left out. */
static int is_all_but_last(const view_t *seen)
{
    return strcmp(seen->text, after.text) == 0 &&
           strcmp(seen->text, before.text) != 0 &&
           strcmp(seen->last, after.last) != 0 &&
           strcmp(seen->last, before.last) != 0;
}

/** Readers from before the fill are told. */
static void check_told(void)
{
    int i, k;

    for (i = 0; i < nold; i++) {
        for (k = 0; k < 2; k++) {
            assert_true(stream_is_told(kit, &slots[k], 1, old_positions[i]));
        }
        assert_true(es_store_is_reset(kit->store, old_positions[i]));
    }
}

static void check_emptied(const view_t *seen)
{
    int k;

    assert_string_equal(seen->text, "");
    assert_string_equal(seen->last, emptied.last);
    assert_string_equal(seen->resumes, emptied.resumes);
    for (k = 0; k < nold - 1; k++) {
        es_record_t record;

        assert_int_equal(es_store_look(kit->store, old_positions[k], &record),
                         APR_ENOENT);
    }
    /* readers notice if they have missed some */
    assert_true(stream_is_told(kit, &slots[0], 1, old_positions[0]));
}

/** What a survivor finds. @return 1 if the operation is done */
static int check_view(const operation_t *operation)
{
    view_t seen;

    view(&seen);
    kit_check(kit);
    if (is_view(&seen, &after)) {
        if (operation->fills) {
            check_told();
        }
        return 1;
    }
    if (operation->writes_less && is_all_but_last(&seen)) {
        return 1;
    }
    if (operation->fills && seen.text[0] == '\0') {
        check_emptied(&seen);
        return 0;
    }
    assert_true(is_end_of(seen.text, before.text));
    assert_string_equal(seen.last, before.last);
    assert_string_equal(seen.closed, before.closed);
    assert_true(is_no_surer(seen.resumes, before.resumes));
    return 0;
}

/** The migrated store has what a survivor would find. */
static void check_migrated(const operation_t *operation, const view_t *seen)
{
    if (strcmp(seen->last, after.last) == 0 &&
        strcmp(seen->text, after.text) == 0) {
        assert_string_equal(seen->closed, after.closed);
        assert_true(is_no_surer(seen->resumes, after.resumes));
    }
    else if (operation->fills && seen->text[0] == '\0') {
        assert_string_equal(seen->last, emptied.last);
        assert_string_equal(seen->resumes, emptied.resumes);
    }
    else if (!operation->writes_less || !is_all_but_last(seen)) {
        assert_true(is_end_of(seen->text, before.text));
        assert_string_equal(seen->last, before.last);
        assert_string_equal(seen->closed, before.closed);
        assert_true(is_no_surer(seen->resumes, before.resumes));
    }
}

/** No process survives: the parent migrates it, and does not take the lock. */
static void check_migration(const operation_t *operation)
{
    static kit_t *larger;
    es_id_t epoch = es_store_epoch(kit->store);
    es_migrated_t migrated;
    kit_t *old = kit;
    apr_pool_t *p;
    view_t seen;

    if (larger == NULL) {
        larger = kit_open(2 * RING, 2 * CHANNELS, 0);
    }
    apr_pool_create(&p, larger->pool);
    memset(larger->mem, 0, larger->size);
    assert_int_equal(es_store_format(larger->mem, &larger->params, &epoch), 0);
    assert_int_equal(es_store_attach(&larger->store, larger->mem, larger->size,
                                     &larger->params, p),
                     0);
    es_store_set_clock(larger->store, KIT_NOW);
    assert_int_equal(es_store_migrate(larger->store, kit->store, &migrated), 0);
    kit = larger;
    view(&seen);
    kit_check(kit);
    check_migrated(operation, &seen);
    kit = old;
    apr_pool_destroy(p);
}

/** A child has died. @return 1 if the operation is done */
static int check_death(const operation_t *operation)
{
    int done;

    check_migration(operation);
    done = check_view(operation);
    if (!done || operation->fills) {
        view_t seen;

        /* it is done again */
        assert_int_equal(operation->run(), 0);
        view(&seen);
        assert_string_equal(seen.last, after.last);
        assert_string_equal(seen.closed, after.closed);
        if (!operation->writes_less) {
            /* else there may be a slot now for a channel more */
            assert_string_equal(seen.text, after.text);
            assert_true(is_no_surer(seen.resumes, after.resumes));
        }
        kit_check(kit);
        if (operation->fills) {
            check_told();
        }
    }
    return done;
}

/* ---- deaths ------------------------------------------------------------- */

static char *first; /* the segment before the operation */

static void on_run(void *data)
{
    ((const operation_t *)data)->run();
}

static const operation_t *looked_at;

/** A reader meanwhile: it gets no event of the new history for one of the old
 * stream. */
static void on_look(void *data)
{
    char scratch[4096 + 1];
    es_collected_t got;
    es_reader_t reader = {0};
    es_pos_t tail;
    int i, k;

    (void)data;
    for (i = 0; i < nold && looked_at->fills; i++) {
        for (k = 0; k < 2; k++) {
            es_pos_t head = es_store_head(kit->store);

            reader.store = kit->store;
            reader.slots = &slots[k];
            reader.nslots = 1;
            if (old_positions[i] >= head) {
                continue;
            }
            if (es_reader_is_all_seen(&reader, old_positions[i])) {
                assert_int_equal(head, old_positions[nold - 1]);
                continue;
            }
            if (es_reader_collect(&reader, &got, old_positions[i], 0, head, 0,
                                  scratch, 4096) == APR_SUCCESS) {
                got.data[got.len] = '\0';
                assert_null(strstr(got.data, "data: new"));
                assert_true(got.end <= old_positions[nold - 1]);
            }
            else {
                assert_true(es_store_has_lost(kit->store, &slots[k], 1,
                                              old_positions[i], &tail));
            }
        }
    }
}

static void note_positions(void)
{
    es_record_t record;

    nold = 0;
    old_positions[nold++] = es_store_tail(kit->store);
    while (es_store_look(kit->store, old_positions[nold - 1], &record) == 0) {
        assert_true(nold < STREAM_MAX);
        old_positions[nold++] = record.next;
    }
}

/** All records are evicted, nothing else: what a fill leaves that was given up.
 */
static void view_emptied(void)
{
    es_id_t last = es_journal_last(&kit->store->journal);

    es_channels_evict_all(&kit->store->channels, 0, &last);
    es_journal_set_tail(&kit->store->journal, es_store_head(kit->store));
    view(&emptied);
}

static void open_store(const operation_t *operation)
{
    kit = kit_open(RING, CHANNELS, 0);
    /* the same hashes in each run */
    memset(kit->store->segment->hdr.key, 7, 16);
    assert_int_equal(es_store_attach(&kit->store, kit->mem, kit->size,
                                     &kit->params, kit->pool),
                     0);
    looked_at = operation;
    operation->setup();
    note_positions();
    view(&before);
    first = malloc(kit->size);
    memcpy(first, kit->mem, kit->size);
    view_emptied();
    memcpy(kit->mem, first, kit->size);
    assert_int_equal(operation->run(), 0);
    kit_check(kit);
    view(&after);
    memcpy(kit->mem, first, kit->size);
}

static void close_store(void)
{
    free(first);
    kit_close(kit, 0);
}

static void set_stepper(stepper_t *stepper, void (*run)(void *),
                        const operation_t *operation)
{
    stepper->run = run;
    stepper->look = on_look;
    stepper->data = (void *)(uintptr_t)operation;
    stepper->mem = kit->mem;
    stepper->size = kit->size;
    stepper->excluded = (const char *)&kit->store->segment->guard;
}

/** Have children die at all stops. @return how often all was done */
static int die_everywhere(const stepper_t *stepper, const char *memory,
                          const operation_t *operation)
{
    int done = 0, k;

    for (k = 0; k < stepper->count; k++) {
        memcpy(kit->mem, memory, kit->size);
        stepper_die(stepper, &stepper->stops[k]);
        done += check_death(operation);
    }
    return done;
}

static void on_repair(void *data)
{
    es_start_t present;

    (void)data;
    (void)es_store_current(kit->store, &present);
}

/** The repair after a death at this stop; it dies, too. @return deaths */
static int die_repairing(const stepper_t *stepper, int k,
                         const operation_t *operation)
{
    static stepper_t repair;
    char *left = malloc(kit->size);

    memcpy(kit->mem, first, kit->size);
    stepper_die(stepper, &stepper->stops[k]);
    memcpy(left, kit->mem, kit->size);
    set_stepper(&repair, on_repair, operation);
    stepper_trace(&repair);
    (void)die_everywhere(&repair, left, operation);
    free(left);
    return repair.count;
}

/** Does a death at this stop leave something for a repair? */
static int is_repaired(const stepper_t *stepper, int k)
{
    memcpy(kit->mem, first, kit->size);
    stepper_die(stepper, &stepper->stops[k]);
    return (kit->store->segment->guard.lock.mutex.__data.__lock &
            FUTEX_OWNER_DIED) != 0;
}

static void test_operation(void **state)
{
    static stepper_t stepper;
    const operation_t *operation = *state;
    int repairs = getenv("ES_STEPS") != NULL ? 1000 : 2;
    int done, deaths = 0, tried = 0, i;

    open_store(operation);
    set_stepper(&stepper, on_run, operation);
    stepper_trace(&stepper);
    done = die_everywhere(&stepper, first, operation);
    assert_true(done > 0 && done < stepper.count);
    for (i = 0; i < repairs && i < stepper.count; i++) {
        int k = stepper.count * (i + 1) /
                ((repairs < stepper.count ? repairs : stepper.count) + 1);

        if (is_repaired(&stepper, k)) {
            deaths += die_repairing(&stepper, k, operation);
            tried++;
        }
    }
    assert_true(tried > 0);
    print_message("# %s: %d deaths, %d after it was done; %d in %d repairs\n",
                  operation->name, stepper.count, done, deaths, tried);
    close_store();
}

static void on_log(int level, apr_status_t rv, const char *tag,
                   const char *text)
{
    (void)level;
    (void)rv;
    (void)tag;
    (void)text;
}

#define OPERATIONS (sizeof(operations) / sizeof(operations[0]))

int main(void)
{
    apr_initialize();
    es_log_set_handler(on_log);
    memset(wide, 'x', sizeof(wide) - 1);
    memcpy(wide, "data: new4\ndata: ", 17);
    strcpy(wide + sizeof(wide) - 3, "\n\n");
    return stepper_main(test_operation, operations, OPERATIONS,
                        sizeof(operations[0]), LIMIT_S, NULL);
}
