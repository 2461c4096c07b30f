/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Short answers: a problem as one line of text, results as JSON.
 */
#ifndef ES_HTTP_REPLY_H
#define ES_HTTP_REPLY_H

#include <httpd.h>

#include "base/problem.h"

/**
 * Let httpd send the whole answer although the request has a Range: RFC 9110
 * defines it for GET only, and no two answers of ours to a GET have the same
 * bytes. The answers below do so by themselves. Call it before anything was
 * sent.
 *
 * Context: WORKER.
 */
void es_reply_ignore_range(request_rec *r);

/**
 * Answer with a problem: its status, "text/plain" and the sentence with LF; no
 * ErrorDocument. A remedy goes to the error log.
 *
 * @return what the handler returns
 *
 * Context: WORKER, before anything was sent.
 */
int es_reply_problem(request_rec *r, const es_problem_t *why);

/** Log the remedy of a problem and set Retry-After, without an answer. */
void es_reply_note(request_rec *r, const es_problem_t *why);

/** Answer 405 with Allow; the sentence names the method. @return as above */
int es_reply_method(request_rec *r, const char *allow);

/** Answer 200 with a line of plain text. @return as below */
int es_reply_text(request_rec *r, const char *text);

/**
 * Answer 200 with JSON text and LF.
 *
 * @return what the handler returns
 */
int es_reply_json(request_rec *r, const char *json);

/** The same with a problem's status; its sentence is not sent. */
int es_reply_json_problem(request_rec *r, const es_problem_t *why,
                          const char *json);

#endif
