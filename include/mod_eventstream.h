/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The interface of mod_eventstream for other modules. They can publish events,
 * count the clients of a channel, serve a request as a stream of channels of
 * their choice, and receive what is published. t/example/mod_es_example.c does
 * all of this.
 *
 * Nothing is linked: the functions are APR optional functions, looked up by
 * name while httpd runs. A module that uses them also loads without
 * mod_eventstream, and the order of the two does not matter.
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
 * Retrieve the pointers in this hook, at each restart: httpd unloads and loads
 * its modules then, and old pointers are invalid. The hook runs after
 * post_config and before httpd starts children. A pointer is NULL if
 * mod_eventstream is not loaded, or is older than the function.
 *
 * When: call the functions in children, after mod_eventstream's own child_init;
 * a child_init hook that publishes names "mod_eventstream.c" as its
 * predecessor. Earlier, in the parent, and in a child that cannot serve events
 * (it logged why at its start), publishing and counting return 503.
 *
 * Threads: any thread of a child may call, several at once, but no signal
 * handler. Each call passes a pool of its own thread.
 *
 * Ownership: arguments stay the caller's; they are read during the call only
 * and are not kept. Results live in the caller's pool.
 *
 * Results: an HTTP status and a sentence for people: 200, or why not.
 *
 * Compatibility between versions:
 *
 *   * A function keeps its name and its arguments. One with other arguments
 *     gets a new name.
 *   * A struct begins with its size, which its creator sets (the _INIT macros
 *     do), and grows at its end only. A new field that is 0 means "as before",
 *     so an older caller need not know it. The module accepts a struct larger
 *     than the one it knows as long as the rest is 0; otherwise it returns 501,
 *     because the caller asks for something unknown.
 *   * Structs are passed by pointer, and lists of them as arrays of pointers,
 *     because the two sides may disagree on the size of a struct.
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

/** Publish the events in the body of the request. */
#define EVENTSTREAM_PUBLISH_HANDLER "eventstream-publish"

/* ---- Publishing -------------------------------------------------------- */

/** A value of data_len: data is a C string. */
#define EVENTSTREAM_STRLEN ((apr_size_t)-1)

/** One event. All text is UTF-8; C strings unless a length is given. */
typedef struct eventstream_event_t {
    apr_size_t size;             /* sizeof(eventstream_event_t) */
    const char *const *channels; /* names, up to 255 bytes each, no blank at an
                                  * end */
    int nchannels;               /* 1 to 64 */
    const char *type;            /* up to 255 bytes; NULL = "message" */
    const char *id;              /* the caller's; NULL = only the server's */
    const char *data;            /* sent as it is; NULL = empty */
    apr_size_t data_len;         /* bytes, or EVENTSTREAM_STRLEN */
    apr_int64_t retry_ms;        /* 1 to 2^31-1; 0 = not sent */
} eventstream_event_t;

/** An event without channels and data. */
#define EVENTSTREAM_EVENT_INIT                                       \
    {                                                                \
        sizeof(eventstream_event_t), NULL, 0, NULL, NULL, NULL, 0, 0 \
    }

/** The result of a call. */
typedef struct eventstream_result_t {
    apr_size_t size;      /* sizeof(eventstream_result_t) */
    int status;           /* as returned */
    const char *sentence; /* why not, without line end; "" at 200 */
    int retry_after;      /* seconds until a retry may work; 0 = unknown */
    const char *id;       /* of the last event published, or NULL */
    apr_uint64_t clients; /* of its channels, over all children */
} eventstream_result_t;

#define EVENTSTREAM_RESULT_INIT                         \
    {                                                   \
        sizeof(eventstream_result_t), 0, "", 0, NULL, 0 \
    }

/**
 * Publish an event, as a request to an eventstream-publish Location does. The
 * caller is trusted: EventStreamMaxEventSize and EventStreamUseHub at server
 * level apply; the directives that open and limit Locations
 * (EventStreamPublishFrom, EventStreamAllowChannel) do not.
 *
 * @param s       the server whose settings apply, such as r->server; NULL = the
 *                main server
 * @param hub     its name; NULL = EventStreamUseHub of s
 * @param event   may name a channel twice
 * @param result  initialized with EVENTSTREAM_RESULT_INIT; NULL = not wanted
 * @param p       of the calling thread
 * @return 200: the event is in the journal, and the publishers of the group
 *         below and the hub's GRIP proxies have taken it; 400: no event, or an
 *         invalid one; 404: no such hub; 409: another event of a channel has
 *         its id; 413: too large; 501: the caller is newer, see above; 502: the
 *         event is in the journal, but a publisher of the group or a GRIP proxy
 *         did not take it (or, with retry_after: too many calls wait for a
 *         proxy); 503: not possible now; 508: called by a publisher of the
 *         group
 *
 * The call does not wait for clients. It waits for the publishers of the group
 * and for the hub's GRIP proxies.
 */
/* clang-format takes types within a macro for factors. */
/* clang-format off */
APR_DECLARE_OPTIONAL_FN(int, eventstream_publish,
                        (server_rec *s, const char *hub,
                         const eventstream_event_t *event,
                         eventstream_result_t *result, apr_pool_t *p));

/**
 * Publish several events: all, or none. No event of another publisher comes in
 * between.
 *
 * @param events  count pointers, 1 or more; together they may take up to half
 *                of the hub's journal
 * @return as eventstream_publish; a sentence about one of the events begins
 *         with its index, "[2]: ", counted from 0
 */
APR_DECLARE_OPTIONAL_FN(int, eventstream_publish_batch,
                        (server_rec *s, const char *hub,
                         const eventstream_event_t *const *events, int count,
                         eventstream_result_t *result, apr_pool_t *p));

/**
 * Count the clients of a channel over all children.
 *
 * @param channel  an unknown channel has no clients
 * @param result   its clients is set
 * @return 200; 400: no valid channel name, or no result; 404: no such hub; 503:
 *         not possible now
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
 * All is as with SetHandler eventstream, including checks and answers, and all
 * settings of r apply (EventStreamAllowChannel, -Retry, -UseHub, -AllowOrigin
 * ...), except those that name channels. Call it in a handler, before anything
 * was sent, not in a subrequest. Do not touch r afterwards: its client may
 * already belong to another thread. The caller's entries in r->headers_out are
 * sent.
 *
 * The preflight of a page of another origin carries no login. SetHandler
 * eventstream answers it before authentication; here it is answered only if the
 * Location needs no authentication.
 *
 * @param channels  count names; blanks around them are removed, empty ones
 *                  dropped, duplicates merged
 * @return what the handler returns
 *
 * Blocks for the lifetime of a client that cannot be detached (TLS, HTTP/2).
 */
APR_DECLARE_OPTIONAL_FN(int, eventstream_run,
                        (request_rec *r, const char *const *channels,
                         int count));
/* clang-format on */

/* ---- Publishers: modules that receive what is published ----------------- */

/**
 * A provider group (ap_provider.h). A module registers its publisher under a
 * name of its own in its register_hooks; the struct is static:
 *
 *     ap_register_provider(p, EVENTSTREAM_PUBLISHER_GROUP, "my-name",
 *                          EVENTSTREAM_PUBLISHER_VERSION, &my_publisher);
 */
#define EVENTSTREAM_PUBLISHER_GROUP "eventstream_publisher"
/** Changes if existing publishers can no longer be called. */
#define EVENTSTREAM_PUBLISHER_VERSION "1"

/** The events that one request or call published. */
typedef struct eventstream_batch_t {
    apr_size_t size; /* in the module's version: at least this struct's */
    const char *hub;
    const eventstream_event_t *const *events; /* count; data is not
                                               * NUL-terminated, data_len is
                                               * its length */
    int count;
    const char *last_id; /* the highest of their server ids */
} eventstream_batch_t;

typedef struct eventstream_publisher_t {
    apr_size_t size; /* sizeof(eventstream_publisher_t) */

    /**
     * Receive events. All of them are in the journal already; clients get them
     * whatever this returns.
     *
     * @param batch  valid during the call only, with all it points to
     * @param why    on failure set to a sentence for the caller, in p
     * @param p      lives as long as the request, or the call, that publishes
     * @return OK, or an HTTP status. The caller that publishes then gets 502
     *         with this publisher's name and the sentence, and may publish
     *         again; the other publishers are called all the same.
     *
     * Runs in the thread that publishes, so in several at once; that thread
     * waits for it. Calls in one thread come in the order of publishing, calls
     * in several threads in any order; last_id shows it. If a caller publishes
     * an event again with its own id, the event comes again, although the
     * journal has it once: a publisher that failed gets it that way, and the
     * others recognize it by that id. A publisher must not publish itself
     * (508). Closed channels are not reported.
     */
    int (*publish)(const eventstream_batch_t *batch, const char **why,
                   apr_pool_t *p);
} eventstream_publisher_t;

#ifdef __cplusplus
}
#endif

#endif
