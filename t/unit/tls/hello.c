/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of tls/hello.c: extensions in the messages of a handshake. */
#include "t/unit/unit.h"

#include "tls/hello.h"
#include "tls/session.h"

enum { CLIENT = 1, SERVER = 2, EXTENSIONS = 8, FINISHED = 20 };

#define MESSAGE 1024
#define OTHERS "\0\x0a\0\4\0\2\0\x1d\0\x23\0\0" /* groups, and 35 */

static unsigned char message[MESSAGE];
static apr_size_t len;

static void add(const void *bytes, apr_size_t count)
{
    memcpy(message + len, bytes, count);
    len += count;
}

static void add_byte(apr_size_t byte)
{
    message[len++] = (unsigned char)byte;
}

static void add_16(apr_size_t number)
{
    add_byte(number >> 8);
    add_byte(number & 255);
}

/* What stands before the extensions; the session id has as many bytes. */
static void begin(int type, apr_size_t id)
{
    len = 0;
    add_byte((apr_size_t)type);
    add("\0\0\0", 3);
    if (type != EXTENSIONS) {
        add("\3\3", 2);
        add("01234567890123456789012345678901", 32);
        add_byte(id);
        add("abcdefghijklmnopqrstuvwxyzabcdef", id);
    }
    if (type == CLIENT) {
        add_16(6);
        add("\x13\1\x13\2\x13\3\1", 7);
        add_byte(0);
    }
    if (type == SERVER) {
        add("\x13\1\0", 3);
    }
}

/* The extension comes after others, and before one more. */
static void end_with(apr_size_t type, const void *content, apr_size_t count)
{
    apr_size_t others = sizeof(OTHERS) - 1;

    add_16(others + 4 + count + others);
    add(OTHERS, others);
    add_16(type);
    add_16(count);
    add(content, count);
    add(OTHERS, others);
}

static void make(int type, apr_size_t id, apr_size_t extension,
                 const void *content, apr_size_t count)
{
    begin(type, id);
    end_with(extension, content, count);
}

FACTS(a_client_asks_by_record_size_limit)
{
    apr_size_t id;

    for (id = 0; id <= 32; id += 16) {
        make(CLIENT, id, 28, "\2\1", 2);
        assert_int_equal(es_tls_hello_limit(message, len), 513);
    }
    make(CLIENT, 0, 29, "\2\1", 2);
    assert_int_equal(es_tls_hello_limit(message, len), 0);
    make(EXTENSIONS, 0, 28, "\2\1", 2); /* no hello of a client */
    assert_int_equal(es_tls_hello_limit(message, len), 0);
}

FACTS(a_limit_holds_when_the_server_answers_it)
{
    static const int types[] = {SERVER, EXTENSIONS};
    int i;

    for (i = 0; i < 2; i++) {
        make(types[i], 32, 28, "\x40\1", 2);
        assert_true(es_tls_hello_is_limited(message, len, 512));
        assert_true(es_tls_hello_is_limited(message, len, ES_TLS_PLAIN_MAX));
        assert_false(
            es_tls_hello_is_limited(message, len, ES_TLS_PLAIN_MAX + 1));
        make(types[i], 0, 29, "\x40\1", 2);
        assert_false(es_tls_hello_is_limited(message, len, 512));
    }
}

FACTS(max_fragment_length_is_always_a_limit)
{
    make(SERVER, 32, 1, "\1", 1);
    assert_true(es_tls_hello_is_limited(message, len, 0));
    make(EXTENSIONS, 0, 1, "\4", 1);
    assert_true(es_tls_hello_is_limited(message, len, 0));
}

FACTS(other_messages_say_nothing)
{
    make(FINISHED, 32, 1, "\1", 1);
    assert_false(es_tls_hello_is_limited(message, len, 1));
    begin(SERVER, 32); /* TLS 1.2 without extensions */
    assert_false(es_tls_hello_is_limited(message, len, 1));
}

/* Nothing behind the end is read: the copy has no byte more. */
FACTS(a_message_may_end_anywhere)
{
    static const int types[] = {CLIENT, SERVER, EXTENSIONS};
    apr_size_t cut, i;

    for (i = 0; i < 3; i++) {
        make(types[i], 32, 28, "\2\1", 2);
        for (cut = 0; cut < len; cut++) {
            unsigned char *copy = malloc(cut + (cut == 0));

            memcpy(copy, message, cut);
            assert_in_range(es_tls_hello_limit(copy, cut), 0, 513);
            assert_in_range(es_tls_hello_is_limited(copy, cut, 1), 0, 1);
            free(copy);
        }
    }
}

FACTS(lengths_may_be_anything)
{
    apr_size_t at, i;
    int run;

    srand(13);
    for (run = 0; run < 100000; run++) {
        make(run % 2 ? CLIENT : SERVER, 16, 28, "\2\1", 2);
        for (i = 0; i < 3; i++) {
            at = 38 + (apr_size_t)rand() % (len - 38);
            message[at] = (unsigned char)rand();
        }
        assert_in_range(es_tls_hello_limit(message, len), 0, 65535);
        assert_in_range(es_tls_hello_is_limited(message, len, 1), 0, 1);
    }
}

static const struct CMUnitTest tests[] = {
    UNIT(a_client_asks_by_record_size_limit),
    UNIT(a_limit_holds_when_the_server_answers_it),
    UNIT(max_fragment_length_is_always_a_limit),
    UNIT(other_messages_say_nothing),
    UNIT(a_message_may_end_anywhere),
    UNIT(lengths_may_be_anything),
};

UNIT_MAIN(tests)
