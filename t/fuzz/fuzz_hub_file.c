/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hub's file. The first byte tells what surrounds the rest: nothing; or a
 * right head and a right end, of a hub or of one of a cluster, so that the
 * items are read to the end. Whatever is read, the store is valid; and what was
 * loaded is the same after another stop and start.
 */
#include "fuzz.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <apr_sha1.h>

#include "base/context.h"
#include "journal/file_bytes.h"
#include "journal/load.h"
#include "journal/save.h"

#define EPOCH_MS 1000
#define RING 16384
#define FILE_MAX 65536

typedef struct bytes_t {
    unsigned char at[FILE_MAX];
    apr_size_t len;
} bytes_t;

static const es_store_params_t params = {RING, 12, 4};

/* ---- a file -------------------------------------------------------------- */

static void put(bytes_t *file, apr_uint64_t number, int size)
{
    es_file_bytes_put(file->at + file->len, number, size);
    file->len += (apr_size_t)size;
}

static void put_id(bytes_t *file, es_id_t id)
{
    put(file, id.ms, 8);
    put(file, id.n, 8);
}

static void put_head(bytes_t *file, int is_clustered)
{
    es_file_head_t head = {.state = ES_FILE_SAVED, .hub = "shop"};
    es_id_t last = es_id_epoch(7, EPOCH_MS);

    head.epoch = last;
    head.is_clustered = is_clustered;
    es_file_head_write(file->at, &head);
    file->len = ES_FILE_HEAD_SIZE;
    last.ms += 100;
    put_id(file, last);
    put(file, (apr_uint64_t)is_clustered, 1);
    put(file, 1, 1);
    put(file, 0, 1);
    put_id(file, head.epoch);
    put_id(file, head.epoch);
}

/* As many items as the lengths say. */
static apr_uint64_t count_items(es_slice_t items)
{
    const unsigned char *at = (const unsigned char *)items.data;
    apr_uint64_t left = items.len, count = 0;

    while (left >= 5 && es_file_bytes_get(at + 1, 4) <= left - 5) {
        apr_uint64_t size = 5 + es_file_bytes_get(at + 1, 4);

        at += size;
        left -= size;
        count++;
    }
    return count;
}

static void put_end(bytes_t *file, apr_uint64_t items)
{
    apr_sha1_ctx_t sha1;

    put(file, 0, 1);
    put(file, 8 + APR_SHA1_DIGESTSIZE, 4);
    put(file, items, 8);
    apr_sha1_init(&sha1);
    apr_sha1_update_binary(&sha1, file->at, (unsigned int)file->len);
    apr_sha1_final(file->at + file->len, &sha1);
    file->len += APR_SHA1_DIGESTSIZE;
}

/* ---- a store ------------------------------------------------------------- */

static es_store_t *new_store(const bytes_t *file, apr_pool_t *p)
{
    apr_size_t size = es_store_size(&params);
    es_id_t epoch = es_id_epoch(7, EPOCH_MS);
    es_file_head_t head;
    es_store_t *store;
    void *mem;

    if (es_file_head_read(&head, file->at, file->len) == APR_SUCCESS) {
        epoch = head.epoch;
    }
    PROMISE(posix_memalign(&mem, 4096, size) == 0);
    memset(mem, 0, size);
    apr_pool_cleanup_register(p, mem, fuzz_free, apr_pool_cleanup_null);
    PROMISE(es_store_format(mem, &params, &epoch) == APR_SUCCESS);
    PROMISE(es_store_attach(&store, mem, size, &params, p) == APR_SUCCESS);
    return store;
}

static void check(es_store_t *store, apr_pool_t *p)
{
    const char *why = "";

    es_context_enter(0);
    PROMISE(es_store_check(store, &why, p));
    es_context_enter(ES_PARENT);
}

static apr_status_t load(es_store_t *store, const bytes_t *file,
                         es_migrated_t *loaded)
{
    static const es_load_times_t times = {5, 5};
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    apr_status_t rv;

    PROMISE(fd >= 0);
    PROMISE(write(fd, file->at, file->len) == (ssize_t)file->len);
    PROMISE(lseek(fd, 0, SEEK_SET) == 0);
    rv = es_store_load(store, fd, &times, loaded);
    close(fd);
    return rv;
}

static void save(const es_store_t *store, bytes_t *file)
{
    es_file_head_t head = {.hub = "shop", .saved_ms = 5};
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    es_saved_t saved;

    PROMISE(fd >= 0);
    PROMISE(es_store_save(store, fd, &head, 5, &saved) == APR_SUCCESS);
    PROMISE(saved.bytes <= FILE_MAX);
    file->len = (apr_size_t)saved.bytes;
    PROMISE(pread(fd, file->at, file->len, 0) == (ssize_t)file->len);
    close(fd);
}

FUZZ(text, p)
{
    static bytes_t file, once, twice;
    es_migrated_t loaded, again;
    es_store_t *store;
    es_slice_t rest;

    if (text.len < 1 || text.len > FILE_MAX / 2) {
        return;
    }
    rest = es_slice(text.data + 1, text.len - 1);
    file.len = 0;
    if (text.data[0] & 1) {
        put_head(&file, (text.data[0] >> 1) & 1);
    }
    memcpy(file.at + file.len, rest.data, rest.len);
    file.len += rest.len;
    if (text.data[0] & 1) {
        put_end(&file, count_items(rest));
    }
    es_context_enter(ES_PARENT);
    store = new_store(&file, p);
    if (load(store, &file, &loaded) != APR_SUCCESS) {
        check(store, p);
        return;
    }
    check(store, p);
    save(store, &once);
    store = new_store(&once, p);
    PROMISE(load(store, &once, &again) == APR_SUCCESS);
    check(store, p);
    PROMISE(again.events == loaded.events && again.lost == 0);
    save(store, &twice);
    PROMISE(twice.len == once.len);
    PROMISE(memcmp(twice.at, once.at, once.len) == 0);
}
