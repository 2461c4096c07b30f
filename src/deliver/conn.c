/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/conn.h"

#include <stddef.h>
#include <stdlib.h>

#include "deliver/client_priv.h"

es_member_t *es_member_create(es_client_t *client)
{
    es_member_t *member = calloc(1, sizeof(*member));
    const es_slot_t *slots;
    int nslots, i;

    if (member == NULL) {
        return NULL;
    }
    slots = es_client_slots(client, &nslots);
    (void)slots;
    member->links = &member->link;
    if (nslots > 1) {
        member->links = calloc((size_t)nslots, sizeof(es_index_link_t));
        if (member->links == NULL) {
            free(member);
            return NULL;
        }
    }
    for (i = 0; i < nslots; i++) {
        member->links[i].owner = member;
    }
    member->client = client;
    member->sink = es_client_sink(client);
    member->chunked = member->sink->chunked != 0;
    member->nslots = (apr_uint32_t)nslots;
    es_wheel_entry_init(&member->timer);
    es_ring_init(&member->lag);
    return member;
}

void es_member_destroy(es_member_t *member)
{
    if (member->links != &member->link) {
        free(member->links);
    }
    free(member);
}

es_member_t *es_member_of_note(es_note_t *note)
{
    return (es_member_t *)((char *)note - offsetof(es_member_t, note));
}
