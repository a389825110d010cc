#!/usr/bin/env bash
# Fetches what release builds compile and link against: Debian 11's C library (glibc 2.31) with Debian 12's C++ library
# and header-only packages, unpacked into FOLDER. A second run does nothing. Needs no root permissions, only apt-get and
# dpkg-deb.
#   bash scripts/release/fetch_sysroot.sh ARCHITECTURE FOLDER     (amd64 or arm64)
set -euo pipefail

[ $# -eq 2 ] && [[ $1 = amd64 || $1 = arm64 ]] || { echo "Usage: bash scripts/release/fetch_sysroot.sh amd64|arm64 FOLDER" >&2; exit 2; }
architecture=$1
sysroot=$2
# Packages by suite. From Debian 11's g++ only the unwinder (libgcc_eh.a) is used: Debian 12's needs a function of glibc
# 2.35. Its shared libraries are for running programs in an emulator.
from_bullseye=(libc6 libc6-dev linux-libc-dev libgcc-10-dev libgcc-s1 libstdc++6)
from_bookworm=(libstdc++-12-dev)
headers=(libhwy-dev nlohmann-json3-dev doctest-dev) # of Debian 12 too, in a folder of their own

mark=$sysroot/.complete
wanted=$(sha256sum <"${BASH_SOURCE[0]}") # this file says all that is in the folder
if [ -f "$mark" ] && [ "$(cat "$mark")" = "$wanted" ]; then exit 0; fi

stop() { echo "$1" >&2; exit 1; }
command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || stop "A release is built on Debian or Ubuntu: apt-get and dpkg-deb fetch and unpack the C library that it is built against."
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
[ -r "$keyring" ] || stop "Debian's keys are missing: apt-get install debian-archive-keyring"
# The source of this machine's own packages; on systems other than Debian, set it.
mirror=${CHEEMS_DEBIAN_MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' 'Identifier: Packages' 'Origin: Debian' 'Label: Debian' | sort -u | head -n 1)}
[ -n "$mirror" ] || stop "This machine's apt has no Debian mirror; name one: CHEEMS_DEBIAN_MIRROR=URL"

rm -rf "$sysroot"
mkdir -p "$sysroot"
apt=$(mktemp -d "${TMPDIR:-/tmp}/cheems-sysroot-XXXXXX")
trap 'rm -rf "$apt"' EXIT
mkdir -p "$apt"/{lists/partial,archives/partial,none,downloads}
touch "$apt/status"
printf "deb [arch=$architecture signed-by=$keyring] $mirror %s main\n" bullseye bookworm >"$apt/sources.list"
# A separate apt configuration, independent of the system's.
options=(-q -o Dir::State="$apt" -o Dir::State::lists="$apt/lists" -o Dir::State::status="$apt/status" -o Dir::Cache="$apt"
  -o Dir::Etc::sourcelist="$apt/sources.list" -o Dir::Etc::sourceparts="$apt/none" -o Dir::Etc::preferencesparts="$apt/none"
  -o Dir::Etc::preferences="$apt/none/none" -o APT::Architecture="$architecture" -o APT::Architectures::="$architecture"
  -o APT::Sandbox::User= -o Acquire::Languages=none -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false
  -o Acquire::Retries=3)
apt-get "${options[@]}" update
(cd "$apt/downloads" && apt-get "${options[@]}" download "${from_bullseye[@]/%//bullseye}" "${from_bookworm[@]/%//bookworm}")
mkdir "$apt/headers" "$sysroot/headers"
(cd "$apt/headers" && apt-get "${options[@]}" download "${headers[@]/%//bookworm}")
for package in "$apt"/downloads/*.deb; do dpkg-deb --extract "$package" "$sysroot"; done
for package in "$apt"/headers/*.deb; do dpkg-deb --extract "$package" "$sysroot/headers"; done
# Links to absolute paths would point outside of the folder.
find "$sysroot" -type l -lname '/*' -printf '%p\t%l\n' | while IFS=$'\t' read -r link target; do
  ln -sfnr "$sysroot$target" "$link"
done

# runtime/: what is linked statically, with no other files. runtime-of-node/: empty libraries instead of libpthread and
# libdl. Node has loaded both (before glibc 2.34; since then they are part of libc), so an addon gets their functions
# from the process, like those of Node-API, and needs only libc and libm.
triplet=$([ "$architecture" = amd64 ] && echo x86_64 || echo aarch64)-linux-gnu
mkdir "$sysroot"/runtime "$sysroot"/runtime-of-node
ln -s "../usr/lib/gcc/$triplet/12/libstdc++.a" "../usr/lib/gcc/$triplet/10/libgcc_eh.a" "$sysroot/runtime/"
for library in pthread dl; do printf '!<arch>\n' >"$sysroot/runtime-of-node/lib$library.a"; done
rm -rf "$sysroot/usr/share/doc" "$sysroot/usr/share/man" "$sysroot/usr/share/locale"
echo "$wanted" >"$mark"
