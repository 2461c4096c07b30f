/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A record with many channels can be more than a body holds: then some of its
 * items go now and the others with the next one. An item that is too large by
 * itself goes alone all the same: whether it is too large is the proxy's
 * affair, and it will say so.
 */
#include "grip/sender_body.h"

#include "base/buf.h"
#include "journal/missed.h"
#include "grip/item.h"

/* Pushpin takes 1,000,000 bytes. */
#define BODY_MAX 900000
/* What an item adds at most to its frame in JSON, beside six bytes for each
 * of the frame's. */
#define ITEM_COST 4096

/** A load on its way. */
typedef struct load_t {
    es_sender_body_t *out;
    es_store_t *store;
    const es_grip_t *grip;
    es_buf_t body;
    apr_pool_t *p;
} load_t;

static apr_status_t read_format(load_t *load, const es_record_t *record,
                                es_slice_t *format)
{
    char *chunk = apr_palloc(load->p, record->chunk_len);
    apr_status_t rv = APR_SUCCESS;

    if (record->closes) {
        *format = es_grip_item_close();
        return APR_SUCCESS;
    }
    rv = es_store_copy(load->store, record, 0, chunk);
    if (rv == APR_SUCCESS) {
        *format = es_grip_item_send(
            es_slice(chunk + record->head_len, record->frame_len), load->p);
    }
    return rv;
}

static es_slice_t id_text(const es_id_t *id, apr_pool_t *p)
{
    char *text = apr_palloc(p, ES_ID_TEXT_SIZE);

    return es_slice(text, es_id_format(text, id));
}

static apr_status_t make_item(load_t *load, const es_record_t *record, int i,
                              es_grip_item_t *item)
{
    es_linked_t linked;
    apr_status_t rv = es_store_link(load->store, record, i, &linked);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    item->channel = es_grip_channel(
        load->grip->prefix, es_slice(linked.name, linked.name_len), load->p);
    item->id = item->prev_id = es_slice(NULL, 0);
    if (load->grip->is_reliable) {
        item->id = id_text(&record->id, load->p);
        item->prev_id = id_text(&linked.before, load->p);
    }
    return APR_SUCCESS;
}

/** @return 0: it has to wait for the next body */
static int add_item(load_t *load, const es_grip_item_t *item)
{
    if (load->body.len == 0) {
        /* alone, however large */
        load->body.max =
            BODY_MAX + ITEM_COST + item->format.len + item->channel.len * 6;
    }
    else {
        load->body.max = BODY_MAX;
    }
    return load->body.len < BODY_MAX && es_grip_item_add(&load->body, item);
}

/**
 * Add the items of a record.
 *
 * @return APR_SUCCESS: all of them; APR_EOF: the body is full, and to tells
 *         how far it came; or as es_sender_body_make
 */
static apr_status_t add_record(load_t *load, const es_record_t *record)
{
    es_sender_body_t *out = load->out;
    es_grip_item_t item;
    apr_status_t rv = read_format(load, record, &item.format);

    while (rv == APR_SUCCESS && out->to.link < record->nslots) {
        rv = make_item(load, record, out->to.link, &item);
        if (rv == APR_SUCCESS && !add_item(load, &item)) {
            return APR_EOF;
        }
        if (rv == APR_SUCCESS) {
            out->end = record->next;
            out->to.link++;
        }
    }
    if (rv == APR_SUCCESS) {
        out->to.pos = record->next;
        out->to.link = 0;
    }
    return rv;
}

apr_status_t es_sender_body_make(es_sender_body_t *out, es_store_t *store,
                                 const es_grip_t *grip, es_pos_t head, int most,
                                 apr_pool_t *p)
{
    load_t load = {out, store, grip, {0}, p};
    apr_status_t rv = APR_EOF;
    es_record_t record;

    es_buf_init(&load.body, p, BODY_MAX);
    out->to = out->from;
    out->end = out->from.pos;
    out->records = 0;
    while (out->to.pos < head && out->records < most) {
        es_pos_t end = out->end;

        rv = es_store_look(store, out->to.pos, &record);
        if (rv == APR_SUCCESS) {
            rv = add_record(&load, &record);
        }
        out->records += out->end != end;
        if (rv != APR_SUCCESS) {
            break;
        }
    }
    if (out->records == 0) {
        return rv;
    }
    /* what went wrong behind it is found again by the next load */
    es_grip_item_finish(&load.body);
    out->text = es_buf_slice(&load.body);
    return APR_SUCCESS;
}
