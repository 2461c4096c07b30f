/* SPDX-License-Identifier: Apache-2.0 */
/*
 * journal/save.c draws the file. It is read once, from its beginning to its
 * end, and each item is imported when it was read. So a file that is damaged is
 * found out when a part of it was imported; the caller drops the store then.
 *
 * No byte of it is trusted: a length is compared with what the file still has
 * before it is used, and the importer checks the rest.
 */
#include "journal/load.h"

#include "base/context.h"
#include "journal/file_bytes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <apr_sha1.h>

#define BUFFER_SIZE 65536
/** Bytes of an item without channels, after its length. */
#define ITEM_MIN 25
/** Bytes of the spans, without those of each. */
#define SPANS_HEAD 19
/** A file could say that a channel is closed for ever. */
#define CLOSED_MAX_MS (APR_UINT64_C(1) << 40)

typedef struct reader_t {
    int fd;
    apr_uint64_t left; /* bytes of the file that were not taken yet */
    const es_load_times_t *times;
    apr_uint64_t away_ms; /* since it was saved */
    apr_uint64_t items;
    apr_sha1_ctx_t sha1;
    unsigned char *body; /* of the present item */
    apr_size_t body_size;
    es_transfer_t item;
    apr_size_t at, end; /* of what buffer holds */
    unsigned char buffer[BUFFER_SIZE];
} reader_t;

/* ---- bytes of the file -------------------------------------------------- */

static apr_status_t fill_buffer(reader_t *reader)
{
    ssize_t got;

    do {
        got = read(reader->fd, reader->buffer, BUFFER_SIZE);
    } while (got < 0 && errno == EINTR);
    if (got <= 0) {
        return got < 0 ? errno : APR_EGENERAL;
    }
    reader->at = 0;
    reader->end = (apr_size_t)got;
    return APR_SUCCESS;
}

/** Take the next len bytes. */
static apr_status_t take(reader_t *reader, void *bytes, apr_size_t len)
{
    unsigned char *to = bytes;

    if (len > reader->left) {
        return APR_EGENERAL;
    }
    reader->left -= len;
    while (len > 0) {
        apr_size_t part = reader->end - reader->at;
        apr_status_t rv = part > 0 ? APR_SUCCESS : fill_buffer(reader);

        if (rv != APR_SUCCESS) {
            return rv;
        }
        part = reader->end - reader->at;
        part = len < part ? len : part;
        memcpy(to, reader->buffer + reader->at, part);
        reader->at += part;
        to += part;
        len -= part;
    }
    return APR_SUCCESS;
}

/** take, and they count for the digest. */
static apr_status_t take_counted(reader_t *reader, void *bytes, apr_size_t len)
{
    apr_status_t rv = take(reader, bytes, len);

    if (rv == APR_SUCCESS) {
        apr_sha1_update_binary(&reader->sha1, bytes, (unsigned int)len);
    }
    return rv;
}

/* ---- bytes of an item --------------------------------------------------- */

/** The rest of an item. */
typedef struct cursor_t {
    const unsigned char *at;
    const unsigned char *end;
    int is_bad; /* 1 = something did not fit; all numbers are 0 since then */
} cursor_t;

static const unsigned char *next_bytes(cursor_t *cursor, apr_uint64_t len)
{
    const unsigned char *at = cursor->at;

    if (cursor->is_bad || len > (apr_uint64_t)(cursor->end - at)) {
        cursor->is_bad = 1;
        return NULL;
    }
    cursor->at += len;
    return at;
}

static apr_uint64_t next_number(cursor_t *cursor, int size)
{
    const unsigned char *at = next_bytes(cursor, (apr_uint64_t)size);

    return at != NULL ? es_file_bytes_get(at, size) : 0;
}

static es_id_t next_id(cursor_t *cursor)
{
    es_id_t id;

    id.ms = next_number(cursor, 8);
    id.n = next_number(cursor, 8);
    return id;
}

/** @param size  bytes of the length before it */
static es_slice_t next_slice(cursor_t *cursor, int size)
{
    apr_uint64_t len = next_number(cursor, size);
    const unsigned char *at = next_bytes(cursor, len);

    return at != NULL ? es_slice((const char *)at, (apr_size_t)len)
                      : es_slice(NULL, 0);
}

/* ---- items -------------------------------------------------------------- */

static void read_names(es_transfer_t *item, cursor_t *cursor)
{
    apr_uint64_t count = next_number(cursor, 1);
    int i;

    if (count > ES_EVENT_CHANNELS_MAX) {
        cursor->is_bad = 1;
        count = 0;
    }
    item->nnames = (int)count;
    item->has_evicted = 0;
    for (i = 0; i < item->nnames; i++) {
        item->names[i] = next_slice(cursor, 1);
        if (next_number(cursor, 1) != 0) {
            item->has_evicted |= APR_UINT64_C(1) << i;
            item->evicted[i] = next_id(cursor);
        }
    }
}

/** Until when a channel is closed that was to be so for left_ms more. */
static apr_uint64_t until(const reader_t *reader, apr_uint64_t left_ms)
{
    if (left_ms > CLOSED_MAX_MS) {
        left_ms = CLOSED_MAX_MS;
    }
    return left_ms > reader->away_ms
               ? reader->times->now_ms + (left_ms - reader->away_ms)
               : 0;
}

/** @param len  ITEM_MIN or more
 * @return 0: it is damaged */
static int read_item(reader_t *reader, int kind, apr_size_t len)
{
    es_transfer_t *item = &reader->item;
    cursor_t cursor = {reader->body, reader->body + len, 0};

    item->kind = (es_transfer_kind_t)kind;
    item->id = next_id(&cursor);
    item->until_ms = until(reader, next_number(&cursor, 8));
    read_names(item, &cursor);
    if (es_transfer_is_event(item->kind)) {
        item->frame.publisher_id = next_slice(&cursor, 1);
        item->frame.head = next_slice(&cursor, 4);
        item->frame.tail = next_slice(&cursor, 4);
    }
    return !cursor.is_bad && cursor.at == cursor.end;
}

static apr_status_t take_body(reader_t *reader, apr_size_t len)
{
    unsigned char *larger;

    if (len < ITEM_MIN || len > reader->left) {
        return APR_EGENERAL;
    }
    if (len > reader->body_size) {
        larger = realloc(reader->body, len);
        if (larger == NULL) {
            return APR_ENOMEM;
        }
        reader->body = larger;
        reader->body_size = len;
    }
    return take_counted(reader, reader->body, len);
}

/** The count is right, the digest too, and nothing follows. */
static apr_status_t take_end(reader_t *reader, apr_size_t len)
{
    unsigned char count[8], wanted[APR_SHA1_DIGESTSIZE];
    unsigned char digest[APR_SHA1_DIGESTSIZE];
    apr_status_t rv;

    if (len != sizeof(count) + sizeof(digest) || len != reader->left) {
        return APR_EGENERAL;
    }
    rv = take_counted(reader, count, sizeof(count));
    if (rv == APR_SUCCESS) {
        rv = take(reader, wanted, sizeof(wanted));
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    apr_sha1_final(digest, &reader->sha1);
    return es_file_bytes_get(count, 8) == reader->items &&
                   memcmp(digest, wanted, sizeof(digest)) == 0
               ? APR_SUCCESS
               : APR_EGENERAL;
}

static apr_status_t read_items(reader_t *reader, es_import_t *import)
{
    unsigned char head[5];
    apr_status_t rv;

    for (;;) {
        rv = take_counted(reader, head, sizeof(head));
        if (rv != APR_SUCCESS || head[0] == 0) {
            break;
        }
        rv = take_body(reader, (apr_size_t)es_file_bytes_get(head + 1, 4));
        if (rv == APR_SUCCESS) {
            rv = read_item(reader, head[0],
                           (apr_size_t)es_file_bytes_get(head + 1, 4))
                     ? es_import_put(import, &reader->item)
                     : APR_EGENERAL;
        }
        if (rv != APR_SUCCESS) {
            return rv;
        }
        reader->items++;
    }
    return rv == APR_SUCCESS
               ? take_end(reader, (apr_size_t)es_file_bytes_get(head + 1, 4))
               : rv;
}

/* ---- the file ----------------------------------------------------------- */

static apr_status_t read_spans(reader_t *reader, es_transfer_head_t *transfer)
{
    unsigned char bytes[SPANS_HEAD + ES_SPANS_MAX * 32];
    cursor_t cursor = {bytes, bytes + sizeof(bytes), 0};
    apr_status_t rv = take_counted(reader, bytes, SPANS_HEAD);
    apr_uint32_t i;

    if (rv != APR_SUCCESS) {
        return rv;
    }
    transfer->last = next_id(&cursor);
    transfer->spans.is_given = (apr_uint32_t)next_number(&cursor, 1);
    transfer->spans.count = (apr_uint32_t)next_number(&cursor, 1);
    transfer->spans.valid = (apr_uint32_t)next_number(&cursor, 1);
    if (transfer->spans.is_given > 1 || transfer->spans.count > ES_SPANS_MAX) {
        return APR_EGENERAL;
    }
    rv = take_counted(reader, bytes + SPANS_HEAD, transfer->spans.count * 32);
    for (i = 0; i < transfer->spans.count && rv == APR_SUCCESS; i++) {
        transfer->spans.at[i].first = next_id(&cursor);
        transfer->spans.at[i].last = next_id(&cursor);
    }
    return rv;
}

static apr_status_t read_head(reader_t *reader, es_transfer_head_t *transfer)
{
    unsigned char bytes[ES_FILE_HEAD_SIZE];
    es_file_head_t head;
    apr_status_t rv = take_counted(reader, bytes, sizeof(bytes));

    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (es_file_head_read(&head, bytes, sizeof(bytes)) != APR_SUCCESS ||
        head.state != ES_FILE_SAVED) {
        return APR_EGENERAL;
    }
    transfer->epoch = head.epoch;
    if (reader->times->day_ms > head.saved_ms) {
        reader->away_ms = reader->times->day_ms - head.saved_ms;
    }
    return read_spans(reader, transfer);
}

static apr_status_t load(reader_t *reader, es_store_t *to,
                         es_migrated_t *loaded)
{
    es_transfer_head_t transfer;
    es_import_t *import;
    apr_status_t rv;

    memset(&transfer, 0, sizeof(transfer));
    rv = read_head(reader, &transfer);
    if (rv == APR_SUCCESS) {
        rv = es_import_begin(&import, to, &transfer);
    }
    if (rv == APR_SUCCESS) {
        rv = read_items(reader, import);
        rv = es_import_end(import, rv, loaded);
    }
    return rv;
}

apr_status_t es_store_load(es_store_t *to, int fd, const es_load_times_t *times,
                           es_migrated_t *loaded)
{
    reader_t *reader = calloc(1, sizeof(*reader));
    struct stat st;
    apr_status_t rv;

    ES_CONTEXT(ES_PARENT);
    memset(loaded, 0, sizeof(*loaded));
    if (reader == NULL) {
        return APR_ENOMEM;
    }
    reader->fd = fd;
    reader->times = times;
    apr_sha1_init(&reader->sha1);
    rv = fstat(fd, &st) == 0 ? APR_SUCCESS : errno;
    if (rv == APR_SUCCESS) {
        reader->left = (apr_uint64_t)st.st_size;
        es_store_set_clock(to, times->now_ms);
        rv = load(reader, to, loaded);
    }
    free(reader->body);
    free(reader);
    return rv;
}
