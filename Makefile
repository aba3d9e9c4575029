# SPDX-License-Identifier: GPL-2.0-or-later
# nsb: make [all|demo|check|check-distros|check-kernels|check-vm|check-corpus|mutants|bench|fuzz|install|deb|rpm|dist|deps|clean] [ARCH=i386] [SANITIZE=1] [CC=clang] [V=1]

VERSION := 0.1
ARCH    := amd64
PREFIX  := /usr/local
DESTDIR :=

ifneq ($(filter-out amd64 i386,$(ARCH)),)
$(error ARCH is amd64 or i386, not "$(ARCH)")
endif

# build/nsb, build/i386/nsb; a sanitized build lies beside the plain one.
top := build
ifeq ($(ARCH),i386)
top := $(top)/i386
endif
ifeq ($(SANITIZE),1)
top := $(top)/sanitize
endif
obj := $(top)/obj

Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-6s %s\n' '$(1)' '$(2)';)

# A file includes another by its name alone: no two folders have headers of one name (t-lint looks).
src_dirs := src src/command src/patch src/process src/pure src/arch/x86 src/arch/amd64 src/arch/i386
gen_dirs := tools/gen $(patsubst %/,%,$(wildcard tools/gen/*/ tools/gen/arch/*/))
build_dirs := tools/build tools/gen/binary tools/gen/dwarf tools/gen/arch

# Small, not fast: the whole of nsb is to be dropped onto hosts, and its time is spent in the kernel.
CFLAGS ?= -Os -g
WARN := -Wall -Wextra -Wshadow -Wconversion -Wmissing-prototypes -Wstrict-prototypes -Wvla -Werror
ALL_CPPFLAGS := -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DNSB_VERSION='"$(VERSION)"' $(src_dirs:%=-iquote %) -Iinclude $(CPPFLAGS)
ALL_CFLAGS := -std=gnu11 $(WARN) -fno-strict-aliasing -ffunction-sections -fno-asynchronous-unwind-tables $(CFLAGS)
# Segments that begin in the page in which the one before ends: with glibc 2.43 it is this that keeps nsb below 1 MiB.
STATIC := -static -Wl,--gc-sections -Wl,-z,noseparate-code -Wl,-T,src/nounwind.lds $(foreach name,__dcgettext __fxprintf,-Wl,-u,$(name))
ifeq ($(SANITIZE),1)
# The sanitizers' run-time needs a dynamic program.
ALL_CFLAGS += -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
STATIC :=
endif

# Native libraries lie where the compiler looks; those of i386 in a folder of ours (make deps ARCH=i386).
i386_root := build/i386-root
ifeq ($(ARCH),i386)
ALL_CFLAGS += -m32
ALL_CPPFLAGS += -isystem $(i386_root)/usr/include/i386-linux-gnu -isystem $(i386_root)/usr/include
# All that is there are archives, and those of libunwind are not position-independent.
LIB_DIRS := -no-pie -L$(i386_root)/usr/lib/i386-linux-gnu
# clang warns of -no-pie where it does not link, or links a static program.
ALL_CFLAGS += $(if $(findstring clang,$(CC)),-Wno-unused-command-line-argument)
i386_libraries := $(i386_root)/.complete
# libelf.a of 0.192 and later decompresses by it; a shared libelf brings it itself.
ARCHIVES := -lzstd
endif
ifeq ($(ARCH),amd64)
arch_src := $(wildcard src/arch/*.c src/arch/x86/*.c src/arch/amd64/*.c src/arch/i386/*.c)
else
arch_src := $(wildcard src/arch/*.c src/arch/x86/*.c src/arch/i386/*.c)
endif
# Before glibc 2.34 timer_create(3) was in librt, which wants libpthread.  Order matters to the static linker: libunwind takes src/nolzma.c from libnsb.a, libelf may take src/nosearchtree.c.
NSB_LIBS := $(LIB_DIRS) -lunwind-ptrace -lunwind-generic -lunwind $(top)/libnsb.a -lelf $(top)/libnsb.a -lz $(ARCHIVES) -lrt -lpthread
GEN_LIBS := $(LIB_DIRS) -lelf $(top)/libnsb.a -lz $(ARCHIVES)

parasites := $(if $(filter amd64,$(ARCH)),amd64 i386,i386)
main_src := src/main.c
lib_src  := $(filter-out $(main_src),$(wildcard $(filter-out src/arch/%,$(src_dirs:%=%/*.c)))) $(arch_src)
gen_src  := $(wildcard $(gen_dirs:%=%/*.c))
gen_main := tools/gen/main.c
build_src := $(wildcard tools/build/*.c)

objects = $(patsubst %,$(obj)/%.o,$(basename $(1)))
lib_obj  := $(call objects,$(lib_src)) $(parasites:%=$(obj)/parasite-%.o)
main_obj := $(call objects,$(main_src))
gen_obj  := $(call objects,$(gen_src))
build_obj := $(call objects,$(build_src))

.DELETE_ON_ERROR:
.SUFFIXES:
.SECONDARY:
.PHONY: all demo check check-long check-distros check-kernels check-vm check-corpus mutants bench fuzz unit lint syntax install deb rpm dist deps deps-check deps-test clean

all: $(top)/nsb $(top)/nsb-gen $(top)/nsb-build

$(top)/libnsb.a: $(lib_obj)
	$(call say,AR,$@)rm -f $@ && $(AR) rcs $@ $^

# src/memory.c tells from where an allocation failed.
WRAPS := -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc
$(top)/nsb: $(main_obj) $(top)/libnsb.a src/nounwind.lds
	$(call say,LINK,$@)$(CC) $(ALL_CFLAGS) $(LDFLAGS) $(STATIC) $(WRAPS) -o $@ $(main_obj) $(top)/libnsb.a $(NSB_LIBS)

$(top)/nsb-gen: $(gen_obj) $(top)/libnsb.a
	$(call say,LINK,$@)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(GEN_LIBS)

# Of nsb-gen it has what reads ELF files.
$(top)/nsb-build: $(build_obj) $(filter $(obj)/tools/gen/arch/% $(obj)/tools/gen/binary/% $(obj)/tools/gen/dwarf/%,$(gen_obj)) $(top)/libnsb.a
	$(call say,LINK,$@)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -Wl,--gc-sections -o $@ $^ $(GEN_LIBS)

$(i386_root)/.complete: tools/i386-root.sh
	$(call say,I386,$(i386_root))mkdir -p build && tools/i386-root.sh $(i386_root)

# What nsb is built from is looked for once: the name of a package helps more than that of a header.
$(top)/.looked: tools/look.sh | $(i386_libraries)
	$(Q)mkdir -p $(@D) && tools/look.sh $(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) $(LDFLAGS) $(LIB_DIRS) $(if $(STATIC),-static) && touch $@

$(obj)/%.o: %.c Makefile | $(top)/.looked
	$(call say,CC,$<)mkdir -p $(@D) && $(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(obj)/%.o: %.S Makefile | $(top)/.looked
	$(call say,AS,$<)mkdir -p $(@D) && $(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# The parasite: one flat image per ABI, embedded as bytes.
PARASITE_CFLAGS := -std=gnu11 $(WARN) -Os -ffreestanding -fPIC -fvisibility=hidden -fno-stack-protector \
	-fcf-protection=none -fno-asynchronous-unwind-tables -fno-builtin -mgeneral-regs-only -nostdlib
parasite_m_amd64 := -m64
parasite_m_i386  := -m32

$(obj)/parasite-%.elf: src/parasite/%.S src/parasite/parasite.lds src/parasite/parasite.h Makefile | $(top)/.looked
	$(call say,LINK,$@)mkdir -p $(@D) && $(CC) $(parasite_m_$*) $(PARASITE_CFLAGS) -iquote src -static -Wl,--build-id=none \
		-Wl,-T,src/parasite/parasite.lds -Wl,-z,noexecstack -o $@ $<
$(obj)/parasite-%.bin: $(obj)/parasite-%.elf
	$(call say,COPY,$@)objcopy -O binary $< $@
$(obj)/parasite-%.o: src/parasite/embed.S $(obj)/parasite-%.bin
	$(call say,AS,$@)$(CC) $(ALL_CFLAGS) -Ui386 -DNAME=$* -DBLOB='"$(obj)/parasite-$*.bin"' -c -o $@ $<

# Unit tests: one program per file of tests/unit, linked with all of the library.  view is t-dwarf's.
unit_bin := $(patsubst tests/unit/%.c,$(top)/unit/%,$(wildcard tests/unit/u-*.c) tests/unit/view.c)
$(top)/unit/%: $(obj)/tests/unit/%.o $(filter-out $(obj)/tools/gen/main.o,$(gen_obj)) $(top)/libnsb.a
	$(call say,LINK,$@)mkdir -p $(@D) && $(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(NSB_LIBS)
unit: $(unit_bin)

# Fuzzers: clang's libFuzzer, T seconds each, or RUNS inputs; F='f-record f-maps' names some.  What they
# found worth keeping is where they begin the next time.
T ?= 60
RUNS ?=
F ?= *
# What a hostile process decides: check-long makes ten million runs of each.
forgeries := f-maps f-linkmap f-record f-contexts f-guides
fuzz_bin := $(patsubst tests/fuzz/%.c,$(top)/fuzz/%,$(foreach f,$(F),$(wildcard tests/fuzz/$(if $(filter-out *,$(f)),$(f),f-*).c)))
fuzz_flags := -std=gnu11 -g -O1 -fno-strict-aliasing -fsanitize=address,undefined -fno-sanitize-recover=undefined $(if $(filter i386,$(ARCH)),-m32)
fuzz_obj := $(patsubst %.c,$(top)/fuzz/obj/%.o,$(lib_src) $(filter-out $(gen_main),$(gen_src)))
$(top)/fuzz/obj/%.o: %.c Makefile | $(top)/.looked
	$(call say,CLANG,$<)mkdir -p $(@D) && clang $(ALL_CPPFLAGS) $(gen_dirs:%=-iquote %) $(fuzz_flags) -fsanitize=fuzzer-no-link -MMD -MP -c -o $@ $<
$(top)/fuzz/f-%: $(top)/fuzz/obj/tests/fuzz/f-%.o $(fuzz_obj) $(parasites:%=$(obj)/parasite-%.o) $(top)/libnsb.a
	$(call say,LINK,$@)clang $(fuzz_flags) -fsanitize=fuzzer -no-pie -o $@ $(filter %.o,$^) $(NSB_LIBS)
fuzz: $(fuzz_bin)
	$(Q)tests/fuzz/seeds.sh $(top)/fuzz
	$(Q)for f in $(fuzz_bin); do mkdir -p $$f.corpus && $$f $(if $(RUNS),-runs=$(RUNS),-max_total_time=$(T)) -print_final_stats=1 \
		-artifact_prefix=$$f. $$f.corpus || exit 1; done

# Tests: make check ONLY='t-kinds u-*'; check-long makes more rounds of what is random.
# The 32-bit nsb is tested along, or alone by ARCH=i386.  Where its libraries cannot be had, its tests are skipped.
# Two more than there are processors, as tests often wait.
JOBS ?= $(shell echo $$(($$(nproc) + 2)))
# Before tests what they need is made side by side, unless make was told how many may be.
BUILD = $(MAKE) --no-print-directory $(if $(filter -j%,$(MAKEFLAGS)),,-j$(JOBS))
check check-long: deps-test
	$(Q)$(BUILD) ARCH=amd64 all unit
	$(Q)tools/i386-root.sh $(i386_root) && $(BUILD) ARCH=i386 build/i386/nsb || \
		echo 'there will be no tests of the 32-bit nsb'
	$(Q)NSB_LONG=$(filter check-long,$@) tests/run -a $(if $(filter i386,$(ARCH)),nsb32,both) -j $(JOBS) $(ONLY)
ifneq ($(filter check-long,$(MAKECMDGOALS)),)
	$(Q)[ -n '$(ONLY)' ] || $(MAKE) --no-print-directory ARCH=amd64 fuzz F='$(forgeries)' RUNS=10000000
	$(Q)[ -n '$(ONLY)' ] || $(MAKE) --no-print-directory mutants
endif
# Breaks a line of the source at a time, and sees that the tests notice: make mutants ONLY='pure session.c'.
mutants: deps-test
	$(Q)$(BUILD) ARCH=amd64 all unit
	$(Q)tests/mutants.py -j $(JOBS) $(ONLY)
# The commands of the README on bare Debian systems: ONLY='trixie sid', CLEAN=1 removes what is kept of them.
check-distros:
	$(Q)tests/distros.sh $(if $(CLEAN),-r,$(ONLY))
# Some tests on another kernel, in an emulated machine: make check-vm ONLY='t-kinds t-signals' [KERNEL=trixie].
KERNEL ?= bookworm
check-vm:
	$(Q)[ -n "$(ONLY)" ] || { echo "say which tests by ONLY='t-...': all of them would take days" >&2; exit 1; }
	$(Q)tests/deps.sh vm
	$(Q)$(BUILD) ARCH=amd64 all unit
	$(Q)$(BUILD) ARCH=i386 build/i386/nsb
	$(Q)tests/vm.sh --kernel $(KERNEL) -a both $(ONLY)
# The kernels of Debian's releases, in emulated machines: make check-kernels ONLY='bookworm-* no-AVX'.
check-kernels:
	$(Q)tests/deps.sh vm
	$(Q)$(BUILD) ARCH=amd64 all
	$(Q)$(BUILD) ARCH=i386 build/i386/nsb
	$(Q)tests/kernels.sh $(ONLY)
# Real security fixes, made into patches: docs/corpus.md tells of them.
check-corpus:
	$(Q)tests/deps.sh corpus
	$(Q)$(BUILD) ARCH=amd64 all
	$(Q)tests/corpus.sh && tests/shipped.sh
lint: deps-test
	$(Q)$(MAKE) --no-print-directory unit
	$(Q)tests/run -v t-lint
demo:
	$(Q)tests/deps.sh demo
	$(Q)$(BUILD) all
	$(Q)ARCH=$(ARCH) NSB_BUILD=$(top) tests/demo.sh
# What a patch costs: tables and build/bench/*.csv.  QUICK=1: a look in a minute; ONLY='pause gen': parts.
bench:
	$(Q)tests/deps.sh bench
	$(Q)$(BUILD) ARCH=amd64 all
	$(Q)tests/bench/bench.py --extent $(if $(QUICK),quick,full) $(ONLY)

# All C files, looked at by $(CC) and not kept.
syntax: | $(top)/.looked
	$(Q)printf '%s\n' $(filter %.c,$(main_src) $(lib_src) $(gen_src) $(build_src) $(wildcard tests/unit/u-*.c tests/fuzz/*.c)) | \
		xargs -P $(JOBS) -n 1 $(CC) $(ALL_CPPFLAGS) $(gen_dirs:%=-iquote %) -iquote tools/build $(ALL_CFLAGS) -fsyntax-only

# Packages: installed when root, named otherwise.  Those of i386 go into a folder.
deps deps-check:
	$(Q)tests/deps.sh build
ifeq ($(ARCH),i386)
	$(Q)tools/i386-root.sh $(i386_root)
endif
deps-test:
	$(Q)tests/deps.sh test

man := $(wildcard docs/*.[1-9])
install: all
	install -D -m 755 -t $(DESTDIR)$(PREFIX)/bin $(top)/nsb $(top)/nsb-gen $(top)/nsb-build
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/include/nsb include/nsb/vzp.h include/nsb/shadow.h
	install -D -m 644 completion/nsb.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/nsb
	install -D -m 644 completion/nsb-gen.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/nsb-gen
	install -D -m 644 completion/nsb-build.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/nsb-build
	$(Q)for page in $(man); do \
		install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/man/man$${page##*.} $$page || exit 1; done

# A Debian package, by Debian's own tools.
deb: all
	$(Q)rm -rf $(top)/deb
	$(Q)$(MAKE) --no-print-directory install DESTDIR=$(top)/deb/root PREFIX=/usr >/dev/null
	$(call say,DEB,build/nsb_$(VERSION)_$(ARCH).deb)MAINTAINER='$(MAINTAINER)' packaging/deb.sh $(ARCH) $(VERSION) $(top)/deb build/nsb_$(VERSION)_$(ARCH).deb

# The same as an RPM, by rpmbuild, which Debian has, too.
rpm: all
	$(Q)rm -rf $(top)/rpm
	$(Q)$(MAKE) --no-print-directory install DESTDIR=$(top)/rpm/root PREFIX=/usr >/dev/null
	$(call say,RPM,build/nsb-$(VERSION)-1.$(if $(filter amd64,$(ARCH)),x86_64,i686).rpm)MAINTAINER='$(MAINTAINER)' packaging/rpm.sh $(ARCH) $(VERSION) $(top)/rpm build/nsb-$(VERSION)-1.$(if $(filter amd64,$(ARCH)),x86_64,i686).rpm

# The sources as they were committed.  The folder may be another user's: that is no matter here.
dist:
	$(Q)mkdir -p build
	git -c safe.directory='*' archive --prefix=nsb-$(VERSION)/ -o build/nsb-$(VERSION).tar.gz HEAD

clean:
	rm -rf build

# Only nsb-gen, and the tests that look into it, see its folders.
$(gen_obj) $(obj)/tests/%.o: ALL_CPPFLAGS += $(gen_dirs:%=-iquote %)
$(build_obj): ALL_CPPFLAGS += $(build_dirs:%=-iquote %)
# nsb-gen computes: it takes half the time, and need not be small.
$(gen_obj): ALL_CFLAGS := $(patsubst -Os,-O2,$(ALL_CFLAGS))

-include $(shell find $(obj) $(top)/fuzz/obj -name '*.d' 2>/dev/null)
