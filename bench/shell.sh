# SPDX-License-Identifier: Apache-2.0
# What all that starts servers here needs. Set $modules, httpd's folder of
# modules, first.
#
#   running PID      is it a child of ours?
#   end PID          asks it to go, then insists
#   load_module NAME the line that loads it, if it is there

# The shell may have reaped it, and its number may be another's by now; nor is
# a zombie one that runs.
running() {
    awk -v us="$$" '/^State:/ { state = $2 }
                    /^PPid:/ { parent = $2 }
                    END { exit !(parent == us && state != "Z") }' \
        "/proc/$1/status" 2>/dev/null
}

# it has ten seconds
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

# shared modules only: what is built in cannot be loaded
load_module() {
    if [ -f "$modules/mod_$1.so" ]; then
        echo "LoadModule ${1}_module $modules/mod_$1.so"
    fi
}
