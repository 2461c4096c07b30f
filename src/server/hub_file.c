/* SPDX-License-Identifier: Apache-2.0 */
/*
 * While a server runs, the file is 512 bytes that say so. They are written over
 * the head of the file that was loaded: one sector, so a machine that stops
 * meanwhile leaves the old head or the new one. With the old one no child was
 * started yet, and the file is as good as before.
 *
 * It is locked by fcntl(): such a lock belongs to one process. Children that
 * outlive a killed parent, and programs that httpd starts, do not hold it. It
 * is lost when the process closes any descriptor of the file, so the file of an
 * open one is not opened again.
 *
 * Saving writes a new file beside it, and renames that.
 */
#include "server/hub_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <apr_strings.h>

#include "base/clock.h"
#include "journal/load.h"
#include "journal/save.h"
#include "server/log.h"

#define NEW_SUFFIX ".new"
/** The file of a server that stops is replaced between open and lock. */
#define OPEN_TRIES 5

/* ---- Opening ------------------------------------------------------------- */

static apr_status_t fail_to_open(const es_hub_file_t *file, apr_status_t rv,
                                 server_rec *s)
{
    es_slog(APLOG_ERR, rv, s, "ES0213",
            "cannot open %s, the file of hub %s; EventStreamHub file= names a "
            "file, not a link, in an existing folder that the user who starts "
            "httpd can write to",
            file->path, file->head.hub);
    return rv;
}

static apr_status_t refuse(const es_hub_file_t *file, const char *why,
                           server_rec *s)
{
    es_slog(APLOG_ERR, 0, s, "ES0214",
            "hub %s does not use %s: %s; correct EventStreamHub file=, or "
            "remove that file if nobody needs it",
            file->head.hub, file->path, why);
    return APR_EACCES;
}

/** Is it a file that only the user can write who starts httpd? */
static apr_status_t check_owner(const es_hub_file_t *file,
                                const struct stat *st, server_rec *s)
{
    if (!S_ISREG(st->st_mode)) {
        return refuse(file, "it is not a regular file", s);
    }
    if (st->st_uid != geteuid()) {
        return refuse(file,
                      "it belongs to another user than the one who "
                      "starts httpd",
                      s);
    }
    if ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        return refuse(file, "other users can write to it", s);
    }
    return APR_SUCCESS;
}

static apr_status_t lock(const es_hub_file_t *file, server_rec *s)
{
    struct flock range = {0};
    apr_status_t rv;

    range.l_type = F_WRLCK;
    range.l_whence = SEEK_SET;
    if (fcntl(file->fd, F_SETLK, &range) == 0) {
        return APR_SUCCESS;
    }
    rv = errno;
    if (rv != EACCES && rv != EAGAIN) {
        return fail_to_open(file, rv, s);
    }
    if (fcntl(file->fd, F_GETLK, &range) != 0 || range.l_type == F_UNLCK) {
        range.l_pid = 0;
    }
    es_slog(APLOG_ERR, 0, s, "ES0215",
            "hub %s cannot use %s: another server (process %d) has it; each "
            "hub of each server needs a file= of its own",
            file->head.hub, file->path, (int)range.l_pid);
    return APR_EACCES;
}

/** @return APR_EAGAIN: the name belongs to another file by now */
static apr_status_t open_once(es_hub_file_t *file, struct stat *st,
                              server_rec *s)
{
    struct stat named;
    apr_status_t rv;

    file->fd =
        open(file->path,
             O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
             S_IRUSR | S_IWUSR);
    if (file->fd < 0 || fstat(file->fd, st) != 0) {
        return fail_to_open(file, errno, s);
    }
    rv = check_owner(file, st, s);
    if (rv == APR_SUCCESS) {
        rv = lock(file, s);
    }
    if (rv == APR_SUCCESS &&
        (stat(file->path, &named) != 0 || named.st_ino != st->st_ino ||
         named.st_dev != st->st_dev)) {
        return APR_EAGAIN;
    }
    return rv;
}

static apr_status_t open_and_lock(es_hub_file_t *file, server_rec *s)
{
    struct stat st;
    apr_status_t rv;
    int tries;

    for (tries = OPEN_TRIES; tries > 0; tries--) {
        rv = open_once(file, &st, s);
        if (rv == APR_SUCCESS) {
            file->device = (apr_uint64_t)st.st_dev;
            file->inode = (apr_uint64_t)st.st_ino;
            return APR_SUCCESS;
        }
        if (file->fd >= 0) {
            close(file->fd);
        }
        if (rv != APR_EAGAIN) {
            return rv;
        }
    }
    return fail_to_open(file, APR_EAGAIN, s);
}

/* ---- What it has --------------------------------------------------------- */

static void log_useless(const es_hub_file_t *file, const char *why,
                        server_rec *s)
{
    es_slog(APLOG_WARNING, 0, s, "ES0216",
            "hub %s starts empty, and clients that resume get stream-reset: "
            "%s %s",
            file->head.hub, file->path, why);
}

/** The file of this hub: has it the events of the same stream? */
static void look_at_own(es_hub_file_t *file, const es_file_head_t *head,
                        server_rec *s)
{
    if (head->state != ES_FILE_SAVED) {
        log_useless(file,
                    "was not saved: httpd was killed, its machine has stopped, "
                    "or the log told why (ES0219)",
                    s);
    }
    else if (head->is_clustered != file->head.is_clustered ||
             strcmp(head->key, file->head.key) != 0) {
        es_slog(APLOG_NOTICE, 0, s, "ES0217",
                "hub %s does not use the events of %s: EventStreamCluster, or "
                "its key=, has changed since they were saved",
                file->head.hub, file->path);
    }
    else {
        file->head.saved_ms = head->saved_ms;
        file->head.epoch = head->epoch;
        file->found = ES_HUB_FILE_EVENTS;
    }
}

static apr_status_t look(es_hub_file_t *file, server_rec *s)
{
    unsigned char bytes[ES_FILE_HEAD_SIZE];
    ssize_t len = pread(file->fd, bytes, sizeof(bytes), 0);
    es_file_head_t head;
    apr_status_t rv;

    if (len < 0) {
        return fail_to_open(file, errno, s);
    }
    if (len == 0) {
        file->found = ES_HUB_FILE_EMPTY;
        return APR_SUCCESS;
    }
    file->found = ES_HUB_FILE_USELESS;
    rv = es_file_head_read(&head, bytes, (apr_size_t)len);
    if (rv == APR_EINVAL) {
        return refuse(file, "it is not a file of this module", s);
    }
    if (rv == APR_SUCCESS && strcmp(head.hub, file->head.hub) != 0) {
        return refuse(file,
                      apr_pstrcat(s->process->pconf, "it is that of hub ",
                                  head.hub, NULL),
                      s);
    }
    if (rv == APR_SUCCESS) {
        look_at_own(file, &head, s);
    }
    else {
        log_useless(file,
                    rv == APR_EMISMATCH
                        ? "was written by another version of the module"
                        : "is damaged",
                    s);
    }
    return APR_SUCCESS;
}

void es_hub_file_set_cluster(es_hub_file_t *file,
                             const es_cluster_conf_t *cluster)
{
    file->head.is_clustered = cluster != NULL;
    apr_cpystrn(file->head.key, cluster ? cluster->key : "",
                sizeof(file->head.key));
}

apr_status_t es_hub_file_open(es_hub_file_t *file, const es_hub_conf_t *named,
                              server_rec *s)
{
    apr_status_t rv;

    memset(file, 0, sizeof(*file));
    if (!named->file) {
        return APR_SUCCESS;
    }
    apr_cpystrn(file->path, named->file, sizeof(file->path));
    apr_cpystrn(file->head.hub, named->name, sizeof(file->head.hub));
    es_hub_file_set_cluster(file, named->cluster);
    rv = open_and_lock(file, s);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = look(file, s);
    if (rv != APR_SUCCESS) {
        close(file->fd);
        return rv;
    }
    file->is_open = 1;
    return APR_SUCCESS;
}

int es_hub_file_is(const es_hub_file_t *file, const char *path)
{
    struct stat st;

    return file->is_open && stat(path, &st) == 0 &&
           (apr_uint64_t)st.st_dev == file->device &&
           (apr_uint64_t)st.st_ino == file->inode;
}

apr_status_t es_hub_file_load(const es_hub_file_t *file, es_store_t *store,
                              server_rec *s)
{
    es_load_times_t times = {es_clock_ms(),
                             (apr_uint64_t)apr_time_as_msec(apr_time_now())};
    es_migrated_t loaded;
    apr_status_t rv = lseek(file->fd, 0, SEEK_SET) == 0 ? APR_SUCCESS : errno;

    if (rv == APR_SUCCESS) {
        rv = es_store_load(store, file->fd, &times, &loaded);
    }
    if (rv != APR_SUCCESS) {
        es_slog(
            APLOG_WARNING, rv, s, "ES0222",
            "cannot read the events of hub %s from %s: the file is damaged, "
            "or not all of it is there; the hub starts empty, and clients "
            "that resume get stream-reset",
            file->head.hub, file->path);
        return rv;
    }
    es_slog(APLOG_NOTICE, 0, s, "ES0221",
            "hub %s: %" APR_UINT64_T_FMT
            " events were loaded from %s in %" APR_TIME_T_FMT
            " ms, the oldest %" APR_UINT64_T_FMT " did not fit",
            file->head.hub, loaded.events, file->path,
            (apr_time_t)(es_clock_ms() - times.now_ms), loaded.lost);
    return APR_SUCCESS;
}

/* ---- In use -------------------------------------------------------------- */

/* The head first: if the machine stops before the rest is cut off, that is no
 * file of events any more. */
static apr_status_t mark(const es_hub_file_t *file)
{
    unsigned char bytes[ES_FILE_HEAD_SIZE];
    es_file_head_t head = file->head;
    ssize_t written;

    head.state = ES_FILE_IN_USE;
    es_file_head_write(bytes, &head);
    written = pwrite(file->fd, bytes, sizeof(bytes), 0);
    if (written != (ssize_t)sizeof(bytes)) {
        return written < 0 ? errno : ENOSPC;
    }
    if (ftruncate(file->fd, sizeof(bytes)) != 0 || fsync(file->fd) != 0) {
        return errno;
    }
    return APR_SUCCESS;
}

/* A cache of the broker's stream does no harm, however old it is. Events of the
 * hub before it was clustered would, if it is not clustered any more later. */
static int is_cache(const es_hub_file_t *file)
{
    return file->head.is_clustered && file->found != ES_HUB_FILE_USELESS;
}

apr_status_t es_hub_file_use(es_hub_file_t *file, server_rec *s)
{
    apr_status_t rv;

    if (!file->is_open) {
        return APR_SUCCESS;
    }
    if (!file->is_marked && !is_cache(file)) {
        rv = mark(file);
        if (rv != APR_SUCCESS) {
            es_slog(APLOG_ERR, rv, s, "ES0218",
                    "cannot mark %s, the file of hub %s, as in use; its events "
                    "would be taken for new ones later; make room on the disk "
                    "or change EventStreamHub file=",
                    file->path, file->head.hub);
            return rv;
        }
        file->is_marked = 1;
    }
    file->is_used = 1;
    return APR_SUCCESS;
}

/* ---- Saving -------------------------------------------------------------- */

/** A file that was left by a server that was killed while it saved. */
static int remove_left_over(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0 && S_ISREG(st.st_mode) &&
           st.st_uid == geteuid() && unlink(path) == 0;
}

/** @return a descriptor; -1, and errno is set */
static int create(const char *path)
{
    int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    int fd = open(path, flags, S_IRUSR | S_IWUSR);

    if (fd < 0 && errno == EEXIST && remove_left_over(path)) {
        fd = open(path, flags, S_IRUSR | S_IWUSR);
    }
    return fd;
}

/** Is the name still that of our file, or of none? What someone has put there
 * meanwhile is theirs. */
static int is_ours(const es_hub_file_t *file)
{
    struct stat st;

    return es_hub_file_is(file, file->path) ||
           (lstat(file->path, &st) != 0 && errno == ENOENT);
}

/* The new name is on disk, too. If that fails and the machine stops, the file
 * is the marked one again. */
static void sync_folder(const char *path)
{
    char folder[ES_HUB_FILE_MAX + 1];
    char *slash;
    int fd;

    apr_cpystrn(folder, path, sizeof(folder));
    slash = strrchr(folder, '/');
    if (!slash) {
        return;
    }
    slash[slash == folder] = '\0';
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        (void)fsync(fd);
        close(fd);
    }
}

/** @param path  of the new file */
static apr_status_t write_new(const es_hub_file_t *file, const char *path,
                              const es_store_t *store, es_saved_t *saved)
{
    es_file_head_t head = file->head;
    apr_status_t rv;
    int fd = create(path);

    if (fd < 0) {
        return errno;
    }
    head.saved_ms = (apr_uint64_t)apr_time_as_msec(apr_time_now());
    rv = es_store_save(store, fd, &head, es_clock_ms(), saved);
    if (rv == APR_SUCCESS && fsync(fd) != 0) {
        rv = errno;
    }
    if (close(fd) != 0 && rv == APR_SUCCESS) {
        rv = errno;
    }
    if (rv == APR_SUCCESS && rename(path, file->path) != 0) {
        rv = errno;
    }
    if (rv != APR_SUCCESS) {
        (void)unlink(path);
    }
    return rv;
}

void es_hub_file_save(const es_hub_file_t *file, const es_store_t *store,
                      server_rec *s)
{
    char path[ES_HUB_FILE_MAX + sizeof(NEW_SUFFIX)];
    apr_time_t since = es_clock_now();
    es_saved_t saved = {0};
    apr_status_t rv = APR_EEXIST;

    apr_snprintf(path, sizeof(path), "%s" NEW_SUFFIX, file->path);
    if (is_ours(file)) {
        rv = write_new(file, path, store, &saved);
    }
    if (rv != APR_SUCCESS) {
        es_slog(APLOG_ERR, rv, s, "ES0219",
                "cannot save the events of hub %s to %s; the hub starts empty "
                "next time, and clients that resume get stream-reset",
                file->head.hub, file->path);
        return;
    }
    sync_folder(file->path);
    es_slog(APLOG_NOTICE, 0, s, "ES0220",
            "hub %s: %" APR_UINT64_T_FMT
            " events were saved to %s, %" APR_UINT64_T_FMT
            " bytes in %" APR_TIME_T_FMT " ms",
            file->head.hub, saved.events, file->path, saved.bytes,
            apr_time_as_msec(es_clock_now() - since));
}

void es_hub_file_close(es_hub_file_t *file)
{
    if (file->is_open) {
        close(file->fd);
        file->is_open = 0;
    }
}

void es_hub_file_remove(es_hub_file_t *file)
{
    if (file->is_open && file->is_marked && es_hub_file_is(file, file->path)) {
        (void)unlink(file->path);
    }
    es_hub_file_close(file);
}
