/* SPDX-License-Identifier: Apache-2.0 */
/* What src/http asks of the token of a request (http/token_*.h), in tests
 * that have none: no section has EventStreamToken. */
#include "http/token_access.h"
#include "http/token_login.h"

int es_token_access_opens(request_rec *r)
{
    return es_settings_dir(r)->tokens != NULL;
}

int es_token_access_covers(request_rec *r, es_slice_t name)
{
    (void)name;
    return es_settings_dir(r)->tokens == NULL;
}

int es_token_access_controls(request_rec *r)
{
    return es_settings_dir(r)->tokens != NULL;
}

int es_token_login_is_needed(request_rec *r)
{
    return es_settings_dir(r)->tokens != NULL;
}

int es_token_login_is_guest(request_rec *r)
{
    return es_settings_dir(r)->tokens != NULL;
}

apr_interval_time_t es_token_access_lifetime(request_rec *r,
                                             apr_interval_time_t lifetime)
{
    (void)r;
    return lifetime;
}

void es_request_token_challenge(request_rec *r, int status)
{
    (void)r;
    (void)status;
}
