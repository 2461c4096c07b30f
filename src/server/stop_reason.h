/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Why a child stops, as far as the MPM lets it know; and whether it is about to
 * while a request goes on. Context: ANY thread of a child.
 */
#ifndef ES_SERVER_STOP_REASON_H
#define ES_SERVER_STOP_REASON_H

#include "deliver/shutdown.h"

/**
 * The generation of the configuration that the parent runs. It raises it before
 * it signals a restart to its children.
 *
 * @return NULL: there is no scoreboard
 */
const int *es_stop_reason_generation(void);

/**
 * Is a stop of this child due, although httpd has not called it about one?
 *
 * @param generation   of this child
 * @param is_threaded  0 = prefork: while its one thread serves a request, httpd
 *                     calls nothing
 */
int es_stop_reason_is_due(int generation, int is_threaded);

/**
 * Why the child stops. Context: the thread that httpd calls about it.
 *
 * @param graceful  as the hook child_stopping has it
 */
es_stop_t es_stop_reason(int graceful, int generation, int is_threaded);

#endif
