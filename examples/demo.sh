#!/bin/sh
# A tour in one minute: a dry run, an import, the same file again, an overlapping file, an undo. `make demo` runs it in
# an embedded database of its own.
set -eu
PATH=$BIN:$PATH

show() {
    printf '\n$ moat'
    for word in "$@"; do
        case $word in *' '*) printf " '%s'" "$word" ;; *) printf ' %s' "$word" ;; esac
    done
    printf '\n'
    moat "$@"
}

moat db destroy --force 2>/dev/null || true
trap 'moat db stop 2>/dev/null' EXIT

show import examples/simplicity_export.csv --source-system simplicity
show import examples/simplicity_export.csv --source-system simplicity --commit
show import examples/simplicity_export.csv --source-system simplicity --commit
show import examples/simplicity_export_week2.csv --source-system simplicity --commit
first=$(moat runs --json | sed 's/.*"id": "\([^"]*\)".*/\1/')
show rollback "$first" --reason 'the vendor sent the wrong export'
show runs
