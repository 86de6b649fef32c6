#!/bin/sh
# Puts a pgbouncer into the folder named, for the tests: the one on the PATH, or else Debian's, unpacked.
set -eu

mkdir -p "$1"
if installed=$(PATH="$PATH:/usr/sbin:/usr/local/sbin" command -v pgbouncer); then
    ln -sf "$installed" "$1/pgbouncer"
else
    sh "$(dirname "$0")/get_debian.sh" "$1" pgbouncer
    ln -sf usr/sbin/pgbouncer "$1/pgbouncer"
fi
