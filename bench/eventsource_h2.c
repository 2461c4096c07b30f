/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client over HTTP/2: its stream is one of a connection that it may share
 * with others (multiplex.h).
 *
 * The stream has its clean end when the server ends it (END_STREAM). If it is
 * reset, or the connection ends before that, it is cut; a connection whose
 * server sends what it must not, or a record that does not open, is torn.
 *
 * A slow client reads its connection slowly if that is its own. If it is
 * shared, the others must not wait, so that the window of the stream is small.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "bench/clock.h"
#include "bench/eventsource_priv.h"
#include "bench/stats.h"

#define SLOW_SIZE 256 /* bytes of a slow client's read */
#define READ_SIZE (64 * 1024)
#define END_BUFFER (256 * 1024) /* SO_RCVBUF of a slow client at the end */
#define MAX_PATH 1024

static int is_shared(const eb_eventsource_t *client)
{
    return client->shared->opts->streams > 1;
}

int eb_eventsource_uses_h2(const eb_eventsource_t *client)
{
    return client->shared->multiplex != NULL && !client->is_asked;
}

void eb_eventsource_h2_connect(eb_eventsource_t *client)
{
    int is_narrow = eb_eventsource_is_slow(client) && !is_shared(client) &&
                    !client->shared->is_ending;

    if (eb_multiplex_connect(client->shared->multiplex, client->received.client,
                             is_narrow ? EB_EVENTSOURCE_SLOW_BUFFER : 0) != 0) {
        eb_eventsource_end(client, 0, strerror(errno));
        return;
    }
    client->state = EB_EVENTSOURCE_CONNECTING;
    eb_eventsource_h2_request(client);
}

void eb_eventsource_h2_request(eb_eventsource_t *client)
{
    eb_h2_t *h2 =
        eb_multiplex_conn(client->shared->multiplex, client->received.client);
    const char *fields[] = {
        ":method", "GET", ":path", NULL, "accept", "text/event-stream",
        NULL,      NULL,  NULL,    NULL, NULL,     NULL,
        NULL};
    char agent[EB_EVENTSOURCE_AGENT_SIZE];
    char path[MAX_PATH];
    size_t n = 6;

    if (h2 == NULL) {
        eb_eventsource_end(client, 0, "no connection");
        return;
    }
    if (!eb_h2_takes_requests(h2)) {
        return; /* the handshake goes on */
    }
    eb_eventsource_path(client, path, sizeof(path));
    fields[3] = path;
    if (client->shared->opts->browser) {
        eb_eventsource_agent(client, agent);
        fields[n++] = "sec-fetch-dest";
        fields[n++] = "empty";
        fields[n++] = "user-agent";
        fields[n++] = agent;
    }
    if (client->last_id[0] != '\0') {
        fields[n++] = "last-event-id";
        fields[n++] = client->last_id;
    }
    client->stream = eb_h2_request(h2, fields, NULL, 0, client);
    if (client->stream == NULL) {
        eb_eventsource_end(client, 0, "no stream");
        return;
    }
    if (eb_eventsource_is_slow(client) && is_shared(client) &&
        !client->shared->is_ending) {
        eb_h2_read_slowly(client->stream);
    }
    client->state = EB_EVENTSOURCE_REQUESTED;
}

/* ---- callbacks ----------------------------------------------------------- */

static void on_head(eb_h2_stream_t *stream)
{
    const char *status = eb_h2_header(stream, ":status");

    eb_eventsource_head(stream->arg, status != NULL ? atoi(status) : 0,
                        eb_h2_header(stream, "content-type"));
}

static void on_body(eb_h2_stream_t *stream, char *bytes, size_t len)
{
    eb_eventsource_t *client = stream->arg;

    if (eb_sse_parse(&client->sse, bytes, len, eb_check_event, client) != 0) {
        eb_stats_log(EB_STATS_TORN, "client %u: event too large",
                     client->received.client);
        eb_eventsource_end(client, 0, "broken stream");
    }
}

static void on_close(eb_h2_stream_t *stream, const char *why)
{
    eb_eventsource_t *client = stream->arg;

    client->stream = NULL;
    if (eb_h2_is_torn(stream->h2)) {
        eb_stats_log(EB_STATS_TORN, "client %u: %s", client->received.client,
                     why);
    }
    if (stream->error == EB_H2_HTTP_1_1_REQUIRED &&
        client->shared->opts->browser) {
        eb_eventsource_asked(client);
        return;
    }
    eb_eventsource_end(client, stream->has_ended, why);
}

const eb_h2_ops_t eb_eventsource_h2_ops = {on_head, on_body, NULL, on_close};

/* ---- closing and reading ------------------------------------------------- */

void eb_eventsource_h2_drop(eb_eventsource_t *client)
{
    if (client->stream != NULL) {
        eb_h2_drop(client->stream, EB_H2_CANCEL);
        client->stream = NULL;
    }
}

void eb_eventsource_h2_disconnect(eb_eventsource_t *client)
{
    eb_eventsource_shared_t *shared = client->shared;
    long draw = nrand48(shared->random) % 3;
    eb_h2_t *h2 = client->stream != NULL ? client->stream->h2 : NULL;

    if (h2 != NULL && !is_shared(client) && draw != 0) {
        client->stream = NULL;
        eb_multiplex_hang_up(shared->multiplex, h2, draw == 1);
    }
}

static void read_all(eb_eventsource_t *client)
{
    int large = END_BUFFER;

    if (is_shared(client)) {
        eb_h2_read_fast(client->stream);
        return;
    }
    setsockopt(eb_h2_fd(client->stream->h2), SOL_SOCKET, SO_RCVBUF, &large,
               sizeof(large));
    while (client->stream != NULL &&
           eb_multiplex_read(client->shared->multiplex, client->stream->h2,
                             READ_SIZE)) {
        continue;
    }
}

void eb_eventsource_h2_read_slowly(eb_eventsource_t *client)
{
    if (client->stream == NULL) {
        return;
    }
    if (client->shared->is_ending) {
        read_all(client);
    }
    else if (is_shared(client)) {
        eb_h2_consume(client->stream, SLOW_SIZE);
    }
    else {
        eb_multiplex_read(client->shared->multiplex, client->stream->h2,
                          SLOW_SIZE);
    }
}
