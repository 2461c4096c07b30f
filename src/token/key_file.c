/* SPDX-License-Identifier: Apache-2.0 */
/* The permissions are those of the open file, so that nobody can replace it
 * between the check and the read. Without NONBLOCK the open of a FIFO would
 * wait for a writer, and httpd would never start. */
#include "token/key_file.h"

#include <apr_file_info.h>
#include <apr_file_io.h>
#include <apr_strings.h>

#define KEY_FILE_MAX (64 * 1024)
#define WRITABLE (APR_FPROT_GWRITE | APR_FPROT_WWRITE)
#define READABLE APR_FPROT_WREAD

const char *es_key_file_complain(const es_key_file_t *file, apr_pool_t *p,
                                 const char *what)
{
    return apr_psprintf(p, "cannot be used: the file %s %s", file->path, what);
}

static const char *check(es_key_file_t *file, const apr_finfo_t *info,
                         apr_pool_t *p)
{
    if (info->filetype != APR_REG) {
        return es_key_file_complain(file, p, "is not a regular file");
    }
    if (info->size > KEY_FILE_MAX) {
        return es_key_file_complain(file, p, "is larger than 64k");
    }
    if (info->protection & WRITABLE) {
        return es_key_file_complain(file, p,
                                    "is writable by others (chmod go-w)");
    }
    file->is_public = (info->protection & READABLE) != 0;
    return NULL;
}

static const char *read_open(es_key_file_t *file, apr_file_t *fd, apr_pool_t *p)
{
    apr_finfo_t info;
    const char *err;
    char *bytes;
    apr_size_t len = 0;

    if (apr_file_info_get(&info, APR_FINFO_NORM, fd) != APR_SUCCESS) {
        return es_key_file_complain(file, p, "cannot be read");
    }
    err = check(file, &info, p);
    if (err) {
        return err;
    }
    bytes = apr_palloc(p, (apr_size_t)info.size + 1);
    if (apr_file_read_full(fd, bytes, (apr_size_t)info.size, &len) !=
            APR_SUCCESS &&
        len != (apr_size_t)info.size) {
        return es_key_file_complain(file, p, "cannot be read");
    }
    while (len != 0 && (bytes[len - 1] == '\n' || bytes[len - 1] == '\r')) {
        len--; /* editors add one */
    }
    file->content = es_slice(bytes, len);
    return NULL;
}

const char *es_key_file_load(es_key_file_t *file, const char *path,
                             const char *root, apr_pool_t *p)
{
    char text[120];
    const char *err;
    apr_file_t *fd;
    apr_status_t rv = apr_filepath_merge((char **)&file->path, root, path,
                                         APR_FILEPATH_TRUENAME, p);

    if (rv != APR_SUCCESS) {
        file->path = path;
    }
    rv = apr_file_open(&fd, file->path,
                       APR_FOPEN_READ | APR_FOPEN_BINARY | APR_FOPEN_NONBLOCK,
                       APR_FPROT_OS_DEFAULT, p);
    if (rv != APR_SUCCESS) {
        return apr_psprintf(p, "cannot be read from %s: %s", file->path,
                            apr_strerror(rv, text, sizeof(text)));
    }
    err = read_open(file, fd, p);
    apr_file_close(fd);
    return err;
}
