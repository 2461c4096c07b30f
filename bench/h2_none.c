/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For builds without libnghttp2: programs ask eb_h2_is_built() and refuse
 * HTTP/2. There are no connections, so that nothing else is called.
 */
#include <errno.h>
#include <stdlib.h>

#include "bench/h2.h"

int eb_h2_is_built(void)
{
    return 0;
}

eb_h2_t *eb_h2_open(eb_conn_t *conn, int is_server, const eb_h2_ops_t *ops,
                    void *arg)
{
    (void)is_server;
    (void)ops;
    (void)arg;
    eb_conn_close(conn);
    errno = ENOSYS;
    return NULL;
}

/* What needs a connection or a stream cannot be called. */
#define IMPOSSIBLE(result, name, ...) \
    result name(__VA_ARGS__)          \
    {                                 \
        abort();                      \
    }

_Pragma("GCC diagnostic ignored \"-Wunused-parameter\"") IMPOSSIBLE(
    void *, eb_h2_arg, const eb_h2_t *h2) IMPOSSIBLE(int, eb_h2_fd,
                                                     const eb_h2_t *h2)
    IMPOSSIBLE(unsigned int, eb_h2_streams, const eb_h2_t *h2) IMPOSSIBLE(
        int, eb_h2_takes_requests,
        const eb_h2_t *h2) IMPOSSIBLE(int, eb_h2_is_leaving, const eb_h2_t *h2)
        IMPOSSIBLE(int, eb_h2_is_torn, const eb_h2_t *h2) IMPOSSIBLE(
            int, eb_h2_ready,
            eb_h2_t *h2) IMPOSSIBLE(int, eb_h2_flush,
                                    eb_h2_t *h2) IMPOSSIBLE(int, eb_h2_read,
                                                            eb_h2_t *h2,
                                                            size_t size)
            IMPOSSIBLE(void, eb_h2_close, eb_h2_t *h2, int by_reset) IMPOSSIBLE(
                eb_h2_stream_t *, eb_h2_request, eb_h2_t *h2,
                const char *const *fields, const char *body, size_t len,
                void *arg) IMPOSSIBLE(const char *, eb_h2_header,
                                      const eb_h2_stream_t *stream,
                                      const char *name)
                IMPOSSIBLE(void, eb_h2_respond, eb_h2_stream_t *stream,
                           const char *status, const char *type)
                    IMPOSSIBLE(void, eb_h2_write, eb_h2_stream_t *stream,
                               const char *bytes,
                               size_t len) IMPOSSIBLE(void, eb_h2_finish,
                                                      eb_h2_stream_t *stream)
                        IMPOSSIBLE(
                            void, eb_h2_reset, eb_h2_stream_t *stream,
                            uint32_t error) IMPOSSIBLE(void, eb_h2_break,
                                                       eb_h2_stream_t *stream)
                            IMPOSSIBLE(void, eb_h2_drop, eb_h2_stream_t *stream,
                                       uint32_t error) IMPOSSIBLE(void,
                                                                  eb_h2_leave,
                                                                  eb_h2_t *h2)
                                IMPOSSIBLE(void, eb_h2_spoil, eb_h2_t *h2)
                                    IMPOSSIBLE(void, eb_h2_read_slowly,
                                               eb_h2_stream_t *stream)
                                        IMPOSSIBLE(void, eb_h2_consume,
                                                   eb_h2_stream_t *stream,
                                                   size_t len)
                                            IMPOSSIBLE(void, eb_h2_read_fast,
                                                       eb_h2_stream_t *stream)
