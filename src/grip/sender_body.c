/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A record with many channels may not fit into one body: then some of its items
 * are in this body and the others in the next. An item that is larger than a
 * body is sent nevertheless, alone: the proxy decides whether it is too large,
 * and answers so.
 */
#include "grip/sender_body.h"

#include "base/buf.h"
#include "journal/missed.h"
#include "grip/item.h"

/* Pushpin takes 1,000,000 bytes. */
#define BODY_MAX 900000
/* What an item adds at most to its format and its channel, in bytes. */
#define ITEM_COST 4096

/** What the functions below have in common. */
typedef struct maker_t {
    es_sender_body_t *out;
    es_store_t *store;
    const es_grip_t *grip;
    es_buf_t body;
    apr_pool_t *p;
} maker_t;

static apr_status_t read_format(maker_t *maker, const es_record_t *record,
                                es_slice_t *format)
{
    char *chunk = apr_palloc(maker->p, record->chunk_len);
    apr_status_t rv = APR_SUCCESS;

    if (record->closes) {
        *format = es_grip_item_close();
        return APR_SUCCESS;
    }
    rv = es_store_copy(maker->store, record, 0, chunk);
    if (rv == APR_SUCCESS) {
        *format = es_grip_item_send(
            es_slice(chunk + record->head_len, record->frame_len), maker->p);
    }
    return rv;
}

static es_slice_t id_text(const es_id_t *id, apr_pool_t *p)
{
    char *text = apr_palloc(p, ES_ID_TEXT_SIZE);

    return es_slice(text, es_id_format(text, id));
}

static apr_status_t make_item(maker_t *maker, const es_record_t *record, int i,
                              es_grip_item_t *item)
{
    es_linked_t linked;
    apr_status_t rv = es_store_link(maker->store, record, i, &linked);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    item->channel = es_grip_channel(
        maker->grip->prefix, es_slice(linked.name, linked.name_len), maker->p);
    item->id = item->prev_id = es_slice(NULL, 0);
    if (maker->grip->is_reliable) {
        item->id = id_text(&record->id, maker->p);
        item->prev_id = id_text(&linked.before, maker->p);
    }
    return APR_SUCCESS;
}

/** @return 0: it does not fit, and comes first in the next body */
static int add_item(maker_t *maker, const es_grip_item_t *item)
{
    if (maker->body.len == 0) {
        /* the first item fits, however large it is */
        maker->body.max =
            BODY_MAX + ITEM_COST + item->format.len + item->channel.len * 6;
    }
    else {
        maker->body.max = BODY_MAX;
    }
    return maker->body.len < BODY_MAX && es_grip_item_add(&maker->body, item);
}

/**
 * Add the items of a record.
 *
 * @return APR_SUCCESS: all are added; APR_EOF: the body is full, to is the
 *         first item that is not in it; or as es_sender_body_make
 */
static apr_status_t add_record(maker_t *maker, const es_record_t *record)
{
    es_sender_body_t *out = maker->out;
    es_grip_item_t item;
    apr_status_t rv = read_format(maker, record, &item.format);

    while (rv == APR_SUCCESS && out->to.link < record->nslots) {
        rv = make_item(maker, record, out->to.link, &item);
        if (rv == APR_SUCCESS && !add_item(maker, &item)) {
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
    maker_t maker = {out, store, grip, {0}, p};
    apr_status_t rv = APR_EOF;
    es_record_t record;

    es_buf_init(&maker.body, p, BODY_MAX);
    out->to = out->from;
    out->end = out->from.pos;
    out->records = 0;
    while (out->to.pos < head && out->records < most) {
        es_pos_t end = out->end;

        rv = es_store_look(store, out->to.pos, &record);
        if (rv == APR_SUCCESS) {
            rv = add_record(&maker, &record);
        }
        out->records += out->end != end;
        if (rv != APR_SUCCESS) {
            break;
        }
    }
    if (out->records == 0) {
        return rv;
    }
    /* the next call meets again what has failed after these records */
    es_grip_item_finish(&maker.body);
    out->text = es_buf_slice(&maker.body);
    return APR_SUCCESS;
}
