/* SPDX-License-Identifier: Apache-2.0 */
/**
 * http: a parser of HTTP/1.1 responses: the head, and the body in its three
 * framings.
 */
#ifndef EB_HTTP_H
#define EB_HTTP_H

#include <stddef.h>
#include <stdint.h>

typedef enum {
    EB_HTTP_BODY_TO_EOF,     /* ends with the connection */
    EB_HTTP_BODY_LENGTH,     /* left bytes follow */
    EB_HTTP_BODY_CHUNK_SIZE, /* in a size line; left is the size so far */
    EB_HTTP_BODY_CHUNK_DATA, /* left bytes of the chunk follow */
    EB_HTTP_BODY_CHUNK_END,  /* in the line end after a chunk's bytes */
    EB_HTTP_BODY_TRAILER, /* after the last chunk; left is the line's length */
    EB_HTTP_BODY_DONE     /* complete */
} eb_http_body_state_t;

typedef struct {
    uint64_t left; /* by state, see there */
    eb_http_body_state_t state;
    unsigned char in_ext; /* after the ';' of a size line */
} eb_http_body_t;

typedef struct {
    eb_http_body_t body;
    int status; /* such as 200 */
    int closes; /* the server closes the connection after this response */
} eb_http_response_t;

/** The length of the head at bytes, its blank line included; 0: incomplete. */
size_t eb_http_head_len(const char *bytes, size_t len);

/**
 * Parse a complete head.
 *
 * @param len  result of eb_http_head_len()
 * @return 0, or -1: not an HTTP/1.x response
 */
int eb_http_head_read(eb_http_response_t *response, const char *head,
                      size_t len);

/**
 * Find a header's value.
 *
 * @param name  in any case, without the colon
 * @return the value, which ends at the CR, or NULL
 */
const char *eb_http_header(const char *head, size_t len, const char *name);

/**
 * Remove the framing: return the next run of the body's bytes.
 *
 * @param bytes  moved over the bytes that were parsed
 * @param len    reduced by as much
 * @param piece  set to the run, in place
 * @return length of the run; 0: all bytes are parsed, or the body is complete
 *         (its state is EB_HTTP_BODY_DONE); -1: invalid framing
 */
long eb_http_body_next(eb_http_body_t *body, char **bytes, size_t *len,
                       char **piece);

/**
 * Make a path or a channel's name from a pattern: "{}" in it becomes the
 * number. Truncated to size, NUL included.
 */
void eb_http_expand(char *dst, size_t size, const char *pattern,
                    uint32_t number);

#endif
