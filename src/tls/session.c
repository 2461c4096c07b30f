/* SPDX-License-Identifier: Apache-2.0 */
/*
 *  TLS 1.3 (RFC 8446 5.2)              TLS 1.2 (RFC 5246 6.2.3.3)
 *
 *  | head | sealed: text, type | tag |  | head | nonce | sealed: text | tag |
 *
 * The head is 5 bytes. In TLS 1.3 it always tells application data, and it is
 * the additional data. In TLS 1.2 that is number, type, version and length of
 * the text; the 8 bytes of nonce stand there with AES-GCM only (RFC 5288 3),
 * not with ChaCha20-Poly1305 (RFC 7905 2), whose nonce is made of iv and number
 * as in TLS 1.3.
 *
 * The text is copied into the record and sealed there: frames are short, and a
 * call of EVP for each of them costs more than the copy.
 */
#include "tls/session.h"

#include <assert.h>
#include <string.h>

#include <openssl/crypto.h>

#include "tls/aead.h"
#include "tls/key_schedule.h"

#define SALT 4        /* bytes of the nonce that no record has */
#define DATA_12 13    /* bytes of additional data in TLS 1.2 */
#define BLOCK_MAX 128 /* bytes of a key block, and more */
#define RANDOM 32

static apr_uint64_t key_records = ES_TLS_KEY_RECORDS;

/* ---- numbers ----------------------------------------------------------- */

static void put_16(unsigned char *to, apr_size_t value)
{
    to[0] = (unsigned char)(value >> 8);
    to[1] = (unsigned char)value;
}

static void put_64(unsigned char *to, apr_uint64_t value)
{
    int i;

    for (i = 7; i >= 0; i--) {
        to[i] = (unsigned char)value;
        value >>= 8;
    }
}

static apr_uint64_t get_64(const unsigned char *from)
{
    apr_uint64_t value = 0;
    int i;

    for (i = 0; i < 8; i++) {
        value = value << 8 | from[i];
    }
    return value;
}

/* iv xor number, both at the right */
static void mix_nonce(unsigned char *nonce, const unsigned char *iv,
                      apr_uint64_t number)
{
    memcpy(nonce, iv, SALT);
    put_64(nonce + SALT, get_64(iv + SALT) ^ number);
}

static void join_nonce(unsigned char *nonce, const unsigned char *salt,
                       const unsigned char *explicit_nonce)
{
    memcpy(nonce, salt, SALT);
    memcpy(nonce + SALT, explicit_nonce, ES_TLS_NONCE - SALT);
}

static void put_head(unsigned char *head, int type, apr_size_t len)
{
    head[0] = (unsigned char)type;
    head[1] = 3;
    head[2] = 3;
    put_16(head + 3, len);
}

/* @return its length */
static apr_size_t put_data_12(unsigned char *data, apr_uint64_t number,
                              int type, apr_size_t text_len)
{
    put_64(data, number);
    put_head(data + 8, type, text_len);
    return DATA_12;
}

/* ---- start ------------------------------------------------------------- */

/* @return NULL: not known */
static const es_tls_suite_t *start(es_tls_session_t *s,
                                   es_tls_version_t version,
                                   apr_uint32_t number)
{
    int index = es_tls_suite_find(version, number);

    memset(s, 0, sizeof(*s));
    if (index < 0) {
        return NULL;
    }
    s->version = version;
    s->suite = (apr_byte_t)index;
    return es_tls_suite_at((unsigned int)index);
}

apr_status_t es_tls_session_init_13(es_tls_session_t *s, apr_uint32_t suite,
                                    const unsigned char *server_secret,
                                    const unsigned char *client_secret,
                                    apr_size_t len, apr_uint64_t written,
                                    apr_uint64_t read)
{
    const es_tls_suite_t *of = start(s, ES_TLS_1_3, suite);
    apr_status_t rv = APR_ENOTIMPL;

    if (of) {
        rv = len == of->hash_len
                 ? es_tls_key_schedule_keys(of, s->write.key, s->write.iv,
                                            server_secret)
                 : APR_EINVAL;
    }
    if (rv != APR_SUCCESS) {
        es_tls_session_wipe(s);
        return rv;
    }
    memcpy(s->write.secret, server_secret, len);
    memcpy(s->read.secret, client_secret, len);
    s->write.number = written;
    s->read.number = read;
    return APR_SUCCESS;
}

/* The keys of both sides, then their ivs: the client's before the server's. */
static void cut_block(es_tls_session_t *s, const es_tls_suite_t *of,
                      const unsigned char *block, apr_size_t iv_len)
{
    const unsigned char *ivs = block + 2 * of->key_len;

    memcpy(s->read.secret, block, of->key_len);
    memcpy(s->write.key, block + of->key_len, of->key_len);
    memcpy(s->read.secret + ES_TLS_KEY_MAX, ivs, iv_len);
    memcpy(s->write.iv, ivs + iv_len, iv_len);
}

apr_status_t es_tls_session_init_12(es_tls_session_t *s, apr_uint32_t suite,
                                    const unsigned char *master,
                                    const unsigned char *client_random,
                                    const unsigned char *server_random,
                                    apr_uint64_t written, apr_uint64_t read,
                                    apr_uint64_t last_nonce)
{
    const es_tls_suite_t *of = start(s, ES_TLS_1_2, suite);
    unsigned char block[BLOCK_MAX], randoms[2 * RANDOM];
    apr_size_t iv_len;
    apr_status_t rv;

    if (!of) {
        return APR_ENOTIMPL;
    }
    memcpy(randoms, server_random, RANDOM);
    memcpy(randoms + RANDOM, client_random, RANDOM);
    iv_len = ES_TLS_NONCE - of->explicit_nonce;
    rv = es_tls_key_schedule_block(of, block, 2 * (of->key_len + iv_len),
                                   master, randoms);
    if (rv == APR_SUCCESS) {
        cut_block(s, of, block, iv_len);
        if (of->explicit_nonce) {
            put_64(s->write.iv + SALT, last_nonce + 1 - written);
        }
        s->write.number = written;
        s->read.number = read;
    }
    else {
        es_tls_session_wipe(s);
    }
    OPENSSL_cleanse(block, sizeof(block));
    return rv;
}

int es_tls_session_is_valid(const es_tls_session_t *s)
{
    const es_tls_suite_t *of = es_tls_suite_at(s->suite);

    return of && of->version == s->version;
}

/* ---- seal -------------------------------------------------------------- */

/* @return 0: iov has less than from + len bytes */
static int gather(unsigned char *to, const struct iovec *iov, int count,
                  apr_size_t from, apr_size_t len)
{
    int i;

    for (i = 0; i < count && len > 0; i++) {
        apr_size_t piece = iov[i].iov_len;

        if (from >= piece) {
            from -= piece;
            continue;
        }
        piece -= from;
        if (piece > len) {
            piece = len;
        }
        memcpy(to, (const unsigned char *)iov[i].iov_base + from, piece);
        from = 0;
        to += piece;
        len -= piece;
    }
    return len == 0;
}

/* The text of len bytes is in the record already, behind head and nonce.
 * @return APR_SUCCESS and record_len */
static apr_status_t seal_text(es_tls_session_t *s, const es_tls_suite_t *of,
                              int type, unsigned char *record, apr_size_t len,
                              apr_size_t *record_len)
{
    unsigned char nonce[ES_TLS_NONCE], data[DATA_12];
    unsigned char *text = record + ES_TLS_HEAD + of->explicit_nonce;
    es_tls_aead_input_t in = {of->aead, s->write.key, nonce, record,
                              ES_TLS_HEAD};

    if (of->version == ES_TLS_1_3) {
        text[len++] = (unsigned char)type;
        type = ES_TLS_APPLICATION_DATA;
    }
    else {
        in.data_len = put_data_12(data, s->write.number, type, len);
        in.data = data;
    }
    if (of->explicit_nonce) {
        put_64(record + ES_TLS_HEAD,
               get_64(s->write.iv + SALT) + s->write.number);
        join_nonce(nonce, s->write.iv, record + ES_TLS_HEAD);
    }
    else {
        mix_nonce(nonce, s->write.iv, s->write.number);
    }
    put_head(record, type, of->explicit_nonce + len + ES_TLS_TAG);
    *record_len = ES_TLS_HEAD + of->explicit_nonce + len + ES_TLS_TAG;
    return es_tls_aead_seal(&in, text, len, text + len);
}

apr_status_t es_tls_session_seal(es_tls_session_t *s, int type,
                                 const struct iovec *iov, int count,
                                 apr_size_t from, apr_size_t len,
                                 unsigned char *record, apr_size_t *record_len)
{
    const es_tls_suite_t *of = es_tls_suite_at(s->suite);
    unsigned char *text;
    apr_status_t rv;

    if (s->write.number == APR_UINT64_MAX) {
        return APR_EGENERAL;
    }
    text = record + ES_TLS_HEAD + of->explicit_nonce;
    if (len > ES_TLS_PLAIN_MAX || !gather(text, iov, count, from, len)) {
        return APR_EINVAL;
    }
    rv = seal_text(s, of, type, record, len, record_len);
    if (rv == APR_SUCCESS) {
        s->write.number++;
    }
    return rv;
}

void es_tls_session_take_back(es_tls_session_t *s)
{
    assert(s->write.number > 0);
    s->write.number--;
}

/* ---- open -------------------------------------------------------------- */

apr_size_t es_tls_session_record_len(const unsigned char *head)
{
    return ES_TLS_HEAD + ((apr_size_t)head[3] << 8 | head[4]);
}

/* The text of TLS 1.3 ends with its type; zeros may follow, as padding. */
static apr_status_t cut_padding(const unsigned char *text, apr_size_t *len,
                                int *type)
{
    apr_size_t n = *len;

    while (n > 0 && text[n - 1] == 0) {
        n--;
    }
    if (n == 0) {
        return APR_EINVAL;
    }
    *type = text[n - 1];
    *len = n - 1;
    return APR_SUCCESS;
}

apr_status_t es_tls_session_read_keys(const es_tls_session_t *s,
                                      es_tls_read_keys_t *keys)
{
    const es_tls_suite_t *of = es_tls_suite_at(s->suite);

    if (of->version == ES_TLS_1_3) {
        return es_tls_key_schedule_keys(of, keys->key, keys->iv,
                                        s->read.secret);
    }
    memcpy(keys->key, s->read.secret, ES_TLS_KEY_MAX);
    memcpy(keys->iv, s->read.secret + ES_TLS_KEY_MAX, ES_TLS_NONCE);
    return APR_SUCCESS;
}

/* text is len bytes and the tag */
static apr_status_t open_text(const es_tls_session_t *s,
                              const es_tls_suite_t *of,
                              const es_tls_read_keys_t *keys,
                              const unsigned char *record, unsigned char *text,
                              apr_size_t len)
{
    unsigned char nonce[ES_TLS_NONCE], data[DATA_12];
    es_tls_aead_input_t in = {of->aead, keys->key, nonce, record, ES_TLS_HEAD};

    if (of->version == ES_TLS_1_2) {
        in.data_len = put_data_12(data, s->read.number, record[0], len);
        in.data = data;
    }
    if (of->explicit_nonce) {
        join_nonce(nonce, keys->iv, record + ES_TLS_HEAD);
    }
    else {
        mix_nonce(nonce, keys->iv, s->read.number);
    }
    return es_tls_aead_open(&in, text, len, text + len);
}

/* @return 0: no record that is sealed as this one can open */
static int is_possible(const es_tls_suite_t *of, const unsigned char *record,
                       apr_size_t len)
{
    if (len < ES_TLS_HEAD + of->explicit_nonce + ES_TLS_TAG ||
        len > ES_TLS_READ_MAX || len != es_tls_session_record_len(record)) {
        return 0;
    }
    /* TLS 1.3 ignores the version, but authenticates it (RFC 8446 5.1) */
    return of->version == ES_TLS_1_3 ? record[0] == ES_TLS_APPLICATION_DATA
                                     : record[1] == 3 && record[2] == 3;
}

apr_status_t es_tls_session_open_with(es_tls_session_t *s,
                                      const es_tls_read_keys_t *keys,
                                      unsigned char *record, apr_size_t len,
                                      int *type, unsigned char **plain,
                                      apr_size_t *plain_len)
{
    const es_tls_suite_t *of = es_tls_suite_at(s->suite);
    unsigned char *text = record + ES_TLS_HEAD + of->explicit_nonce;
    apr_size_t text_len;
    apr_status_t rv;

    if (!is_possible(of, record, len) || s->read.number == APR_UINT64_MAX) {
        return APR_EINVAL;
    }
    text_len = (apr_size_t)(record + len - text) - ES_TLS_TAG;
    rv = open_text(s, of, keys, record, text, text_len);
    *type = record[0];
    if (rv == APR_SUCCESS && of->version == ES_TLS_1_3) {
        rv = cut_padding(text, &text_len, type);
    }
    if (rv == APR_SUCCESS && text_len > ES_TLS_PLAIN_MAX) {
        rv = APR_EINVAL;
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    s->read.number++;
    *plain = text;
    *plain_len = text_len;
    return APR_SUCCESS;
}

apr_status_t es_tls_session_open(es_tls_session_t *s, unsigned char *record,
                                 apr_size_t len, int *type,
                                 unsigned char **plain, apr_size_t *plain_len)
{
    es_tls_read_keys_t keys;
    apr_status_t rv = es_tls_session_read_keys(s, &keys);

    if (rv == APR_SUCCESS) {
        rv = es_tls_session_open_with(s, &keys, record, len, type, plain,
                                      plain_len);
    }
    OPENSSL_cleanse(&keys, sizeof(keys));
    return rv;
}

/* ---- keys -------------------------------------------------------------- */

apr_status_t es_tls_session_update_write(es_tls_session_t *s)
{
    const es_tls_suite_t *of = es_tls_suite_at(s->suite);
    es_tls_session_t next = *s; /* on an error s goes on as it is */
    apr_status_t rv = APR_ENOTIMPL;

    if (of->version == ES_TLS_1_3) {
        rv = es_tls_key_schedule_next(of, next.write.secret);
    }
    if (rv == APR_SUCCESS) {
        rv = es_tls_key_schedule_keys(of, next.write.key, next.write.iv,
                                      next.write.secret);
    }
    if (rv == APR_SUCCESS) {
        next.write.number = 0;
        *s = next;
    }
    es_tls_session_wipe(&next);
    return rv;
}

apr_status_t es_tls_session_update_read(es_tls_session_t *s)
{
    const es_tls_suite_t *of = es_tls_suite_at(s->suite);
    apr_status_t rv;

    if (of->version != ES_TLS_1_3) {
        return APR_ENOTIMPL;
    }
    rv = es_tls_key_schedule_next(of, s->read.secret);
    if (rv == APR_SUCCESS) {
        s->read.number = 0;
    }
    return rv;
}

int es_tls_session_is_at_limit(const es_tls_session_t *s)
{
    return s->write.number >= key_records;
}

void es_tls_session_set_limit(apr_uint64_t records)
{
    key_records = records;
}

void es_tls_session_wipe(es_tls_session_t *s)
{
    const es_tls_suite_t *of = es_tls_suite_at(s->suite);

    if (of) {
        es_tls_aead_forget(of->aead);
    }
    OPENSSL_cleanse(s, sizeof(*s));
}

void es_tls_session_wipe_copies(void *bytes, apr_size_t len)
{
    OPENSSL_cleanse(bytes, len);
}

void es_tls_thread_end(void)
{
    es_tls_aead_thread_end();
}
