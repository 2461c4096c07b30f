/* SPDX-License-Identifier: Apache-2.0 */
/* Entries of the broker's stream: read whatever they are, and written. */
#include "t/unit/cluster_kit.h"
#include "t/unit/unit.h"

#include "cluster/entry.h"

static es_cluster_entry_t entry;

/* Read an entry with these fields, "name", "value", …, NULL. */
static int read_fields(const char *id, ...)
{
    const char *words[64];
    va_list args;
    int count = 0;

    va_start(args, id);
    while ((words[count] = va_arg(args, const char *)) != NULL) {
        count++;
    }
    va_end(args);
    es_cluster_entry_read(&entry, kit_entry(id, words, count), pool);
    return entry.kind;
}

FACTS(an_event_is_read)
{
    assert_int_equal(read_fields("7-4097", "p", "7-4096", "b", "3", "n", "x",
                                 "ch", "a\nb c", "ty", "t", "id", "i", "da",
                                 "x\ny", "re", "0", NULL),
                     ES_CLUSTER_ENTRY_EVENT);
    assert_int_equal(entry.id.ms, 7);
    assert_int_equal(entry.id.n, 4097);
    assert_int_equal(entry.before.n, 4096);
    assert_int_equal(entry.follow, 3);
    assert_int_equal(entry.event.nchannels, 2);
    assert_slice(entry.event.channels[0], "a");
    assert_slice(entry.event.channels[1], "b c");
    assert_slice(entry.event.type, "t");
    assert_slice(entry.event.id, "i");
    assert_slice(entry.event.data, "x\ny");
    assert_int_equal(entry.event.retry_ms, 0);
    assert_false(entry.is_again);
}

FACTS(an_event_may_have_been_lost_before)
{
    assert_int_equal(read_fields("7-1", "p", "0-0", "b", "0", "ch", "a", "id",
                                 "x", "ag", "1", NULL),
                     ES_CLUSTER_ENTRY_EVENT);
    assert_true(entry.is_again);
    assert_slice(entry.event.id, "x");
    assert_int_equal(read_fields("7-1", "p", "0-0", "b", "0", "ch", "a", "id",
                                 "x", "ag", "0", NULL),
                     ES_CLUSTER_ENTRY_EVENT);
    assert_false(entry.is_again);
}

FACTS(what_is_not_set_is_empty)
{
    assert_int_equal(read_fields("7-1", "ch", "a", "b", "0", "p", "0-0", NULL),
                     ES_CLUSTER_ENTRY_EVENT);
    assert_slice(entry.event.type, "");
    assert_slice(entry.event.id, "");
    assert_slice(entry.event.data, "");
    assert_int_equal(entry.event.retry_ms, -1);
}

FACTS(fields_of_later_versions_are_ignored)
{
    assert_int_equal(read_fields("7-1", "p", "0-0", "b", "0", "new", "1", "ch",
                                 "a", "new", "2", NULL),
                     ES_CLUSTER_ENTRY_EVENT);
}

FACTS(a_close_and_a_marker_are_read)
{
    assert_int_equal(read_fields("7-2", "op", "close", "ch", "a", "for",
                                 "2147483647", "p", "7-1", "b", "0", NULL),
                     ES_CLUSTER_ENTRY_CLOSE);
    assert_slice(entry.event.channels[0], "a");
    assert_true(entry.seconds == ES_CLUSTER_CLOSE_MAX);
    assert_int_equal(read_fields("7-2", "op", "epoch", "cont", "1", "p", "7-1",
                                 "b", "0", NULL),
                     ES_CLUSTER_ENTRY_EPOCH);
    assert_true(entry.is_continued);
    assert_int_equal(read_fields("7-2", "op", "epoch", "cont", "0", "p", "0-0",
                                 "b", "0", NULL),
                     ES_CLUSTER_ENTRY_EPOCH);
    assert_false(entry.is_continued);
}

/* not ours: it names no entry before it */
FACTS(an_event_may_revoke)
{
#define REVOKES(...)                                                      \
    read_fields("7-2", "p", "7-1", "b", "0", "ch", "eventstream-revoked", \
                "ty", "revoked", __VA_ARGS__, NULL)
    assert_int_equal(
        REVOKES("rk", "user", "rn", "m\xfcller", "rc", "a", "for", "60"),
        ES_CLUSTER_ENTRY_EVENT);
    assert_int_equal(entry.revokes, 1);
    assert_int_equal(entry.revoked.kind, ES_IDENTITY_USER);
    assert_slice(entry.revoked.name, "m\xfcller");
    assert_slice(entry.revoked.channel, "a");
    assert_int_equal(entry.revoked.seconds, 60);
    assert_int_equal(REVOKES("rk", "jti", "rn", "x", "for", "always"),
                     ES_CLUSTER_ENTRY_EVENT);
    assert_int_equal(entry.revoked.kind, ES_IDENTITY_TOKEN);
    assert_int_equal(entry.revoked.channel.len, 0);
    assert_int_equal(entry.revoked.seconds, ES_CLUSTER_REVOKED_ALWAYS);
    assert_int_equal(REVOKES("rk", "other", "rn", "x", "for", "1"),
                     ES_CLUSTER_ENTRY_BAD);
    assert_int_equal(REVOKES("rk", "user", "for", "1"), ES_CLUSTER_ENTRY_BAD);
    assert_int_equal(REVOKES("rk", "user", "rn", "x"), ES_CLUSTER_ENTRY_BAD);
    assert_int_equal(REVOKES("rk", "user", "rn", "x", "for", "-1"),
                     ES_CLUSTER_ENTRY_BAD);
    assert_int_equal(REVOKES("rk", "user", "rn", "x", "for", "1", "rc", "a\n"),
                     ES_CLUSTER_ENTRY_BAD);
    assert_int_equal(REVOKES("rn", "x"), ES_CLUSTER_ENTRY_EVENT);
    assert_int_equal(entry.revokes, 0);
}

FACTS(an_entry_of_another_program_is_foreign)
{
    static const char *const before[] = {"",    "x",    "7",    "7-",  "-7",
                                         "7-2", "07-1", "7-1 ", "9-1", "7-3"};
    apr_size_t i;

    assert_int_equal(read_fields("7-2", "some", "thing", NULL),
                     ES_CLUSTER_ENTRY_FOREIGN);
    assert_non_null(entry.why);
    for (i = 0; i < sizeof(before) / sizeof(before[0]); i++) {
        assert_int_equal(
            read_fields("7-2", "p", before[i], "b", "0", "ch", "a", NULL),
            ES_CLUSTER_ENTRY_FOREIGN);
    }
    assert_int_equal(read_fields("x", "p", "7-1", "b", "0", "ch", "a", NULL),
                     ES_CLUSTER_ENTRY_FOREIGN);
    es_cluster_entry_read(&entry, NULL, pool);
    assert_int_equal(entry.kind, ES_CLUSTER_ENTRY_FOREIGN);
}

static void assert_bad(int kind)
{
    assert_int_equal(kind, ES_CLUSTER_ENTRY_BAD);
    assert_non_null(entry.why);
    assert_int_equal(entry.before.n, 1);
    assert_int_equal(entry.id.n, 2);
}

#define BAD(...) assert_bad(read_fields("7-2", "p", "7-1", __VA_ARGS__, NULL))

FACTS(an_entry_with_a_bad_field_is_bad)
{
    BAD("b", "0");
    BAD("ch", "a");
    BAD("b", "", "ch", "a");
    BAD("b", "-1", "ch", "a");
    BAD("b", "01", "ch", "a");
    BAD("b", "16385", "ch", "a");
    BAD("b", "99999999999", "ch", "a");
    BAD("b", "0", "ch", "");
    BAD("b", "0", "ch", "a\n");
    BAD("b", "0", "ch", "\na");
    BAD("b", "0", "ch", "a\nb\na");
    BAD("b", "0", "ch", " a");
    BAD("b", "0", "ch", "a\x01");
    BAD("b", "0", "ch", "\xff");
    BAD("b", "0", "ch", "a", "re", "2147483648");
    BAD("b", "0", "ch", "a", "re", "-1");
    BAD("b", "0", "ch", "a", "re", "");
    BAD("b", "0", "ch", "a", "id", "12-34");
    BAD("b", "0", "ch", "a", "id", "x\ny");
    BAD("b", "0", "ch", "a", "ty", "x\ry");
    BAD("b", "0", "ch", "a", "da", "\xff");
    BAD("b", "0", "ch", "a", "da", "1", "da", "2");
    BAD("b", "0", "ch", "a", "odd");
    BAD("b", "0", "ch", "a", "op", "other");
    BAD("b", "0", "ch", "a\nb", "op", "close", "for", "1");
    BAD("b", "0", "ch", "a", "op", "close");
    BAD("b", "0", "op", "epoch");
    BAD("b", "0", "op", "epoch", "cont", "2");
}

FACTS(too_many_channels_are_bad)
{
    char names[65 * 4 + 1] = "";
    int i;

    for (i = 0; i < 64; i++) {
        apr_snprintf(names + strlen(names), 5, "%s%d", i > 0 ? "\n" : "", i);
    }
    assert_int_equal(
        read_fields("7-2", "p", "7-1", "b", "0", "ch", names, NULL),
        ES_CLUSTER_ENTRY_EVENT);
    assert_int_equal(entry.event.nchannels, 64);
    strcat(names, "\nx");
    BAD("b", "0", "ch", names);
}

FACTS(an_event_is_written_as_words)
{
    es_slice_t channels[2] = {S("a"), S("bc")};
    es_event_t event = {channels, 2, S("t"), S("i"), S("x\0y"), 70};
    es_slice_t words[ES_CLUSTER_ENTRY_WORDS];
    apr_size_t size = es_cluster_entry_size(&event);
    es_slice_t room = exact(repeat('?', size));
    char *text = (char *)(uintptr_t)room.data;

    assert_true(es_cluster_entry_write(words, &event, text) <= text + size);
    assert_slice(words[0], "a\nbc");
    assert_slice(words[1], "t");
    assert_slice(words[2], "i");
    assert_slice(words[3], "x\0y");
    assert_slice(words[4], "70");
    exact_free(room);
    event.nchannels = 1;
    event.type = event.id = event.data = S("");
    event.retry_ms = -1;
    size = es_cluster_entry_size(&event);
    room = exact(repeat('?', size));
    text = (char *)(uintptr_t)room.data;
    assert_true(es_cluster_entry_write(words, &event, text) <= text + size);
    assert_slice(words[0], "a");
    assert_slice(words[1], "");
    assert_slice(words[3], "");
    assert_slice(words[4], "-1");
    exact_free(room);
}

static const struct CMUnitTest tests[] = {
    UNIT(an_event_is_read),
    UNIT(an_event_may_have_been_lost_before),
    UNIT(what_is_not_set_is_empty),
    UNIT(fields_of_later_versions_are_ignored),
    UNIT(a_close_and_a_marker_are_read),
    UNIT(an_event_may_revoke),
    UNIT(an_entry_of_another_program_is_foreign),
    UNIT(an_entry_with_a_bad_field_is_bad),
    UNIT(too_many_channels_are_bad),
    UNIT(an_event_is_written_as_words),
};

UNIT_MAIN(tests)
