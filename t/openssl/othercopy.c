/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An httpd whose mod_ssl seems to have a libssl of its own, of the same
 * version. When it is preloaded, no context of mod_ssl has a method that is
 * known here.
 */
#include <stddef.h>

#define EXPORT __attribute__((visibility("default")))

EXPORT const void *SSL_CTX_get_ssl_method(const void *ctx);

const void *SSL_CTX_get_ssl_method(const void *ctx)
{
    (void)ctx;
    return NULL;
}
