"""tests/style/layers.py finds what the layering forbids, and nothing else."""
import importlib.util, unittest

spec = importlib.util.spec_from_file_location("layers", "tests/style/layers.py")
layers = importlib.util.module_from_spec(spec)
spec.loader.exec_module(layers)
RULES = layers.read_rules()


def problems(path, text):
    return list(layers.check_layers(path, text, RULES))


class Layers(unittest.TestCase):
    def test_allowed(self):
        for path, text in (
            ("pkg/window/window.c", '#include "window/window.h"\n#include <stdlib.h>\n#include "base/must.h"\n'),
            ("pkg/window/window.c", '#include "window/window_priv.h"\n'),
            ("pkg/kafka/conf.c", '#include <librdkafka/rdkafka.h>\n#include "base/err.h"\n#include <pthread.h>\n'),
            ("pkg/pipeline/lane.c", '#include "kafka/kafka.h"\n#include "window/window.h"\n'),
            ("pkg/bundle/bundle.c", '#include "bundle.pb-c.h"\n'),
            ("pkg/window/window.c", 'void f(FILE *out) { fprintf(out, "x"); snprintf(b, 1, "stderr"); }\n'),
            ("pkg/window/window.c", 'int f(int64_t time); /* fopen( */ const char *x = "time(";\nint y = w.time;\n'),
        ):
            self.assertEqual(problems(path, text), [], text)

    def test_forbidden(self):
        for path, text in (
            ("pkg/window/window.c", '#include "kafka/kafka.h"\n'),
            ("pkg/kafka/kafka.c", '#include "pipeline/pipeline.h"\n'),
            ("pkg/watch/watch.c", '#include "window/window_priv.h"\n'),
            ("pkg/watch/watch.c", '#include <jansson.h>\n'),
            ("pkg/store/store.c", '#include <librdkafka/rdkafka.h>\n'),
            ("pkg/store/store.c", '#include <zlib.h>\n'),
            ("pkg/window/window.c", '#include <pthread.h>\n'),
            ("pkg/window/window.c", '#include <time.h>\n'),
            ("pkg/window/window.c", 'int64_t now = time(NULL);\n'),
            ("pkg/window/window.c", '\tprintf("%d", 1);\n'),
            ("pkg/window/window.c", '\tfprintf(stderr, "%d", 1);\n'),
        ):
            self.assertEqual(len(problems(path, text)), 1, text)

    def test_sizes(self):
        body = "".join(f"\tx = {i};\n" for i in range(70))
        found = list(layers.check_sizes("pkg/a/a.c", f"static int f(int a)\n{{\n{body}}}\n"))
        self.assertEqual(found, ["pkg/a/a.c:1: warning: function of 73 lines, over 60"])
        found = list(layers.check_sizes("pkg/a/a.c", "int f(int a, int b, int c, int (*d)(int, int), int e, int g)\n{\n}\n"))
        self.assertEqual(found, ["pkg/a/a.c:1: warning: f() takes 6 parameters, over 5"])


if __name__ == "__main__":
    unittest.main()
