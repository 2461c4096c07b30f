/* SPDX-License-Identifier: Apache-2.0 */
/* The reasons of the output path are numbered from 0, those of TLS from 1. */
#include "http/not_detached.h"

#include "http/output_path.h"
#include "http/tls_server.h"

int es_not_detached_read(const es_figures_t *figures, unsigned int number,
                         es_not_detached_t *out)
{
    unsigned int obstacle;

    out->key = es_output_path_reason(number, &out->text);
    if (out->key) {
        out->count = figures->paths[number];
        return 1;
    }
    obstacle = number - ES_OUTPUT_REASONS + 1;
    out->key = es_tls_server_obstacle(obstacle, &out->text);
    out->count =
        obstacle < ES_STATS_OBSTACLES ? figures->obstacles[obstacle] : 0;
    return out->key != NULL;
}
