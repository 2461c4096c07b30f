#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Builds the module and shows event streams in a browser:
#
#   sh quickstart.sh          build and run the demo at http://localhost:8080/
#   sh quickstart.sh grip     the same through a GRIP proxy, Pushpin
#   sh quickstart.sh check    build and run all tests
#
# On Debian it installs missing packages if it runs as root. It uses a private
# httpd and leaves the system's service alone. All files are in build/.
# ES_PORT=8090 selects another port; grip uses the next two as well.

set -eu

top=$(cd "$(dirname "$0")" && pwd)
build=$top/build
port=${ES_PORT:-8080}
PATH=$PATH:/usr/sbin:/sbin

report()
{
    echo "quickstart: $*"
}

die()
{
    echo "quickstart: $*" >&2
    exit 1
}

# ---- Packages ---------------------------------------------------------------

missing=

# want PACKAGE COMMAND...: the Debian package is missing if the command fails
want()
{
    package=$1
    shift
    if ! "$@" > /dev/null 2>&1; then
        missing="$missing $package"
    fi
}

has()
{
    command -v "$1"
}

has_httpd()
{
    has apache2 || has httpd
}

has_apxs()
{
    has apxs || has apxs2
}

has_mod_ssl_header()
{
    apxs=$(has_apxs) && test -f "$("$apxs" -q INCLUDEDIR)/mod_ssl_openssl.h"
}

has_libc()
{
    echo '#include <stdio.h>' | cc -E -
}

has_perl()
{
    has prove && perl -MTest::More -MJSON::PP -MIO::Socket::INET -MTime::HiRes \
        -MFile::Temp -MIO::Select -MIPC::Open3 -MPOSIX -e 1
}

has_lib()
{
    pkg-config --exists "$1"
}

look_for_build_tools()
{
    want gcc has cc
    want libc6-dev has_libc
    want make has make
    want autoconf has autoconf
    want automake has automake
    want libtool has libtoolize
    want pkg-config has pkg-config
    # apache2-bin is the program alone; apache2 would start a service
    want apache2-bin has_httpd
    want apache2-dev has_apxs
    want libjansson-dev has_lib jansson
    want libcurl4-openssl-dev has_lib libcurl
    want libjwt-dev has_lib libjwt
    want libssl-dev has_lib libcrypto
}

look_for_test_tools()
{
    want libcmocka-dev has_lib cmocka
    want perl has_perl
    want openssl has openssl
    want curl has curl
    want iproute2 has ip
    want libnghttp2-dev has_lib libnghttp2
}

# Debian's pushpin depends on zurl. Both start a service when they are
# installed, which is not wanted here: see install_without_services.
has_pushpin()
{
    has pushpin && has condure && has zurl
}

look_for_pushpin()
{
    want pushpin has_pushpin
}

# The program is in redis-tools, by the name redis-check-rdb; the package
# redis-server adds a service.
has_redis()
{
    has redis-server || has valkey-server || has redis-check-rdb
}

has_firefox()
{
    has firefox-esr || has firefox
}

look_for_browser_tools()
{
    want ca-certificates test -s /etc/ssl/certs/ca-certificates.crt
    want nodejs has node
    want npm has npm
    want chromium has chromium
}

# Like install_missing, but no service starts, neither now nor at the next boot.
# An existing policy-rc.d is kept and expected to do the same.
install_without_services()
{
    if [ -z "$missing" ] || [ "$(id -u)" -ne 0 ]; then
        return
    fi
    policy=/usr/sbin/policy-rc.d
    if [ -e "$policy" ]; then
        install_missing
        return
    fi
    services=$missing
    # a shell that a signal ends, as Ctrl-C does, runs no trap of EXIT
    trap 'rm -f "$policy"' EXIT
    trap 'exit 1' INT TERM HUP
    printf '#!/bin/sh\nexit 101\n' > "$policy"
    chmod 755 "$policy"
    install_missing
    rm -f "$policy"
    trap - EXIT INT TERM HUP
    if has systemctl > /dev/null; then
        # their names are those of the packages; zurl comes with pushpin
        for service in $services zurl; do
            systemctl -q disable "$service" 2> /dev/null || :
        done
    fi
}

# Leaves the packages that it cannot install in $missing.
install_missing()
{
    if [ -z "$missing" ]; then
        return
    fi
    if [ "$(id -u)" -ne 0 ] || ! has apt-get > /dev/null; then
        return
    fi
    report "installing$missing"
    if [ -z "${apt_updated-}" ]; then
        apt-get -q -o Acquire::Retries=3 update
        apt_updated=yes
    fi
    # shellcheck disable=SC2086 # a list
    DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends \
        -o Acquire::Retries=3 -o DPkg::Lock::Timeout=300 \
        -o Dpkg::Use-Pty=0 install $missing
    missing=
}

install_build_tools()
{
    look_for_build_tools
    case $1 in
    check) look_for_test_tools ;;
    grip) want curl has curl ;;
    esac
    install_missing
    if [ -n "$missing" ]; then
        die "please install these packages (names of Debian):$missing"
    fi
    # without it clients over TLS keep a worker each: see configure
    want apache2-ssl-dev has_mod_ssl_header
    install_missing
    if [ -n "$missing" ] && [ "${CI-}" = true ]; then
        die "CI must run the tests of clients over TLS; missing:$missing"
    fi
    missing=
    # without it a hub is that of one server: see configure
    want libhiredis-dev has_lib hiredis
    install_missing
    if [ -n "$missing" ] && [ "${CI-}" = true ]; then
        die "CI must run the tests of clusters; missing:$missing"
    fi
    missing=
}

# Without a broker the tests of clusters are skipped; in CI that is an error.
install_redis()
{
    want redis-tools has_redis
    install_missing
    if [ -n "$missing" ]; then
        if [ "${CI-}" = true ]; then
            die "CI must run the tests with Redis; missing:$missing"
        fi
        report "missing:$missing; the tests with Redis are skipped"
        missing=
    fi
}

# Debian's prometheus starts a service when it is installed: see
# install_without_services. Without it the tests of the metrics with Prometheus
# and promtool are skipped; in CI that is an error.
install_prometheus()
{
    want prometheus has promtool
    install_without_services
    if [ -n "$missing" ]; then
        if [ "${CI-}" = true ]; then
            die "CI must run the tests with Prometheus; missing:$missing"
        fi
        report "missing:$missing; the tests with Prometheus are skipped"
        missing=
    fi
}

# Without Pushpin its tests are skipped; in CI that is an error.
install_pushpin()
{
    look_for_pushpin
    install_without_services
    if [ -n "$missing" ]; then
        if [ "${CI-}" = true ]; then
            die "CI must run the tests with Pushpin; missing:$missing"
        fi
        report "missing:$missing; the tests with Pushpin are skipped"
        missing=
    fi
}

# Without HAProxy and nginx the samples for them are not tried; in CI that is an
# error.
install_balancers()
{
    want haproxy has haproxy
    want nginx has nginx
    install_without_services
    if [ -n "$missing" ]; then
        if [ "${CI-}" = true ]; then
            die "CI must try the samples for balancers; missing:$missing"
        fi
        report "missing:$missing; the samples for it are not tried"
        missing=
    fi
}

has_httpd_module()
{
    apxs=$(has_apxs) && test -f "$("$apxs" -q LIBEXECDIR)/mod_$1.so"
}

# That of Debian, which has Debian's packages.
has_python()
{
    /usr/bin/python3 -c "import $1"
}

# What the recipes of docs/apps.md are for. Without it they are not tried; in CI
# that is an error.
install_apps()
{
    want libapache2-mod-auth-openidc has_httpd_module auth_openidc
    want php-cgi has php-cgi
    want python3-django has_python django
    want python3-jwt has_python jwt
    install_without_services
    if [ -n "$missing" ]; then
        if [ "${CI-}" = true ]; then
            die "CI must try the recipes for applications; missing:$missing"
        fi
        report "missing:$missing; the recipes for it are not tried"
        missing=
    fi
}

# The servers of docs/logins.md: a directory, and Kerberos. They start services
# when they are installed: see install_without_services. Without them these
# logins are not tried; in CI that is an error.
install_logins()
{
    want slapd has slapd
    want krb5-kdc has krb5kdc
    want krb5-user has kinit
    want krb5-admin-server has kadmin.local
    want libapache2-mod-auth-gssapi has_httpd_module auth_gssapi
    want libapache2-mod-auth-mellon has_httpd_module auth_mellon
    install_without_services
    if [ -n "$missing" ]; then
        if [ "${CI-}" = true ]; then
            die "CI must try the logins of httpd; missing:$missing"
        fi
        report "missing:$missing; the logins for it are not tried"
        missing=
    fi
}

# A module with an output filter that holds no client. Without it that is not
# tried; in CI that is an error.
install_filters()
{
    want libapache2-mod-security2 has_httpd_module security2
    install_without_services
    if [ -n "$missing" ]; then
        if [ "${CI-}" = true ]; then
            die "CI must try the filter of mod_security2; missing:$missing"
        fi
        report "missing:$missing; the filter of mod_security2 is not tried"
        missing=
    fi
}

# The demo behind Pushpin needs it.
need_pushpin()
{
    look_for_pushpin
    install_without_services
    if [ -n "$missing" ]; then
        die "please install these packages (names of Debian):$missing"
    fi
}

# A few of the browser tests need Firefox, too.
install_firefox()
{
    want firefox-esr has_firefox
    install_missing
    if [ -n "$missing" ]; then
        if [ "${CI-}" = true ]; then
            die "CI must run the tests with Firefox; missing:$missing"
        fi
        report "missing:$missing; the tests with Firefox are skipped"
        missing=
    fi
}

# Without these packages the browser tests are skipped; in CI that is an error.
install_browser_tools()
{
    look_for_browser_tools
    install_missing
    if [ -n "$missing" ]; then
        if [ "${CI-}" = true ]; then
            die "CI must run the browser tests; missing:$missing"
        fi
        report "missing:$missing; the browser tests are skipped"
        return
    fi
    install_firefox
    mkdir -p "$build"
    if cmp -s "$top/t/browser/package-lock.json" \
        "$build/node_modules/.from-lock.json"; then
        return
    fi
    report 'installing the npm packages of the browser tests'
    cp "$top/t/browser/package.json" "$top/t/browser/package-lock.json" \
        "$build/"
    if (cd "$build" && npm ci --ignore-scripts --no-audit --no-fund \
        --loglevel=error); then
        cp "$build/package-lock.json" "$build/node_modules/.from-lock.json"
    elif [ "${CI-}" = true ]; then
        die 'npm ci failed; CI must run the browser tests'
    else
        report 'npm ci failed; the browser tests are skipped'
    fi
}

# ---- Build ------------------------------------------------------------------

configure()
{
    set --
    if [ "${CI-}" = true ]; then
        set -- --enable-werror
    fi
    (cd "$build" && "$top/configure" -q "$@")
}

build_module()
{
    mkdir -p "$build"
    if [ ! -f "$top/configure" ] ||
        [ -n "$(find "$top" \( -name configure.ac -o -name '*.am' \) \
            -newer "$top/configure")" ]; then
        report 'running autoreconf'
        (cd "$top" && autoreconf -fi) > "$build/autoreconf.log" 2>&1 || {
            cat "$build/autoreconf.log"
            die 'autoreconf failed'
        }
    fi
    if [ ! -f "$build/config.status" ] ||
        { [ "$1" = check ] &&
            ! grep -q '^cmocka=yes' "$build/t/build.conf"; }; then
        report 'running configure'
        configure
    fi
    report 'running make'
    make -C "$build" -j"$(nproc)" --no-print-directory
}

# ---- The demo ---------------------------------------------------------------

setting()
{
    sed -n "s/^$1=//p" "$build/t/build.conf"
}

# httpd started by root runs as this user, who may not read root's home.
find_user()
{
    user=
    if [ "$(id -u)" -ne 0 ]; then
        return
    fi
    for user in www-data apache nobody; do
        if id "$user" > /dev/null 2>&1; then
            return
        fi
    done
}

may_read()
{
    [ -z "$user" ] ||
        setpriv --reuid "$user" --regid "$(id -g "$user")" --clear-groups \
            test -r "$1/index.html" 2> /dev/null
}

load_lines()
{
    modules=$(setting moduledir)
    for name in mpm_event authz_core authz_host unixd mime dir status; do
        if [ -f "$modules/mod_$name.so" ]; then
            echo "LoadModule ${name}_module \"$modules/mod_$name.so\""
        fi
    done
}

# Pushpin connects to httpd by IPv4.
listen_lines()
{
    echo "Listen 127.0.0.1:$httpd_port"
    if [ "$httpd_port" != "$port" ]; then
        return
    fi
    # an IPv6 loopback, which browsers try first for "localhost"
    if grep -qs '^0\{31\}1 ' /proc/net/if_inet6; then
        echo "Listen [::1]:$port"
    fi
}

grip_lines()
{
    if [ "$httpd_port" != "$port" ]; then
        cat << CONF

# The GRIP proxy in front: httpd publishes to Pushpin at this URL, and Pushpin
# signs its requests with this secret.
EventStreamGrip "http://127.0.0.1:$control_port" verify-key=changeme
EventStreamGripReliable on
CONF
    fi
}

write_conf()
{
    if [ -n "$user" ]; then
        user_lines="User $user
Group $(id -gn "$user")"
    else
        user_lines=
    fi
    ES_ROOT=$root ES_HTDOCS=$htdocs ES_LISTEN=$(listen_lines) \
        ES_GRIP=$(grip_lines) \
        ES_MODULES=$(load_lines) ES_USER=$user_lines \
        ES_MODULE=$build/.libs/mod_eventstream.so \
        awk '
        # not by sub(), since a path may have characters that are special to it
        {
            while (match($0, /@[A-Z]+@/)) {
                name = substr($0, RSTART + 1, RLENGTH - 2)
                printf "%s%s", substr($0, 1, RSTART - 1), ENVIRON["ES_" name]
                $0 = substr($0, RSTART + RLENGTH)
            }
            print
        }' "$top/conf/demo.conf.in" > "$root/httpd.conf"
}

# Two demos of one checkout would use the same build/demo.
refuse_second()
{
    if [ -s "$root/httpd.pid" ]; then
        other=$(cat "$root/httpd.pid")
        if grep -qsF "$root/httpd.conf" "/proc/$other/cmdline"; then
            die "the demo is already running (process $other)"
        fi
    fi
}

# conf/pushpin/ with the ports and folders of the demo. Pushpin passes the
# page's POST on without Grip-Sig (no_grip) and without X-Forwarded-For, so that
# httpd takes it for a request of this host, which it is.
write_pushpin_conf()
{
    mkdir -p "$root/run" "$root/log"
    ipc='ipc://{rundir}/{ipc_prefix}'
    sed -e "s|^rundir=.*|rundir=$root/run|" \
        -e "s|^logdir=.*|logdir=$root/log|" \
        -e 's|^ipc_prefix=.*|ipc_prefix=p-|' \
        -e 's|^services=condure,|services=condure,zurl,|' \
        -e "s|^http_port=.*|http_port=127.0.0.1:$port|" \
        -e 's|^client_maxconn=.*|client_maxconn=2000|' \
        -e 's|^x_forwarded_for=.*|x_forwarded_for=|' \
        -e "s|^push_in_http_port=.*|push_in_http_port=$control_port|" \
        -e "s|^push_in_spec=.*|push_in_spec=${ipc}push-in|" \
        -e "s|^push_in_sub_specs=.*|push_in_sub_specs=${ipc}push-in-sub|" \
        -e "s|^command_spec=.*|command_spec=${ipc}command|" \
        -e "s|^zurl_out_specs=.*|zurl_out_specs=${ipc}zurl-in|" \
        -e "s|^\(zurl_out_stream_specs\)=.*|\1=${ipc}zurl-in-stream|" \
        -e "s|^zurl_in_specs=.*|zurl_in_specs=${ipc}zurl-out|" \
        "$top/conf/pushpin/pushpin.conf" > "$root/pushpin.conf"
    cat > "$root/routes" << ROUTES
* 127.0.0.1:$httpd_port
*,path_beg=/publish,no_grip 127.0.0.1:$httpd_port
ROUTES
}

clean_up()
{
    if [ -n "${pushpin_pid-}" ]; then
        kill -TERM "$pushpin_pid" 2> /dev/null || :
        wait "$pushpin_pid" 2> /dev/null || :
        pushpin_pid=
    fi
    if [ -n "${httpd_pid-}" ]; then
        kill -TERM "$httpd_pid" 2> /dev/null || :
        wait "$httpd_pid" 2> /dev/null || :
        httpd_pid=
    fi
    if [ "$htdocs" != "$top/demo" ]; then
        rm -rf "$htdocs"
    fi
}

wait_for_httpd()
{
    tries=0
    while [ ! -s "$root/httpd.pid" ]; do
        tries=$((tries + 1))
        if [ "$tries" -gt 100 ] || ! kill -0 "$httpd_pid" 2> /dev/null; then
            if grep -qs 'Address already in use' "$root/output" \
                "$root/error_log"; then
                die "port $port is in use; try: ES_PORT=8081 sh quickstart.sh"
            fi
            cat "$root/output" "$root/error_log" 2> /dev/null || :
            die 'httpd did not start'
        fi
        sleep 0.1
    done
}

# Pushpin's services connect one by one, so it is up once it holds a stream.
is_holding()
{
    curl -sN -m 0.5 "http://127.0.0.1:$port/events/kitchen" |
        grep -q '^event: stream-open'
}

start_pushpin()
{
    write_pushpin_conf
    pushpin --config="$root/pushpin.conf" > "$root/pushpin_log" 2>&1 &
    pushpin_pid=$!
    tries=0
    while ! is_holding; do
        tries=$((tries + 1))
        if [ "$tries" -gt 100 ] || ! kill -0 "$pushpin_pid" 2> /dev/null; then
            cat "$root/pushpin_log"
            die "Pushpin did not start; are the ports $port and $control_port \
free? Try: ES_PORT=8090 sh quickstart.sh grip"
        fi
        sleep 0.1
    done
}

show_usage()
{
    cat << TEXT

The demo is running$1. Open

    http://localhost:$port/

or subscribe in one terminal and publish in another:

    curl -N http://localhost:$port/events/kitchen

    curl http://localhost:$port/publish -H 'Content-Type: application/json' \\
        -d '{"channel": "room-kitchen", "text": "hello"}'

    curl http://localhost:$httpd_port/server-status?auto

The configuration is in build/demo/httpd.conf, the log in
build/demo/error_log.$2
Press Ctrl-C to stop.
TEXT
}

run_demo()
{
    root=$build/demo
    refuse_second
    rm -rf "$root"
    mkdir -p "$root"
    find_user
    htdocs=$top/demo
    httpd_pid=
    trap clean_up EXIT
    trap 'exit 0' INT TERM HUP
    if ! may_read "$htdocs"; then
        htdocs=$(mktemp -d)
        cp "$top"/demo/* "$htdocs/"
        chmod -R a+rX "$htdocs"
    fi
    write_conf

    "$(setting httpd)" -f "$root/httpd.conf" -DFOREGROUND \
        > "$root/output" 2>&1 &
    httpd_pid=$!
    wait_for_httpd
    if [ "$httpd_port" = "$port" ]; then
        show_usage '' ''
    else
        start_pushpin
        show_usage ' behind Pushpin' "
Those of Pushpin are in build/demo/pushpin.conf and build/demo/log/. The same
page without Pushpin is http://localhost:$httpd_port/: both receive all events."
    fi
    rc=0
    wait "$httpd_pid" || rc=$?
    httpd_pid=
    die "httpd exited with status $rc; see build/demo/error_log"
}

# ---- Main -------------------------------------------------------------------

case ${1-} in
'')
    install_build_tools demo
    build_module demo
    httpd_port=$port
    run_demo
    ;;
grip)
    install_build_tools grip
    need_pushpin
    build_module demo
    httpd_port=$((port + 1))
    control_port=$((port + 2))
    run_demo
    ;;
check)
    install_build_tools check
    install_pushpin
    install_redis
    install_balancers
    install_prometheus
    install_apps
    install_logins
    install_filters
    install_browser_tools
    build_module check
    make -C "$build" --no-print-directory check
    report 'all tests passed'
    ;;
*)
    die "usage: sh quickstart.sh [grip | check]"
    ;;
esac
