#!/bin/sh
# Makes a stand-in of 5 MB for the image in which `sam local` runs functions, where AWS's registry cannot be reached: a shell
# with the commands that the SAM CLI needs to add the runtime interface, and this host's C library, which is all that the
# functions are linked with. Needs Docker (or Podman under its name), a static busybox (Debian: busybox-static), x86_64 or
# aarch64 with glibc 2.34 or later, as Amazon Linux 2023 has.
set -eu

machine=$(uname -m)
case $machine in
    x86_64) tag=al2023-x86_64 loader=/lib64/ld-linux-x86-64.so.2 ;;
    aarch64) tag=al2023-arm64 loader=/lib/ld-linux-aarch64.so.1 ;;
    *) echo "Lambda has no processor like $machine" >&2; exit 1 ;;
esac

image=$(mktemp -d)
trap 'rm -r "$image"' EXIT
mkdir -p "$image/bin" "$image$(dirname $loader)" "$image/lib/$machine-linux-gnu" "$image/etc/ssl/certs" "$image/var/task" "$image/tmp"
cp "$(command -v busybox)" "$image/bin/busybox"
for name in sh mv chmod cp; do ln -s busybox "$image/bin/$name"; done
cp -L $loader "$image$loader"
for library in libc.so.6 libm.so.6 libgcc_s.so.1 libpthread.so.0 libdl.so.2 librt.so.1 libresolv.so.2 libnss_dns.so.2 libnss_files.so.2; do
    cp -L "/lib/$machine-linux-gnu/$library" "$image/lib/$machine-linux-gnu/"
done
cp -L /etc/ssl/certs/ca-certificates.crt "$image/etc/ssl/certs/"
tar -C "$image" -c . | docker import --change 'WORKDIR /var/task' - "public.ecr.aws/lambda/provided:$tag"
