"""The little that the end-to-end tests need of Kafka beyond kcat: topics, transactions that are aborted, offsets set by hand.

librdkafka through ctypes, so that no test needs a Python package. Reading goes through kcat (read_committed, lengths instead of
separators: payloads may hold any byte).
"""
import ctypes, re, subprocess, time
from collections import namedtuple

Message = namedtuple("Message", "topic partition offset timestamp key value headers")
LIB = ctypes.CDLL("librdkafka.so.1")
POINTERS = """rd_kafka_conf_new rd_kafka_new rd_kafka_queue_new rd_kafka_NewTopic_new rd_kafka_queue_poll rd_kafka_topic_new
	rd_kafka_event_CreateTopics_result rd_kafka_CreateTopics_result_topics rd_kafka_topic_result_error_string rd_kafka_init_transactions
	rd_kafka_begin_transaction rd_kafka_commit_transaction rd_kafka_abort_transaction rd_kafka_topic_partition_list_new
	rd_kafka_topic_partition_list_add rd_kafka_err2str rd_kafka_error_string rd_kafka_event_error_string""".split()
for name in POINTERS:
    getattr(LIB, name).restype = ctypes.c_void_p
PRODUCER, CONSUMER, COPY = 0, 1, 2


class KafkaError(Exception):
    pass


def pointer(value):
    return ctypes.c_void_p(value)


def text(address):
    return ctypes.string_at(address).decode()


class Client:
    """A producer (transactional with an id) or, with group=, a consumer that only commits."""

    def __init__(self, brokers, kind=PRODUCER, **properties):
        conf = pointer(LIB.rd_kafka_conf_new())
        said = ctypes.create_string_buffer(512)
        for key, value in {"bootstrap.servers": brokers, "log_level": "2", **{k.replace("_", "."): v for k, v in properties.items()}}.items():
            if LIB.rd_kafka_conf_set(conf, key.encode(), str(value).encode(), said, 512) != 0:
                raise KafkaError(said.value.decode())
        self.rk = LIB.rd_kafka_new(kind, conf, said, 512)
        if not self.rk:
            raise KafkaError(said.value.decode())
        self.rk = pointer(self.rk)
        self.topics = {}
        if "transactional_id" in properties:
            self.check(LIB.rd_kafka_init_transactions(self.rk, 20000))

    @staticmethod
    def check(error):
        if error:
            raise KafkaError(text(LIB.rd_kafka_error_string(pointer(error))))

    def create_topic(self, name, partitions):
        said = ctypes.create_string_buffer(512)
        new = pointer(LIB.rd_kafka_NewTopic_new(name.encode(), partitions, 1, said, 512))
        queue = pointer(LIB.rd_kafka_queue_new(self.rk))
        LIB.rd_kafka_CreateTopics(self.rk, (ctypes.c_void_p * 1)(new), ctypes.c_size_t(1), None, queue)
        event = LIB.rd_kafka_queue_poll(queue, 30000)
        if not event:
            raise KafkaError(f"topic {name}: no answer")
        event, count = pointer(event), ctypes.c_size_t()
        if LIB.rd_kafka_event_error(event):
            raise KafkaError(text(LIB.rd_kafka_event_error_string(event)))
        results = LIB.rd_kafka_CreateTopics_result_topics(pointer(LIB.rd_kafka_event_CreateTopics_result(event)), ctypes.byref(count))
        result = ctypes.cast(pointer(results), ctypes.POINTER(ctypes.c_void_p))[0]
        if LIB.rd_kafka_topic_result_error(pointer(result)):
            raise KafkaError(text(LIB.rd_kafka_topic_result_error_string(pointer(result))))
        LIB.rd_kafka_event_destroy(event)
        LIB.rd_kafka_queue_destroy(queue)
        LIB.rd_kafka_NewTopic_destroy(new)

    def send(self, topic, partition, key, value):
        if topic not in self.topics:
            self.topics[topic] = pointer(LIB.rd_kafka_topic_new(self.rk, topic.encode(), None))
        while LIB.rd_kafka_produce(self.topics[topic], partition, COPY, value, ctypes.c_size_t(len(value or b"")), key,
                                   ctypes.c_size_t(len(key or b"")), None) != 0:
            code = LIB.rd_kafka_last_error()
            if code != -184:   # the queue is full
                raise KafkaError(f"{topic}: {text(LIB.rd_kafka_err2str(code))}")
            LIB.rd_kafka_poll(self.rk, 100)

    def flush(self, seconds=60):
        if LIB.rd_kafka_flush(self.rk, int(seconds * 1000)) != 0:
            raise KafkaError(f"not all was delivered within {seconds} s")

    def begin(self):
        self.check(LIB.rd_kafka_begin_transaction(self.rk))

    def commit(self):
        self.check(LIB.rd_kafka_commit_transaction(self.rk, 20000))

    def abort(self):
        self.check(LIB.rd_kafka_abort_transaction(self.rk, 20000))

    def commit_offsets(self, offsets):
        """offsets: {(topic, partition): offset}. The group must have no member."""
        found = LIB.rd_kafka_topic_partition_list_new(len(offsets))
        for (topic, partition), offset in offsets.items():
            entry = LIB.rd_kafka_topic_partition_list_add(pointer(found), topic.encode(), partition)
            ctypes.cast(entry + 16, ctypes.POINTER(ctypes.c_int64))[0] = offset   # struct rd_kafka_topic_partition_s
        code = LIB.rd_kafka_commit(self.rk, pointer(found), 0)
        LIB.rd_kafka_topic_partition_list_destroy(pointer(found))
        if code:
            raise KafkaError(text(LIB.rd_kafka_err2str(code)))

    def close(self):
        for topic in self.topics.values():
            LIB.rd_kafka_topic_destroy(topic)
        LIB.rd_kafka_destroy(self.rk)


def reset_offsets(brokers, group, offsets, seconds=40):
    """Waits until the group's members are gone (static ones only leave by their session time-out)."""
    client, until = Client(brokers, CONSUMER, group_id=group), time.monotonic() + seconds
    while True:
        try:
            client.commit_offsets(offsets)
            break
        except KafkaError as problem:
            if time.monotonic() > until:
                raise KafkaError(f"offsets of {group}: {problem}")
            time.sleep(0.5)
    client.close()


def committed_offsets(brokers, group, partitions, seconds=20):
    """{(topic, partition): offset} of those that have one. A broker that stood still may be without a coordinator for a while."""
    until = time.monotonic() + seconds
    while True:
        try:
            return _committed_offsets(brokers, group, partitions)
        except KafkaError:
            if time.monotonic() > until:
                raise
            time.sleep(0.5)


def _committed_offsets(brokers, group, partitions):
    client = Client(brokers, CONSUMER, group_id=group)
    found = pointer(LIB.rd_kafka_topic_partition_list_new(len(partitions)))
    entries = {place: LIB.rd_kafka_topic_partition_list_add(found, place[0].encode(), place[1]) for place in partitions}
    code = LIB.rd_kafka_committed(client.rk, found, 10000)
    offsets = {place: ctypes.cast(entry + 16, ctypes.POINTER(ctypes.c_int64))[0] for place, entry in entries.items()}
    LIB.rd_kafka_topic_partition_list_destroy(found)
    client.close()
    if code:
        raise KafkaError(text(LIB.rd_kafka_err2str(code)))
    return {place: offset for place, offset in offsets.items() if offset >= 0}


HEADERS = re.compile(rb"topic=(.*?),partition=(-?\d+),offset=(\d+)(?:,timestamp=(-?\d+))?,reason=(\w+),sentence=(.*?)"
                     rb"(?:,bytes=(\d+),key_bytes=(\d+))?")


def read_topic(brokers, topic):
    """All committed messages of a topic. headers: as kcat prints them, or a dict where they are a dead letter's."""
    argv = ["kcat", "-C", "-b", brokers, "-t", topic, "-o", "beginning", "-e", "-q", "-u", "-X", "isolation.level=read_committed",
            "-X", "fetch.wait.max.ms=50", "-X", "check.crcs=false", "-f", "%p %o %T %K %S\\n%k%s\\n%h\\n"]
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
    if done.returncode != 0:
        raise KafkaError(f"kcat {topic}: {done.stderr.decode(errors='replace')}")
    out, at, found = done.stdout, 0, []
    while at < len(out):
        end = out.index(b"\n", at)
        partition, offset, timestamp, key_len, len_ = map(int, out[at:end].split())
        at = end + 1
        key = None if key_len < 0 else out[at:at + key_len]
        at += max(key_len, 0)
        value = None if len_ < 0 else out[at:at + len_]
        at += max(len_, 0) + 1
        end = out.index(b"\n", at)
        headers = out[at:end]
        letter = HEADERS.fullmatch(headers)
        if letter:
            names = ("topic", "partition", "offset", "timestamp", "reason", "sentence", "bytes", "key_bytes")
            headers = {name: group.decode() for name, group in zip(names, letter.groups()) if group is not None}
        found.append(Message(topic, partition, offset, timestamp, key, value, headers))
        at = end + 1
    return found
