/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first line is what a token names, the rest a channel: it matches if a
 * matcher with backtracking says so.
 */
#include "fuzz.h"

#include "base/channel.h"
#include "token/topic.h"

#define NAME_MAX_BYTES 24
#define RESERVED "/?#[]@!$&'()*+,;=:"
#define NAMES_MAX 4

/* The text between braces. */
static int is_variable(es_slice_t text)
{
    apr_size_t i, from = text.len > 0 && text.data[0] == '+';

    for (i = from; i < text.len; i++) {
        if (memchr(RESERVED "{|.", text.data[i], sizeof(RESERVED "{|.") - 1)) {
            return 0;
        }
    }
    return text.len > from;
}

static int matches(es_slice_t topic, es_slice_t name, int names)
{
    const char *end;
    es_slice_t rest, variable;
    apr_size_t i;

    if (topic.len == 0) {
        return name.len == 0;
    }
    if (topic.data[0] != '{') {
        return name.len > 0 && topic.data[0] == name.data[0] &&
               matches(es_slice(topic.data + 1, topic.len - 1),
                       es_slice(name.data + 1, name.len - 1), names);
    }
    end = memchr(topic.data, '}', topic.len);
    if (end == NULL || names == 0) {
        return 0;
    }
    variable = es_slice(topic.data + 1, (apr_size_t)(end - topic.data) - 1);
    rest = es_slice(end + 1, topic.len - variable.len - 2);
    if (!is_variable(variable)) {
        return 0;
    }
    for (i = 0; i <= name.len; i++) {
        if (matches(rest, es_slice(name.data + i, name.len - i), names - 1)) {
            return 1;
        }
        if (i < name.len && variable.data[0] != '+' &&
            memchr(RESERVED, name.data[i], sizeof(RESERVED) - 1)) {
            return 0;
        }
    }
    return 0;
}

FUZZ(text, p)
{
    es_topic_t topic = {fuzz_exact(fuzz_line(&text), p), 0};
    es_slice_t name = fuzz_exact(text, p);
    int expected;

    PROMISE(es_topic_matches(&topic, name) ==
            (name.len > 0 && es_channel_match(name, topic.text)));
    topic.is_selector = 1;
    if (name.len > NAME_MAX_BYTES || topic.text.len > ES_TOPIC_MAX) {
        PROMISE(name.len <= ES_CHANNEL_NAME_MAX ||
                !es_topic_matches(&topic, name));
        return;
    }
    expected = name.len > 0 && (es_slice_is(topic.text, "*") ||
                                es_slice_equal(topic.text, name) ||
                                (es_slice_has(topic.text, '{') &&
                                 matches(topic.text, name, NAMES_MAX)));
    PROMISE(es_topic_matches(&topic, name) == expected);
}
