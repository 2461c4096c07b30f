/* SPDX-License-Identifier: Apache-2.0 */
#include "base/field_list.h"

#include <apr_strings.h>

#include "base/channel.h"

/* Most names that a sentence has. */
#define NAMES_MAX 8

void es_field_list_add(es_field_list_t *list, es_slice_t name, apr_pool_t *p)
{
    if (list->count == NAMES_MAX) {
        list->is_cut = 1;
        return;
    }
    list->names =
        apr_psprintf(p, "%s%s'%s'", list->names ? list->names : "",
                     list->names ? ", " : "", es_channel_printable(name, p));
    list->count++;
}

int es_field_list_is_cut(const es_field_list_t *list)
{
    return list->is_cut;
}

const char *es_field_list_describe(const es_field_list_t *list,
                                   const char *thing, const char *missing,
                                   apr_pool_t *p)
{
    if (!list->names) {
        return apr_pstrcat(p, "the ", thing, " has no fields", NULL);
    }
    return apr_pstrcat(p, "the ", thing, " has the fields ", list->names,
                       list->is_cut ? ", ..." : "", ", and not ", missing,
                       NULL);
}
