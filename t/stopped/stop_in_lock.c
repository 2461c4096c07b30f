/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Stops a child of a running httpd while it holds the lock of a hub, for tests.
 *
 *     stop_in_lock PID
 *
 * sends SIGSTOP to the process at random instants, and SIGCONT if it does not
 * hold the lock then. The process must publish meanwhile. The exit status is 0:
 * it is stopped and holds the lock of the first hub; 1: the time is over, and
 * the process runs; 77: its memory cannot be read for lack of permission.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "journal/layout.h"

#define PAGE 4096
#define NO_PERMISSION 77
#define SECONDS 60

static int read_at(int fd, uint64_t at, void *to, size_t len)
{
    return pread(fd, to, len, (off_t)at) == (ssize_t)len;
}

/** @return where the segment of a hub starts; 0 = there is none */
static uint64_t find_segment(FILE *maps, int fd)
{
    char line[1024];
    es_segment_hdr_t header;

    while (fgets(line, sizeof(line), maps) != NULL) {
        uint64_t from, to;
        char rights[8];

        /* shm/segment.c: the first page holds APR's size */
        if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s", &from, &to, rights) ==
                3 &&
            strcmp(rights, "rw-s") == 0 && to - from >= 2 * PAGE &&
            read_at(fd, from + PAGE, &header, sizeof(header)) &&
            header.magic == ES_LAYOUT_MAGIC) {
            return from + PAGE;
        }
    }
    return 0;
}

/** Wait until all threads of the process have stopped. */
static int has_stopped(pid_t pid)
{
    char path[64], text[512];
    const char *state;
    int tries;

    snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
    for (tries = 0; tries < 10000; tries++) {
        FILE *stat = fopen(path, "re");

        if (stat == NULL) {
            return 0;
        }
        text[fread(text, 1, sizeof(text) - 1, stat)] = '\0';
        fclose(stat);
        state = strrchr(text, ')');
        if (state != NULL && state[2] == 'T') {
            return 1;
        }
        usleep(100);
    }
    return 0;
}

static int owns(int fd, uint64_t segment, pid_t pid)
{
    es_lock_t lock;

    return read_at(fd, segment + offsetof(es_store_segment_t, guard), &lock,
                   sizeof(lock)) &&
           lock.owner == (apr_uint32_t)pid;
}

static int stop(int fd, uint64_t segment, pid_t pid)
{
    time_t end = time(NULL) + SECONDS;

    srandom((unsigned)getpid());
    while (time(NULL) < end) {
        usleep((useconds_t)(random() % 3000));
        if (kill(pid, SIGSTOP) != 0) {
            return 1;
        }
        /* the other threads may run for an instant after the state is T */
        if (has_stopped(pid) && owns(fd, segment, pid)) {
            usleep(20000);
            if (owns(fd, segment, pid)) {
                return 0;
            }
        }
        kill(pid, SIGCONT);
    }
    return 1;
}

int main(int argc, char **argv)
{
    char path[64];
    uint64_t segment;
    FILE *maps;
    int fd;

    if (argc != 2) {
        fprintf(stderr, "usage: stop_in_lock PID\n");
        return 2;
    }
    snprintf(path, sizeof(path), "/proc/%ld/mem", atol(argv[1]));
    fd = open(path, O_RDONLY | O_CLOEXEC);
    snprintf(path, sizeof(path), "/proc/%ld/maps", atol(argv[1]));
    maps = fopen(path, "re");
    if (fd < 0 || maps == NULL) {
        fprintf(stderr, "stop_in_lock: %s\n", strerror(errno));
        return NO_PERMISSION;
    }
    segment = find_segment(maps, fd);
    return segment != 0 ? stop(fd, segment, (pid_t)atol(argv[1])) : 1;
}
