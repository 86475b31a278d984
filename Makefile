# Cotangent. `make help` lists the targets; `make demo` and `make test` do everything by themselves.

BUILD  ?= build
CC     ?= gcc
OPT    ?= -O3 -g
PREFIX ?= /usr/local

VERSION := $(shell sed -n 's/^.define CT_VERSION "\(.*\)"/\1/p' include/cotangent/version.h)
SONAME  := libcotangent.so.$(firstword $(subst ., ,$(VERSION)))

WARN   := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Werror
CSTD   := -std=c11 -D_GNU_SOURCE
DEPS   := openblas
CFLAGS_ALL = $(CSTD) $(OPT) $(WARN) $(SAN) -fPIC -fvisibility=hidden -fopenmp -ffp-contract=off -MMD -MP -Iinclude \
             $(shell pkg-config --cflags $(DEPS)) $(CFLAGS)
LIBS   := $(shell pkg-config --libs $(DEPS)) -lm

# Kernels are compiled once a precision; everything else once.
KERNELS := $(wildcard src/ops/kernels/*.c)
SOURCES := $(wildcard src/*/*.c src/ops/conv/*.c)
OBJECTS := $(SOURCES:%.c=$(BUILD)/%.o) $(KERNELS:%.c=$(BUILD)/%.f32.o) $(KERNELS:%.c=$(BUILD)/%.f64.o)

TESTS   := $(wildcard tests/*.c)
DCGAN   := $(wildcard examples/dcgan/*.c)
LESSONS := $(wildcard examples/*.c)
PROGRAMS := $(LESSONS:examples/%.c=$(BUILD)/%) $(if $(DCGAN),$(BUILD)/dcgan)

.DEFAULT_GOAL := all
.PHONY: all help demo test asan ubsan format lint install uninstall clean deps

all: deps ## build the library and the programs
	@$(MAKE) --no-print-directory build

.PHONY: build
build: $(BUILD)/libcotangent.a $(BUILD)/libcotangent.so $(PROGRAMS)

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  \1|\2/p' Makefile | column -t -s '|'

deps:
	@scripts/install-dependencies

$(BUILD)/libcotangent.a: $(OBJECTS)
	@rm -f $@
	ar rcs $@ $^

$(BUILD)/$(SONAME): $(OBJECTS)
	$(CC) -shared -Wl,-soname,$(SONAME) $(SAN) -fopenmp -o $@ $^ $(LIBS)

$(BUILD)/libcotangent.so: $(BUILD)/$(SONAME)
	ln -sf $(SONAME) $@

$(BUILD)/%.f32.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -DCT_REAL=32 -c -o $@ $<

$(BUILD)/%.f64.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -DCT_REAL=64 -c -o $@ $<

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -c -o $@ $<

$(BUILD)/dcgan: $(DCGAN:%.c=$(BUILD)/%.o) $(BUILD)/libcotangent.a
	$(CC) $(SAN) -fopenmp -o $@ $^ $(LIBS)

$(BUILD)/%: $(BUILD)/examples/%.o $(BUILD)/libcotangent.a
	$(CC) $(SAN) -fopenmp -o $@ $^ $(LIBS)

# ---- tests: one Criterion program --------------------------------------------------------

$(BUILD)/test: $(TESTS:%.c=$(BUILD)/%.o) $(BUILD)/libcotangent.a
	$(CC) $(SAN) -fopenmp -o $@ $^ -lcriterion $(LIBS)

test: deps ## build and run every test
	@$(MAKE) --no-print-directory $(BUILD)/test
	OPENBLAS_NUM_THREADS=1 $(BUILD)/test

asan: deps ## the tests under AddressSanitizer and UBSan
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/asan OPT="-O1 -g" SAN="-fsanitize=address,undefined -fno-sanitize-recover=all" $(BUILD)/asan/test
	ASAN_OPTIONS=abort_on_error=1 OPENBLAS_NUM_THREADS=1 $(BUILD)/asan/test

format: ## clang-format everything in place
	clang-format -i $$(git ls-files '*.c' '*.h')

clean: ## remove the build folder
	rm -rf $(BUILD)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
