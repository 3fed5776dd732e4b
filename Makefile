# SPDX-License-Identifier: GPL-2.0
#
# make           the module for the running kernel, or for KDIR=, and the library
# make lib       the library
# make demo      the examples at work in a guest
# make check     the tests in guests; TESTS="read close" runs these alone, and
#                REPEAT=200 so often in one guest
# make check-kernels   make check on each of KERNELS, a row for each
# make arm64     the module compiled for arm64
# make model     the protocol of claims, scans and closes, checked in every state
# make bench     what epoll and kqueue cost side by side, in guest instructions
# make bench-check     fails when kqueue costs more than its target
# make profile   where the instructions go, function by function
# make fuzz      random programs, for SECONDS=, from SEED=: half the time against
#                a reference of what they should see, half to break the kernel
# make ports     programs that others wrote, on kqueue and on epoll in guests;
#                PORT=nginx runs this one alone
# make shell     a prompt in a guest that has the module loaded
# make doc       the drawings, and what the documents show, done
# make style     what the tools say about the sources
# make clean
#
# demo, check, fuzz, bench, ports and shell take KERNEL=, a name from vm/fetch:
# 5.10, 6.1, 6.12-rt, ...
# What is built is in build/, kernels for the guests in $KQ_CACHE.

RELEASE	:= $(shell uname -r)
KDIR	?= /lib/modules/$(RELEASE)/build
KERNEL	?= 6.1
KERNELS	?= 5.10 6.1 6.12 newest 6.12-rt newest-rt
VM	:= selftests/vm

.PHONY: all module lib tools examples demo check check-kernels arm64 model fuzz \
	bench bench-check bench-programs profile ports shell doc style clean

all: module lib tools

ifneq ($(wildcard $(KDIR)/Makefile),)
module:
	$(MAKE) -C $(KDIR) M=$(CURDIR) CONFIG_DEBUG_INFO_BTF_MODULES= modules
else ifeq ($(origin KDIR),file)
module:
	@echo "no kernel headers for $(RELEASE): the library alone is built (install linux-headers-$(RELEASE), or set KDIR=)"
else
module:
	$(error KDIR=$(KDIR): no kernel headers there)
endif

lib:
	$(MAKE) -C lib O=../build/lib

tools:
	$(MAKE) -C tools O=../build/tools

examples: lib
	$(MAKE) -C examples O=../build/examples LIB=../build/lib

demo:
	@$(VM)/need lib vm demo
	@$(MAKE) --no-print-directory examples
	@$(VM)/run --kernel $(KERNEL) -- examples/demo build/examples

check:
	@$(VM)/need lib vm check
	@$(MAKE) --no-print-directory lib
	@$(MAKE) --no-print-directory -C lib O=../build/lib32 CFLAGS='-O2 -g -m32'
	@source=$$($(VM)/fetch source-6.1) && \
	$(MAKE) --no-print-directory -C selftests \
		KSELFTEST="$$source/tools/testing/selftests" \
		RUN="--kernel $(KERNEL) $(RUN)" check

check-kernels:
	@$(VM)/need lib vm check
	@$(VM)/kernels $(KERNELS)

# Compiled only.
arm64:
	@$(VM)/need vm
	@$(VM)/fetch $(KERNEL)-arm64 >/dev/null
	@mkdir -p build/arm64
	@$(VM)/module $(KERNEL)-arm64 build/arm64

model:
	@$(VM)/need model
	@selftests/model/check

fuzz: SECONDS := 60
fuzz: SEED := 1
fuzz:
	@$(VM)/need lib vm fuzz
	@$(MAKE) --no-print-directory lib
	@$(MAKE) --no-print-directory -C selftests/fuzz
	@selftests/fuzz/run $(KERNEL) $(SECONDS) $(SEED)

bench: bench-programs
	@selftests/bench/run $(KERNEL)

bench-check: bench-programs
	@selftests/bench/run $(KERNEL) check

profile: bench-programs
	@selftests/bench/profile $(KERNEL)

bench-programs:
	@$(VM)/need lib vm bench
	@$(MAKE) --no-print-directory lib
	@$(MAKE) --no-print-directory -C selftests/bench O=../../build/bench \
		LIB=../../build/lib

ports:
	@$(VM)/need lib vm ports
	@$(MAKE) --no-print-directory lib
	@selftests/ports/ports --kernel $(KERNEL) $(PORT)

shell:
	@$(VM)/need vm
	@$(VM)/run --kernel $(KERNEL) --shell -- bash -i

doc:
	@$(VM)/need lib doc
	@$(MAKE) --no-print-directory -C doc all check

style:
	@$(VM)/need lib vm style
	@$(VM)/style

clean:
	$(if $(wildcard $(KDIR)/Makefile),$(MAKE) -C $(KDIR) M=$(CURDIR) clean)
	rm -rf build
