# ddbtap: build, test, install.
#
#   make                  ./ddbtap and ./ddbfake
#   make demo             the whole thing against the bundled fake service (KEEP=1 leaves it running,
#                         KAFKA=1 adds a real broker)
#   make test             every test that a release needs; ends with "N passed, N failed"
#   make check            the fast part of it: unit tests and scenarios
#   make soak             a storm of signals over three workers for five minutes, and failover times
#   make test-peers       against software that others wrote: Kafka, Connect, systemd, verifying libraries
#   make stories          what others lose, double, reorder or alter, told by the same stories
#   make sim SEEDS=n      random simulator runs (FIRST=seed to start at another one, SHAPE=--many, --eight)
#   make fuzz T=seconds   each fuzzer for so long
#   make mutants          proves that the tests notice each planted bug
#   make models           the protocol's models, in every order of events (T=seconds for each)
#   make bench            what it costs, as ratios in one run
#   make lint             format, tidy, layers, headers, comments, sizes, banned calls, shellcheck, deploy/
#   make format           lets clang-format decide
#   make docs             the option reference from the option tables
#   make clean-room       `make demo` and `make test` on a bare Debian 12
#   make install          PREFIX=/usr/local, DESTDIR honoured; make uninstall
#
# Knobs: MODE=release|debug|asan|tsan|fuzz|cov, DEV=1 (warnings are errors), V=1 (show commands),
# CC, CFLAGS, CPPFLAGS, LDFLAGS (appended, never overwritten).

MODE ?= release
B := build/$(MODE)
GEN := build/gen
PREFIX ?= /usr/local
SEEDS ?= 2000
FIRST ?= 1
T ?= 20

ifeq ($(origin CC),default)
CC := gcc
endif
ifeq ($(MODE),fuzz)
CC := clang
endif

CFLAGS_release := -O2 -g -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE
LDFLAGS_release := -pie -Wl,-z,relro,-z,now
CFLAGS_debug := -O0 -g3
CFLAGS_asan := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
LDFLAGS_asan := -fsanitize=address,undefined
CFLAGS_tsan := -O1 -g -fsanitize=thread
LDFLAGS_tsan := -fsanitize=thread
CFLAGS_fuzz := -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
LDFLAGS_fuzz := -fsanitize=fuzzer,address,undefined
CFLAGS_cov := -O0 -g --coverage
LDFLAGS_cov := --coverage

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wcast-qual \
	-Wwrite-strings -Wvla -Wundef -Wformat=2 -Wswitch-enum -Wno-missing-field-initializers
ifeq ($(DEV),1)
WARN += -Werror
endif

PKGS := libcurl libcrypto libmicrohttpd yaml-0.1 libdeflate libzstd libprotobuf-c rdkafka
ifneq ($(MAKECMDGOALS),clean)
PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
PKG_LIBS := $(shell pkg-config --libs $(PKGS) 2>/dev/null)
endif

VERSION := $(shell cat VERSION)
BASE_FLAGS := -std=gnu11 -D_GNU_SOURCE -pthread -I. -I$(GEN) -include base/banned.h \
	-DDDBTAP_VERSION='"$(VERSION)"'
ALL_CFLAGS = $(BASE_FLAGS) $(WARN) $(CFLAGS_$(MODE)) $(PKG_CFLAGS) $(CPPFLAGS) $(CFLAGS)
ALL_LDFLAGS = -pthread $(LDFLAGS_$(MODE)) $(LDFLAGS)

# Every folder's sources but the composition root go into one archive, which the program, the tests and
# the fuzzers link. The model and the fake service are an archive of their own over base/ alone.
BASE_SRC := $(wildcard base/*.c)
LIB_SRC := $(wildcard proto/*.c config/*.c consumer/aws/*.c consumer/change/*.c consumer/engine/*.c \
	consumer/host/*.c consumer/verbs/*.c sinks/*.c sinks/*/*.c)
MODEL_SRC := $(wildcard tests/model/*.c)
FAKE_SRC := $(wildcard tests/fake/*.c)
SIM_SRC := $(wildcard tests/sim/*.c)
UNIT_SRC := $(wildcard tests/unit/*_test.c)
PROPERTY_SRC := $(wildcard tests/property/*.c)
FUZZ_SRC := $(wildcard tests/fuzz/*_fuzz.c)
BENCH_SRC := $(wildcard tests/bench/*_bench.c)
TORTURE_SRC := $(wildcard tests/torture/*_torture.c)

GEN_SRC := $(GEN)/google/protobuf/descriptor.pb-c.c $(GEN)/vinyldns_desc.c
obj = $(patsubst %.c,$(B)/obj/%.o,$(1))
BASE_OBJ := $(call obj,$(BASE_SRC))
LIB_OBJ := $(call obj,$(LIB_SRC) $(GEN_SRC))
MODEL_OBJ := $(call obj,$(MODEL_SRC))
FAKE_OBJ := $(call obj,$(FAKE_SRC))
SIM_OBJ := $(call obj,$(SIM_SRC))
UNIT_BIN := $(UNIT_SRC:tests/unit/%.c=$(B)/unit/%)
FAKE_UNIT_BIN := $(filter $(B)/unit/fake_%,$(UNIT_BIN)) # of the fake: without the product
PROPERTY_BIN := $(PROPERTY_SRC:tests/property/%.c=$(B)/property/%)
FUZZ_BIN := $(FUZZ_SRC:tests/fuzz/%.c=$(B)/fuzz/%)
REPLAY_BIN := $(FUZZ_SRC:tests/fuzz/%.c=$(B)/replay/%)
BENCH_BIN := $(BENCH_SRC:tests/bench/%.c=$(B)/bench/%)
TORTURE_BIN := $(TORTURE_SRC:tests/torture/%.c=$(B)/torture/%)

Q := $(if $(V),,@)
say = $(if $(V),,@echo "  $(1)")

all: ddbtap ddbfake

# The programs at the top are the release build's.
ifeq ($(MODE),release)
ddbtap ddbfake: %: $(B)/%
	$(Q)cp $< $@.new && mv $@.new $@
else
ddbtap ddbfake: %: $(B)/%
endif

$(B)/ddbtap: $(B)/obj/consumer/main.o $(LIB_OBJ) $(BASE_OBJ)
$(B)/ddbfake: $(FAKE_OBJ) $(MODEL_OBJ) $(BASE_OBJ)
$(B)/ddbfake $(FAKE_UNIT_BIN): PKG_LIBS = $(shell pkg-config --libs libssl libcrypto libdeflate)
# The simulator has sinks of its own.
$(B)/simulator: $(SIM_OBJ) $(filter-out $(B)/obj/sinks/file%,$(LIB_OBJ)) $(MODEL_OBJ) $(BASE_OBJ)
$(filter-out $(FAKE_UNIT_BIN),$(UNIT_BIN)): $(B)/unit/%: $(B)/obj/tests/unit/%.o $(LIB_OBJ) \
	$(MODEL_OBJ) $(BASE_OBJ)
$(FAKE_UNIT_BIN): $(B)/unit/%: $(B)/obj/tests/unit/%.o $(filter-out %/ddbfake.o,$(FAKE_OBJ)) \
	$(MODEL_OBJ) $(BASE_OBJ)
$(PROPERTY_BIN): $(B)/property/%: $(B)/obj/tests/property/%.o $(LIB_OBJ) $(BASE_OBJ)
$(TORTURE_BIN): $(B)/torture/%: $(B)/obj/tests/torture/%.o $(LIB_OBJ) $(BASE_OBJ)
$(BENCH_BIN): $(B)/bench/%: $(B)/obj/tests/bench/%.o $(B)/obj/tests/bench/corpus.o $(LIB_OBJ) $(MODEL_OBJ) $(BASE_OBJ)
$(FUZZ_BIN): $(B)/fuzz/%: $(B)/obj/tests/fuzz/%.o $(LIB_OBJ) $(BASE_OBJ)
$(REPLAY_BIN): $(B)/replay/%: $(B)/obj/tests/fuzz/%.o $(B)/obj/tests/fuzz/replay.o $(LIB_OBJ) $(BASE_OBJ)

$(B)/ddbtap $(B)/ddbfake $(B)/simulator $(UNIT_BIN) $(PROPERTY_BIN) $(BENCH_BIN) $(TORTURE_BIN) $(FUZZ_BIN) \
$(REPLAY_BIN):
	$(call say,LD      $@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(PKG_LIBS)

# -Wconversion where bytes from outside are counted; it pays there and hurts elsewhere.
$(B)/obj/base/%.o $(B)/obj/proto/%.o $(B)/obj/consumer/aws/%.o $(B)/obj/consumer/change/%.o: \
	WARN += -Wconversion
$(B)/obj/$(GEN)/%.o: WARN := -w

$(B)/obj/%.o: %.c $(B)/flags Makefile | $(GEN)/stamp
	$(call say,CC      $<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# Objects are rebuilt when the flags change.
$(B)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(ALL_CFLAGS)' | cmp -s - $@ || echo '$(CC) $(ALL_CFLAGS)' >$@

# The schema of the first customer, embedded, and protobuf-c's reader of descriptor sets.
$(GEN)/google/protobuf/descriptor.pb-c.c:
	@mkdir -p $(GEN)
	$(Q)protoc-c --c_out=$(GEN) -I/usr/include google/protobuf/descriptor.proto
$(GEN)/vinyldns.desc: proto/vinyldns.proto
	@mkdir -p $(GEN)
	$(Q)protoc-c -o $@ --include_imports -Iproto proto/vinyldns.proto
$(GEN)/vinyldns_desc.c: $(GEN)/vinyldns.desc
	$(Q){ echo '#include "proto/vinyldns_desc.h"'; \
	  echo 'const unsigned char vinyldns_desc[] = {'; \
	  od -An -v -tx1 $< | sed 's/ \([0-9a-f][0-9a-f]\)/0x\1,/g'; \
	  echo '};'; echo 'const unsigned long vinyldns_desc_n = sizeof(vinyldns_desc);'; } >$@
$(GEN)/stamp: $(GEN)/google/protobuf/descriptor.pb-c.c $(GEN)/vinyldns_desc.c
	@touch $@

unit: $(UNIT_BIN)
property: $(PROPERTY_BIN)
simulator: $(B)/simulator
fuzzers: $(FUZZ_BIN)
replays: $(REPLAY_BIN)
benches: $(BENCH_BIN)
torture: $(TORTURE_BIN)

deps:
	$(Q)tools/deps.sh build
dev-deps:
	$(Q)tools/deps.sh dev
test: dev-deps
	$(Q)tests/run.sh all
check: dev-deps
	$(Q)tests/run.sh fast
soak: dev-deps
	$(Q)tests/run.sh soak
test-peers:
	$(Q)tools/deps.sh peers
	$(Q)$(MAKE) --no-print-directory all build/release/property/debezium_tool
	$(Q)tests/peers/run.sh
stories:
	$(Q)tools/deps.sh peers
	$(Q)$(MAKE) --no-print-directory all
	$(Q)tests/peers/install.sh
	$(Q)tests/peers/stories.py
sim: $(B)/simulator
	$(Q)$(B)/simulator random --first $(FIRST) --seeds $(SEEDS) $(SHAPE)
fuzz: dev-deps
	$(Q)tests/fuzz/run.sh $(T)
mutants: dev-deps
	$(Q)tests/mutants/run.sh
models:
	$(Q)tools/deps.sh models
	$(Q)tests/spin/run.sh all
bench: dev-deps
	$(Q)tests/bench/run.sh
demo:
	$(Q)tools/deps.sh demo
	$(Q)$(MAKE) --no-print-directory all
	$(Q)KEEP=$(KEEP) KAFKA=$(KAFKA) tests/e2e/demo.sh
lint: dev-deps
	$(Q)tools/lint.sh
format:
	$(Q)git ls-files '*.c' '*.h' | xargs clang-format -i
docs: ddbtap
	$(Q)./ddbtap help --reference >config/reference.md
clean-room:
	$(Q)tests/e2e/clean-room.sh

install: ddbtap
	install -D -m 755 ddbtap $(DESTDIR)$(PREFIX)/bin/ddbtap
	install -d $(DESTDIR)$(PREFIX)/share/doc/ddbtap/examples
	install -m 644 config/examples/*.yaml deploy/ddbtap.yaml $(DESTDIR)$(PREFIX)/share/doc/ddbtap/examples/
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	sed 's|/usr/local/|$(PREFIX)/|' 'deploy/ddbtap@.service' >$(DESTDIR)$(PREFIX)/lib/systemd/system/ddbtap@.service
	chmod 644 $(DESTDIR)$(PREFIX)/lib/systemd/system/ddbtap@.service
	install -D -m 644 config/reference.md $(DESTDIR)$(PREFIX)/share/doc/ddbtap/reference.md
uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/ddbtap $(DESTDIR)$(PREFIX)/lib/systemd/system/ddbtap@.service
	rm -rf $(DESTDIR)$(PREFIX)/share/doc/ddbtap
clean:
	rm -rf build ddbtap ddbfake
help:
	@sed -n '3,/^MODE/p' Makefile | sed -n 's/^# \{0,1\}//p'

-include $(shell find $(B) -name '*.d' 2>/dev/null)

.PHONY: all torture unit property simulator fuzzers replays benches deps dev-deps test check soak test-peers stories sim fuzz mutants models \
	bench demo lint format docs clean-room install uninstall clean help FORCE
.SECONDARY:
.DELETE_ON_ERROR:

# For tools/lint.sh: how to compile one file.
print-flags: $(GEN)/stamp
	@echo '$(filter-out -DDDBTAP_VERSION%,$(BASE_FLAGS)) -DDDBTAP_VERSION="\"$(VERSION)\"" $(PKG_CFLAGS)'
.PHONY: print-flags
