# SPDX-License-Identifier: Apache-2.0
# Functions of the scripts that start servers. The caller sets $modules, the
# folder of httpd's modules.
#
#   warn TEXT...     logs TEXT to stderr
#   die TEXT...      the same; exits with status 2
#   running PID      is it a running child of this shell?
#   end PID          sends SIGTERM and waits; after ten seconds SIGKILL
#   make_key FOLDER  makes key.pem and cert.pem there, if they are not there;
#                    they last for a day
#   load_module NAME prints the LoadModule line, if the module is there

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
