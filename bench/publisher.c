/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Once a byte of a request may have reached the server, only a 200 with an
 * id makes its event an acknowledged one; everything else leaves it unknown,
 * and the connection is given up, since a late answer would be taken for
 * that to the next request.
 */
#include "bench/publisher.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/clock.h"
#include "bench/stats.h"
#include "bench/http.h"
#include "bench/load_options.h"

#define MAX_OUT (256 * 1024)
#define MAX_ANSWER (64 * 1024)
#define MAX_NAME 256
#define AGAIN_NS (50 * EB_NS_PER_MS)

void eb_poster_init(eb_poster_t *poster, const eb_verify_options_t *plan,
                    eb_channel_log_t *book, uint32_t index)
{
    memset(poster, 0, sizeof(*poster));
    poster->plan = plan;
    poster->book = book;
    poster->dice.state = plan->seed * UINT64_C(1000003) + index + 1;
    poster->first = index;
    /* the first event goes to the first channel */
    poster->channel = plan->channels;
    poster->fd = -1;
}

void eb_poster_close(eb_poster_t *poster)
{
    if (poster->stage == EB_POSTER_ASKING) {
        eb_channel_log_give_up(poster->book, poster->channel, poster->number);
    }
    if (poster->fd >= 0) {
        close(poster->fd);
    }
    poster->fd = -1;
    poster->stage = EB_POSTER_AWAY;
    eb_held_bytes_clear(&poster->out);
    eb_held_bytes_clear(&poster->in);
}

static void fail(eb_poster_t *poster, uint64_t now_ns)
{
    eb_poster_close(poster);
    poster->due_ns = now_ns + AGAIN_NS;
}

int eb_poster_tick(eb_poster_t *poster, uint64_t now_ns)
{
    const eb_addrs_t *servers = &poster->plan->servers;

    if (poster->stage == EB_POSTER_FREE || now_ns < poster->due_ns) {
        return 0;
    }
    if (poster->stage != EB_POSTER_AWAY) {
        fail(poster, now_ns);
        return 0;
    }
    poster->fd =
        eb_net_connect(&servers->addr[poster->first % servers->count], 0);
    poster->due_ns = now_ns + poster->plan->timeout_ns;
    if (poster->fd < 0) {
        poster->due_ns = now_ns + AGAIN_NS;
        return 0;
    }
    poster->stage = EB_POSTER_CONNECTING;
    return 1;
}

/* Each doubling is as frequent as any other. */
static uint32_t draw_size(eb_poster_t *poster)
{
    uint32_t max = poster->plan->max_size;
    uint32_t low = poster->plan->min_size;
    uint32_t octaves = 1;
    uint32_t high;

    while (low << octaves <= max) {
        octaves++;
    }
    low <<= eb_random_throw(&poster->dice, octaves);
    high = low * 2 - 1 < max ? low * 2 - 1 : max;
    return low + eb_random_throw(&poster->dice, high - low + 1);
}

static void write_out(eb_poster_t *poster, uint64_t now_ns)
{
    ssize_t len;

    if (poster->out.len == 0) {
        return;
    }
    len = send(poster->fd, poster->out.bytes, poster->out.len,
               MSG_DONTWAIT | MSG_NOSIGNAL);
    if (len >= 0) {
        eb_held_bytes_drop(&poster->out, (size_t)len);
    }
    else if (errno != EAGAIN && errno != EINTR) {
        fail(poster, now_ns);
    }
}

void eb_poster_post(eb_poster_t *poster, uint64_t now_ns)
{
    char data[EB_CHECKSUM_MAX];
    char name[MAX_NAME];
    char head[MAX_NAME * 3];
    eb_checksum_t proof;
    int len;

    poster->channel += poster->plan->publishers;
    if (poster->channel >= poster->plan->channels) {
        poster->channel = poster->first;
    }
    proof.channel = poster->channel;
    proof.size = draw_size(poster);
    proof.number =
        eb_channel_log_offer(poster->book, proof.channel, proof.size, now_ns);
    poster->number = proof.number;
    eb_checksum_write(data, &proof);
    eb_options_expand(name, sizeof(name), poster->plan->channel, proof.channel);
    len = snprintf(head, sizeof(head),
                   "POST %.255s?channel=%s HTTP/1.1\r\nHost: localhost\r\n"
                   "Content-Type: text/plain\r\nContent-Length: %u\r\n\r\n",
                   poster->plan->publish, name, (unsigned int)proof.size);
    poster->stage = EB_POSTER_ASKING;
    poster->due_ns = now_ns + poster->plan->timeout_ns;
    if (eb_held_bytes_add(&poster->out, head, (size_t)len, MAX_OUT) != 0 ||
        eb_held_bytes_add(&poster->out, data, proof.size, MAX_OUT) != 0) {
        fail(poster, now_ns);
        return;
    }
    write_out(poster, now_ns);
}

/* The id in {"published":1,"id":"…"}; -1: there is none. */
static int find_id(eb_id_t *id, const char *body, size_t len)
{
    static const char KEY[] = "\"id\"";
    char text[256];
    char *start;

    len = len < sizeof(text) - 1 ? len : sizeof(text) - 1;
    memcpy(text, body, len);
    text[len] = '\0';
    start = strstr(text, KEY);
    if (start == NULL) {
        return -1;
    }
    start += sizeof(KEY) - 1;
    start += strspn(start, ": ");
    if (*start++ != '"') {
        return -1;
    }
    return eb_id_parse(id, start, strcspn(start, "\""));
}

/* Returns 1: an answer was read; 0: not whole; -1: not what we want. */
static int read_answer(eb_poster_t *poster, int *closes)
{
    eb_held_bytes_t *in = &poster->in;
    eb_answer_t answer;
    eb_id_t id;
    size_t head_len;
    char *bytes;
    char *piece;
    size_t len;
    long run;
    int found = -1;

    head_len = eb_http_head_len(in->bytes, in->len);
    if (head_len == 0) {
        return 0;
    }
    if (eb_http_head_read(&answer, in->bytes, head_len) != 0 ||
        answer.status != 200) {
        return -1;
    }
    bytes = in->bytes + head_len;
    len = in->len - head_len;
    for (;;) {
        run = eb_body_next(&answer.body, &bytes, &len, &piece);
        if (run <= 0) {
            break;
        }
        if (found != 0) {
            found = find_id(&id, piece, (size_t)run);
        }
    }
    if (run < 0 || answer.body.state == EB_BODY_TO_EOF) {
        return -1;
    }
    if (answer.body.state != EB_BODY_DONE) {
        return 0;
    }
    if (found != 0) {
        return -1;
    }
    *closes = answer.closes;
    eb_channel_log_ack(poster->book, poster->channel, poster->number, &id);
    return 1;
}

/* Returns 1: there may be more, the end of the connection perhaps. */
static int receive(eb_poster_t *poster, uint64_t now_ns)
{
    char bytes[16384];
    ssize_t len;
    int closes = 0;
    int rc;

    len = recv(poster->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
    if (len < 0 && (errno == EAGAIN || errno == EINTR)) {
        return 0;
    }
    if (len <= 0 || poster->stage != EB_POSTER_ASKING ||
        eb_held_bytes_add(&poster->in, bytes, (size_t)len, MAX_ANSWER) != 0) {
        fail(poster, now_ns);
        return 0;
    }
    rc = read_answer(poster, &closes);
    if (rc < 0) {
        fail(poster, now_ns);
    }
    else if (rc > 0) {
        eb_held_bytes_clear(&poster->in);
        poster->stage = EB_POSTER_FREE;
        if (closes) {
            eb_poster_close(poster);
            poster->due_ns = now_ns;
        }
    }
    return poster->stage != EB_POSTER_AWAY;
}

void eb_poster_ready(eb_poster_t *poster, uint64_t now_ns)
{
    socklen_t size = sizeof(int);
    int error = 0;

    if (poster->stage == EB_POSTER_AWAY) {
        return;
    }
    if (poster->stage == EB_POSTER_CONNECTING) {
        getsockopt(poster->fd, SOL_SOCKET, SO_ERROR, &error, &size);
        if (error != 0) {
            fail(poster, now_ns);
            return;
        }
        poster->stage = EB_POSTER_FREE;
    }
    write_out(poster, now_ns);
    while (poster->stage != EB_POSTER_AWAY && receive(poster, now_ns)) {
        continue;
    }
}
