/* SPDX-License-Identifier: Apache-2.0 */
#include "journal/record.h"

/** @return the number of the slot's link, -1 when there is none */
static int find(const es_record_t *record, es_slot_t slot)
{
    int i;

    for (i = 0; i < record->nslots; i++) {
        if (record->slots[i] == slot) {
            return i;
        }
    }
    return -1;
}

int es_record_has(const es_record_t *record, es_slot_t slot)
{
    return find(record, slot) >= 0;
}

es_pos_t es_record_before(const es_record_t *record, es_slot_t slot)
{
    int i = find(record, slot);

    return i >= 0 ? record->previous[i] : 0;
}
