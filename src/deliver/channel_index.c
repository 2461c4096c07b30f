/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hash table with open addressing, keyed by slot, at most half full. An
 * entry with one link points to it directly; from the second link on it has an
 * array. When an entry is removed, later entries are moved up, so that there
 * are no tombstones however long the child lives.
 */
#include "deliver/channel_index.h"

#include <stdlib.h>

#include "deliver/slot_hash.h"

#define FIRST_SIZE 64

typedef struct entry_t {
    es_slot_t slot;        /* 0 = free */
    apr_uint32_t count;    /* links, 1 or more unless free */
    apr_uint32_t capacity; /* of many; 0 = one is used */
    apr_uint32_t group;    /* 0 = none */
    union {
        es_channel_link_t *one;
        es_channel_link_t **many;
    } links;
} entry_t;

struct es_channel_index_t {
    entry_t *entries;
    apr_uint32_t size; /* a power of two */
    apr_uint32_t used;
    apr_uint64_t key; /* of es_slot_hash */
};

es_channel_index_t *es_channel_index_create(void)
{
    es_channel_index_t *index = calloc(1, sizeof(*index));

    if (index == NULL) {
        return NULL;
    }
    index->entries = calloc(FIRST_SIZE, sizeof(entry_t));
    if (index->entries == NULL) {
        free(index);
        return NULL;
    }
    index->size = FIRST_SIZE;
    index->key = es_slot_hash_key();
    return index;
}

void es_channel_index_destroy(es_channel_index_t *index)
{
    apr_uint32_t i;

    if (index == NULL) {
        return;
    }
    for (i = 0; i < index->size; i++) {
        if (index->entries[i].capacity != 0) {
            free(index->entries[i].links.many);
        }
    }
    free(index->entries);
    free(index);
}

static apr_uint32_t home_of(const es_channel_index_t *index, es_slot_t slot)
{
    return es_slot_hash(index->key, slot) & (index->size - 1);
}

/* The entry of a slot, or the free entry where it belongs. */
static entry_t *entry_at(const es_channel_index_t *index, es_slot_t slot)
{
    apr_uint32_t i = home_of(index, slot);

    while (index->entries[i].slot != 0 && index->entries[i].slot != slot) {
        i = (i + 1) & (index->size - 1);
    }
    return &index->entries[i];
}

/* Make room for one more entry. */
static apr_status_t grow_table(es_channel_index_t *index)
{
    entry_t *old = index->entries;
    apr_uint32_t old_size = index->size;
    entry_t *entries;
    apr_uint32_t i;

    if ((index->used + 1) * 2 <= index->size) {
        return APR_SUCCESS;
    }
    entries = calloc((size_t)old_size * 2, sizeof(entry_t));
    if (entries == NULL) {
        return APR_ENOMEM;
    }
    index->entries = entries;
    index->size = old_size * 2;
    for (i = 0; i < old_size; i++) {
        if (old[i].slot != 0) {
            *entry_at(index, old[i].slot) = old[i];
        }
    }
    free(old);
    return APR_SUCCESS;
}

/* Make room for one more link of an entry. */
static apr_status_t grow_list(entry_t *entry)
{
    es_channel_link_t **many;
    apr_uint32_t capacity;

    if (entry->count == 0 || entry->count < entry->capacity) {
        return APR_SUCCESS;
    }
    capacity = entry->count * 2 < 4 ? 4 : entry->count * 2;
    many = realloc(entry->capacity != 0 ? entry->links.many : NULL,
                   capacity * sizeof(*many));
    if (many == NULL) {
        return APR_ENOMEM;
    }
    if (entry->capacity == 0) {
        many[0] = entry->links.one;
    }
    entry->links.many = many;
    entry->capacity = capacity;
    return APR_SUCCESS;
}

apr_status_t es_channel_index_add(es_channel_index_t *index, es_slot_t slot,
                                  es_channel_link_t *link)
{
    entry_t *entry;

    if (grow_table(index) != APR_SUCCESS) {
        return APR_ENOMEM;
    }
    entry = entry_at(index, slot);
    if (grow_list(entry) != APR_SUCCESS) {
        return APR_ENOMEM;
    }
    link->slot = slot;
    link->position = entry->count;
    if (entry->slot == 0) {
        entry->slot = slot;
        index->used++;
    }
    if (entry->capacity != 0) {
        entry->links.many[entry->count] = link;
    }
    else {
        entry->links.one = link;
    }
    entry->count++;
    return APR_SUCCESS;
}

apr_status_t es_channel_index_add_all(es_channel_index_t *index,
                                      const es_slot_t *slots, int nslots,
                                      es_channel_link_t *links)
{
    apr_status_t rv = APR_SUCCESS;
    int i;

    for (i = 0; rv == APR_SUCCESS && i < nslots; i++) {
        rv = es_channel_index_add(index, slots[i], &links[i]);
    }
    return rv;
}

/* Free an entry, and move up those that were displaced past it. */
static void free_entry(es_channel_index_t *index, entry_t *entry)
{
    apr_uint32_t mask = index->size - 1;
    apr_uint32_t hole = (apr_uint32_t)(entry - index->entries);
    apr_uint32_t i = hole;
    apr_uint32_t home;

    if (entry->capacity != 0) {
        free(entry->links.many);
    }
    for (;;) {
        i = (i + 1) & mask;
        if (index->entries[i].slot == 0) {
            break;
        }
        home = home_of(index, index->entries[i].slot);
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            index->entries[hole] = index->entries[i];
            hole = i;
        }
    }
    memset(&index->entries[hole], 0, sizeof(entry_t));
    index->used--;
}

void es_channel_index_remove(es_channel_index_t *index, es_channel_link_t *link)
{
    es_channel_link_t *last;
    entry_t *entry;

    if (link->slot == 0) {
        return;
    }
    entry = entry_at(index, link->slot);
    link->slot = 0;
    if (entry->count <= 1) {
        free_entry(index, entry);
        return;
    }
    last = entry->links.many[--entry->count];
    entry->links.many[link->position] = last;
    last->position = link->position;
}

void es_channel_index_remove_all(es_channel_index_t *index,
                                 es_channel_link_t *links, int nslots)
{
    int i;

    for (i = 0; i < nslots; i++) {
        es_channel_index_remove(index, &links[i]);
    }
}

void es_channel_index_set_group(es_channel_index_t *index, es_slot_t slot,
                                apr_uint32_t group)
{
    entry_t *entry;

    if (slot != 0) {
        entry = entry_at(index, slot);
        if (entry->slot == slot) {
            entry->group = group;
        }
    }
}

es_channel_list_t es_channel_index_list(const es_channel_index_t *index,
                                        es_slot_t slot)
{
    es_channel_list_t list = {NULL, 0, 0};
    const entry_t *entry;

    if (slot == 0) {
        return list; /* it would match free entries */
    }
    entry = entry_at(index, slot);
    if (entry->slot == slot) {
        list.links =
            entry->capacity != 0 ? entry->links.many : &entry->links.one;
        list.count = entry->count;
        list.group = entry->group;
    }
    return list;
}
