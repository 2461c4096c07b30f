# SPDX-License-Identifier: Apache-2.0
# nginx with nchan, for run.sh, which sets $tmp, $addresses, $children, $tls and
# $port_b.
#
#   has_nchan    is it installed?
#   start_nchan  starts it on the ports of side b, sets $pid_b
#
#   ES_NGINX          the server (nginx)
#   ES_NGINX_MODULES  folder of ngx_nchan_module.so (/usr/lib/nginx/modules)
#
# It serves the paths of the module, keeps as many events for as long, logs
# nothing, and has as many worker processes as httpd has children. Its host for
# TLS has the certificate of httpd's, and neither has a cache of TLS sessions.
# Debian has it as nginx and libnginx-mod-nchan.

nginx=${ES_NGINX:-$(command -v nginx)}
nchan_module=${ES_NGINX_MODULES:-/usr/lib/nginx/modules}/ngx_nchan_module.so

has_nchan() {
    [ -n "$nginx" ] && [ -f "$nchan_module" ]
}

# listens_of PORT [ssl]
listens_of() {
    for address in $addresses; do
        echo "        listen $address:$1${2:+ $2} backlog=4096;"
    done
}

host_of_nchan() {
    echo "    server {"
    "$@"
    cat <<'CONF'
        location ~ ^/events/([^/]+)$ {
            nchan_subscriber eventsource;
            nchan_channel_id room-$1;
            nchan_subscriber_first_message newest;
        }
        location = /publish {
            nchan_publisher;
            nchan_channel_id $arg_channel;
            nchan_message_buffer_length 100;
            nchan_message_timeout 1h;
        }
    }
CONF
}

listens_of_tls() {
    listens_of "$(tls_port "$port_b")" ssl
    cat <<CONF
        ssl_certificate $tmp/cert.pem;
        ssl_certificate_key $tmp/key.pem;
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_session_cache off;
CONF
}

write_nchan_conf() {
    [ "$(id -u)" -ne 0 ] || echo "user nobody $(id -gn nobody);"
    cat <<CONF
load_module $nchan_module;
daemon off;
worker_processes $children;
pid $tmp/nginx.pid;
error_log $tmp/nginx.log warn;
events {
    # it closes idle ones when less than a sixteenth is left
    worker_connections $(($(ulimit -n) * 5 / 4));
}
http {
    access_log off;
    keepalive_requests 1000000;
    nchan_shared_memory_size 64m;
CONF
    for folder in client_body proxy fastcgi uwsgi scgi; do
        echo "    ${folder}_temp_path $tmp/nginx.$folder;"
    done
    host_of_nchan listens_of "$port_b"
    [ "$tls" = no ] || host_of_nchan listens_of_tls
    echo "}"
}

start_nchan() {
    write_nchan_conf >"$tmp/nginx.conf"
    "$nginx" -e "$tmp/nginx.log" -c "$tmp/nginx.conf" 2>>"$tmp/nginx.log" &
    pid_b=$!
    wait_for "$pid_b" "$port_b" "$tmp/nginx.log"
    sleep 1 # the workers come after the sockets
}
