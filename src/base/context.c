/* SPDX-License-Identifier: Apache-2.0 */
/* A thread-local variable: after fork, a child's main thread still has the
 * context of its parent. */
#include "base/context.h"

#ifdef ES_DEBUG
#include <stdio.h>
#include <stdlib.h>
#endif

static __thread int mine;

void es_context_enter(int context)
{
    mine = context;
}

int es_context_is(int contexts)
{
    return (mine & contexts) != 0;
}

int es_context_allows(int contexts)
{
    return mine == 0 || es_context_is(contexts);
}

#ifdef ES_DEBUG

static const char *name_of(int context)
{
    switch (context) {
    case ES_PARENT: return "parent";
    case ES_CHILD_INIT: return "child's main thread";
    case ES_WORKER: return "worker";
    case ES_DELIVERY: return "delivery";
    case ES_SENDER: return "GRIP sender";
    case ES_CLUSTER: return "cluster thread";
    default: return "ticker";
    }
}

void es_context_refuse(const char *function, int contexts)
{
    int context;

    fprintf(stderr,
            "eventstream: %s was called by the %s; it may be called by:",
            function, name_of(mine));
    for (context = ES_PARENT; context <= ES_TICKER; context <<= 1) {
        if (contexts & context) {
            fprintf(stderr, " %s", name_of(context));
        }
    }
    fputs("\n", stderr);
    abort();
}

#endif
