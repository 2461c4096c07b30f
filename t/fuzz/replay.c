/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replaces libFuzzer in make check: runs the target once for each file that is
 * an argument, or that is in a folder that is an argument.
 */
#include "fuzz.h"

#include <dirent.h>
#include <sys/stat.h>

static int count;

static void replay(const char *name)
{
    FILE *in = fopen(name, "rb");
    uint8_t *bytes = NULL;
    size_t size = 0, capacity = 0, got = 0;

    if (in == NULL) {
        perror(name);
        exit(1);
    }
    do {
        size += got;
        if (size == capacity) {
            capacity = capacity * 2 + 4096;
            bytes = realloc(bytes, capacity);
            if (bytes == NULL) {
                abort();
            }
        }
        got = fread(bytes + size, 1, capacity - size, in);
    } while (got > 0);
    fclose(in);
    fprintf(stderr, "%s\n", name); /* the last one printed caused an abort */
    LLVMFuzzerTestOneInput(bytes, size);
    free(bytes);
    count++;
}

static void replay_all(const char *folder)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;
    char name[4096];

    if (dir == NULL) {
        perror(folder);
        exit(1);
    }
    for (entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        if (entry->d_name[0] != '.') {
            snprintf(name, sizeof(name), "%s/%s", folder, entry->d_name);
            replay(name);
        }
    }
    closedir(dir);
}

int main(int argc, char **argv)
{
    struct stat info;
    int i;

    for (i = 1; i < argc; i++) {
        if (stat(argv[i], &info) == 0 && S_ISDIR(info.st_mode)) {
            replay_all(argv[i]);
        }
        else {
            replay(argv[i]);
        }
    }
    printf("%d\n", count);
    return 0;
}
