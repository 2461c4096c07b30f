/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The settings: the values of the directives. config/directives.c fills and
 * merges them; its table has the names, ranges and presets. By the time of a
 * request every scalar is set.
 */
#ifndef ES_SERVER_SETTINGS_H
#define ES_SERVER_SETTINGS_H

#include <httpd.h>
#include <http_config.h>
#include <ap_expr.h>

#include "base/path.h"
#include "base/template.h"
#include "shm/rates.h"
#include "cluster/url.h"
#include "grip/proxy.h"
#include "token/publish_keys.h"
#include "token/token.h"
#include "mod_eventstream.h"

extern module AP_MODULE_DECLARE_DATA eventstream_module;

/** The values of SetHandler. */
#define ES_HANDLER_SUBSCRIBE EVENTSTREAM_HANDLER
#define ES_HANDLER_PUBLISH EVENTSTREAM_PUBLISH_HANDLER
#define ES_HANDLER_STATUS "eventstream-status"
#define ES_HANDLER_METRICS "eventstream-metrics"

/** A scalar that no directive has set; below each valid value. */
#define ES_UNSET APR_INT64_C(-1)

/** A source of channel names: one word of EventStreamChannel, or one
 * EventStreamChannelList. */
typedef struct es_source_t {
    const es_template_t *template; /* NULL for a list */
    const char *separator;         /* of a list, never empty */
    ap_expr_info_t *list;          /* of a list */
} es_source_t;

/** EventStreamPublishFrom, EventStreamControlFrom. With none all others are
 * unset. */
typedef struct es_publish_from_t {
    int none;                /* no request */
    int any;                 /* every request that Require lets in */
    int local;               /* loopback, without a proxy's headers */
    int user;                /* an authenticated user */
    apr_array_header_t *net; /* apr_ipsubnet_t *, of clients; or NULL */
} es_publish_from_t;

/** EventStreamHttp2: who of those over HTTP/2 is asked to use HTTP/1.1. */
typedef enum es_http2_mode_t {
    ES_HTTP2_AUTO,  /* who cannot be held */
    ES_HTTP2_HOLD,  /* none */
    ES_HTTP2_HTTP11 /* all that are known to understand it */
} es_http2_mode_t;

/** EventStreamToken, all lines of a section. */
typedef struct es_token_conf_t {
    apr_array_header_t *issuers; /* const es_issuer_t *; one or more */
    const char *cookie;          /* its name; NULL = none */
    const char *query;           /* name of the parameter; NULL = none */
} es_token_conf_t;

/** EventStreamPresence. */
typedef struct es_presence_conf_t {
    int is_on;
    ap_expr_info_t *name; /* of a client; NULL if it is off */
} es_presence_conf_t;

/** Whose events EventStreamPublishRate counts together. */
typedef enum es_rate_per_t {
    ES_RATE_PER_USER, /* those of a user, or of an address without one */
    ES_RATE_PER_ADDRESS,
    ES_RATE_PER_ALL /* those of all publishers */
} es_rate_per_t;

/** EventStreamPublishRate. */
typedef struct es_publish_rate_conf_t {
    const char *text;    /* the words of the directive */
    apr_uint32_t number; /* of this rate, from 1; 0 = off */
    es_rate_per_t per;
    es_rate_t rate; /* of events */
} es_publish_rate_conf_t;

/** Per directory (and, at server level, per virtual host). */
typedef struct es_dir_t {
    apr_int64_t retry_us;
    apr_int64_t retry_spread;      /* percent of retry_us; 0 = none */
    apr_int64_t keepalive_us;      /* 0 = none */
    apr_int64_t keepalive_comment; /* 1 = as comment, 0 = as event */
    apr_int64_t send_timeout_us;   /* 0 = no timeout */
    apr_int64_t unsent_bytes;      /* held by the kernel; 0 = its own limit */
    apr_int64_t lifetime_us;       /* of a stream; 0 = no end */
    apr_int64_t turn_us;           /* live time of a client served in turns */
    apr_int64_t replay; /* events of each channel for new clients; 0 = none */
    apr_int64_t detaches_tls;        /* 0 = clients over TLS are held */
    apr_int64_t http2;               /* es_http2_mode_t */
    apr_int64_t max_client_channels; /* channels of one client */
    apr_int64_t max_event_bytes;     /* data of one event */
    apr_int64_t max_body_bytes;      /* body of one publish request */
    apr_int64_t publish_timeout_us;  /* between lines of NDJSON; 0 = none */
    apr_int64_t errors_as_events;    /* EventStreamErrorForm; 1 = event */
    apr_int64_t logs_publish;        /* EventStreamPublishLog; 1 = on */
    const char *hub;                 /* name; NULL = "default" */
    apr_array_header_t *sources;     /* es_source_t; NULL = unset */
    const es_path_t *path;           /* NULL = unset */
    apr_array_header_t *allow; /* const es_template_t *; NULL = all channels */
    int allow_is_own; /* of the section that has sources, or of one within */
    es_publish_from_t *from;         /* NULL = local */
    es_publish_from_t *control;      /* NULL = local and addresses of from */
    int closes_control;              /* an outer control has ended here */
    es_publish_keys_t *keys;         /* of publishers; NULL = unset */
    es_token_conf_t *tokens;         /* NULL = unset */
    apr_array_header_t *origins;     /* char *; NULL = none */
    apr_array_header_t *transparent; /* char *; NULL = none */
    apr_array_header_t *metrics_channels;       /* char *; NULL = none */
    const char *status_publish;                 /* a path of this site, or "" */
    const es_presence_conf_t *presence;         /* NULL = unset */
    const es_publish_rate_conf_t *publish_rate; /* NULL = unset */
} es_dir_t;

/** EventStreamCluster of a hub, which may be defined later. */
typedef struct es_cluster_conf_t {
    const char *hub;                 /* its name */
    const ap_directive_t *directive; /* for errors */
    const es_cluster_url_t *url;     /* of the broker */
    const char *password;            /* of secret= or the URL; NULL = none */
    const char *key;                 /* prefix of the keys at the broker */
    const char *ca_file;             /* of TLS, as the next; NULL = unset */
    const char *cert_file;
    const char *key_file;
    int verifies;                /* 1 = the broker's certificate is checked */
    apr_uint64_t maxlen;         /* entries that the broker retains */
    int acks_replica;            /* 1 = a replica must have an event, too */
    apr_interval_time_t timeout; /* of a publish */
} es_cluster_conf_t;

/** Upper bound of hubs of a server, and the preset of size=, in bytes. */
#define ES_HUBS_MAX 64
#define ES_HUB_SIZE (64 * 1024 * 1024)

/** Most bytes of the path of a hub's file. */
#define ES_HUB_FILE_MAX 1023

/** The hub of the status page; no directive takes a name with a dot. */
#define ES_HUB_STATUS ".status"

/** A hub as configured. */
typedef struct es_hub_conf_t {
    const char *name;
    apr_uint64_t size_bytes; /* of its journal */
    int is_populated;        /* 1 = all its pages are made at start */
    const char *file;        /* keeps its events over a stop; NULL = none */
    const es_grip_t *grip;   /* NULL = GRIP is off */
    const char *grip_prefix; /* of names in GRIP items, set if off, too */
    apr_uint64_t history;    /* events of a channel; 0 = all that fit */
    apr_int64_t age_us;      /* of an event; 0 = any */
    const es_cluster_conf_t *cluster; /* NULL = of this server alone */
    apr_uint32_t channels; /* most of them; 0 = EventStreamMaxChannels */
    int is_internal;       /* 1 = of the status page, named by no directive */
} es_hub_conf_t;

/** The EventStreamGrip… directives of a hub, which may be defined later. */
typedef struct es_hub_grip_conf_t {
    const char *hub;                 /* its name */
    const ap_directive_t *directive; /* the first of them */
    es_grip_t *grip;
} es_hub_grip_conf_t;

/** Settings of the whole server; the main server has them. */
typedef struct es_settings_t {
    apr_int64_t max_clients;          /* all children; 0 = no limit */
    apr_int64_t max_address_clients;  /* one client address; 0 = no limit */
    apr_int64_t max_user_clients;     /* one user; 0 = no limit */
    apr_int64_t max_channels;         /* of a hub */
    apr_int64_t max_address_channels; /* one client address; 0 = no limit */
    apr_int64_t max_held;             /* per child; 0 = a quarter */
    apr_int64_t max_grip_waiting;     /* per child; 0 = half of its workers */
    apr_int64_t threads;              /* of delivery, per child; 0 = auto */
    apr_int64_t max_presence;         /* rows of the table of presence */
    int has_presence;                 /* 1 = some section has it on */
    apr_int64_t drain_us;
    apr_int64_t flow_control_us; /* publishers wait so long in all; 0 = off */
    apr_int64_t lock_timeout_us; /* 0 = the preset */
    int lock_kills;              /* 1 = kill a child that keeps a lock */
    const char *stream_log;      /* a file, or "|" and a program; NULL = none */
    const struct es_log_format_t *log_format; /* of it; http/log_format.h */
    apr_array_header_t *hubs;     /* es_hub_conf_t; [0] is "default" */
    apr_array_header_t *grips;    /* es_hub_grip_conf_t; up to one a hub */
    apr_array_header_t *clusters; /* es_cluster_conf_t *; up to one a hub */
} es_settings_t;

#define ES_LOCK_TIMEOUT_US (2 * APR_USEC_PER_SEC)

/** The settings of a request. */
static inline es_dir_t *es_settings_dir(const request_rec *r)
{
    return ap_get_module_config(r->per_dir_config, &eventstream_module);
}

/** The name of the hub that the channels belong to. */
static inline const char *es_settings_hub_name(const es_dir_t *conf)
{
    return conf->hub ? conf->hub : "default";
}

/** The settings of the whole server; s is its main server. */
es_settings_t *es_settings_of(const server_rec *s);

/** The configured hub of this name, or NULL. */
es_hub_conf_t *es_settings_hub(const es_settings_t *global, const char *name);

/**
 * Add a hub with presets.
 *
 * @param name  not copied
 * @return an element of the array of hubs, valid until the next one is added
 */
es_hub_conf_t *es_settings_add_hub(es_settings_t *global, const char *name);

#endif
