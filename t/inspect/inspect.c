/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Checks the segments of a running httpd from outside: es_store_check on a copy
 * of each. For tests, while no request publishes.
 *
 *     inspect PID
 *
 * prints a line for each hub's segment: "consistent" or the fault. The exit
 * status is 0, 1 if there is a fault or no segment, 77 if the memory of that
 * process cannot be read for lack of permission.
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
#define NO_PERMISSION 77
#define TIMEOUT 30 /* seconds; a lock that is held in the copy stays held */

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

/** @return 1 if it is consistent */
static int check(int fd, uint64_t at, const es_store_params_t *params,
                 apr_pool_t *p)
{
    apr_size_t size = es_store_size(params);
    const char *fault = "cannot be read";
    es_store_t *store;
    void *copy = NULL;
    int consistent = 0;

    if (size != 0 && posix_memalign(&copy, PAGE, size) == 0 &&
        read_at(fd, at, copy, size)) {
        fault = "cannot be attached";
        consistent =
            es_store_attach(&store, copy, size, params, p) == APR_SUCCESS &&
            es_store_check(store, &fault, p);
    }
    printf("%" PRIu64 " bytes, %u channels: %s\n", params->ring_bytes,
           params->channels, consistent ? "consistent" : fault);
    free(copy);
    return consistent;
}

/** @return 1 consistent, 0 not, -1 no segment of ours */
static int check_mapping(int fd, uint64_t mapping, apr_pool_t *p)
{
    es_store_params_t params = {0};
    es_segment_hdr_t header;

    /* shm/segment.c: the first page holds APR's size */
    if (!read_at(fd, mapping + PAGE, &header, sizeof(header)) ||
        header.magic != ES_LAYOUT_MAGIC) {
        return -1;
    }
    params.ring_bytes = header.ring_bytes;
    params.channels = header.channels;
    params.max_children = header.max_children;
    return check(fd, mapping + PAGE, &params, p);
}

static int check_all(FILE *maps, int fd, apr_pool_t *p)
{
    char line[1024];
    int found = 0;
    int faulty = 0;

    while (fgets(line, sizeof(line), maps) != NULL) {
        uint64_t from, to;
        char rights[8];
        int result;

        if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s", &from, &to, rights) !=
                3 ||
            strcmp(rights, "rw-s") != 0 || to - from < 2 * PAGE) {
            continue;
        }
        result = check_mapping(fd, from, p);
        found += result >= 0;
        faulty += result == 0;
    }
    return found == 0 || faulty != 0;
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
        return NO_PERMISSION;
    }
    alarm(TIMEOUT);
    rc = check_all(maps, fd, p);
    fclose(maps);
    close(fd);
    apr_pool_destroy(p);
    apr_terminate();
    return rc;
}
