/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The context: what kind of thread this is. Contracts name the contexts that a
 * function is for; builds with --enable-debug hold callers to it at the borders
 * between threads and processes, and end the process where one is crossed.
 *
 * A thread says what it is. One that has not, such as a unit test or another
 * module's, may call all.
 */
#ifndef ES_BASE_CONTEXT_H
#define ES_BASE_CONTEXT_H

/** To be or-ed. */
enum {
    ES_PARENT = 1,
    ES_CHILD_INIT = 2, /* a child's main thread */
    ES_WORKER = 4,     /* under prefork the child's main thread becomes one */
    ES_DELIVERY = 8,
    ES_SENDER = 16
};

/** From now on this thread is of that context; 0 = it has said nothing. */
void es_context_enter(int context);

/** May a function for these contexts be called here? */
int es_context_allows(int contexts);

#ifdef ES_DEBUG

void es_context_refuse(const char *function, int contexts)
    __attribute__((noreturn));

/** First thing in a function that is for these contexts. */
#define ES_CONTEXT(contexts)                         \
    do {                                             \
        if (!es_context_allows(contexts)) {          \
            es_context_refuse(__func__, (contexts)); \
        }                                            \
    } while (0)

#else

#define ES_CONTEXT(contexts) ((void)0)

#endif
#endif
