/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A resolver that blocks. When it is preloaded, a lookup of the host
 * "stuck.test" takes half a minute and fails. libcurl looks names up in a
 * thread of its own, and waits for that thread when a post is given up.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1 /* RTLD_NEXT */
#endif
#include <dlfcn.h>
#include <netdb.h>
#include <string.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))
#define STUCK_S 30

typedef int resolve_fn_t(const char *node, const char *service,
                         const struct addrinfo *hints, struct addrinfo **found);

EXPORT resolve_fn_t getaddrinfo;

int getaddrinfo(const char *node, const char *service,
                const struct addrinfo *hints, struct addrinfo **found)
{
    resolve_fn_t *next = (resolve_fn_t *)dlsym(RTLD_NEXT, "getaddrinfo");

    if (node != NULL && strcmp(node, "stuck.test") == 0) {
        sleep(STUCK_S);
        return EAI_AGAIN;
    }
    return next(node, service, hints, found);
}
