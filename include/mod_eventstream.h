/* SPDX-License-Identifier: Apache-2.0 */
/**
 * mod_eventstream: what other modules may rely on. They publish events, count
 * a channel's clients, serve a request as a stream of channels that they have
 * chosen, and hear of all that is published. t/example/mod_es_example.c does
 * all of it.
 *
 * Nothing is linked: the functions are optional functions of APR, found by
 * name while httpd runs. A module that uses them loads without mod_eventstream
 * too, before or after it.
 *
 *     static APR_OPTIONAL_FN_TYPE(eventstream_publish) *publish;
 *
 *     static void on_optional_fn_retrieve(void)
 *     {
 *         publish = APR_RETRIEVE_OPTIONAL_FN(eventstream_publish);
 *     }
 *
 *     ap_hook_optional_fn_retrieve(on_optional_fn_retrieve, NULL, NULL,
 *                                  APR_HOOK_MIDDLE);
 *
 * In this hook, each time: httpd unloads and loads its modules at each
 * restart, and a pointer of the time before leads nowhere. The hook comes after
 * post_config and before there are children. The pointer is NULL when
 * mod_eventstream is not loaded, or is older than the function.
 *
 * When: in children, after mod_eventstream's own child_init; a child_init hook
 * that publishes names "mod_eventstream.c" as its predecessor. Earlier, in the
 * parent, and in a child that cannot serve events (it told why when it started)
 * publishing and counting answer 503.
 *
 * Threads: any thread of a child, several at once, but no signal handler. Each
 * call brings a pool of its own thread.
 *
 * Ownership: what is passed in stays the caller's, is read only during the
 * call and is not kept. What comes out lives in the caller's pool.
 *
 * Results: an HTTP status, and a sentence for people: 200, or why not.
 *
 * What changes, and what does not, from one version to the next:
 *
 *   * A function keeps its name and its arguments. What needs other ones gets
 *     a new name.
 *   * A struct begins with its size, set by whoever makes it (the _INIT macros
 *     do), and grows at its end only. A new field means "as before" when it is
 *     0; a caller that does not know it need not care. The module takes a
 *     struct that is larger than it knows as long as the rest is 0, and answers
 *     501 when it is not: something is asked of it that it does not know.
 *   * Structs cross this border by pointers, lists of them as arrays of
 *     pointers: the two sides may differ in how long one is.
 *   * EVENTSTREAM_API counts the additions, for the preprocessor.
 */
#ifndef INCLUDE_MOD_EVENTSTREAM_H
#define INCLUDE_MOD_EVENTSTREAM_H

#include <httpd.h>
#include <apr_optional.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Raised with each addition to this header. */
#define EVENTSTREAM_API 1

/* ---- Handlers ---------------------------------------------------------- */

/** Serve the request as a stream of the channels of its Location. */
#define EVENTSTREAM_HANDLER "eventstream"

/** Publish what the request brings. */
#define EVENTSTREAM_PUBLISH_HANDLER "eventstream-publish"

/* ---- Publishing -------------------------------------------------------- */

/** As data_len: data is a C string. */
#define EVENTSTREAM_STRLEN ((apr_size_t)-1)

/** One event. All text is UTF-8; C strings unless a length is given. */
typedef struct eventstream_event_t {
    apr_size_t size;             /* sizeof(eventstream_event_t) */
    const char *const *channels; /* names, up to 255 bytes each */
    int nchannels;               /* 1 to 64 */
    const char *type;            /* up to 255 bytes; NULL = "message" */
    const char *id;              /* of the caller; NULL = the server's alone */
    const char *data;            /* sent as it is; NULL = empty */
    apr_size_t data_len;         /* bytes, or EVENTSTREAM_STRLEN */
    apr_int64_t retry_ms;        /* 1 to 2^31-1; 0 = not told */
} eventstream_event_t;

/** An event without channels and data. */
#define EVENTSTREAM_EVENT_INIT                                       \
    {                                                                \
        sizeof(eventstream_event_t), NULL, 0, NULL, NULL, NULL, 0, 0 \
    }

/** What came of a call. */
typedef struct eventstream_result_t {
    apr_size_t size;      /* sizeof(eventstream_result_t) */
    int status;           /* as returned */
    const char *sentence; /* why not, without line end; "" at 200 */
    int retry_after;      /* seconds after which it may work; 0 = not told */
    const char *id;       /* of the last event published, or NULL */
    apr_uint64_t clients; /* of its channels, over all children */
} eventstream_result_t;

#define EVENTSTREAM_RESULT_INIT                         \
    {                                                   \
        sizeof(eventstream_result_t), 0, "", 0, NULL, 0 \
    }

/**
 * Publish an event, as a request to an eventstream-publish Location does. The
 * caller is trusted: of the settings, EventStreamMaxEventSize and
 * EventStreamUseHub of the server's level count, while what opens and limits
 * Locations (EventStreamPublishFrom, EventStreamAllowChannel) does not.
 *
 * @param s       whose settings count, such as r->server; NULL = main server
 * @param hub     its name; NULL = EventStreamUseHub of s
 * @param event   the channels may name one twice
 * @param result  begun with EVENTSTREAM_RESULT_INIT; NULL = not wanted
 * @param p       of the calling thread
 * @return 200: the event is in the journal, and the publishers of the group
 *         below and the hub's GRIP proxies took it; 400: no event, or not fit
 *         to be one; 404: no such hub; 409: another event of a channel has its
 *         id; 413: too large; 501: the caller is newer, see above; 502: in the
 *         journal, but a publisher of the group or a GRIP proxy did not take
 *         it (or, with retry_after: too many wait for a proxy); 503: not now;
 *         508: called by a publisher of the group
 *
 * Does not wait for clients. It waits for the publishers of the group, and for
 * the hub's GRIP proxies, if it has some.
 */
/* It takes types within a macro for factors. */
/* clang-format off */
APR_DECLARE_OPTIONAL_FN(int, eventstream_publish,
                        (server_rec *s, const char *hub,
                         const eventstream_event_t *event,
                         eventstream_result_t *result, apr_pool_t *p));

/**
 * Publish several events: all, or none. Nothing of others comes in between.
 *
 * @param events  count pointers, 1 or more; together they may take half of the
 *                hub's journal
 * @return as eventstream_publish; a sentence about one of the events begins
 *         with its place, "[2]: ", counted from 0
 */
APR_DECLARE_OPTIONAL_FN(int, eventstream_publish_batch,
                        (server_rec *s, const char *hub,
                         const eventstream_event_t *const *events, int count,
                         eventstream_result_t *result, apr_pool_t *p));

/**
 * Count the clients of a channel over all children.
 *
 * @param channel  one that nobody has heard of has none
 * @param result   gets clients
 * @return 200; 400: no channel's name, or no result; 404: no such hub; 503:
 *         not now
 */
APR_DECLARE_OPTIONAL_FN(int, eventstream_count_clients,
                        (server_rec *s, const char *hub, const char *channel,
                         eventstream_result_t *result, apr_pool_t *p));

/* ---- Direct invocation ------------------------------------------------- */

/**
 * Serve r as a stream of these channels, from another module's handler:
 *
 *     return eventstream_run(r, names, count);
 *
 * All is as with SetHandler eventstream, checks and answers included, and all
 * settings in force for r count (EventStreamAllowChannel, -Retry, -UseHub,
 * -AllowOrigin ...), except those that name channels. Call it before anything
 * was sent, in a handler, not in a subrequest. Afterwards r is not to be
 * touched: its client may already belong to another thread, and its worker is
 * to be free. What the caller had put into r->headers_out goes out.
 *
 * A preflight of a page of another origin comes without login; with SetHandler
 * eventstream it is let in before authentication, here only if the Location
 * needs none.
 *
 * @param channels  count names; blanks around them do not count, empty ones
 *                  are dropped, doubles merge
 * @return what the handler is to return
 *
 * Blocks as long as a client lasts that cannot be detached (TLS, HTTP/2).
 */
APR_DECLARE_OPTIONAL_FN(int, eventstream_run,
                        (request_rec *r, const char *const *channels,
                         int count));
/* clang-format on */

/* ---- Publishers: what is published goes elsewhere, too ------------------ */

/**
 * A provider group (ap_provider.h). A module registers its publisher under a
 * name of its own in its register_hooks; the struct is static:
 *
 *     ap_register_provider(p, EVENTSTREAM_PUBLISHER_GROUP, "my-name",
 *                          EVENTSTREAM_PUBLISHER_VERSION, &my_publisher);
 */
#define EVENTSTREAM_PUBLISHER_GROUP "eventstream_publisher"
/** Another one when publishers of before cannot be called any more. */
#define EVENTSTREAM_PUBLISHER_VERSION "1"

/** What was published by one request or call. */
typedef struct eventstream_batch_t {
    apr_size_t size; /* as the module knows it: at least that of here */
    const char *hub;
    const eventstream_event_t *const *events; /* count; data is not
                                               * NUL-terminated, data_len is
                                               * its length */
    int count;
    const char *last_id; /* the highest of the server's ids of them */
} eventstream_batch_t;

typedef struct eventstream_publisher_t {
    apr_size_t size; /* sizeof(eventstream_publisher_t) */

    /**
     * Take what was published. All events are in the journal already, clients
     * get them whatever comes of this.
     *
     * @param batch  with all it points to gone when this returns
     * @param why    on failure a sentence for whoever publishes, in p
     * @param p      goes with the request, or the call, that publishes
     * @return OK, or an HTTP status. Whoever publishes is then told 502 with
     *         this publisher's name and the sentence, and may publish once
     *         more; the other publishers are called all the same.
     *
     * Called in the thread that publishes, so in several at once; whoever
     * publishes waits. Calls of one thread come in the order of publishing;
     * of several threads in any, and last_id tells. What is published once
     * more with the caller's own id comes once more, though the journal has
     * it once: so one that has failed gets it, and the others know it by that
     * id. It may not publish itself (508). That a channel is closed is not
     * told.
     */
    int (*publish)(const eventstream_batch_t *batch, const char **why,
                   apr_pool_t *p);
} eventstream_publisher_t;

#ifdef __cplusplus
}
#endif

#endif
