# SPDX-License-Identifier: GPL-2.0
#
# make           the module for the running kernel, or for KDIR=, the library and
#                kqstat
# make lib       the library
# make install   all of that, with the manual, in PREFIX=/usr/local, LIBDIR=, and
#                DESTDIR= ahead of them; make uninstall
# make dkms-install    the module for each kernel, by DKMS; make dkms-uninstall
# make deb       Debian packages of it all, in build/deb
# make demo      the examples at work in a guest
# make check     the tests in guests; TESTS="read close" runs these alone, and
#                REPEAT=200 so often in one guest; make tests builds them
# make check-kernels   make check on each of KERNELS, a row for each
# make coverage  make check, and which lines of the module it ran
# make check-packages  make deb, and what becomes of the packages in a guest
# make arm64     the module compiled for arm64
# make model     the protocol of claims, scans and closes, checked in every state
# make bench     what epoll and kqueue cost side by side, in guest instructions
# make bench-check     fails when kqueue costs more than its target
# make profile   where the instructions go, function by function
# make fuzz      random programs, for SECONDS=, from SEED=: half the time against
#                a reference of what they should see, half to break the kernel
# make stress    what threads and processes do at random, for SECONDS=; the same
#                again with SEED=, one of the programs with TESTS=
# make ports     programs that others wrote, on kqueue and on epoll in guests;
#                PORT=nginx runs this one alone
# make shell     a prompt in a guest that has the module loaded
# make doc       the drawings, and what the documents show, done
# make style     what the tools say about the sources
# make clean
#
# What runs in a guest, and arm64, takes KERNEL=, a name from selftests/vm/fetch: 5.10,
# 6.1, 6.12-rt, ...; check and stress take RUN=, options of selftests/vm/run.
# What is built is in build/, kernels for the guests in $KQ_CACHE.

RELEASE	:= $(shell uname -r)
KDIR	?= /lib/modules/$(RELEASE)/build
KERNEL	?= 6.1
KERNELS	?= 5.10 6.1 6.12 newest 6.12-rt newest-rt
VM	:= selftests/vm
SECONDS	?= 60
SEED	?= $(shell od -An -N4 -tu4 /dev/urandom)

VERSION	:= $(shell cat VERSION)
PREFIX	?= /usr/local
export PREFIX

.PHONY: all module lib tools examples install install-lib install-tools \
	install-module uninstall dkms-install dkms-uninstall deb demo tests check \
	check-kernels coverage check-packages arm64 model fuzz stress bench bench-check \
	bench-programs profile ports shell doc style clean

all: module lib tools

ifneq ($(wildcard $(KDIR)/Makefile),)
module:
	$(MAKE) -C $(KDIR) M=$(CURDIR) CONFIG_DEBUG_INFO_BTF_MODULES= modules
else ifeq ($(origin KDIR),file)
module:
	@echo "no kernel headers for $(RELEASE): no module is built (install linux-headers-$(RELEASE), or set KDIR=)"
else
module:
	$(error KDIR=$(KDIR): no kernel headers there)
endif

lib:
	$(MAKE) -C lib O=../build/lib

tools:
	$(MAKE) -C tools O=../build/tools

# Where modules-load.d and the headers for other modules go; the same headers
# are with DKMS's sources.
LOAD	:= $(DESTDIR)$(PREFIX)/lib/modules-load.d
KPI	:= $(DESTDIR)$(PREFIX)/src/kqueue-$(VERSION)
DKMS	:= $(DESTDIR)/usr/src/kqueue-$(VERSION)
HEADERS	:= module/include/kqueue/kqueue.h uapi/linux/kqueue.h
SOURCES	:= Kbuild VERSION $(HEADERS) $(wildcard module/*.[ch] module/compat/*.h)

# What modules_install and uname call it; Debian's kernelrelease is another.
UTS_RELEASE = $(shell awk '{ print $$3 }' $(KDIR)/include/generated/utsrelease.h)

# A distribution keeps the key to itself.
UNSIGNED := $(if $(wildcard $(KDIR)/certs/signing_key.pem),,CONFIG_MODULE_SIG_ALL=)

install: install-lib install-tools install-module

install-lib: lib
	$(MAKE) -C lib O=../build/lib install
	[ "$(DESTDIR)" ] || [ ! -w /etc/ld.so.cache ] || ldconfig

install-tools: tools
	$(MAKE) -C tools O=../build/tools install

install-module: module
ifneq ($(wildcard $(KDIR)/Makefile),)
	$(MAKE) -C $(KDIR) M=$(CURDIR) INSTALL_MOD_PATH=$(DESTDIR) \
		INSTALL_MOD_DIR=updates $(UNSIGNED) modules_install
	[ "$(DESTDIR)" ] || depmod $(UTS_RELEASE)
	for f in $(HEADERS); do install -D -m 644 $$f $(KPI)/$$f || exit; done
	install -m 644 Module.symvers $(KPI)
	install -d $(LOAD)
	echo kqueue >$(LOAD)/kqueue.conf
endif

uninstall:
	$(MAKE) -C lib uninstall
	$(MAKE) -C tools uninstall
	for f in $(DESTDIR)/lib/modules/*/updates/kqueue.ko*; do \
		[ -e "$$f" ] || continue; \
		rm "$$f"; \
		rmdir --ignore-fail-on-non-empty $${f%/*}; \
		f=$${f%/updates/*}; \
		[ "$(DESTDIR)" ] || depmod "$${f##*/}"; \
	done
	rm -f $(KPI)/Module.symvers $(HEADERS:%=$(KPI)/%) $(LOAD)/kqueue.conf
	[ ! -d $(KPI) ] || find $(KPI) -type d -empty -delete
	[ "$(DESTDIR)" ] || [ ! -w /etc/ld.so.cache ] || ldconfig

dkms-install:
	[ "$(DESTDIR)" ] || dkms --version
	for f in $(SOURCES); do install -D -m 644 $$f $(DKMS)/$$f || exit; done
	install module/symvers $(DKMS)/module
	sed 's/#MODULE_VERSION#/$(VERSION)/' dkms.conf >$(DKMS)/dkms.conf
	install -d $(LOAD)
	echo kqueue >$(LOAD)/kqueue.conf
	[ "$(DESTDIR)" ] || dkms install kqueue/$(VERSION)

dkms-uninstall:
	[ "$(DESTDIR)" ] || dkms remove kqueue/$(VERSION) --all
	rm -rf $(DKMS)
	rm -f $(LOAD)/kqueue.conf

# Of a copy: dpkg leaves its own beside the sources.
deb:
	@$(VM)/need deb
	rm -rf build/deb
	mkdir -p build/deb/kqueue-$(VERSION)
	tar -c --exclude-vcs --exclude-vcs-ignores --exclude=./build . | \
		tar -x -C build/deb/kqueue-$(VERSION)
	cd build/deb/kqueue-$(VERSION) && \
		DEB_BUILD_OPTIONS=noautodbgsym dpkg-buildpackage -us -uc -b

examples: lib
	$(MAKE) -C examples O=../build/examples LIB=../build/lib

demo:
	@$(VM)/need lib vm demo
	@$(MAKE) --no-print-directory examples
	@$(VM)/run --kernel $(KERNEL) -- examples/demo build/examples

# Debian builds what is 32-bit with the C library's 64-bit time_t.
tests check:
	@$(VM)/need lib vm check
	@$(MAKE) --no-print-directory lib
	@$(MAKE) --no-print-directory -C lib O=../build/lib32 \
		CFLAGS="-O2 -g -m32 -D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64"
	@$(MAKE) --no-print-directory -C lib O=../build/libmusl CC=musl-gcc \
		CFLAGS="-O2 -g -Wno-sign-conversion -idirafter /usr/include \
		-idirafter /usr/include/$$(gcc -print-multiarch)"
	@source=$$($(VM)/fetch source-6.1) && \
	$(MAKE) --no-print-directory -C selftests \
		KSELFTEST="$$source/tools/testing/selftests" \
		RUN="--kernel $(KERNEL) $(RUN)" $(@:tests=all)

check-kernels:
	@$(VM)/need lib vm check
	@$(VM)/kernels $(KERNELS)

coverage:
	@$(VM)/need lib vm check coverage
	@$(VM)/coverage

check-packages: deb
	@$(VM)/need vm packages
	@selftests/packages/check $(KERNEL)

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

stress:
	@$(VM)/need lib vm
	@$(MAKE) --no-print-directory lib
	@$(MAKE) --no-print-directory -C selftests/stress O=../../build/stress \
		LIB=../../build/lib
	@selftests/stress/stress $(SECONDS) $(SEED) build/stress \
		--kernel $(KERNEL) --multi --smp 2 $(RUN)

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
