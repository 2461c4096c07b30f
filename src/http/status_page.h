/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The status page: SetHandler eventstream-status. One page for people, its
 * figures and channels as JSON, and both live, as event streams.
 */
#ifndef ES_HTTP_STATUS_PAGE_H
#define ES_HTTP_STATUS_PAGE_H

#include <httpd.h>

/** The handler. @return DECLINED for another one. Context: WORKER. */
int es_status_page_handler(request_rec *r);

/** The parts of the page, made by the build of the files in page/. */
extern const char es_status_page_head[];
extern const char es_status_page_style[];
extern const char es_status_page_body[];
extern const char es_status_page_script[];

#endif
