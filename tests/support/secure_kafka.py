"""A real Apache Kafka that asks who one is: SASL_SSL, a certificate of a CA of its own, and an authorizer that allows nothing but what an ACL
says. And rights taken away one at a time. SCRAM-SHA-512 with Kafka 3, PLAIN with Kafka 4: librdkafka can't do SCRAM with that before 2.6.1."""
import ctypes, os, shlex, shutil, subprocess, sys, tempfile

import deployment, kafka_client
from kafka_client import LIB, pointer

SCRIPT = os.path.join(deployment.ROOT, "tests/kafka/broker.sh")
TOOLS = {   # with Kafka 3, with Kafka 4
    "kafka-acls.sh": ["kafka.admin.AclCommand", "org.apache.kafka.tools.AclCommand"],
    "kafka-topics.sh": ["org.apache.kafka.tools.TopicCommand"],
}
VERSION = os.environ.get("CORRIDOR_TEST_BROKER_VERSION") or "3.9.1"
MECHANISM = "SCRAM-SHA-512" if VERSION.startswith("3.") else "PLAIN"
PASSWORDS = {"admin": "admin-secret", "corridor": "corridor-secret", "stranger": "stranger-secret"}
RESOURCES = {"topic": 2, "group": 3}
OPERATIONS = {"Read": 3, "Write": 4, "Create": 5, "Describe": 8, "DescribeConfigs": 10}
LITERAL, PREFIXED, DENY = 3, 4, 2
for name in ("rd_kafka_AclBinding_new", "rd_kafka_event_CreateAcls_result", "rd_kafka_CreateAcls_result_acls", "rd_kafka_acl_result_error",
             "rd_kafka_event_DeleteAcls_result", "rd_kafka_AclBindingFilter_new"):
    getattr(LIB, name).restype = ctypes.c_void_p


def quiet(*argv, **more):
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **more)
    if done.returncode != 0:
        raise RuntimeError(f"{argv[0]} ... {argv[-1]}: exit code {done.returncode}\n{done.stdout}")
    return done.stdout


def skip(why):
    print(f"skipped: {why}")
    sys.exit(77)


def start_broker(settings, **environment):
    """(bootstrap servers, folder) of a broker with these properties beside the script's own."""
    folder = tempfile.mkdtemp(prefix="corridor-kafka-")
    with open(os.path.join(folder, "more.properties"), "w") as out:
        out.write(settings)
    done = subprocess.run([SCRIPT, "start", VERSION, folder], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                          env={**os.environ, "KAFKA_SETTINGS": os.path.join(folder, "more.properties"), "KAFKA_HEAP": "384m", **environment})
    said = done.stdout.strip().splitlines()
    if done.returncode == 77:
        skip(said[-1].removeprefix("skipped: "))
    if done.returncode != 0:
        raise RuntimeError(f"the broker did not start: exit code {done.returncode}")
    return said[-1], folder


def stop_broker(folder):
    quiet(SCRIPT, "stop", folder)


class SecureKafka:
    def __init__(self):
        missing = [p for p in ("openssl", "keytool", "java", "kcat", "redis-server") if not shutil.which(p)]
        if missing:
            skip(f"needs {' and '.join(missing)}")
        self.certificates = tempfile.mkdtemp(prefix="corridor-ca-")
        self.ca, store = self.make_certificates()
        scram = 'org.apache.kafka.common.security.scram.ScramLoginModule required username="admin" password="admin-secret"'
        plain = 'org.apache.kafka.common.security.plain.PlainLoginModule required username="admin" password="admin-secret"'
        known = " ".join(f'user_{name}="{password}"' for name, password in PASSWORDS.items())
        self.brokers, self.folder = start_broker(f"""
            ssl.keystore.location={store}
            ssl.keystore.password=changeit
            ssl.keystore.type=PKCS12
            ssl.truststore.location={self.ca}
            ssl.truststore.type=PEM
            sasl.enabled.mechanisms=SCRAM-SHA-512,PLAIN
            sasl.mechanism.inter.broker.protocol={MECHANISM}
            listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config={scram};
            listener.name.sasl_ssl.plain.sasl.jaas.config={plain} {known};
            authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
            # the controller's own listener, which no client reaches, knows nobody's name
            super.users=User:admin;User:ANONYMOUS
            """.replace("\n            ", "\n"), KAFKA_PROTOCOL="SASL_SSL",
            KAFKA_FORMAT=" ".join(f"--add-scram SCRAM-SHA-512=[name={n},password={p}]" for n, p in PASSWORDS.items()))
        self.tool_settings = os.path.join(self.folder, "admin.properties")
        with open(self.tool_settings, "w") as out:
            out.write(f"security.protocol=SASL_SSL\nsasl.mechanism={MECHANISM}\n"
                      f"sasl.jaas.config={scram if MECHANISM != 'PLAIN' else plain};\n"
                      f"ssl.truststore.type=PEM\nssl.truststore.location={self.ca}\n")
        self.jars = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "corridor", f"kafka-{VERSION}")

    def __enter__(self):
        self.admin = kafka_client.Client(self.brokers, linger_ms=5, **self.properties("admin"))
        return self

    def __exit__(self, *failure):
        stop_broker(self.folder)
        shutil.rmtree(self.certificates, ignore_errors=True)

    def make_certificates(self):
        def at(name):
            return os.path.join(self.certificates, name)
        for name in ("ca", "other-ca"):
            quiet("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", f"/CN=test {name}",
                  "-keyout", at(f"{name}.key"), "-out", at(f"{name}.pem"))
        quiet("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=broker",
              "-keyout", at("broker.key"), "-out", at("broker.csr"))
        with open(at("san"), "w") as out:
            out.write("subjectAltName=IP:127.0.0.1")
        quiet("openssl", "x509", "-req", "-in", at("broker.csr"), "-CA", at("ca.pem"), "-CAkey", at("ca.key"), "-CAcreateserial", "-days", "2",
              "-extfile", at("san"), "-out", at("broker.pem"))
        quiet("openssl", "pkcs12", "-export", "-in", at("broker.pem"), "-inkey", at("broker.key"), "-certfile", at("ca.pem"), "-passout", "pass:changeit",
              "-name", "broker", "-out", at("broker.p12"))
        quiet("keytool", "-list", "-keystore", at("broker.p12"), "-storetype", "PKCS12", "-storepass", "changeit")
        return at("ca.pem"), at("broker.p12")

    def settings(self, who="corridor"):
        """As they stand under `kafka:`."""
        return {"security.protocol": "SASL_SSL", "sasl.mechanism": MECHANISM, "sasl.username": who, "sasl.password": PASSWORDS[who],
                "ssl.ca.location": self.ca}

    def properties(self, who):
        return {k.replace(".", "_"): v for k, v in self.settings(who).items()}

    def kcat(self, *words, text=None):
        """As admin."""
        login = [w for k, v in self.settings("admin").items() for w in ("-X", f"{k}={v}")]
        return subprocess.run(["kcat", "-b", self.brokers, "-q", *login, *words], input=text, stdout=subprocess.PIPE, check=True, timeout=60).stdout

    def tool_start(self, line):
        """One of kafka-topics.sh and kafka-acls.sh, as corridor topics --print writes it, by the class behind it."""
        words = shlex.split(line)
        tool = TOOLS[words[0]][0 if VERSION.startswith("3.") else -1]
        argv = ["java", "-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", f"{self.jars}/*", tool, *words[1:],
                "--command-config", self.tool_settings]
        return line, subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def tools(self, lines):
        """All at once: most of it is Java starting."""
        for line, process in [self.tool_start(line) for line in lines]:
            said, _ = process.communicate(timeout=60)
            if process.returncode != 0:
                raise RuntimeError(f"{line}\nexit code {process.returncode}: {said}")

    def acl(self, add, kind, name, operation, who):
        """Adds or removes a ban, which weighs more than what is allowed."""
        said = ctypes.create_string_buffer(512)
        make = LIB.rd_kafka_AclBinding_new if add else LIB.rd_kafka_AclBindingFilter_new
        binding = pointer(make(RESOURCES[kind], name.encode(), LITERAL, f"User:{who}".encode(), b"*", OPERATIONS[operation], DENY, said, 512))
        assert binding.value, said.value
        queue = pointer(LIB.rd_kafka_queue_new(self.admin.rk))
        (LIB.rd_kafka_CreateAcls if add else LIB.rd_kafka_DeleteAcls)(self.admin.rk, (ctypes.c_void_p * 1)(binding), ctypes.c_size_t(1), None, queue)
        event = LIB.rd_kafka_queue_poll(queue, 20000)
        assert event and not LIB.rd_kafka_event_error(pointer(event)), f"ACL of {kind} {name}"
        LIB.rd_kafka_event_destroy(pointer(event))
        LIB.rd_kafka_queue_destroy(queue)
        LIB.rd_kafka_AclBinding_destroy(binding)

    def without(self, kind, name, operation, who="corridor"):
        """with kafka.without("topic", "feedback", "Read"): ..."""
        return Without(self, kind, name, operation, who)


class Without:
    def __init__(self, kafka, *right):
        self.kafka, self.right = kafka, right

    def change(self, add):
        kind, name, operation, who = self.right
        if kind in RESOURCES:
            self.kafka.acl(add, *self.right)
        else:   # librdkafka knows no ACLs of transactional ids
            self.kafka.tools([f"kafka-acls.sh --bootstrap-server {self.kafka.brokers} {'--add' if add else '--remove --force'} --deny-principal User:{who} "
                              f"--operation {operation} --{kind} '{name}' --resource-pattern-type prefixed"])

    def __enter__(self):
        self.change(True)

    def __exit__(self, *failure):
        self.change(False)
