# SPDX-License-Identifier: Apache-2.0
# A private httpd with the built module, for the scripts that read this file.
# They set $here, the folder of this file, and call use_folder of shell.sh.
#
#   check_build NAME...
#                    exits if something is missing: the module, httpd, or one of
#                    these programs of bench/
#   extra_conf       httpd's configuration gets what stands on stdin
#   start_httpd      sets $server, $port and, with ES_TLS, $tls_port; exits if
#                    httpd does not start
#   stop_httpd       ends it, and empties $server
#   children         prints the pids of its children
#   measure          prints "PSS SHARED DESCRIPTORS" of all its processes; the
#                    memory in kB, without pages of files: what their share is
#                    depends on who else runs httpd
#   has_errors       prints errors of the module and crashes that are logged, to
#                    stderr; are there any?
#   take_long_bodies httpd takes bodies of any length, and logs warnings alone
#   publish_lines FILE
#                    publishes NDJSON; prints the answer
#   cpu_of PID       prints its user and system time, in ticks
#   and the functions of shell.sh
#
#   ES_BUILDDIR   the build: .libs/mod_eventstream.so and bench/
#                 (build in the folder of the sources)
#   ES_CHILDREN   children of httpd (4), ES_LIMIT its ServerLimit (twice that;
#                 if equal, new children wait until old ones have ended)
#   ES_THREADS    delivery threads of each child (1)
#   $spare        MinSpareThreads, if set before
#   ES_HUB        size of the hub (64m), and more arguments of EventStreamHub
#   ES_PORT       first port to try (by the process id)
#   ES_TLS        if set, it listens for TLS, too, on the next port; needs
#                 mod_ssl and openssl
#   ES_HTTP2      h2: it speaks HTTP/2 over TLS (ES_TLS, then 1.3 unless set),
#                 h2c: without TLS; needs mod_http2
#   ES_HELD       with ES_HTTP2: how many clients a child holds (250); it has
#                 50 workers more, of the MPM and of mod_http2; preset: 25
#                 workers, and the presets of the rest
#   ES_MPM        event (preset), worker or prefork
#   ES_HTTPD      the server (apache2 or httpd)
#   ES_MODULES    folder of its modules (as apxs has it)
#   ES_EXTRA_CONF a file to be included in httpd's configuration
#   $bare         "yes", if set before: httpd without the module

build=$(cd "${ES_BUILDDIR:-$here/../build}" 2>/dev/null && pwd)
children=${ES_CHILDREN:-4}
limit=${ES_LIMIT:-$((children * 2))}
mpm=${ES_MPM:-event}
bare=${bare:-no}
port=${ES_PORT:-$((18180 + $$ % 4000))}
httpd=${ES_HTTPD:-$(command -v apache2 || command -v httpd)}
modules=${ES_MODULES:-$(apxs -q LIBEXECDIR 2>/dev/null)}
held=${ES_HELD:-250}
server=
[ "${ES_HTTP2:-}" != h2 ] || ES_TLS=${ES_TLS:-1.3}

# shellcheck source=bench/shell.sh
. "$here/shell.sh"

check_build() {
    [ -n "$build" ] || die "no build folder, set ES_BUILDDIR"
    for name in "$@"; do
        [ -x "$build/bench/$name" ] || die "no $build/bench/$name: make bench"
    done
    [ -f "$build/.libs/mod_eventstream.so" ] || die "build the module first"
    [ -n "$httpd" ] || die "no httpd found, set ES_HTTPD"
    # shellcheck disable=SC3045 # all relevant shells have it
    ulimit -n "$(ulimit -H -n)"
    # shellcheck disable=SC3045
    ulimit -c 0
    case ${ES_HTTP2:-} in
    '') ;;
    h2 | h2c)
        [ -f "$modules/mod_http2.so" ] || die "ES_HTTP2 needs mod_http2"
        ;;
    *) die "ES_HTTP2 is h2 or h2c" ;;
    esac
}

# conf_of_mpm: numbers of children and threads
conf_of_mpm() {
    echo "StartServers $children"
    echo "ServerLimit $limit"
    if [ "$mpm" = prefork ]; then
        echo "MaxRequestWorkers $limit"
        echo "MinSpareServers $children"
        echo "MaxSpareServers $limit"
    else
        threads=25
        # a connection of HTTP/2 keeps a worker while it has streams
        [ -z "${ES_HTTP2:-}" ] || [ "$held" = preset ] ||
            threads=$((held + 50))
        echo "ThreadLimit $threads"
        echo "ThreadsPerChild $threads"
        echo "MaxRequestWorkers $((threads * limit))"
        echo "MinSpareThreads ${spare:-$((threads * children))}"
        echo "MaxSpareThreads $((threads * limit))"
    fi
}

conf_of_module() {
    echo "LogLevel eventstream:info"
    echo "LoadModule eventstream_module $build/.libs/mod_eventstream.so"
    echo "EventStreamHub default size=${ES_HUB:-64m}"
    conf_of_places
    cat <<'CONF'
EventStreamRetry 1
EventStreamDrain 2
<Location "/multi">
    SetHandler eventstream
    EventStreamChannel "room-{?room}"
</Location>
CONF
}

# protocols NAME: what a host offers
protocols() {
    [ "${ES_HTTP2:-}" != "$1" ] || echo "Protocols $1 http/1.1"
}

conf_of_http2() {
    load_module http2
    protocols h2c
    [ "$held" != preset ] || return 0
    echo "H2MinWorkers 25"
    echo "H2MaxWorkers $((held + 50))"
    [ "$bare" = yes ] || echo "EventStreamMaxHeld $held"
}

# conf_of_tls: a host at the next port
conf_of_tls() {
    load_module socache_shmcb
    load_module ssl
    cat <<CONF
Listen 127.0.0.1:$tls_port
SSLSessionCache shmcb:$tmp/sessions(65536)
<VirtualHost 127.0.0.1:$tls_port>
    $(protocols h2)
    SSLEngine on
    SSLCertificateFile $tmp/cert.pem
    SSLCertificateKeyFile $tmp/key.pem
</VirtualHost>
CONF
}

write_conf() {
    {
        conf_of_base "$mpm"
        echo "Listen 127.0.0.1:$port"
        conf_of_mpm
        [ "$bare" = yes ] || conf_of_module
        [ -z "${ES_HTTP2:-}" ] || conf_of_http2
        [ -z "${ES_TLS:-}" ] || conf_of_tls
        if [ -n "${ES_EXTRA_CONF:-}" ]; then
            echo "Include $ES_EXTRA_CONF"
        fi
    } >"$tmp/httpd.conf"
}

# an ordinary page, /page.txt, that the User of httpd may read
write_page() {
    mkdir -p "$tmp/pages"
    printf '%02000d\n' 0 >"$tmp/pages/page.txt"
    chmod 711 "$tmp" "$tmp/pages"
    chmod 644 "$tmp/pages/page.txt"
}

# listens PORT: is a socket listening there?
listens() {
    awk -v at="$(printf ':%04X' "$1")" \
        '$2 ~ at "$" && $4 == "0A" { found = 1 } END { exit !found }' \
        /proc/net/tcp
}

# children: their pids
children() {
    # a process that has just ended is an error of cat
    cat /proc/[0-9]*/stat 2>/dev/null |
        sed -n 's/^\([0-9]*\) (.*) [^Z] \([0-9]*\) .*/\1 \2/p' |
        awk -v parent="$server" '$2 == parent { print $1 }'
}

# is_up: 0 yes; 1 not yet; 2 it has ended
is_up() {
    running "$server" || return 2
    listens "$port" && [ "$(children | wc -l)" -ge "$children" ]
}

# sanitized COMMAND...: replaces the subshell by the command, with the libraries
# that a build with sanitizers must load first (see EventStream::Httpd)
sanitized() {
    preload=$(sed -n 's/^preload=//p' "$build/t/build.conf" 2>/dev/null)
    if [ -n "$preload" ]; then
        LD_PRELOAD=$preload
        ASAN_OPTIONS=detect_leaks=0:detect_odr_violation=0:handle_segv=0
        export LD_PRELOAD ASAN_OPTIONS
    fi
    exec "$@"
}

# another process may take the port just before httpd does
try_port() {
    while listens "$port" || listens "$((port + 1))"; do
        port=$((port + 2))
    done
    tls_port=$((port + 1))
    [ -z "${ES_TLS:-}" ] || make_key "$tmp"
    write_conf
    write_page
    : >"$tmp/error.log"
    (sanitized "$httpd" -f "$tmp/httpd.conf" -t) >"$tmp/syntax" 2>&1 ||
        die "httpd refuses its configuration: $(cat "$tmp/syntax")"
    # in its own process group: prefork signals all of its group
    sanitized setsid "$httpd" -f "$tmp/httpd.conf" -D FOREGROUND \
        2>"$tmp/syntax" &
    server=$!
    tries=0
    is_up
    up=$?
    while [ "$up" -eq 1 ] && [ "$tries" -lt 100 ]; do
        sleep 0.1
        tries=$((tries + 1))
        is_up
        up=$?
    done
    return "$up"
}

start_httpd() {
    starts=0
    until try_port; do
        starts=$((starts + 1))
        if [ "$starts" -eq 5 ] ||
            ! grep -q 'Address already in use' "$tmp/syntax" "$tmp/error.log"
        then
            cat "$tmp/syntax" "$tmp/error.log" >&2
            die "httpd does not start"
        fi
    done
}

stop_httpd() {
    end "$server"
    server=
}

extra_conf() {
    {
        [ -z "${ES_EXTRA_CONF:-}" ] || echo "Include $ES_EXTRA_CONF"
        cat
    } >"$tmp/extra.conf"
    ES_EXTRA_CONF=$tmp/extra.conf
}

measure() {
    for pid in "$server" $(children); do
        cat "/proc/$pid/smaps_rollup"
        for fd in "/proc/$pid/fd"/*; do
            [ -L "$fd" ] && echo fd
        done
    done | awk '/^Pss_(Anon|Shmem):/ { pss += $2 }
                /^Pss_Shmem:/ { shared += $2 }
                /^fd/ { fds++ }
                END { print pss, shared, fds }'
}

has_errors() {
    grep -E '\[eventstream:(crit|alert|emerg|error)\]|exit signal' \
        "$tmp/error.log" >&2
}

take_long_bodies() {
    extra_conf <<'CONF'
LogLevel eventstream:warn
<Location "/publish">
    LimitRequestBody 0
</Location>
CONF
}

publish_lines() {
    curl -s -T "$1" -X POST -H 'Expect:' \
        -H 'Content-Type: application/x-ndjson' \
        "http://127.0.0.1:$port/publish"
}

cpu_of() {
    sed 's/.*) //' "/proc/$1/stat" | awk '{ print $12, $13 }'
}
