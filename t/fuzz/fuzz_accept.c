/* SPDX-License-Identifier: Apache-2.0 */
/* The value of a header Accept. */
#include "fuzz.h"

#include "base/accept.h"

FUZZ(text, p)
{
    const char *accept = fuzz_string(text, p);
    int admits = es_accept_admits(accept, "text/event-stream");

    PROMISE(admits == 0 || admits == 1);
}
