/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The address by which the clients and publishers of one place are counted
 * together.
 */
#ifndef ES_HTTP_CLIENT_ADDRESS_H
#define ES_HTTP_CLIENT_ADDRESS_H

#include <httpd.h>

#include "base/slice.h"

/**
 * An IPv4 address counts as a whole, also if it arrives on a dual-stack socket
 * (::ffff:a.b.c.d). An IPv6 address counts by its /64, because one client
 * usually has a whole /64.
 *
 * @return bytes of r
 */
static inline es_slice_t es_client_address(const request_rec *r)
{
    const apr_sockaddr_t *address = r->useragent_addr;
    const char *bytes = address->ipaddr_ptr;

    if (address->ipaddr_len == 16 &&
        IN6_IS_ADDR_V4MAPPED(&address->sa.sin6.sin6_addr)) {
        return es_slice(bytes + 12, 4);
    }
    return es_slice(
        bytes, address->ipaddr_len == 16 ? 8 : (apr_size_t)address->ipaddr_len);
}

#endif
