/* SPDX-License-Identifier: Apache-2.0 */
/*
 *   bucket 0      ┌───────┬───────┬───────┬───────┬─ … ─┐
 *                 │ entry │ entry │ entry │ entry │     │   8 entries
 *   bucket 1023   └───────┴───────┴───────┴───────┴─ … ─┘
 *
 *   entry         ┌──────────────────────┬───────────┐ ┌──────────┐
 *                 │ half of the browser  │ asked (s) │ │ seen (s) │
 *                 └──────────────────────┴───────────┘ └──────────┘
 *
 * The other half of a browser's number selects its bucket. The first word of an
 * entry is changed by compare-and-swap, so that one request of several notes
 * the ask. All are atomics; relaxed is enough, because no other data depends on
 * them. "seen" is 0 until the browser complies. A child that dies between the
 * words leaves the time of an earlier browser there, and the new one may be
 * asked once more.
 */
#include "shm/asks.h"

#include "base/context.h"

#define BUCKETS 1024
#define ENTRIES 8

typedef struct entry_t {
    apr_uint64_t asked; /* half of the browser and a time; 0 = free */
    apr_uint32_t seen;  /* over HTTP/1.1; 0 = not since it was asked */
    apr_uint32_t unused;
} entry_t;

struct es_asks_t {
    entry_t buckets[BUCKETS][ENTRIES];
};

apr_size_t es_asks_size(void)
{
    return sizeof(es_asks_t);
}

es_asks_t *es_asks_attach(void *mem)
{
    return mem;
}

/* 0 is none, and the clock starts at 0 with the machine. */
static apr_uint32_t seconds_of(apr_time_t now)
{
    return (apr_uint32_t)(now / APR_USEC_PER_SEC) + 1;
}

static entry_t *bucket_of(es_asks_t *asks, apr_uint64_t browser)
{
    return asks->buckets[browser % BUCKETS];
}

static apr_uint64_t word_of(apr_uint64_t browser, apr_uint32_t at)
{
    return (browser & ~(apr_uint64_t)APR_UINT32_MAX) | at;
}

static int is_of(apr_uint64_t word, apr_uint64_t browser)
{
    return word != 0 && word >> 32 == browser >> 32;
}

/* A time that another child has noted may be later than now. */
static apr_uint32_t age(apr_uint32_t now, apr_uint32_t at)
{
    return at < now ? now - at : 0;
}

static apr_uint32_t asked_since(apr_uint64_t word, apr_uint32_t now)
{
    return word == 0 ? APR_UINT32_MAX : age(now, (apr_uint32_t)word);
}

/* @param word  what the entry has */
static apr_uint32_t unseen_since(const entry_t *entry, apr_uint64_t word,
                                 apr_uint32_t now)
{
    apr_uint32_t asked = asked_since(word, now);
    apr_uint32_t at = __atomic_load_n(&entry->seen, __ATOMIC_RELAXED);
    apr_uint32_t seen = age(now, at);

    return word == 0 || at == 0 || asked < seen ? asked : seen;
}

/**
 * The entry of a browser, else the free one, else the one that was not seen for
 * the longest time.
 *
 * @param word  set to what it has
 */
static entry_t *find(es_asks_t *asks, apr_uint64_t browser, apr_uint32_t now,
                     apr_uint64_t *word)
{
    entry_t *bucket = bucket_of(asks, browser), *found = NULL;
    apr_uint32_t longest = 0;
    int i;

    for (i = 0; i < ENTRIES; i++) {
        apr_uint64_t at = __atomic_load_n(&bucket[i].asked, __ATOMIC_RELAXED);
        apr_uint32_t unseen = unseen_since(&bucket[i], at, now);

        if (!found || is_of(at, browser) || unseen > longest) {
            found = &bucket[i];
            longest = unseen;
            *word = at;
        }
        if (is_of(at, browser)) {
            break;
        }
    }
    return found;
}

/* Notes the ask, unless another request has changed the entry. */
static int note(entry_t *entry, apr_uint64_t word, apr_uint64_t asked)
{
    return __atomic_compare_exchange_n(&entry->asked, &word, asked, 0,
                                       __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

int es_asks_take(es_asks_t *asks, apr_uint64_t browser, apr_time_t now)
{
    apr_uint32_t at = seconds_of(now);
    apr_uint64_t word;
    entry_t *entry = find(asks, browser, at, &word);

    ES_CONTEXT(ES_WORKER);
    if (is_of(word, browser) &&
        __atomic_exchange_n(&entry->seen, 0, __ATOMIC_RELAXED) != 0) {
        return note(entry, word, word_of(browser, at)); /* it has complied */
    }
    /* the same for an entry of another browser: without it that one could be
     * asked again at once */
    if (asked_since(word, at) < ES_ASKS_PAUSE / APR_USEC_PER_SEC ||
        !note(entry, word, word_of(browser, at))) {
        return 0;
    }
    __atomic_store_n(&entry->seen, 0, __ATOMIC_RELAXED);
    return 1;
}

int es_asks_note_seen(es_asks_t *asks, apr_uint64_t browser, apr_time_t now)
{
    apr_uint32_t at = seconds_of(now);
    apr_uint64_t word;
    entry_t *entry = find(asks, browser, at, &word);

    ES_CONTEXT(ES_WORKER);
    if (!is_of(word, browser) ||
        unseen_since(entry, word, at) >= ES_ASKS_KEPT / APR_USEC_PER_SEC) {
        return 0;
    }
    __atomic_store_n(&entry->seen, at, __ATOMIC_RELAXED);
    return 1;
}
