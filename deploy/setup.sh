#!/bin/bash
# Installs what is missing for building, showing or testing corridor. Does nothing, and asks nobody, when nothing is missing.
#   deploy/setup.sh [build] [demo] [test] [style] [kafka] [bench]        (no argument: build)
set -eu

# for | package | how to see that it is there (pc: pkg-config module, cmd: program, file: glob) | why
needs() {
	cat <<'ROWS'
build|gcc|cmd:cc|C compiler
build|make|cmd:make|runs the Makefile
build|pkg-config|cmd:pkg-config|finds the libraries
build|libc6-dev|file:/usr/include/stdio.h|C library
build|librdkafka-dev|pc:rdkafka|Kafka
build|libhiredis-dev|pc:hiredis|Redis
build|libssl-dev|pc:openssl|TLS to Redis
build|libjansson-dev|pc:jansson|JSON off the hot path
build|libmicrohttpd-dev|pc:libmicrohttpd|/metrics, /healthz
build|libcurl4-openssl-dev|pc:libcurl|webhooks
build|libyaml-dev|pc:yaml-0.1|configuration
build|libprotobuf-c-dev|pc:libprotobuf-c|format of the internal topics
build|protobuf-c-compiler|cmd:protoc-c|format of the internal topics
build|libxxhash-dev|pc:libxxhash|hashes
build|libsodium-dev|pc:libsodium|keyed hashes
build|libglib2.0-dev|pc:glib-2.0|time zones
build|libsimde-dev|file:/usr/include/simde/simde-common.h|one 16-byte kernel for x86 and ARM
build|tzdata|file:/usr/share/zoneinfo/Europe/Berlin|time zones
demo|redis-server|cmd:redis-server|the demo's private Redis
test|redis-tools|cmd:redis-cli|reads what the program wrote
test|libcmocka-dev|file:/usr/include/cmocka.h|unit tests
test|python3|cmd:python3|test runner and recounts
test|prometheus-alertmanager|cmd:prometheus-alertmanager|a real receiver of alerts
test|clang|cmd:clang|fuzzing
test|libclang-rt-CLANG-dev|file:/usr/lib/llvm-*/lib/clang/*/lib/*/libclang_rt.fuzzer*|fuzzing
test|prometheus|cmd:promtool|checks metrics and rules
test|util-linux|cmd:setarch|ThreadSanitizer
style|python3|cmd:python3|layers and sizes
style|clang-format|cmd:clang-format|formatting
style|clang-tidy|cmd:clang-tidy|lint
kafka|default-jre-headless|cmd:java|Apache Kafka for the tests
kafka|maven|cmd:mvn|fetches Apache Kafka
kafka|kcat|cmd:kcat|reads topics as others do
bench|python3|cmd:python3|table of the results
bench|g++|cmd:c++|simdjson, a rival
bench|libsimdjson-dev|pc:simdjson|a rival of the decoder
image|debootstrap|cmd:debootstrap|a Debian root to carry the Dockerfile's steps out in
image|python3|cmd:python3|reads the Dockerfile
ROWS
}

present() {
	case $1 in
	pc:*) command -v pkg-config >/dev/null && pkg-config --exists "${1#pc:}" ;;
	cmd:*) command -v "${1#cmd:}" >/dev/null || [ -x "/usr/sbin/${1#cmd:}" ] ;;
	file:*) compgen -G "${1#file:}" >/dev/null ;;
	esac
}

# The runtime of clang's sanitizers is a package with clang's version in its name.
clang_version() { apt-cache depends clang 2>/dev/null | sed -nE 's/.*Depends: clang-([0-9]+)$/\1/p' | head -1; }

[ $# -gt 0 ] || set -- build
missing=() why=()
while IFS='|' read -r purpose package check reason; do
	case " $* " in *" $purpose "*) ;; *) continue ;; esac
	present "$check" && continue
	case " ${missing[*]-} " in *" $package "*) continue ;; esac
	missing+=("$package") why+=("  $package: $reason")
done < <(needs)
[ ${#missing[@]} -gt 0 ] || exit 0

echo "corridor needs packages that this machine lacks (for: $*):"
printf '%s\n' "${why[@]}"
if ! command -v apt-get >/dev/null; then
	echo "There is no apt here. Please install these, under the names that your system has for them, and run this again." >&2
	exit 1
fi
if [ "$(id -u)" = 0 ]; then
	sudo=
elif command -v sudo >/dev/null; then
	sudo=sudo
else
	echo "Installing needs root, and there is no sudo. As root: apt-get install ${missing[*]}" >&2
	exit 1
fi
export DEBIAN_FRONTEND=noninteractive
echo "installing with apt-get ..."
log=$(mktemp)
trap 'rm -f "$log"' EXIT
run() { $sudo env DEBIAN_FRONTEND=noninteractive "$@" >"$log" 2>&1 || { tail -20 "$log" >&2; return 1; }; }
run apt-get -q update || echo "apt-get update failed; trying with the lists that are here" >&2
packages=("${missing[@]//CLANG/$(clang_version)}")
if ! run apt-get -q install -y --no-install-recommends "${packages[@]}"; then
	echo "apt-get could not install them (its last words are above)." >&2
	exit 1
fi
echo "installed."
