#!/bin/bash
# A real Apache Kafka for tests: KRaft, one node, random free ports, a temporary folder, gone without a trace.
#
# usage: tests/kafka/broker.sh fetch [VERSION]               jars from Maven Central into the cache
#        tests/kafka/broker.sh with [VERSION] COMMAND ...    runs COMMAND with CORRIDOR_TEST_BROKERS set; its exit code
#        tests/kafka/broker.sh start [VERSION] [FOLDER]      prints the bootstrap server; the folder holds pid, log and data
#        tests/kafka/broker.sh stop FOLDER                   ends it and removes the folder
#        tests/kafka/broker.sh pause|continue|kill FOLDER    SIGSTOP, SIGCONT, SIGKILL
# Exit code 77: Java, Maven or Maven Central is out of reach; the last line says which.
# KAFKA_FETCH_S (570), KAFKA_HEAP (512m), KAFKA_SETTINGS (a file of further server properties), KAFKA_PROTOCOL (PLAINTEXT; what clients and
# the broker itself speak), KAFKA_FORMAT (further words for the formatting of its storage: users with their passwords).
set -euo pipefail

default_version=3.9.1
cache=${XDG_CACHE_HOME:-$HOME/.cache}/corridor

unreachable()
{
	echo "skipped: $*"
	exit 77
}

fetch()
{
	local version=$1 jars=$cache/kafka-$1
	[ -e "$jars/complete" ] && return
	command -v mvn >/dev/null || unreachable "Apache Kafka needs Maven to fetch its jars (apt-get install maven)"
	local work
	work=$(mktemp -d)
	cat >"$work/pom.xml" <<-POM
		<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
		<groupId>corridor</groupId><artifactId>test-broker</artifactId><version>1</version>
		<dependencies>
		<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>$version</version></dependency>
		<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId><version>$version</version></dependency>
		<dependency><groupId>org.slf4j</groupId><artifactId>slf4j-nop</artifactId><version>1.7.36</version></dependency>
		</dependencies></project>
	POM
	if ! (cd "$work" && timeout "${KAFKA_FETCH_S:-570}" mvn -q -B dependency:copy-dependencies -DoutputDirectory="$work/jars" >"$work/log" 2>&1); then
		tail -5 "$work/log" >&2
		rm -rf "$work"
		unreachable "Apache Kafka $version can't be fetched from Maven Central"
	fi
	mkdir -p "$cache"
	rm -rf "$jars"
	touch "$work/jars/complete"
	mv "$work/jars" "$jars" 2>/dev/null || [ -e "$jars/complete" ]   # another run was quicker
	rm -rf "$work"
}

free_ports()
{
	python3 -c '
import socket, sys
held = [socket.socket() for _ in range(int(sys.argv[1]))]
for s in held: s.bind(("127.0.0.1", 0))
print(*[s.getsockname()[1] for s in held])' "$1"
}

configure()
{
	local port=$1 controller=$2 protocol=${KAFKA_PROTOCOL:-PLAINTEXT}
	cat <<-SETTINGS
		process.roles=broker,controller
		node.id=1
		controller.quorum.voters=1@127.0.0.1:$controller
		controller.listener.names=CONTROLLER
		listeners=$protocol://127.0.0.1:$port,CONTROLLER://127.0.0.1:$controller
		advertised.listeners=$protocol://127.0.0.1:$port
		listener.security.protocol.map=$protocol:$protocol,CONTROLLER:PLAINTEXT
		inter.broker.listener.name=$protocol
		log.dirs=$folder/data
		auto.create.topics.enable=false
		offsets.topic.replication.factor=1
		offsets.topic.num.partitions=4
		transaction.state.log.replication.factor=1
		transaction.state.log.min.isr=1
		transaction.state.log.num.partitions=4
		group.initial.rebalance.delay.ms=0
		group.min.session.timeout.ms=1000
		transaction.abort.timed.out.transaction.cleanup.interval.ms=1000
		num.network.threads=2
		num.io.threads=4
		log.cleaner.enable=false
	SETTINGS
	[ -z "${KAFKA_SETTINGS:-}" ] || cat "$KAFKA_SETTINGS"
}

# Sets folder and bootstrap.
start()
{
	command -v java >/dev/null || unreachable "Apache Kafka needs Java 17 (apt-get install openjdk-17-jre-headless)"
	fetch "$version"
	folder=${1:-$(mktemp -d "${TMPDIR:-/tmp}/corridor-kafka.XXXXXX")}
	mkdir -p "$folder"
	local port controller
	read -r port controller <<<"$(free_ports 2)"
	configure "$port" "$controller" >"$folder/server.properties"
	local java=(java -Xmx"${KAFKA_HEAP:-512m}" -Xms128m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp "$cache/kafka-$version/*")
	"${java[@]}" kafka.tools.StorageTool format -t "$(head -c16 /dev/urandom | base64 | tr '+/' 'ab' | cut -c1-22)" \
		-c "$folder/server.properties" ${KAFKA_FORMAT:-} >"$folder/log" 2>&1 || { cat "$folder/log" >&2; return 1; }
	"${java[@]}" kafka.Kafka "$folder/server.properties" >>"$folder/log" 2>&1 &
	echo $! >"$folder/pid"
	disown
	bootstrap=127.0.0.1:$port
	for _ in $(seq 300); do
		kill -0 "$(cat "$folder/pid")" 2>/dev/null || { cat "$folder/log" >&2; return 1; }
		if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
			return
		fi
		sleep 0.1
	done
	echo "Apache Kafka $version did not open its port within 30 s" >&2
	return 1
}

stop()
{
	local pid
	pid=$(cat "$1/pid" 2>/dev/null) || return 0
	kill -CONT "$pid" 2>/dev/null || true
	kill -9 "$pid" 2>/dev/null || true
	while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
	rm -rf "$1"
}

command=${1:-}
shift || true
version=$default_version
if [[ ${1:-} =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]]; then
	version=$1
	shift
fi

case $command in
fetch)
	fetch "$version"
	;;
start)
	start "${1:-}"
	echo "$bootstrap"
	echo "folder $folder" >&2
	;;
with)
	# shellcheck disable=SC2154
	trap 'stop "${folder:-}"' EXIT
	trap 'exit 143' TERM INT
	start ""
	CORRIDOR_TEST_BROKERS=$bootstrap CORRIDOR_TEST_BROKER_FOLDER=$folder CORRIDOR_TEST_BROKER_VERSION=$version "$@"
	;;
stop) stop "$1" ;;
pause) kill -STOP "$(cat "$1/pid")" ;;
continue) kill -CONT "$(cat "$1/pid")" ;;
kill) kill -KILL "$(cat "$1/pid")" ;;
*)
	sed -n '2,12s/^# \{0,1\}//p' "$0" >&2
	exit 2
	;;
esac
