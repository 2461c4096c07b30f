/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Looks into the segments of a running httpd from outside and walks all of
 * their chains: es_store_check on a copy. For tests, when nobody publishes.
 *
 *     inspect PID
 *
 * prints a line for each hub's segment, "well" or what is wrong. Ends with 0,
 * with 1 when something is wrong or there is no segment, with 77 when the
 * memory of that process may not be read.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <apr_general.h>
#include <apr_pools.h>

#include "journal/layout.h"

#define PAGE 4096
#define MAY_NOT 77
#define PATIENCE 30 /* seconds; a lock that is held in the copy stays so */

static int read_at(int fd, uint64_t at, void *to, size_t len)
{
    size_t done = 0;

    while (done < len) {
        ssize_t n =
            pread(fd, (char *)to + done, len - done, (off_t)(at + done));

        if (n <= 0) {
            return 0;
        }
        done += (size_t)n;
    }
    return 1;
}

/** @return 1 when it is well */
static int check(int fd, uint64_t at, const es_store_params_t *params,
                 apr_pool_t *p)
{
    apr_size_t size = es_store_size(params);
    const char *why = "it cannot be read";
    es_store_t *store;
    void *copy = NULL;
    int well = 0;

    if (size != 0 && posix_memalign(&copy, PAGE, size) == 0 &&
        read_at(fd, at, copy, size)) {
        why = "it cannot be attached to";
        well = es_store_attach(&store, copy, size, params, p) == APR_SUCCESS &&
               es_store_check(store, &why, p);
    }
    printf("%" PRIu64 " bytes, %u channels: %s\n", params->ring_bytes,
           params->channels, well ? "well" : why);
    free(copy);
    return well;
}

/** @return 1 well, 0 not, -1 no segment of ours */
static int look(int fd, uint64_t mapping, apr_pool_t *p)
{
    es_store_params_t params = {0};
    es_segment_hdr_t facts;

    /* shm/segment.c: APR's own size stands on the first page */
    if (!read_at(fd, mapping + PAGE, &facts, sizeof(facts)) ||
        facts.magic != ES_LAYOUT_MAGIC) {
        return -1;
    }
    params.ring_bytes = facts.ring_bytes;
    params.channels = facts.channels;
    params.max_children = facts.max_children;
    return check(fd, mapping + PAGE, &params, p);
}

static int look_at_all(FILE *maps, int fd, apr_pool_t *p)
{
    char line[1024];
    int found = 0;
    int wrong = 0;

    while (fgets(line, sizeof(line), maps) != NULL) {
        uint64_t from, to;
        char rights[8];
        int is;

        if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s", &from, &to, rights) !=
                3 ||
            strcmp(rights, "rw-s") != 0 || to - from < 2 * PAGE) {
            continue;
        }
        is = look(fd, from, p);
        found += is >= 0;
        wrong += is == 0;
    }
    return found == 0 || wrong != 0;
}

int main(int argc, char **argv)
{
    char path[64];
    apr_pool_t *p;
    FILE *maps;
    int fd, rc;

    if (argc != 2) {
        fprintf(stderr, "usage: inspect PID\n");
        return 2;
    }
    apr_initialize();
    apr_pool_create(&p, NULL);
    snprintf(path, sizeof(path), "/proc/%ld/mem", atol(argv[1]));
    fd = open(path, O_RDONLY | O_CLOEXEC);
    snprintf(path, sizeof(path), "/proc/%ld/maps", atol(argv[1]));
    maps = fopen(path, "re");
    if (fd < 0 || maps == NULL) {
        fprintf(stderr, "inspect: %s\n", strerror(errno));
        return MAY_NOT;
    }
    alarm(PATIENCE);
    rc = look_at_all(maps, fd, p);
    fclose(maps);
    close(fd);
    apr_pool_destroy(p);
    apr_terminate();
    return rc;
}
