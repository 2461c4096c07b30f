/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The context of a thread: what kind of thread it is. The contract of a
 * function names the contexts that may call it. Builds with --enable-debug
 * check this where threads and processes meet, and abort the process on a
 * wrong call.
 *
 * Each thread sets its context. One that has set none, such as a unit test's or
 * another module's, may call everything.
 */
#ifndef ES_BASE_CONTEXT_H
#define ES_BASE_CONTEXT_H

/** May be combined by "or". */
enum {
    ES_PARENT = 1,
    ES_CHILD_INIT = 2, /* a child's main thread */
    ES_WORKER = 4,     /* under prefork the child's main thread becomes one */
    ES_DELIVERY = 8,
    ES_SENDER = 16,
    ES_CLUSTER = 32, /* a thread of a clustered hub */
    ES_TICKER = 64
};

/** Set the context of the calling thread; 0 = none. */
void es_context_enter(int context);

/** 1 if the calling thread has one of these contexts. */
int es_context_is(int contexts);

/** 1 if the calling thread may call a function for these contexts. */
int es_context_allows(int contexts);

#ifdef ES_DEBUG

/** Report on stderr which thread has called function, and abort. */
void es_context_refuse(const char *function, int contexts)
    __attribute__((noreturn));

/** The first statement of a function for these contexts. */
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
