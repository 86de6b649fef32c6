#!/bin/sh
# Puts a pgloader into the folder named, for the benchmarks: the one on the PATH, or else Debian's, unpacked.
set -eu

mkdir -p "$1"
if installed=$(command -v pgloader); then
    ln -sf "$installed" "$1/pgloader"
else
    sh "$(dirname "$0")/get_debian.sh" "$1" pgloader libsybdb5
    cat >"$1/pgloader" <<EOF
#!/bin/sh
LD_LIBRARY_PATH=$(cd "$1" && pwd)/lib exec "$(cd "$1" && pwd)/usr/bin/pgloader" "\$@"
EOF
    chmod +x "$1/pgloader"
fi
