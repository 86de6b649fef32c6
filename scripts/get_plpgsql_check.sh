#!/bin/sh
# Puts a PostgreSQL that has plpgsql_check into the folder named, for the linter: Debian's, unpacked.
set -eu

sh "$(dirname "$0")/get_debian.sh" "$1" postgresql-15 postgresql-15-plpgsql-check
touch "$1/unpacked"
