/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What a record that was looked at says of one channel. Only parts of the
 * store include this.
 */
#ifndef ES_JOURNAL_RECORD_H
#define ES_JOURNAL_RECORD_H

#include "journal/store.h"

/** 1 when it is of the slot, too. */
int es_record_has(const es_record_t *record, es_slot_t slot);

/** The record of the slot before this one, 0 = none, or not of the slot. */
es_pos_t es_record_before(const es_record_t *record, es_slot_t slot);

#endif
