# Mailstead. One top-level, non-recursive Makefile; everything made goes
# into build/. `make` builds and installs nothing; the targets marked (i)
# first install, as root, the Debian packages they need (conf/deps).
#
#   make              build the suite into build/out
#   make check        all tests (i); T=text: those whose path holds it
#   make lint         what STYLE asks for (i)
#   make format       let clang-format rewrite our C files (i)
#   make fuzz T=name  libFuzzer for S=60 seconds (i)
#   make check-clean  `make check` of HEAD in a bare Debian (i; root)
#   make check-messages MESSAGES=DIR
#                     each file in by SMTP, out by POP3, unchanged (i)
#   make check-crash  kill -9 and power cuts, for minutes (i; root)
#   make bench-smtp   the suite and Postfix side by side (i; root)
#   make deps         what build, check and lint need (i)
#   make clean, make distclean
#
#   SAN=address,undefined  build with sanitizers, in a folder of its own
#   NOSYNC=1               build whose flushes do nothing, likewise
#   WERROR=1               warnings are errors

SHELL := /bin/bash
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules
.PHONY: all
all:

comma := ,
BUILD := build
SANS := address,undefined
variant := $(if $(FUZZ),-fuzz)$(if $(SAN),-san-$(subst $(comma),-,$(SAN)))
variant := $(variant)$(if $(NOSYNC),-nosync)
B := $(BUILD)/$(if $(variant),$(patsubst -%,%,$(variant)),out)

# These must work where make is all there is: they install first, then call
# make again for the part that needs a configured tree.
NO_CONFIG := deps bench-smtp check check-clean check-crash check-messages \
    deb demo lint format fuzz clean distclean
goals := $(filter-out $(NO_CONFIG),$(or $(MAKECMDGOALS),all))
ifneq ($(goals),)
include $(BUILD)/config.mk
endif

# the rest of a recipe that builds: as many jobs as cores, unless make was
# told how many
jobs = $$([[ " $$MAKEFLAGS" == *' -j'* ]] || echo -j$$(nproc))
again = +@$(MAKE) --no-print-directory $(jobs)

.PHONY: $(NO_CONFIG)
deps:
	@conf/install-deps build check lint
check:
	@conf/install-deps build check
	$(again) check-built
demo:
	@conf/install-deps build demo
	$(again) all
	@ONCE=$(ONCE) BUILD=$(B) tests/demo/run
lint:
	@conf/install-deps build lint
	$(again) lint-built
format:
	@conf/install-deps format
	@clang-format -i $(OUR_C)
fuzz:
	@conf/install-deps build fuzz
	$(again) FUZZ=1 SAN=$(SANS) fuzz-run
check-clean:
	@conf/install-deps clean
	@tests/clean/run make check
deb:
	@conf/install-deps build deb
	@$(MAKE) --no-print-directory deb-built
	@ls $(BUILD)/deb/*.deb
check-messages:
	@conf/install-deps build check
	$(again) all
	@BUILD=$(B) tests/messages/run "$(MESSAGES)"
check-crash:
	@conf/install-deps build check crash
	$(again) all
	+@$(MAKE) --no-print-directory $(jobs) NOSYNC=1 all
	@BUILD=$(B) tests/crash/run
	@BUILD=$(BUILD)/nosync tests/crash/run --kills 7 --cuts 4 --expect-loss
bench-smtp:
	@conf/install-deps build check bench
	$(again) all peers bench-bins
	@BUILD=$(B) tests/bench/smtp --counts --json $(B)/bench-smtp.json
clean:
	rm -rf $(filter-out %/clean/ %/peers/ %/corpus/,$(wildcard $(BUILD)/*/))
distclean:
	rm -rf $(BUILD)

# ---- configure ------------------------------------------------------------

$(BUILD)/configure: configure.ac
	@conf/install-deps --dry build
	@mkdir -p $(BUILD)
	@cd $(BUILD) && autoconf -o configure ../configure.ac
	@touch $@

$(BUILD)/config.mk: $(BUILD)/configure conf/config.mk.in conf/config.h.in
	@echo configure
	@cd $(BUILD) && ./configure --srcdir=.. $(CONFIGURE_FLAGS) \
	    >configure.out 2>&1 || { tail -n 5 configure.out; exit 1; }
	@touch $@

# ---- flags ----------------------------------------------------------------

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
    -Wpointer-arith -Wcast-qual -Wwrite-strings -Wundef -Wvla -Wformat=2 \
    -Wimplicit-fallthrough -Wconversion -Wsign-conversion -Wnull-dereference
CPPFLAGS_ALL := -D_GNU_SOURCE -I. -I$(BUILD) $(LIB_CFLAGS) \
    -DSYSCONFDIR='"$(sysconfdir)"' -DLOCALSTATEDIR='"$(localstatedir)"' \
    -DLIBEXECDIR='"$(libexecdir)"'
CFLAGS_ALL := -std=c17 -g -fno-strict-aliasing $(WARN) $(if $(WERROR),-Werror)
LDFLAGS_ALL := -pthread
ifdef SAN
CFLAGS_ALL += -O1 -fno-omit-frame-pointer -fsanitize=$(SAN) \
    -fno-sanitize-recover=all -fPIE
LDFLAGS_ALL += -fsanitize=$(SAN) -pie
else
CFLAGS_ALL += -O2 -D_FORTIFY_SOURCE=2 $(HARDEN_CFLAGS)
LDFLAGS_ALL += $(HARDEN_LDFLAGS)
endif
ifdef FUZZ
CC := clang
CFLAGS_ALL += -fsanitize=fuzzer-no-link
FUZZ_LDFLAGS := -fsanitize=fuzzer
endif
# tests build a suite whose fsync does nothing, to see the crash tests fail
ifdef NOSYNC
CPPFLAGS_ALL += -DMAILSTEAD_NOSYNC
endif

COMPILE := $(CC) $(CPPFLAGS_ALL) $(CPPFLAGS) $(CFLAGS_ALL) $(CFLAGS)
LINK := $(CC) $(LDFLAGS_ALL) $(LDFLAGS)
# --as-needed: a network worker maps no library that it does not call
ALL_LIBS := -Wl,--as-needed $(CYAML_LIBS) $(EVENT_LIBS) $(SSL_LIBS) \
    $(LMDB_LIBS) $(SECCOMP_LIBS) $(CRYPT_LIBS) $(UNBOUND_LIBS) \
    $(UNISTRING_LIBS) $(PAM_LIBS) $(IDN_LIBS) $(IDN2_LIBS)

# objects depend on this file, which changes when the flags do
ifneq ($(and $(goals),$(wildcard $(BUILD)/config.mk)),)
ifneq ($(file <$(B)/flags),$(COMPILE) / $(LINK))
$(shell mkdir -p $(B))
$(file >$(B)/flags,$(COMPILE) / $(LINK))
endif
endif
# only after `make clean all`
$(B)/flags:
	$(shell mkdir -p $(B))$(file >$@,$(COMPILE) / $(LINK))

# ---- what is built --------------------------------------------------------
# lib/ is one archive, of which the linker takes what a program uses. A
# program is a row name:main file:folders (a+b), linked from the folders'
# files but those with a main(): main.c and *_main.c. Each top-level folder
# with a main.c gives mailstead-FOLDER; other rows stand in PROGRAMS_EXTRA,
# other names in NAME_FOLDER, other parts in PARTS_FOLDER: instead of a folder,
# a pattern of files without their .c.
#
# spawn forks the mailbox sides of pop3d and imapd; the fronts are programs of
# their own. Each side has its session_*, command_* and reply: so each becomes
# one object, service/FOLDER, made of SERVICE_FOLDER, in which every name is
# local but FOLDER_account_*. No program has two owners of a name.

NAME_ctl := steadctl
SERVICE_pop3d := pop3d/[!f]*
SERVICE_imapd := imapd/[!fw]*
SERVICES := pop3d imapd
PARTS_pop3d := pop3d/front*
PARTS_imapd := imapd/front*+imapd/capability*+imapd/input*+imapd/parse*
PARTS_spawn := spawn+service/pop3d+service/imapd
# spawn for users of the system; its services and homes are others
PARTS_users := users+spawn/child*+spawn/parent*+spawn/roster*+service/pop3d+service/imapd+delivery/job*+delivery/users*+imapd/watch*
# local delivery and remote are two programs
PARTS_delivery := delivery/job*+delivery/users*+delivery/drain*
PROGRAMS_EXTRA := mailstead-watch:imapd/watch_main.c:imapd/watch* \
    mailstead-remote:delivery/remote_main.c:delivery/client*+delivery/relay*+delivery/drain* \
    sendmail:ctl/sendmail_main.c:ctl
PROGRAMS := $(foreach d,$(patsubst %/main.c,%,$(sort $(wildcard */main.c))), \
    $(or $(NAME_$d),mailstead-$d):$d/main.c:$(or $(PARTS_$d),$d)) \
    $(PROGRAMS_EXTRA)

# the files of folders and patterns $1 without a main()
parts = $(filter-out %/main.c %_main.c,$(sort $(wildcard \
    $(foreach p,$1,$p$(if $(findstring *,$p),,/*).c))))
objects = $(patsubst %.c,$(B)/obj/%.o,$1)
# what those are linked from
linked = $(call objects,$(call parts,$(filter-out service/%,$1))) \
    $(patsubst %,$(B)/obj/%.o,$(filter service/%,$1))
# field $1 of program row $2
field = $(word $1,$(subst :, ,$2))

LIB_SRC := $(sort $(wildcard lib/*/*.c))
LIB_A := $(B)/libmailstead.a
BINS := $(foreach p,$(PROGRAMS),$(B)/bin/$(call field,1,$p))
PROGRAM_SRC := $(sort $(foreach p,$(PROGRAMS),$(call field,2,$p) \
    $(call parts,$(subst +, ,$(call field,3,$p)))) \
    $(foreach s,$(SERVICES),$(call parts,$(SERVICE_$s))))
UNIT_SRC := $(sort $(shell find tests/unit -name 'test_*.c'))
UNIT_BINS := $(UNIT_SRC:%.c=$(B)/%)
FUZZ_SRC := $(sort $(wildcard tests/fuzz/fuzz_*.c))
FUZZ_BINS := $(FUZZ_SRC:%.c=$(B)/%)
TEST_SRC := $(UNIT_SRC) $(FUZZ_SRC) tests/fuzz/replay.c tests/runner/cases.c \
    tests/lab/drive.c $(sort $(wildcard tests/bench/*.c))
OUR_C = $(sort $(shell find . -name build -prune -o -name '*.[ch]' -print))

all: $(BINS)

$(B)/obj/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	@echo "$(notdir $(B)): $<"
	@$(COMPILE) -MMD -MP -c -o $@ $<

$(LIB_A): $(call objects,$(LIB_SRC)) $(B)/flags
	@rm -f $@
	@ar rcs $@ $(filter %.o,$^)

define PROGRAM_RULE
$(B)/bin/$(call field,1,$1): $(call objects,$(call field,2,$1)) \
    $(call linked,$(subst +, ,$(call field,3,$1))) $(LIB_A)
	@mkdir -p $$(@D)
	@$(LINK) -o $$@ $$^ $(ALL_LIBS)
endef
$(foreach p,$(PROGRAMS),$(eval $(call PROGRAM_RULE,$p)))

define SERVICE_RULE
$(B)/obj/service/$1.o: $(call objects,$(call parts,$(SERVICE_$1))) $(B)/flags
	@mkdir -p $$(@D)
	@$(CC) -r -nostdlib -o $$@ $$(filter %.o,$$^)
	@objcopy --wildcard --keep-global-symbol='$1_account_*' $$@
endef
$(foreach s,$(SERVICES),$(eval $(call SERVICE_RULE,$s)))

# ---- install ---------------------------------------------------------------
# Into DESTDIR and configure's folders. The configuration is an example: who
# installs makes the real one, and the users (debian/ does both).

MAN := steadctl.8 mailstead-master.8 sendmail.8
docdir := $(DESTDIR)$(datarootdir)/mailstead
.PHONY: install
install: all $(B)/man/mailstead.yaml.5
	install -d $(DESTDIR)$(bindir) $(DESTDIR)$(sbindir) $(docdir) \
	    $(DESTDIR)$(prefix)/lib $(DESTDIR)$(libexecdir)/mailstead \
	    $(addprefix $(DESTDIR)$(mandir)/,man1 man5 man8)
	install $(filter %/steadctl,$(BINS)) $(DESTDIR)$(bindir)
	install $(filter %/sendmail,$(BINS)) $(DESTDIR)$(sbindir)
	install $(filter-out %/steadctl %/sendmail,$(BINS)) \
	    $(DESTDIR)$(libexecdir)/mailstead
	ln -sf ../sbin/sendmail $(DESTDIR)$(prefix)/lib/sendmail
	ln -sf ../sbin/sendmail $(DESTDIR)$(bindir)/mailq
	ln -sf ../sbin/sendmail $(DESTDIR)$(bindir)/newaliases
	install -m 644 conf/mailstead.yaml conf/aliases $(docdir)
	install -m 644 $(addprefix docs/man/,$(MAN)) $(DESTDIR)$(mandir)/man8
	install -m 644 $(B)/man/mailstead.yaml.5 $(DESTDIR)$(mandir)/man5
	ln -sf ../man8/sendmail.8 $(DESTDIR)$(mandir)/man1/mailq.1
	ln -sf ../man8/sendmail.8 $(DESTDIR)$(mandir)/man1/newaliases.1

# the options as the program knows them, text for roff
$(B)/man/mailstead.yaml.5: docs/man/mailstead.yaml.5.in conf/mailstead.yaml \
    $(B)/bin/mailstead-master
	@mkdir -p $(@D)
	@$(B)/bin/mailstead-master -c conf/mailstead.yaml -n >$(B)/man/options
	@sed -i -e 's/\\/\\e/g' -e 's/-/\\-/g' -e "s/^[.']/\\\\\&&/" \
	    $(B)/man/options
	@sed -e '/^@OPTIONS@$$/{r $(B)/man/options' -e 'd}' $< >$@

# The package of what is in this folder, committed or not, built apart from
# this build: its folders are those of a Debian. -d: conf/deps has seen to what
# it needs, which is less than build-essential.
DEB_FROM = $(sort $(shell find Makefile configure.ac conf debian docs/man \
    $(patsubst %/main.c,%,$(wildcard */main.c)) lib -type f))
.PHONY: deb-built
deb-built: $(BUILD)/deb/built
$(BUILD)/deb/built: $(DEB_FROM)
	@echo deb
	@rm -rf $(@D)
	@mkdir -p $(@D)/mailstead
	@cp -r --parents -t $(@D)/mailstead $(DEB_FROM)
	@cd $(@D)/mailstead && env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL \
	    dpkg-buildpackage -b -d -us -uc >../build.log 2>&1 || \
	    { tail -n 30 ../build.log; exit 1; }
	@rm -rf $(@D)/mailstead
	@touch $@

# ---- tests ----------------------------------------------------------------
# tests/unit/X/test_y.c is linked with the archive and, when X is a program's
# folder, with that program's parts. So is tests/fuzz/fuzz_y.c with those of
# FUZZ_PARTS_y (folders), and with a main() that replays the corpus.

FUZZ_PARTS_dot := delivery
FUZZ_PARTS_dotstream := smtpd
FUZZ_PARTS_envelope := qmgr
FUZZ_PARTS_packet := resolver
FUZZ_PARTS_hops := qmgr
FUZZ_PARTS_msgid := smtpd
FUZZ_PARTS_header := smtpd
FUZZ_PARTS_history_line := qmgr
FUZZ_PARTS_pop3 := pop3d
FUZZ_PARTS_reply := delivery
FUZZ_PARTS_scram := authd
FUZZ_PARTS_app := authd/app* authd/service*
FUZZ_PARTS_imap_front := imapd
FUZZ_PARTS_letter := ctl/letter* smtpd/dotstream*
FUZZ_PARTS_imap := imapd

# asked when used: configure may have run before cmocka was there
CMOCKA_LIBS = $(shell pkg-config --libs cmocka)

.SECONDEXPANSION:
# (not in the rule: make would put the stem where the patterns have %)
unit_folder = $(patsubst $(B)/tests/unit/%/,%,$(dir $1))
unit_parts = $(call objects,$(call parts,$(filter-out lib/%,$(unit_folder))))
$(UNIT_BINS): $(B)/tests/unit/%: $(B)/obj/tests/unit/%.o \
    $$(call unit_parts,$$@) $(LIB_A)
	@mkdir -p $(@D)
	@$(LINK) -o $@ $^ $(ALL_LIBS) $(CMOCKA_LIBS)

$(FUZZ_BINS): $(B)/tests/fuzz/fuzz_%: $(B)/obj/tests/fuzz/fuzz_%.o \
    $$(call objects,$$(call parts,$$(FUZZ_PARTS_$$*))) \
    $(if $(FUZZ),,$(B)/obj/tests/fuzz/replay.o) $(LIB_A)
	@mkdir -p $(@D)
	@$(LINK) $(FUZZ_LDFLAGS) -o $@ $^ $(ALL_LIBS)

# what the runner's own test runs
$(B)/tests/runner/cases: $(B)/obj/tests/runner/cases.o
	@mkdir -p $(@D)
	@$(LINK) -o $@ $^ $(CMOCKA_LIBS)

# resolver and remote without the rest of the suite
$(B)/tests/lab/drive: $(B)/obj/tests/lab/drive.o $(LIB_A)
	@mkdir -p $(@D)
	@$(LINK) -o $@ $^ $(ALL_LIBS)

# client, sink and floor of make bench-smtp
BENCH_BINS := $(addprefix $(B)/tests/bench/,smtpload smtpsink floor)
$(B)/tests/bench/smtpload: $(B)/obj/tests/bench/wire.o
$(BENCH_BINS): $(B)/tests/bench/%: $(B)/obj/tests/bench/%.o $(LIB_A)
	@mkdir -p $(@D)
	@$(LINK) -o $@ $(filter %.o,$^) $(LIB_A) $(ALL_LIBS)

.PHONY: bench-bins bench-peers
bench-bins: $(BENCH_BINS)
# for tests/bench/smtp --also
bench-peers:
	@tests/lab/tree $(CURDIR)/$(BUILD)/peers/exim exim4-daemon-light
.PHONY: unit-bins fuzz-bins test-bins check-built lint-built lint-objects \
    fuzz-run
unit-bins: $(UNIT_BINS)
fuzz-bins: $(FUZZ_BINS)
test-bins: $(UNIT_BINS) $(FUZZ_BINS) $(B)/tests/runner/cases \
    $(B)/tests/lab/drive $(BENCH_BINS)

# Unit tests run plain and with sanitizers, the corpus with sanitizers; the
# system tests try the programs of $(B), so `make check SAN=...` tries those.
# Only test_package.py looks at the package.
want_machine := $(if $(T),$(findstring package,$(T)),1)
SAN_B := $(BUILD)/san-$(subst $(comma),-,$(SANS))
check-built: all $(UNIT_BINS) $(B)/tests/runner/cases $(B)/tests/lab/drive \
    bench-bins peers $(if $(want_machine),deb-built)
	+@$(MAKE) --no-print-directory --silent NOSYNC= SAN=$(SANS) \
	    unit-bins fuzz-bins
	@BUILD=$(B) /usr/bin/python3 tests/run $(if $(T),-T '$(T)') \
	    $(UNIT_BINS) $(if $(SAN),,$(UNIT_SRC:%.c=$(SAN_B)/%)) \
	    $(FUZZ_SRC:%.c=$(SAN_B)/%) tests/runner tests/proto tests/system

# Peers are never installed on the host. Each is made once, and here: tests
# have no network of the host's. Only root can run them; where they cannot be
# made the tests that want them say so.
# host: the Debian that test_package.py boots, with all that the package needs
HOST_TREE := systemd systemd-sysv dbus cron ssl-cert dns-root-data curl \
    libcrypt1 libcyaml1 libevent-core-2.1-7 libidn12 libidn2-0 liblmdb0 libseccomp2 \
    libssl3 libunbound8 libunistring2 libyaml-0-2
.PHONY: peers
peers:
	@[[ $$(id -u) != 0 ]] || \
	    tests/lab/tree $(CURDIR)/$(BUILD)/peers/postfix postfix \
	    sasl2-bin libsasl2-modules || \
	    echo "no peer: postfix"
	@[[ $$(id -u) != 0 ]] || \
	    tests/lab/tree $(CURDIR)/$(BUILD)/peers/nsd nsd ldnsutils || \
	    echo "no peer: nsd"
	@[[ $$(id -u) != 0 || -z "$(want_machine)" ]] || \
	    tests/lab/tree $(CURDIR)/$(BUILD)/peers/host $(HOST_TREE) || \
	    echo "no peer: host"

S ?= 60
fuzz-run: $(B)/tests/fuzz/fuzz_$(firstword $(subst :, ,$(T)))
	@mkdir -p $(BUILD)/corpus/$(T) tests/fuzz/corpus/$(T)
	$< -max_total_time=$(S) -artifact_prefix=$(BUILD)/corpus/ \
	    $(BUILD)/corpus/$(T) tests/fuzz/corpus/$(T)

# the symbol rules look at objects
LINT_SRC := $(LIB_SRC) $(PROGRAM_SRC) $(TEST_SRC)
lint-objects: $(call objects,$(LINT_SRC))
lint-built: lint-objects
	@BUILD=$(B) /usr/bin/python3 tests/lint -- $(CPPFLAGS_ALL) -- $(LINT_SRC)

-include $(shell test -d $(B)/obj && find $(B)/obj -name '*.d')
