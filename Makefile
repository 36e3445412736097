# corridor: `make demo` shows the main job, `make test` builds and passes every test; both install what they lack.
# Files are found by wildcard: pkg/*/*.c, pkg/*/*.proto, cmd/corridor/*.c, tests/unit/*/*_test.c, tests/integration/*_test.c,
# tests/fuzz/*_fuzz.c, tests/sim/NAME/*.c, benchmarks/NAME/*.{c,cc}. No list to keep.
CC       ?= cc
CXX      ?= c++
BUILD    ?= build
PREFIX   ?= /usr/local
CFLAGS   ?= -O2 -g
CXXFLAGS ?= -O2 -g
PKGS     := rdkafka hiredis jansson libmicrohttpd libcurl yaml-0.1 libprotobuf-c libxxhash libsodium glib-2.0

# -ffp-contract=off: the same doubles on every machine, since what watch decides must not depend on who owns the partition.
WARN     := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wno-unused-parameter
ALWAYS   := -ffp-contract=off -fno-omit-frame-pointer $(SANITIZE)
INCLUDE  := -Ipkg -I$(BUILD)/gen -D_GNU_SOURCE -MMD -MP
COMPILE   = $(CC) $(CPPFLAGS) $(INCLUDE) $(PKG_CFLAGS) -std=gnu11 $(WARN) $(ALWAYS) $(CFLAGS) $(MACHINE)
LIBS      = $(LDFLAGS) $(PKG_LIBS) -lm -lpthread $(LDLIBS)

PROTO    := $(wildcard pkg/*/*.proto)
GEN      := $(PROTO:pkg/%.proto=$(BUILD)/gen/%.pb-c.c)
OBJ      := $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard pkg/*/*.c)) $(GEN:.c=.o)
CMD      := $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard cmd/corridor/*.c))
LIB      := $(BUILD)/libcorridor.a
UNIT     := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/unit/*/*_test.c))
SUPPORT  := $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard tests/support/*.c))
INTEGR   := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/integration/*_test.c))
FUZZ     := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/fuzz/*_fuzz.c))
BENCHSRC := $(wildcard benchmarks/*/*.c benchmarks/*/*.cc)
SIM      := $(patsubst tests/sim/%/,$(BUILD)/sim/%,$(sort $(dir $(wildcard tests/sim/*/*.c))))
BENCH    := $(sort $(patsubst benchmarks/%/,$(BUILD)/bench/%,$(dir $(BENCHSRC))))

all: $(BUILD)/corridor

# What the libraries want, asked once. make reads this file and makes it first, so a fresh machine gets its packages here.
ifneq ($(filter-out help setup clean image-check,$(or $(MAKECMDGOALS),all)),)
include $(BUILD)/flags.mk
endif
$(BUILD)/flags.mk: Makefile deploy/setup.sh
	@deploy/setup.sh build
	@mkdir -p $(@D)
	@pkgs='$(PKGS)'; defs=; \
	if pkg-config --exists hiredis_ssl openssl; then pkgs="$$pkgs hiredis_ssl openssl"; defs=-DHAVE_HIREDIS_SSL; fi; \
	echo "PKG_CFLAGS := $$defs $$(pkg-config --cflags $$pkgs)" >$@; echo "PKG_LIBS := $$(pkg-config --libs $$pkgs)" >>$@

$(BUILD)/corridor: $(CMD) $(LIB)
	$(CC) $(ALWAYS) -o $@ $^ $(LIBS)

$(LIB): $(OBJ)
	@rm -f $@; ar rcs $@ $^

# Hot code once more for newer x86-64 processors; whether this is one is asked when the program runs. Elsewhere it is as the rest.
$(BUILD)/obj/%_v3.o: MACHINE = $(if $(filter x86_64%,$(shell $(CC) -dumpmachine)),-mavx2 -mbmi -mbmi2 -mpopcnt)

$(BUILD)/obj/%.o: %.c | $(GEN)
	@mkdir -p $(@D)
	$(COMPILE) -c -o $@ $<

$(BUILD)/obj/%.o: %.cc | $(GEN)
	@mkdir -p $(@D)
	$(CXX) $(CPPFLAGS) $(INCLUDE) $(PKG_CFLAGS) -std=c++17 -Wall -Wextra $(ALWAYS) $(CXXFLAGS) -c -o $@ $<

$(BUILD)/gen/%.pb-c.o: $(BUILD)/gen/%.pb-c.c
	$(COMPILE) -w -c -o $@ $<

$(BUILD)/gen/%.pb-c.c: pkg/%.proto
	@mkdir -p $(BUILD)/gen
	protoc-c --proto_path=pkg --c_out=$(BUILD)/gen $<

$(BUILD)/tests/fuzz/%: tests/fuzz/%.c $(LIB)
	@mkdir -p $(@D)
	$(COMPILE) -fsanitize=fuzzer -o $@ $< $(LIB) $(LIBS)

$(BUILD)/tests/%: tests/%.c $(SUPPORT) $(LIB)
	@mkdir -p $(@D)
	$(COMPILE) -Itests -o $@ $< $(SUPPORT) $(LIB) -lcmocka $(LIBS)

# One program per folder of benchmarks/; linked by the C++ compiler only because one of the rivals (simdjson) is C++.
.SECONDEXPANSION:
$(BUILD)/bench/%: $$(addsuffix .o,$$(addprefix $(BUILD)/obj/,$$(basename $$(wildcard benchmarks/$$*/*.c benchmarks/$$*/*.cc)))) $(LIB)
	@mkdir -p $(@D)
	$(CXX) $(ALWAYS) -o $@ $^ $(LIBS) $(if $(wildcard benchmarks/$*/*.cc),-lsimdjson)

$(BUILD)/sim/%: $$(addsuffix .o,$$(addprefix $(BUILD)/obj/,$$(basename $$(wildcard tests/sim/$$*/*.c)))) $(LIB)
	@mkdir -p $(@D)
	$(CC) $(ALWAYS) -o $@ $^ $(LIBS)

# parts only, for tests/run, tests/style/check and benchmarks/run
generated: $(GEN)
unit-programs: $(UNIT)
integration-programs: $(INTEGR)
tsan-programs: $(foreach t,$(UNIT) $(INTEGR),$(if $(findstring pipeline,$t),$t))
fuzz-programs: $(FUZZ)
bench-programs: $(BENCH)
sim-programs: $(SIM)

setup: ## install what building, testing and the demo need (apt; root or sudo)
	@deploy/setup.sh build demo test style bench
demo: $(BUILD)/corridor ## the main job on synthetic feedback, live in this terminal (DEMO="--for 30s")
	@deploy/setup.sh demo
	@$(BUILD)/corridor demo $(DEMO)
demo-kafka: $(BUILD)/corridor ## the same on a real Apache Kafka from Maven Central
	@deploy/setup.sh demo kafka
	@tests/kafka/broker.sh with bash -c 'exec "$$0" demo --brokers "$$CORRIDOR_TEST_BROKERS" $(DEMO)' $(BUILD)/corridor
test: ## every test there is; the last line has the totals
	@deploy/setup.sh build demo test
	@tests/run
unit: $(UNIT) ## unit tests of this BUILD (SANITIZE="-fsanitize=address,undefined" BUILD=build/asan)
	@BUILD=$(BUILD) tests/run --built unit
integration: ## tests with a real Redis and the embedded broker
	@deploy/setup.sh demo test
	@tests/run integration
fuzz: ## a minute of fuzzing per target
	@deploy/setup.sh test
	@tests/run --fuzz-seconds 60 fuzz
sim: $(SIM) ## simulations in full: the spike detector on a billion responses (SIM_ARGS="--scale 2 quiet")
	@for program in $(SIM); do $$program $(or $(SIM_ARGS),--full) || exit 1; done
bench: ## benchmarks: one table, and build/bench.json
	@deploy/setup.sh demo bench
	@benchmarks/run
style: ## formatting, lint, layers, sizes
	@deploy/setup.sh build style
	@tests/style/check
image-check: ## build the Dockerfile's image, or carry its steps out in a Debian root, and run the demo in it
	@tests/image/check || [ $$? = 77 ]
install: $(BUILD)/corridor ## to $(DESTDIR)$(PREFIX), with the unit and an example configuration
	install -D -m 755 $(BUILD)/corridor $(DESTDIR)$(PREFIX)/bin/corridor
	install -D -m 644 deploy/corridor.yaml $(DESTDIR)$(PREFIX)/share/corridor/corridor.yaml
	@mkdir -p $(DESTDIR)$(PREFIX)/lib/systemd/system
	sed 's|/usr/local/bin|$(PREFIX)/bin|' deploy/corridor.service >$(DESTDIR)$(PREFIX)/lib/systemd/system/corridor.service
clean: ## remove build/
	rm -rf $(BUILD)
help: ## this list
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/  make \1\t\2/p' Makefile | expand -t 24

.PHONY: all setup demo demo-kafka test unit integration fuzz sim bench style image-check install clean help \
	generated unit-programs integration-programs tsan-programs fuzz-programs bench-programs sim-programs
.SECONDARY:
-include $(patsubst %.o,%.d,$(OBJ) $(CMD) $(SUPPORT)) $(addsuffix .d,$(UNIT) $(INTEGR) $(FUZZ)) \
	$(patsubst %,$(BUILD)/obj/%.d,$(basename $(BENCHSRC) $(wildcard tests/sim/*/*.c)))
