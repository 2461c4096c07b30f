/* SPDX-License-Identifier: Apache-2.0 */
/* A table of numbers and texts; the texts are sent to publishers. */
#include "grip/outcome.h"

#include <apr_strings.h>

static const struct {
    int outcome;
    const char *text;
} texts[] = {
    {ES_OUTCOME_NAME, "its name cannot be resolved"},
    {ES_OUTCOME_CONNECT, "cannot connect"},
    {ES_OUTCOME_TLS, "TLS failed"},
    {ES_OUTCOME_TIMEOUT, "no answer in time"},
    {ES_OUTCOME_BROKEN, "the connection ended before the answer"},
    {ES_OUTCOME_TOKEN, "no token could be made"},
    {ES_OUTCOME_OVERTAKEN, "it was behind by more than the journal holds"},
    {ES_OUTCOME_STOPPING, "this child of httpd stops"},
    {ES_OUTCOME_TOO_MANY_WAITING, "too many publishers wait for it"},
    {ES_OUTCOME_UNSENT, "nothing is sent to it, see the error log"},
    {ES_OUTCOME_LOST, "its record was damaged"},
    {ES_OUTCOME_ELSEWHERE, "another server of the cluster sends to it"},
    {ES_OUTCOME_EARLIER, "it was published earlier"},
};

#define TEXTS (sizeof(texts) / sizeof(texts[0]))

int es_outcome_is_answer(int outcome)
{
    return outcome >= 100 && outcome <= 999;
}

int es_outcome_is_failure(int outcome)
{
    return outcome != 0 && outcome != ES_OUTCOME_ELSEWHERE &&
           outcome != ES_OUTCOME_EARLIER;
}

int es_outcome_blames_body(int outcome)
{
    return outcome == 400 || outcome == 413 || outcome == 422;
}

const char *es_outcome_text(int outcome, apr_pool_t *p)
{
    size_t i;

    if (es_outcome_is_answer(outcome)) {
        return apr_psprintf(p, "status %d", outcome);
    }
    for (i = 0; i < TEXTS; i++) {
        if (texts[i].outcome == outcome) {
            return texts[i].text;
        }
    }
    return "not known";
}
