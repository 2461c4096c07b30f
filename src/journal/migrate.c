/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the exporter reads from the old store is what the importer appends to
 * the new one; nothing is in between.
 */
#include "journal/migrate.h"

#include "base/context.h"
#include "journal/export.h"

apr_status_t es_store_migrate(es_store_t *to, const es_store_t *from,
                              es_migrated_t *migrated)
{
    es_transfer_head_t head;
    es_import_t *import;
    apr_status_t rv = es_export_head(from, &head);

    ES_CONTEXT(ES_PARENT);
    memset(migrated, 0, sizeof(*migrated));
    if (rv == APR_SUCCESS) {
        rv = es_import_begin(&import, to, &head);
    }
    if (rv == APR_SUCCESS) {
        rv = es_export(from, &head, es_import_put, import);
        rv = es_import_end(import, rv, migrated);
    }
    return rv;
}
