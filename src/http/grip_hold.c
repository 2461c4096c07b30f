/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client is subscribed only while its answer is made, so that its channels
 * keep their slots. It is not counted as a client.
 */
#include "http/grip.h"

#include "base/frame.h"
#include "base/sigblock.h"
#include "grip/instruct.h"
#include "http/reply.h"
#include "http/subscribe.h"

static int refuse_many(request_rec *r)
{
    es_problem_t why;

    es_problem_set(&why, r->pool, HTTP_BAD_REQUEST,
                   "Too many channels: at most %d for a client behind a GRIP "
                   "proxy.",
                   ES_INSTRUCT_CHANNELS_MAX);
    return es_reply_problem(r, &why);
}

/* As send_head of http/subscribe.c, which explains when there is no id. */
static void add_first_frames(es_grip_answer_t *answer,
                             const es_stream_t *stream)
{
    char frame[ES_FRAME_CONTROL_SIZE];
    apr_size_t len =
        es_frame_open(frame, answer->retry_ms,
                      stream->reset.len == 0 ? &stream->start.id : NULL);

    es_buf_add(&answer->body, es_slice(frame, len));
    answer->body.max += stream->reset.len;
    es_buf_add(&answer->body, stream->reset);
}

/* Starts each channel with its latest events, if the stream replays them. */
static void apply_replay(es_grip_answer_t *answer, const es_stream_t *stream)
{
    int i, k;

    for (i = 0; stream->replay && i < answer->count; i++) {
        for (k = 0; k < answer->count; k++) {
            if (stream->replay[k].slot == answer->parts[i].slot) {
                answer->parts[i].from = stream->replay[k].from;
            }
        }
    }
}

static int make(es_grip_answer_t *answer, es_stream_t *stream,
                const es_channel_set_t *names, es_problem_t *why)
{
    const es_dir_t *conf = stream->conf;

    es_grip_answer_init(answer, stream->r, stream->hub, stream->slots,
                        stream->nslots, &stream->start);
    answer->path = ap_os_escape_path(stream->r->pool, stream->r->uri, 1);
    answer->names = es_channel_set_names(names);
    answer->keepalive_us = conf->keepalive_us;
    answer->keepalive_as_comment = (int)conf->keepalive_comment;
    answer->retry_ms = es_stream_open_retry(conf);
    apply_replay(answer, stream);
    add_first_frames(answer, stream);
    return es_grip_answer_make(answer, why);
}

static int hold(es_stream_t *stream, const es_channel_set_t *names)
{
    es_grip_answer_t answer;
    es_problem_t why = {0};
    es_sigblock_t sigblock;
    es_admit_result_t admitted;
    int made = 0;

    es_sigblock_begin(&sigblock);
    admitted = es_subscribe_admit_uncounted(stream, &names);
    if (admitted == ES_ADMIT_DONE) {
        made = make(&answer, stream, names, &why);
    }
    es_stream_drop(stream);
    es_sigblock_end(&sigblock);
    switch (admitted) {
    case ES_ADMIT_NONE:
        return es_grip_answer_end(stream->r, es_stream_retry(stream));
    case ES_ADMIT_CLOSED: return es_stream_refuse_closed(stream);
    default:
        return made ? es_grip_answer_send(&answer)
                    : es_grip_answer_refuse(stream->r, &why,
                                            es_stream_retry(stream));
    }
}

int es_grip_hold(request_rec *r, const es_dir_t *conf,
                 const es_channel_set_t *names)
{
    es_stream_t stream = {0};

    if (es_channel_set_count(names) > ES_INSTRUCT_CHANNELS_MAX) {
        return refuse_many(r);
    }
    if (r->header_only) {
        es_stream_set_head(r);
        return OK;
    }
    stream.r = r;
    stream.conf = conf;
    stream.hub = es_runtime_hub(conf);
    return hold(&stream, names);
}
