#!/bin/sh
# Unpacks Debian's packages, with the libraries that they need, below a folder: `sh get_debian.sh FOLDER PACKAGE...`.
# Needs no root and installs nothing. The programs stand in FOLDER/usr, the libraries in FOLDER/lib.
set -eu

folder=$1
shift
command -v apt-get >/dev/null || {
    echo "$*: without apt-get it cannot be fetched; install it" >&2
    exit 1
}
mkdir -p "$folder"
cd "$folder"
work=$PWD/work
apt() {  # with package lists of our own: the system's may be missing, and only root may fetch those
    tool=$1
    shift
    "apt-$tool" -qq -o APT::Sandbox::User= -o Dir::State::Lists="$work/lists" -o Dir::Cache="$work/cache" "$@"
}
rm -rf "$work" lib usr
mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/packages" "$work/libraries" lib
apt get update
# the C library is the system's: another one would not fit it; no query is compiled, so that LLVM is not wanted
libraries=$(apt cache depends --important "$@" | sed -n 's/^ *Depends: \(lib[a-z0-9.-]*\)$/\1/p' | grep -v '^libc6$\|^libllvm' | sort -u)
(cd "$work/packages" && apt get download "$@")
(cd "$work/libraries" && apt get download $libraries)
for package in "$work"/packages/*.deb; do
    dpkg-deb --extract "$package" "$work/root"
done
for package in "$work"/libraries/*.deb; do
    dpkg-deb --extract "$package" "$work/files"
done
find "$work/files" -name '*.so.*' -exec cp -P {} lib/ \;
mv "$work/root/usr" usr
rm -rf "$work"
