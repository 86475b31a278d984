# Cotangent. `make help` lists the targets; `make demo` and `make test` do everything by themselves.

BUILD  ?= build
OPT    ?= -O3
PREFIX ?= /usr/local
ifeq ($(origin CC), default)
CC := gcc
endif
# All cores, unless the caller has said how many jobs.
SUBMAKE = $(MAKE) --no-print-directory $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell nproc))

VERSION := $(shell sed -n 's/^.define CT_VERSION "\(.*\)"/\1/p' include/cotangent/version.h)
SONAME  := libcotangent.so.$(firstword $(subst ., ,$(VERSION)))

WARN   := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Werror
CSTD   := -std=c11 -D_GNU_SOURCE
DEPS   := openblas jansson libturbojpeg zlib sleef freetype2
CFLAGS_ALL = $(CSTD) $(OPT) $(WARN) $(SAN) -fPIC -fvisibility=hidden -fopenmp -ffp-contract=off -fno-math-errno -fno-trapping-math -MMD -MP \
             -Iinclude $(DEPS_CFLAGS) $(if $(filter v4,$(ISAS)),,-DCT_BASELINE_ALONE) $(CFLAGS)
# Silent where pkg-config is still to be installed: `deps` does it before anything is compiled.
DEPS_CFLAGS := $(shell pkg-config --cflags $(DEPS) 2>/dev/null)
LIBS := $(shell pkg-config --libs $(DEPS) 2>/dev/null) -lm

# src/ops/vector is compiled once an instruction set, one of which is chosen when the program runs (src/ops/isa.h); src/ops/kernels
# once for each of these and both precisions; everything else once.
# `make ISAS=baseline` leaves the others out, and two thirds of the time that compiling takes.
ISAS    := $(if $(filter x86_64-%,$(shell $(CC) -dumpmachine 2>/dev/null)),v4 v3) baseline
VECTORS := $(wildcard src/ops/vector/*.c)
KERNELS := $(wildcard src/ops/kernels/*.c)
SOURCES := $(wildcard src/*/*.c src/ops/conv/*.c)
OBJECTS := $(SOURCES:%.c=$(BUILD)/%.o) \
           $(foreach isa,$(ISAS),$(VECTORS:%.c=$(BUILD)/%.$(isa).o) $(KERNELS:%.c=$(BUILD)/%.f32.$(isa).o) $(KERNELS:%.c=$(BUILD)/%.f64.$(isa).o))

TESTS   := $(wildcard tests/*.c) tests/fuzz/targets.c
DCGAN   := $(wildcard examples/dcgan/*.c)
DCGAN_LIBS := -lmd
TOOL    := $(wildcard tools/*.c)
LESSONS := $(wildcard examples/*.c)
BENCHES := $(patsubst bench/%.c,$(BUILD)/bench-%,$(filter-out bench/measure.c,$(wildcard bench/*.c)))
PROGRAMS := $(LESSONS:examples/%.c=$(BUILD)/%) $(BUILD)/dcgan $(BUILD)/cotangent

.DEFAULT_GOAL := all
.PHONY: all help deps demo bench test report interop kills kill-matrix fuzz faults asan ubsan tsan valgrind cov lint format install uninstall clean

all: deps ## build the library and the programs
	+@$(SUBMAKE) build

.PHONY: build
build: $(BUILD)/libcotangent.a $(BUILD)/libcotangent.so $(PROGRAMS)

help: ## list the targets
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  \1|\2/p' Makefile | column -t -s '|'

deps:
	@scripts/install-dependencies

$(BUILD)/libcotangent.a: $(OBJECTS)
	@rm -f $@
	ar rcs $@ $^

$(BUILD)/$(SONAME): $(OBJECTS)
	$(CC) -shared -Wl,-soname,$(SONAME) $(SAN) -fopenmp -o $@ $^ $(LIBS)

$(BUILD)/libcotangent.so: $(BUILD)/$(SONAME)
	ln -sf $(SONAME) $@

ISA_v4       := -march=x86-64-v4 -mprefer-vector-width=512 -DCT_VARIANT_NAME='"x86-64-v4"'
ISA_v3       := -march=x86-64-v3 -DCT_VARIANT_NAME='"x86-64-v3"'
ISA_baseline := -DCT_VARIANT_NAME='"baseline"'
# These kernels read half a line of memory at a time, which Zen 4 does faster than whole lines from beyond L1 (docs/performance.md).
HALVES := elementwise loss move pool
$(foreach kernel,$(HALVES),$(BUILD)/src/ops/kernels/$(kernel).f32.v4.o $(BUILD)/src/ops/kernels/$(kernel).f64.v4.o): \
    ISA_v4 += -mprefer-vector-width=256
define COMPILE_FOR
$(BUILD)/%.$(1).o: %.c
	@mkdir -p $$(@D)
	$$(CC) $$(CFLAGS_ALL) -ffp-contract=fast -DCT_VARIANT=$(1) $$(ISA_$(1)) -c -o $$@ $$<
$(BUILD)/%.f32.$(1).o: %.c
	@mkdir -p $$(@D)
	$$(CC) $$(CFLAGS_ALL) -DCT_REAL=32 -DCT_VARIANT=$(1) $$(ISA_$(1)) -c -o $$@ $$<
$(BUILD)/%.f64.$(1).o: %.c
	@mkdir -p $$(@D)
	$$(CC) $$(CFLAGS_ALL) -DCT_REAL=64 -DCT_VARIANT=$(1) $$(ISA_$(1)) -c -o $$@ $$<
endef
$(foreach isa,$(ISAS),$(eval $(call COMPILE_FOR,$(isa))))

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -c -o $@ $<

$(BUILD)/dcgan: $(DCGAN:%.c=$(BUILD)/%.o) $(BUILD)/libcotangent.a
	$(CC) $(SAN) -fopenmp -o $@ $^ $(LIBS) $(DCGAN_LIBS)

$(BUILD)/cotangent: $(TOOL:%.c=$(BUILD)/%.o) $(BUILD)/libcotangent.a
	$(CC) $(SAN) -fopenmp -o $@ $^ $(LIBS)

$(BUILD)/%: $(BUILD)/examples/%.o $(BUILD)/libcotangent.a
	$(CC) $(SAN) -fopenmp -o $@ $^ $(LIBS)

# The programs of bench/ share measure.c, whose multiply-adds are to be fused.
$(BUILD)/bench/measure.o: CFLAGS_ALL += -ffp-contract=fast
$(BUILD)/bench-%: $(BUILD)/bench/%.o $(BUILD)/bench/measure.o $(BUILD)/libcotangent.a
	$(CC) $(SAN) -fopenmp -o $@ $^ $(LIBS)
PYTHON ?= /usr/bin/python3
bench: deps ## time everything beside PyTorch, in turn; PYTHON=… for one that has a newer PyTorch, BENCH=--quick for a rough answer
	+@$(SUBMAKE) $(BENCHES) $(BUILD)/dcgan
	@$(PYTHON) -c 'import torch' 2>/dev/null || scripts/install-dependencies python3-torch
	@$(PYTHON) bench/compare.py --build $(BUILD) --python $(PYTHON) $(BENCH)

.SECONDARY: $(BENCHES:$(BUILD)/bench-%=$(BUILD)/bench/%.o)

DEMO := --data glyphs --characters ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 --size 32 --ngf 32 --ndf 32 --batch 32 \
        --steps 6000 --lr 0.0004 --schedule cosine --every 500
demo: deps ## train a DCGAN on the letters of this machine's fonts; pictures in out/demo
	+@$(SUBMAKE) $(BUILD)/dcgan
	OPENBLAS_NUM_THREADS=1 $(BUILD)/dcgan train $(DEMO) --out out/demo --overwrite

# ---- tests: one Criterion program; each variant in a folder of its own ---------------------

RUN     = OPENBLAS_NUM_THREADS=1
VARIANT = +@$(SUBMAKE) BUILD=$(BUILD)/$@ $(BUILD)/$@/test

# Criterion's own macros convert; the tests' code is held to every other warning. Its speed is the library's.
$(BUILD)/tests/%.o: WARN += -Wno-conversion
$(BUILD)/tests/%.o: OPT += -O1

# The example's files are tested as they are, but for its main. The command is run: its tests look for it next to them.
TESTED := $(filter-out examples/dcgan/main.c,$(DCGAN))
$(BUILD)/test: $(TESTS:%.c=$(BUILD)/%.o) $(TESTED:%.c=$(BUILD)/%.o) $(BUILD)/libcotangent.a | $(BUILD)/cotangent $(BUILD)/cotangent-broken $(BUILD)/dcgan
	$(CC) $(SAN) -fopenmp -o $@ $^ -lcriterion $(LIBS) $(DCGAN_LIBS)

# The same tests where Criterion's runner cannot run.
$(BUILD)/test-forked: $(BUILD)/tests/forked/main.o $(TESTS:%.c=$(BUILD)/%.o) $(TESTED:%.c=$(BUILD)/%.o) $(BUILD)/libcotangent.a \
                      | $(BUILD)/cotangent $(BUILD)/cotangent-broken $(BUILD)/dcgan
	$(CC) $(SAN) -fopenmp -o $@ $^ -lcriterion $(LIBS) $(DCGAN_LIBS)

# The command with a catalogue of broken ops, which hides the library's.
$(BUILD)/cotangent-broken: $(TOOL:%.c=$(BUILD)/%.o) $(BUILD)/tests/broken/catalogue.o $(BUILD)/libcotangent.a
	$(CC) $(SAN) -fopenmp -o $@ $^ $(LIBS)

test: deps ## build and run every test
	+@$(SUBMAKE) $(BUILD)/test $(LESSONS:examples/%.c=$(BUILD)/%) $(BENCHES) $(BUILD)/dcgan $(BUILD)/faults-subject $(BUILD)/faults-malloc.so
	$(RUN) $(BUILD)/test
	@VERBS="save rotate" tests/faults/run $(BUILD) EIO KILL
	@STARTS="fresh resumed overwriting" EVERY=40 tests/faults/dcgan $(BUILD) EIO KILL
	@EVERY=200 tests/faults/dcgan $(BUILD) ENOMEM
	@STARTS=report tests/faults/dcgan $(BUILD) ENOMEM
	@$(RUN) $(BUILD)/bench-conv --threads 1 --filter dcgan32.1 --seconds 0
	@$(RUN) $(BUILD)/bench-scalar --seconds 0
	@$(RUN) $(BUILD)/bench-ops --threads 1 --seconds 0 --filter linear
	@$(RUN) $(BUILD)/dcgan bench --size 16 --channels 1 --ngf 4 --ndf 4 --batch 4 --steps 2
	@scripts/check-docs $(BUILD)
	+@scripts/check-install $(BUILD)
	@scripts/check-resume $(BUILD) 5
	+@$(SUBMAKE) report

# Every mutation under every check, and every op 1,000 times; minutes.
$(BUILD)/kill-matrix: $(patsubst %,$(BUILD)/tests/%.o,kill_matrix/main mutations fixed_step) $(BUILD)/libcotangent.a
	$(CC) $(SAN) -fopenmp -o $@ $^ $(LIBS)

kill-matrix: deps ## which mutation which gradient check convicts: docs/kill-matrix.md
	+@$(SUBMAKE) $(BUILD)/kill-matrix
	$(RUN) $(BUILD)/kill-matrix | tee $(BUILD)/kill-matrix.md

.PHONY: test-isa test-aarch64
# What this machine runs, as the dynamic linker knows it.
ISAS_HERE := $(shell /lib64/ld-linux-x86-64.so.2 --help 2>/dev/null | sed -n 's/^  \(x86-64-v[34]\) .supported.*/\1/p') baseline
test-isa: deps ## convolutions and elementary functions with each instruction set that runs here
	+@$(SUBMAKE) $(BUILD)/test
	@for isa in $(ISAS_HERE); do echo "CT_ISA=$$isa"; \
	    CT_ISA=$$isa $(RUN) $(BUILD)/test --filter '@(conv|golden|bilinear|elementary|softmax)*/*' || exit 1; \
	done

# Debian's arm64 libraries are unpacked here, not installed. UNDER='grad*/*' for some of the tests, here and with valgrind.
AARCH64 = $(CURDIR)/$(BUILD)/aarch64-root
test-aarch64: ## cross-compile everything for aarch64 and run the tests under qemu-user; a quarter of an hour
	@scripts/install-dependencies gcc-aarch64-linux-gnu qemu-user
	@scripts/install-dependencies --unpack arm64 $(AARCH64)
	+@PKG_CONFIG_SYSROOT_DIR=$(AARCH64) PKG_CONFIG_LIBDIR=$(AARCH64)/usr/lib/aarch64-linux-gnu/pkgconfig $(SUBMAKE) \
	    BUILD=$(BUILD)/aarch64 CC="aarch64-linux-gnu-gcc --sysroot=$(AARCH64)" OPT=-O2 build $(BUILD)/aarch64/test-forked
	QEMU_LD_PREFIX=$(AARCH64) EMULATOR=qemu-aarch64 $(RUN) qemu-aarch64 $(BUILD)/aarch64/test-forked $(if $(UNDER),--filter '$(UNDER)')

report: deps ## train for a moment, look at the report in headless Chromium and photograph it
	@scripts/install-dependencies chromium
	+@$(SUBMAKE) $(BUILD)/dcgan
	@$(RUN) $(BUILD)/dcgan train --characters ABC --size 16 --ngf 4 --ndf 4 --batch 8 --steps 400 --every 50 --out $(BUILD)/report --overwrite --quiet
	@scripts/check-report $(BUILD)/report $(BUILD)/report/screenshot.png

interop: deps ## our generators in PyTorch and ONNX Runtime: the same images; PYTHON=python3 with torch, onnx, onnxruntime
	+@$(SUBMAKE) $(BUILD)/dcgan
	$(RUN) $(PYTHON) scripts/check-interop $(BUILD)

kills: deps ## kill a training run 200 times, go on each time, and compare all bytes at the end
	+@$(SUBMAKE) $(BUILD)/dcgan
	@scripts/check-resume $(BUILD) 200

CLANG := clang libclang-rt-dev libomp-dev
# Which parser: scripts/fuzz. `make fuzz SECONDS=600 ONLY="npy png"`.
SECONDS ?= 30
FUZZSAN := address,undefined -fno-sanitize-recover=all
$(BUILD)/fuzzer: $(BUILD)/tests/fuzz/fuzzer.o $(BUILD)/tests/fuzz/targets.o $(TESTED:%.c=$(BUILD)/%.o) $(BUILD)/libcotangent.a
	$(CC) -fsanitize=fuzzer,$(FUZZSAN) -fopenmp -o $@ $^ $(LIBS) $(DCGAN_LIBS)

fuzz: deps ## fuzz every parser with libFuzzer, SECONDS=30 each; findings in build/fuzz/findings
	@scripts/install-dependencies $(CLANG)
	+@$(SUBMAKE) CC=clang BUILD=$(BUILD)/fuzz ISAS=baseline OPT="-O2 -g" SAN="-fsanitize=fuzzer-no-link,$(FUZZSAN)" CFLAGS=-Wno-pass-failed $(BUILD)/fuzz/fuzzer
	@scripts/fuzz $(BUILD)/fuzz $(SECONDS) $(ONLY)

$(BUILD)/faults-subject: $(BUILD)/tests/faults/subject.o $(BUILD)/libcotangent.a
	$(CC) $(SAN) -fopenmp -o $@ $^ $(LIBS)

$(BUILD)/faults-malloc.so: tests/faults/malloc.c
	@mkdir -p $(@D)
	$(CC) $(CSTD) $(OPT) $(WARN) -fPIC -shared -o $@ $< -ldl

# dcgan with calls of its own objects into the C library that fail on demand; sanitizers stay in force.
WRAPPED := $(shell sed -n 's/^\(REFUSE\|DENY\|SPOIL\).[^,]*,[^,]*,[^,]*, \([a-z_]*\),.*/\2/p' tests/faults/calls.c) open
$(BUILD)/faults-dcgan: $(DCGAN:%.c=$(BUILD)/%.o) $(BUILD)/tests/faults/calls.o $(BUILD)/libcotangent.a
	$(CC) $(SAN) -fopenmp -o $@ $^ $(WRAPPED:%=-Wl,--wrap=%) $(LIBS) $(DCGAN_LIBS)

SANITIZE := OPT="-O1 -g" SAN="-fsanitize=address,undefined -fno-sanitize-recover=all"
faults: deps ## each system call and allocation of saves, readings and of every verb of dcgan fails, or is the last; an hour
	+@$(SUBMAKE) $(BUILD)/faults-subject $(BUILD)/faults-malloc.so $(BUILD)/dcgan
	+@$(SUBMAKE) BUILD=$(BUILD)/asan $(SANITIZE) $(BUILD)/asan/faults-dcgan $(BUILD)/asan/dcgan
	@tests/faults/run $(BUILD)
	@tests/faults/dcgan $(BUILD)
	@tests/faults/dcgan $(BUILD)/asan CALL

asan: deps ## the tests under AddressSanitizer and UBSan; leaks fail too
	$(VARIANT) $(SANITIZE)
	$(RUN) ASAN_OPTIONS=abort_on_error=1 $(BUILD)/asan/test

ubsan: deps ## the tests under UBSan alone, optimised
	$(VARIANT) OPT="-O2 -g" SAN="-fsanitize=undefined,float-cast-overflow -fno-sanitize-recover=all"
	$(RUN) $(BUILD)/ubsan/test

# One thread and no AVX-512: valgrind knows neither. Left out: suites that do a thousand times what others do once, which ASan and UBSan
# see whole; and two tests that are not themselves there: long double is a double, and an output that is closed is opened. Stacks that
# OpenMP keeps are "possibly lost": no error. The logs hold warnings too, of system calls that valgrind does not know.
VALGRIND = valgrind -q --trace-children=yes --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite \
           --error-exitcode=9 --log-file=$(CURDIR)/$(BUILD)/valgrind/log.%p
MASSES := @(mutations|verdicts|gradcheck|random_functions|walks|conv_grid|conv_orders|conv_proof|evaluate)/*
valgrind: deps ## the tests under valgrind, but for masses of numbers; half an hour
	@scripts/install-dependencies valgrind
	+@$(SUBMAKE) BUILD=$(BUILD)/$@ OPT="-O1 -g" $(BUILD)/$@/test-forked
	@rm -f $(BUILD)/valgrind/log.*
	$(RUN) OMP_NUM_THREADS=1 OPENBLAS_CORETYPE=Haswell $(VALGRIND) $(BUILD)/valgrind/test-forked \
	    --filter '$(or $(UNDER),!($(MASSES)|elementary/are_as_near_as_they_say|tools/usage))' || { cat $(BUILD)/valgrind/log.*; exit 1; }
	@! cat $(BUILD)/valgrind/log.* | grep ^==

# Criterion does not run under ThreadSanitizer; what has threads does: training (its pictures go through the loader again) and each
# algorithm. Clang's OpenMP tells the sanitizer how its threads wait for each other (Archer); OpenBLAS stays on one.
TSAN = $(RUN) TSAN_OPTIONS="ignore_noninstrumented_modules=1 halt_on_error=1" $(BUILD)/tsan
tsan: deps ## training, the loader and every algorithm under ThreadSanitizer
	@scripts/install-dependencies $(CLANG)
	+@$(SUBMAKE) BUILD=$(BUILD)/$@ CC=clang OPT="-O1 -g" SAN=-fsanitize=thread $(BUILD)/$@/dcgan $(BUILD)/$@/bench-conv
	$(TSAN)/dcgan train --data glyphs --loss wgan-gp --size 32 --ngf 8 --ndf 8 --batch 8 --steps 3 --threads 4 --out $(BUILD)/$@/run --overwrite
	$(TSAN)/dcgan train --data $(BUILD)/$@/run --size 32 --ngf 8 --ndf 8 --batch 2 --steps 3 --threads 4 --out $(BUILD)/$@/again --overwrite
	for algorithm in reference columns direct bilinear; do \
	    $(TSAN)/bench-conv --algorithm $$algorithm --threads 4 --seconds 0 --layer small,2,4,16,32,16,4,2,1,1,1 || exit 1; \
	done

# Counted together: the tests, and the system calls and allocations that fail.
cov: deps ## lines and branches that the tests reach, files, sizes and random numbers whole; ten minutes
	@scripts/install-dependencies gcovr
	+@$(SUBMAKE) BUILD=$(BUILD)/$@ OPT="-O0 -g" SAN=--coverage $(BUILD)/$@/test $(BUILD)/$@/dcgan $(BUILD)/$@/faults-subject $(BUILD)/$@/faults-malloc.so $(BUILD)/$@/faults-dcgan
	@find $(BUILD)/cov -name '*.gcda' -delete
	@rm -f $(filter-out $(OBJECTS:$(BUILD)/%.o=$(BUILD)/cov/%.gcno),$(shell find $(BUILD)/cov/src -name '*.gcno' 2>/dev/null)) # of files that were
	$(RUN) $(BUILD)/cov/test
	@tests/faults/run $(BUILD)/cov
	@tests/faults/dcgan $(BUILD)/cov CALL
	gcovr --root . --filter src/ --filter examples/dcgan/ --object-directory $(BUILD)/cov --json $(BUILD)/cov/coverage.json \
	    --html-details $(BUILD)/cov/index.html
	@scripts/coverage $(BUILD)/cov/coverage.json

# Left out of clang-tidy: what this style does by intention (sizes of pointers, whole divisions, casts of sums that fit, macros with equal
# branches, arguments of one type), and of the analyzer what accuses correct code: va_list, and values that a loop has set.
CHECKS := -*,bugprone-*,clang-analyzer-core.*,clang-analyzer-unix.*,clang-analyzer-deadcode.*,misc-redundant-expression,$\
          -clang-analyzer-core.uninitialized.*,-clang-analyzer-core.CallAndMessage,$\
          -bugprone-easily-swappable-parameters,-bugprone-macro-parentheses,-bugprone-narrowing-conversions,$\
          -bugprone-implicit-widening-of-multiplication-result,-bugprone-misplaced-widening-cast,-bugprone-sizeof-expression,$\
          -bugprone-branch-clone,-bugprone-integer-division,-bugprone-reserved-identifier
lint: deps ## clang's warnings and clang-tidy on the library and the command
	@scripts/install-dependencies clang-tidy $(CLANG)
	@clang-tidy --quiet --warnings-as-errors='*' --checks='$(CHECKS)' $(SOURCES) $(KERNELS) $(VECTORS) $(TOOL) -- \
	    $(CSTD) $(filter-out -Werror,$(WARN)) -fopenmp -Iinclude -DCT_REAL=64 -DCT_VARIANT=baseline -DCT_VARIANT_NAME='""' $(shell pkg-config --cflags $(DEPS))

format: ## clang-format the lines that changed since BASE, the last commit by default
	@scripts/install-dependencies clang-format
	git clang-format --extensions c,h $(or $(BASE),HEAD)

# ---- installation --------------------------------------------------------------------------

BIN     := $(DESTDIR)$(PREFIX)/bin
INCLUDE := $(DESTDIR)$(PREFIX)/include
LIB     := $(DESTDIR)$(PREFIX)/lib

install: $(BUILD)/libcotangent.a $(BUILD)/libcotangent.so $(BUILD)/cotangent ## headers, libraries, the command; DESTDIR, PREFIX=/usr/local
	install -d $(BIN) $(INCLUDE)/cotangent $(LIB)/pkgconfig
	install -m 755 $(BUILD)/cotangent $(BIN)
	install -m 644 include/cotangent/*.h $(INCLUDE)/cotangent
	install -m 644 $(BUILD)/libcotangent.a $(LIB)
	install -m 755 $(BUILD)/$(SONAME) $(LIB)/libcotangent.so.$(VERSION)
	ln -sf libcotangent.so.$(VERSION) $(LIB)/$(SONAME)
	ln -sf $(SONAME) $(LIB)/libcotangent.so
	sed 's|@PREFIX@|$(PREFIX)|; s|@VERSION@|$(VERSION)|; s|@DEPS@|$(DEPS)|' cotangent.pc.in >$(LIB)/pkgconfig/cotangent.pc

uninstall: ## what install put there
	rm -f $(BIN)/cotangent
	rm -rf $(INCLUDE)/cotangent
	rm -f $(LIB)/libcotangent.a $(LIB)/libcotangent.so* $(LIB)/pkgconfig/cotangent.pc

clean: ## remove the build folder
	rm -rf $(BUILD)

-include $(shell find $(BUILD) -name '*.d' -type f 2>/dev/null)
