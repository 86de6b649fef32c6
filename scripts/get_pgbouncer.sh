#!/bin/sh
# Puts a pgbouncer into the folder named, for the tests; needs no root and installs nothing. It is the one on the PATH,
# or else Debian's package and the libraries that it needs, unpacked.
set -eu

mkdir -p "$1"
cd "$1"
if installed=$(PATH="$PATH:/usr/sbin:/usr/local/sbin" command -v pgbouncer); then
    ln -sf "$installed" pgbouncer
    exit 0
fi
command -v apt-get >/dev/null || {
    echo "pgbouncer is not on the PATH, and without apt-get it cannot be fetched: install it" >&2
    exit 1
}

work=$PWD/work
apt() {  # with package lists of our own: the system's may be missing, and only root may fetch those
    tool=$1
    shift
    "apt-$tool" -qq -o APT::Sandbox::User= -o Dir::State::Lists="$work/lists" -o Dir::Cache="$work/cache" "$@"
}
rm -rf "$work" lib
mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/files" lib
apt get update
# the C library is the system's: another one would not fit it
libraries=$(apt cache depends --important pgbouncer | sed -n 's/^ *Depends: \(lib[a-z0-9.-]*\)$/\1/p' | grep -v '^libc6$')
for package in pgbouncer $libraries; do
    (cd "$work" && apt get download "$package")
done
for package in "$work"/*.deb; do
    dpkg-deb --extract "$package" "$work/files"
done
find "$work/files" -name '*.so.*' -exec cp -P {} lib/ \;
cp "$work/files/usr/sbin/pgbouncer" pgbouncer
rm -rf "$work"
