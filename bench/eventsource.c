/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection that ends brings the follower to rest until its retry time
 * is over. An event that has not come whole is forgotten then, and so comes
 * again, as its id was never seen.
 */
#include "bench/eventsource.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/clock.h"
#include "bench/stats.h"
#include "bench/load_options.h"

#define MAX_HEAD 8192
#define MAX_REQUEST 2048
#define READ_SIZE (64 * 1024)
#define FIRST_RETRY_MS 1000 /* before a server has told its own */
#define SLOW_SIZE 256       /* bytes of a slow read … */
#define SLOW_NS (EB_NS_PER_SEC / 4)
#define SLOW_BUFFER 4096
#define HASTY_BUFFER (256 * 1024)
#define TURN_MS 500 /* a fickle one rests up to that */

static eb_habit_t habit_of(const eb_verify_options_t *plan, uint32_t index)
{
    /* 37 and 100 have no common factor: all percentages are well mixed */
    uint32_t place = index * 37 % 100;

    if (place < plan->slow) {
        return place % 2 == 0 ? EB_SLOW : EB_MUTE;
    }
    return place < plan->slow + plan->fickle ? EB_FICKLE : EB_STEADY;
}

void eb_follower_init(eb_follower_t *follower, eb_followers_conf_t *company,
                      uint32_t index)
{
    const eb_verify_options_t *plan = company->plan;
    uint32_t width = 1;

    memset(follower, 0, sizeof(*follower));
    follower->company = company;
    follower->habit = habit_of(plan, index);
    follower->fd = -1;
    follower->retry_ms = FIRST_RETRY_MS;
    if (index * 59 % 100 < plan->broad) {
        width = 2 + index % (EB_RECEIVED_CHANNELS - 1);
        width = width < plan->channels ? width : plan->channels;
    }
    eb_received_init(&follower->witness, index, index % plan->channels, width);
}

int eb_follower_is_slow(const eb_follower_t *follower)
{
    return follower->habit == EB_SLOW || follower->habit == EB_MUTE;
}

static void rest(eb_follower_t *follower, uint64_t ms)
{
    if (follower->fd >= 0) {
        close(follower->fd);
    }
    follower->fd = -1;
    follower->stage = EB_RESTING;
    follower->since_ns = 0;
    follower->due_ns = follower->company->now_ns + ms * EB_NS_PER_MS;
    eb_held_bytes_clear(&follower->sse.rest);
}

/* The connection ended, not by our will. */
static void end(eb_follower_t *follower, int is_clean, const char *why)
{
    uint32_t who = follower->witness.who;

    if (follower->stage != EB_LISTENING) {
        eb_findings[EB_UNCONNECTED]++;
    }
    else if (is_clean) {
        eb_findings[EB_ENDS]++;
        if (follower->sse.rest.len != 0) {
            eb_errors_count(EB_TORN, "client %u: a clean end within an event",
                            who);
        }
    }
    else if (eb_follower_is_slow(follower)) {
        eb_findings[EB_CUTS_SLOW]++;
    }
    else {
        eb_errors_count(EB_CUTS, "client %u: %s", who, why);
    }
    follower->is_back = 1;
    follower->company->news_ns = follower->company->now_ns;
    rest(follower, follower->retry_ms);
}

static void deny(eb_follower_t *follower, const char *why)
{
    eb_errors_count(EB_DENIED, "client %u: %s", follower->witness.who, why);
    follower->is_back = 1;
    rest(follower, follower->retry_ms);
}

/* ---- connecting -------------------------------------------------------- */

static int call(eb_follower_t *follower)
{
    const eb_addrs_t *servers = &follower->company->plan->servers;
    const struct sockaddr_in *server;

    server = &servers->addr[follower->witness.who % servers->count];
    follower->fd =
        eb_follower_is_slow(follower) && !follower->company->is_ending
            ? eb_net_connect_narrow(server, SLOW_BUFFER)
            : eb_net_connect(server, 0);
    if (follower->fd < 0) {
        end(follower, 0, strerror(errno));
        return 0;
    }
    follower->stage = EB_CALLING;
    return 1;
}

static void make_path(const eb_follower_t *follower, char *dst, size_t size)
{
    const eb_verify_options_t *plan = follower->company->plan;
    const eb_received_t *witness = &follower->witness;
    size_t len;
    uint32_t i;

    if (witness->width == 1) {
        eb_options_expand(dst, size, plan->subscribe, witness->first);
        return;
    }
    snprintf(dst, size, "%s", plan->wide);
    for (i = 0; i < witness->width; i++) {
        len = strlen(dst);
        if (i > 0 && len + 1 < size) {
            dst[len++] = '&';
        }
        eb_options_expand(dst + len, size - len, plan->wide_item,
                          (witness->first + i) % plan->channels);
    }
}

static void ask(eb_follower_t *follower)
{
    char request[MAX_REQUEST];
    char path[MAX_REQUEST / 2];
    int resumes = follower->last_id[0] != '\0';
    socklen_t size = sizeof(int);
    int error = 0;
    int len;

    getsockopt(follower->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) {
        end(follower, 0, strerror(error));
        return;
    }
    make_path(follower, path, sizeof(path));
    len = snprintf(request, sizeof(request),
                   "GET %s HTTP/1.1\r\nHost: localhost\r\n"
                   "Accept: text/event-stream\r\n%s%s%s\r\n",
                   path, resumes ? "Last-Event-ID: " : "", follower->last_id,
                   resumes ? "\r\n" : "");
    if (send(follower->fd, request, (size_t)len, MSG_NOSIGNAL) != len) {
        end(follower, 0, strerror(errno));
        return;
    }
    follower->stage = EB_ASKED;
}

/* ---- bytes ------------------------------------------------------------- */

static void take_body(eb_follower_t *follower, char *bytes, size_t len)
{
    char *piece;
    long run;

    for (;;) {
        run = eb_body_next(&follower->body, &bytes, &len, &piece);
        if (run <= 0) {
            break;
        }
        if (eb_sse_feed(&follower->sse, piece, (size_t)run, eb_follower_hear,
                        follower) != 0) {
            run = -1;
            break;
        }
    }
    if (run < 0) {
        eb_errors_count(EB_TORN,
                        "client %u: broken chunk, or event without end",
                        follower->witness.who);
        end(follower, 0, "broken stream");
    }
    else if (follower->body.state == EB_BODY_DONE) {
        end(follower, 1, "");
    }
}

static void begin(eb_follower_t *follower, const eb_answer_t *answer)
{
    eb_findings[EB_CONNECTS]++;
    eb_findings[EB_RECONNECTS] += follower->is_back ? 1 : 0;
    eb_findings[EB_RESUMES] += follower->last_id[0] != '\0' ? 1 : 0;
    follower->is_back = 0;
    follower->body = answer->body;
    follower->stage = EB_LISTENING;
    memset(&follower->sse.rest, 0, sizeof(follower->sse.rest));
}

static void take_head(eb_follower_t *follower, char *bytes, size_t len)
{
    static const char MEDIA[] = "text/event-stream";
    eb_held_bytes_t *head = &follower->sse.rest;
    eb_held_bytes_t whole;
    eb_answer_t answer;
    const char *type;
    char status[64];
    size_t head_len;

    if (eb_held_bytes_add(head, bytes, len, READ_SIZE + MAX_HEAD) != 0) {
        deny(follower, "head too long");
        return;
    }
    head_len = eb_http_head_len(head->bytes, head->len);
    if (head_len == 0) {
        return; /* more to come */
    }
    if (eb_http_head_read(&answer, head->bytes, head_len) != 0) {
        deny(follower, "not HTTP/1");
        return;
    }
    type = eb_http_header(head->bytes, head_len, "Content-Type");
    if (answer.status != 200 || type == NULL ||
        strncmp(type, MEDIA, sizeof(MEDIA) - 1) != 0) {
        snprintf(status, sizeof(status), "no stream, status %d", answer.status);
        deny(follower, status);
        return;
    }
    whole = *head;
    begin(follower, &answer);
    take_body(follower, whole.bytes + head_len, whole.len - head_len);
    eb_held_bytes_clear(&whole);
}

/*
 * Read once, up to size bytes; 1: there may be more. Also a short read may
 * be followed by the stream's end, of which no second edge tells.
 */
static int take_some(eb_follower_t *follower, size_t size)
{
    static char buffer[READ_SIZE];
    ssize_t len;

    len = recv(follower->fd, buffer, size, MSG_DONTWAIT);
    if (len < 0 && (errno == EAGAIN || errno == EINTR)) {
        return 0;
    }
    if (len <= 0) {
        end(follower,
            len == 0 && follower->stage == EB_LISTENING &&
                follower->body.state == EB_BODY_TO_EOF,
            len == 0 ? "closed without an end" : strerror(errno));
        return 0;
    }
    if (follower->stage == EB_ASKED) {
        take_head(follower, buffer, (size_t)len);
    }
    else {
        take_body(follower, buffer, (size_t)len);
    }
    return follower->fd >= 0;
}

void eb_follower_ready(eb_follower_t *follower)
{
    if (follower->stage == EB_CALLING) {
        ask(follower);
    }
    if (follower->stage == EB_ASKED || follower->stage == EB_LISTENING) {
        if (eb_follower_is_slow(follower)) {
            return; /* on its ticks */
        }
        while (take_some(follower, READ_SIZE)) {
            continue;
        }
    }
}

/* ---- time -------------------------------------------------------------- */

static void tick_slow(eb_follower_t *follower)
{
    eb_followers_conf_t *company = follower->company;
    int large = HASTY_BUFFER;

    if (company->is_ending) {
        setsockopt(follower->fd, SOL_SOCKET, SO_RCVBUF, &large, sizeof(large));
        while (take_some(follower, READ_SIZE)) {
            continue;
        }
    }
    else if (follower->since_ns == 0) {
        take_some(follower, SLOW_SIZE);
    }
    else if (follower->habit == EB_SLOW &&
             company->now_ns >= follower->due_ns) {
        follower->due_ns = company->now_ns + SLOW_NS;
        take_some(follower, SLOW_SIZE);
    }
}

/* A fickle one goes; sometimes it returns as another. */
static void leave(eb_follower_t *follower)
{
    eb_followers_conf_t *company = follower->company;
    struct linger linger = {1, 0};

    if (eb_random_throw(&company->dice, 2) == 0) {
        setsockopt(follower->fd, SOL_SOCKET, SO_LINGER, &linger,
                   sizeof(linger)); /* close() sends RST */
    }
    rest(follower, eb_random_throw(&company->dice, TURN_MS));
    eb_findings[EB_LEAVES]++;
    if (eb_random_throw(&company->dice, 4) == 0) {
        eb_received_judge(&follower->witness, company->book, 1);
        follower->last_id[0] = '\0';
    }
}

int eb_follower_tick(eb_follower_t *follower)
{
    eb_followers_conf_t *company = follower->company;

    if (follower->stage == EB_RESTING) {
        return company->now_ns >= follower->due_ns && call(follower);
    }
    if (follower->stage == EB_CALLING) {
        return 0;
    }
    if (eb_follower_is_slow(follower)) {
        tick_slow(follower);
    }
    else if (follower->habit == EB_FICKLE && company->has_begun &&
             !company->is_ending && follower->since_ns != 0 &&
             company->now_ns >= follower->due_ns) {
        leave(follower);
    }
    return 0;
}

void eb_follower_finish(eb_follower_t *follower)
{
    static const char *const HABITS[] = {"is steady", "comes and goes",
                                         "reads slowly", "reads nothing"};
    static const char *const STAGES[] = {"is away", "connects", "has asked",
                                         "listens"};

    if (!eb_received_is_complete(&follower->witness, follower->company->book)) {
        fprintf(stderr,
                "verify: client %u has not got all: it %s, %s, its last id "
                "is %s\n",
                follower->witness.who, HABITS[follower->habit],
                STAGES[follower->stage], follower->last_id);
    }
    rest(follower, 0);
    if (follower->witness.open_ns == 0) {
        eb_errors_count(EB_DENIED, "client %u: has no stream at the end",
                        follower->witness.who);
    }
    eb_received_judge(&follower->witness, follower->company->book, 0);
}
