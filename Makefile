# Mailstead. One top-level, non-recursive Makefile; everything made goes
# into build/. `make` builds only; `make deps` is what installs packages.
#
#   make                 build the suite
#   make demo            try the whole suite on high ports (ONCE=1: proof only)
#   make check           all tests (T=name: those that match)
#   make lint format     what STYLE asks for
#   SAN=address,undefined  build with sanitizers, in a folder of its own
#   WERROR=1             warnings are errors

SHELL := /bin/bash
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

comma := ,
BUILD := build
B := $(BUILD)/$(if $(SAN),san-$(subst $(comma),-,$(SAN)),out)

NO_CONFIG := clean distclean deps format demo check lint
ifneq ($(if $(MAKECMDGOALS),$(filter-out $(NO_CONFIG),$(MAKECMDGOALS)),all),)
include $(BUILD)/config.mk
endif

$(BUILD)/configure: configure.ac
	@mkdir -p $(BUILD)
	autoconf -o $@ configure.ac
	@touch $@

$(BUILD)/config.mk: $(BUILD)/configure conf/config.mk.in conf/config.h.in
	cd $(BUILD) && ./configure --srcdir=.. $(CONFIGURE_FLAGS) \
	    >configure.out 2>&1 || { tail -n 5 configure.out; exit 1; }
	@touch $@

# ---- flags ----------------------------------------------------------------

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
    -Wpointer-arith -Wcast-qual -Wwrite-strings -Wundef -Wvla -Wformat=2 \
    -Wimplicit-fallthrough -Wconversion -Wsign-conversion -Wnull-dereference
CPPFLAGS_ALL := -D_GNU_SOURCE -I. -I$(BUILD) $(LIB_CFLAGS)
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
# tests build a suite whose fsync does nothing, to see the crash tests fail
ifdef NOSYNC
CPPFLAGS_ALL += -DMAILSTEAD_NOSYNC
endif

# ---- what is built --------------------------------------------------------
# A program is a folder; lib/ is one archive, of which the linker takes what
# a program uses. LIBS_x are the libraries behind program x.

PROGRAMS := $(sort $(patsubst %/main.c,%,$(wildcard */main.c)))
LIB_SRC := $(sort $(wildcard lib/*/*.c))
LIB_OBJ := $(LIB_SRC:%.c=$(B)/obj/%.o)
LIB_A := $(B)/libmailstead.a
ALL_LIBS := $(CYAML_LIBS) $(EVENT_LIBS) $(SSL_LIBS) $(LMDB_LIBS) \
    $(SECCOMP_LIBS) $(CRYPT_LIBS)

BINS := $(PROGRAMS:%=$(B)/bin/mailstead-%)
UNIT_SRC := $(sort $(shell test -d tests/unit && \
    find tests/unit -name 'test_*.c'))
UNIT_BINS := $(UNIT_SRC:%.c=$(B)/%)

.PHONY: all
all: $(BINS)

$(B)/obj/%.o: %.c $(BUILD)/config.mk
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) $(CFLAGS) -MMD -MP -c -o $@ $<

$(LIB_A): $(LIB_OBJ)
	rm -f $@
	ar rcs $@ $^

# --as-needed: a network worker maps no library that it does not call
define PROGRAM_RULE
$(B)/bin/mailstead-$(1): $$(patsubst %.c,$(B)/obj/%.o,$$(wildcard $(1)/*.c)) \
    $(LIB_A)
	@mkdir -p $$(@D)
	$$(CC) $$(LDFLAGS_ALL) $$(LDFLAGS) -Wl,--as-needed -o $$@ \
	    $$(filter %.o,$$^) $(LIB_A) $$(ALL_LIBS)
endef
$(foreach p,$(PROGRAMS),$(eval $(call PROGRAM_RULE,$(p))))

# tests/unit/X/test_y.c is linked with the archive and, when X is a program's
# folder, with that program's files but its main.c
.SECONDEXPANSION:
unit_objs = $(patsubst %.c,$(B)/obj/%.o,$(filter-out %/main.c,$(if \
    $(filter lib/%,$(1)),,$(wildcard $(1)/*.c))))
$(UNIT_BINS): $(B)/tests/unit/%: $(B)/obj/tests/unit/%.o \
    $$(call unit_objs,$$(patsubst %/,%,$$(dir $$*))) $(LIB_A)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS_ALL) $(LDFLAGS) -Wl,--as-needed -o $@ \
	    $(filter %.o,$^) $(LIB_A) $(ALL_LIBS) $(CMOCKA_LIBS)

.PHONY: unit-bins
unit-bins: $(UNIT_BINS)

.PHONY: clean distclean
clean:
	rm -rf $(BUILD)/out $(BUILD)/san-*
distclean:
	rm -rf $(BUILD)

-include $(shell test -d $(B)/obj && find $(B)/obj -name '*.d')
