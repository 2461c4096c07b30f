# SPDX-License-Identifier: Apache-2.0
# Functions of the scripts that start servers. Those that print configuration
# use $modules, the folder of httpd's modules, and $tmp.
#
#   use_folder NAME...
#                    makes a temporary folder, $top and $tmp. When the script
#                    exits, the processes whose pids are in variables of these
#                    names are ended, in this order, and $top is removed
#   end_all          ends them
#   warn TEXT...     logs TEXT to stderr
#   die TEXT...      the same; exits with status 2
#   running PID      is it a running child of this shell?
#   end PID          sends SIGTERM and waits; after ten seconds SIGKILL
#   make_key FOLDER  makes key.pem and cert.pem there, if they are not there;
#                    they last for a day
#   median FILE [COLUMN]
#                    prints the median of a column of numbers (the first); the
#                    smaller one of two
#   in_order FILE    prints its numbers, ascending: 1/2/3/
#   load_module NAME prints the LoadModule line, if the module is there
#   conf_of_base MPM prints what each httpd has: files, names, modules, User
#   conf_of_places   prints the places to subscribe and to publish, and
#                    EventStreamThreads

use_folder() {
    to_end=$*
    top=$(mktemp -d) || exit 2
    tmp=$top
    trap 'end_all; rm -rf "$top"' EXIT
    trap 'exit 2' HUP INT TERM
}

end_all() {
    for name in $to_end; do
        eval "end \"\${$name:-}\""
    done
}

warn() {
    echo "${0##*/}: $*" >&2
}

die() {
    warn "$@"
    exit 2
}

# The shell may have reaped the child, so that its number may be that of another
# process; and a zombie does not run.
running() {
    awk -v us="$$" '/^State:/ { state = $2 }
                    /^PPid:/ { parent = $2 }
                    END { exit !(parent == us && state != "Z") }' \
        "/proc/$1/status" 2>/dev/null
}

end() {
    [ -n "$1" ] && running "$1" || return 0
    kill "$1"
    tries=0
    while running "$1" && [ "$tries" -lt 100 ]; do
        sleep 0.1
        tries=$((tries + 1))
    done
    running "$1" && kill -9 "$1"
    wait "$1" 2>/dev/null
}

make_key() {
    [ ! -f "$1/key.pem" ] || return 0
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
        -days 1 -subj /CN=localhost -keyout "$1/key.pem" -out "$1/cert.pem" \
        2>"$1/openssl" || die "no certificate: $(cat "$1/openssl")"
}

# shared modules only: httpd cannot load what is built in
load_module() {
    if [ -f "$modules/mod_$1.so" ]; then
        echo "LoadModule ${1}_module $modules/mod_$1.so"
    fi
}

median() {
    awk -v column="${2:-1}" '{ print $column }' "$1" | sort -n |
        awk '{ line[NR] = $1 } END { print line[int((NR + 1) / 2)] }'
}

in_order() {
    sort -n "$1" | tr '\n' '/'
}

conf_of_base() {
    echo "ServerRoot $tmp"
    echo "DefaultRuntimeDir $tmp"
    echo "PidFile $tmp/httpd.pid"
    echo "ErrorLog $tmp/error.log"
    echo "LogLevel warn"
    echo "ServerName localhost"
    echo "DocumentRoot $tmp/pages"
    echo "KeepAliveTimeout 60"
    echo "MaxKeepAliveRequests 0"
    load_module "mpm_$1"
    load_module unixd
    load_module authz_core
    if [ "$(id -u)" -eq 0 ]; then
        echo "User nobody"
        echo "Group $(id -gn nobody)"
    fi
}

conf_of_places() {
    # a build of before has no such directive
    echo "<IfDirective EventStreamThreads>"
    echo "EventStreamThreads ${ES_THREADS:-1}"
    echo "</IfDirective>"
    cat <<'CONF'
<LocationMatch "^/events/(?<room>[^/]+)$">
    SetHandler eventstream
    EventStreamChannel "room-{room}"
</LocationMatch>
<Location "/publish">
    SetHandler eventstream-publish
    Require all granted
</Location>
CONF
}
