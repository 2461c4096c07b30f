/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hub's file, written from its first byte to its last:
 *
 *     ┌──────┬───────┬──────┬──────┬───┬──────┬─────┐
 *     │ head │ spans │ item │ item │ … │ item │ end │
 *     └──────┴───────┴──────┴──────┴───┴──────┴─────┘
 *
 *     head   512 bytes (journal/file_head.c)
 *     spans  last id 16, given by a broker 1, count 1, number of the first one
 *            that is valid 1; for each: first 16, last 16
 *     item   kind 1, bytes that follow 4; id 16; time that it is closed 8;
 *            channels 1, for each: bytes 1, name, has an evicted id 1, evicted
 *            id 16 if so; of an event also: bytes 1, publisher's id; bytes 4,
 *            frame before the id; bytes 4, frame after it
 *     end    kind 1 (0), bytes that follow 4; items 8; SHA-1 20 of all before
 *            it
 *
 * The digest finds a file that was torn or cut. It is none that someone with
 * access to the file could not make: against these there are its mode and its
 * owner. Times are what was left when the file was saved, as the clock of
 * es_store_set_clock begins anew with the machine.
 */
#include "journal/save.h"

#include "base/context.h"
#include "journal/export.h"
#include "journal/file_bytes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <apr_sha1.h>

#define BUFFER_SIZE 65536

typedef struct writer_t {
    int fd;
    apr_status_t rv; /* of the first write that failed */
    apr_uint64_t now_ms;
    apr_uint64_t items;
    es_saved_t *saved;
    es_transfer_order_t order;
    apr_sha1_ctx_t sha1;
    apr_size_t used; /* bytes in buffer */
    unsigned char buffer[BUFFER_SIZE];
} writer_t;

/* ---- bytes -------------------------------------------------------------- */

static apr_status_t write_all(int fd, const unsigned char *bytes,
                              apr_size_t len)
{
    while (len > 0) {
        ssize_t written = write(fd, bytes, len);

        if (written > 0) {
            bytes += written;
            len -= (apr_size_t)written;
        }
        else if (written == 0 || errno != EINTR) {
            return written == 0 ? ENOSPC : errno;
        }
    }
    return APR_SUCCESS;
}

static void flush(writer_t *writer)
{
    apr_sha1_update_binary(&writer->sha1, writer->buffer,
                           (unsigned int)writer->used);
    if (writer->rv == APR_SUCCESS) {
        writer->rv = write_all(writer->fd, writer->buffer, writer->used);
    }
    writer->saved->bytes += writer->used;
    writer->used = 0;
}

static void put_bytes(writer_t *writer, const void *bytes, apr_size_t len)
{
    const char *at = bytes;

    while (len > 0) {
        apr_size_t room = BUFFER_SIZE - writer->used;
        apr_size_t part = len < room ? len : room;

        memcpy(writer->buffer + writer->used, at, part);
        writer->used += part;
        at += part;
        len -= part;
        if (writer->used == BUFFER_SIZE) {
            flush(writer);
        }
    }
}

static void put_number(writer_t *writer, apr_uint64_t number, int size)
{
    unsigned char bytes[8];

    es_file_bytes_put(bytes, number, size);
    put_bytes(writer, bytes, (apr_size_t)size);
}

static void put_id(writer_t *writer, const es_id_t *id)
{
    put_number(writer, id->ms, 8);
    put_number(writer, id->n, 8);
}

/** @param size  bytes of the length before it */
static void put_slice(writer_t *writer, es_slice_t slice, int size)
{
    put_number(writer, slice.len, size);
    put_bytes(writer, slice.data, slice.len);
}

/* ---- items -------------------------------------------------------------- */

static int has_evicted(const es_transfer_t *item, int i)
{
    return (item->has_evicted >> i) & 1;
}

/** Bytes of an item after its length. */
static apr_uint64_t size_of(const es_transfer_t *item)
{
    apr_uint64_t size = 16 + 8 + 1;
    int i;

    for (i = 0; i < item->nnames; i++) {
        size += 1 + item->names[i].len + 1 + (has_evicted(item, i) ? 16 : 0);
    }
    if (es_transfer_is_event(item->kind)) {
        size += 1 + item->frame.publisher_id.len;
        size += 4 + (apr_uint64_t)item->frame.head.len;
        size += 4 + (apr_uint64_t)item->frame.tail.len;
    }
    return size;
}

static void put_names(writer_t *writer, const es_transfer_t *item)
{
    int i;

    put_number(writer, (apr_uint64_t)item->nnames, 1);
    for (i = 0; i < item->nnames; i++) {
        put_slice(writer, item->names[i], 1);
        put_number(writer, (apr_uint64_t)has_evicted(item, i), 1);
        if (has_evicted(item, i)) {
            put_id(writer, &item->evicted[i]);
        }
    }
}

/** es_transfer_put_fn_t. */
static apr_status_t put_item(void *baton, const es_transfer_t *item)
{
    writer_t *writer = baton;
    apr_uint64_t size = size_of(item);
    int is_closed = item->until_ms > writer->now_ms;

    if (!es_transfer_accepts(&writer->order, item) || size > APR_UINT32_MAX) {
        return APR_EGENERAL;
    }
    put_number(writer, (apr_uint64_t)item->kind, 1);
    put_number(writer, size, 4);
    put_id(writer, &item->id);
    put_number(writer, is_closed ? item->until_ms - writer->now_ms : 0, 8);
    put_names(writer, item);
    if (es_transfer_is_event(item->kind)) {
        put_slice(writer, item->frame.publisher_id, 1);
        put_slice(writer, item->frame.head, 4);
        put_slice(writer, item->frame.tail, 4);
    }
    writer->saved->events +=
        es_transfer_is_event(item->kind) || item->kind == ES_TRANSFER_CLOSE;
    writer->items++;
    return writer->rv;
}

/* ---- the file ----------------------------------------------------------- */

static void put_head(writer_t *writer, const es_file_head_t *head,
                     const es_transfer_head_t *transfer)
{
    unsigned char bytes[ES_FILE_HEAD_SIZE];
    es_file_head_t full = *head;
    apr_uint32_t i;

    full.state = ES_FILE_SAVED;
    full.epoch = transfer->epoch;
    es_file_head_write(bytes, &full);
    put_bytes(writer, bytes, sizeof(bytes));
    put_id(writer, &transfer->last);
    put_number(writer, transfer->spans.is_given == 1, 1);
    put_number(writer, transfer->spans.count, 1);
    put_number(writer, transfer->spans.valid, 1);
    for (i = 0; i < transfer->spans.count; i++) {
        put_id(writer, &transfer->spans.at[i].first);
        put_id(writer, &transfer->spans.at[i].last);
    }
}

static void put_end(writer_t *writer)
{
    unsigned char digest[APR_SHA1_DIGESTSIZE];

    put_number(writer, 0, 1);
    put_number(writer, 8 + sizeof(digest), 4);
    put_number(writer, writer->items, 8);
    flush(writer);
    apr_sha1_final(digest, &writer->sha1);
    put_bytes(writer, digest, sizeof(digest));
    flush(writer);
}

static apr_status_t save(writer_t *writer, const es_store_t *from,
                         const es_file_head_t *head)
{
    es_transfer_head_t transfer;
    apr_status_t rv = es_export_head(from, &transfer);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (!es_transfer_head_is_valid(&transfer)) {
        return APR_EGENERAL;
    }
    es_transfer_begin(&writer->order, &transfer);
    put_head(writer, head, &transfer);
    rv = es_export(from, &transfer, put_item, writer);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    put_end(writer);
    return writer->rv;
}

apr_status_t es_store_save(const es_store_t *from, int fd,
                           const es_file_head_t *head, apr_uint64_t now_ms,
                           es_saved_t *saved)
{
    writer_t *writer = calloc(1, sizeof(*writer));
    apr_status_t rv;

    ES_CONTEXT(ES_PARENT);
    memset(saved, 0, sizeof(*saved));
    if (writer == NULL) {
        return APR_ENOMEM;
    }
    writer->fd = fd;
    writer->now_ms = now_ms;
    writer->saved = saved;
    apr_sha1_init(&writer->sha1);
    rv = save(writer, from, head);
    free(writer);
    return rv;
}
