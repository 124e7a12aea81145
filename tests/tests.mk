# SPDX-License-Identifier: Apache-2.0
# Tests: `make check` on the build host (seconds), `make test` all that CI runs, `make test-all` the long form.

HOST := $(BUILD)/host
HOST_CC ?= gcc
T ?=
UNIT_C := $(sort $(shell find tests/unit -name 'test_*.c' 2>/dev/null))
UNIT_PY := $(sort $(shell find tests/unit -name '*.py' -perm -u+x 2>/dev/null))
UNIT_BIN := $(UNIT_C:%.c=$(HOST)/%)
UNIT_CFLAGS := -std=gnu11 -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer \
	-Ihv/include -Ihv/x86 -Itests -I. -Wall -Wextra -Wno-unused-parameter -Werror

# The sources that a test links stand in its SOURCES line; the word zydis asks for the
# decoder library, lwip for the TCP/IP stack, web for TLS, HTTP and JSON, pc-models for all models of a guest's PC but the ACPI tables (pc_fake.c goes with them).
PC_MODELS := $(filter-out drivers/model/acpi%.c drivers/model/aml.c drivers/model/pc_now.c drivers/model/net_set.c \
	drivers/model/virtio/vnet%.c, \
	$(sort $(wildcard drivers/model/*.c drivers/model/pci/*.c drivers/model/virtio/*.c) hv/core/block_image.c))
unit_words = $(patsubst pc-models,$(PC_MODELS),$(shell sed -n 's|^/\* SOURCES:\(.*\)\*/|\1|p' $(1) | head -n 1))
# Sources besides the test itself. A variable, as a bare % in a pattern rule would become the stem.
UNIT_SRC := %.c %.S
unit_objects = $(patsubst %,$(1)/%.o,$(2) $(filter $(UNIT_SRC),$(call unit_words,$(2))) $(wildcard tests/unit/support.c))
unit_libraries = $(foreach l,zydis lwip web,$(if $(filter $(l),$(call unit_words,$(1))),$(HOST)/lib$(l).a))

# Each source is compiled once, however many tests link it.
UNIT_OBJ := $(HOST)/obj
UNIT_INCLUDES = $(ZYDIS_CFLAGS) $(LWIP_CFLAGS) $(LITTLEFS_CFLAGS) $(if $(filter hv/web/% tests/unit/hv/web/% tests/fuzz/fuzz_web%,$*),$(WEB_CFLAGS) -DWEB_HOST_TEST)
$(UNIT_OBJ)/%.o: % | $(LITTLEFS_STAMP) $(LWIP_STAMP) $(ZYDIS_STAMP) $(WEB_STAMP)
	@mkdir -p $(@D)
	$(Q)$(HOST_CC) $(UNIT_CFLAGS) $(UNIT_INCLUDES) -MMD -MP -c $< -o $@
# As the hypervisor has it, where this processor can run it.
ifneq ($(shell grep -wm1 avx /proc/cpuinfo),)
$(HOST)/obj/hv/x86/copy_wide.c.o $(HOST)/fuzz-obj/hv/x86/copy_wide.c.o: UNIT_CFLAGS += -mavx
endif
.PRECIOUS: $(UNIT_OBJ)/%.o $(HOST)/fuzz-obj/%.o
.SECONDEXPANSION:
$(HOST)/tests/unit/%: $$(call unit_objects,$(UNIT_OBJ),tests/unit/$$*.c) $$(call unit_libraries,tests/unit/$$*.c)
	@mkdir -p $(@D)
	@$(HOST_CC) $(UNIT_CFLAGS) -o $@ $^ -lcmocka

.PHONY: check test test-all bench check-setup
check: check-setup $(if $(T),$(filter %/$(T),$(UNIT_BIN)),$(UNIT_BIN) host-tools $(PAGE_STAMP)) ## unit tests on the build host, T=test_name for one
	@tests/tools/check.py $(if $(T),$(filter %/$(T),$(UNIT_BIN)),$(UNIT_BIN) $(UNIT_PY))
check-setup:
	@tests/tools/setup.sh all
.PHONY: host-tools
host-tools:

# libFuzzer targets: tests/fuzz/fuzz_*.c with a SOURCES line and LLVMFuzzerTestOneInput().
FUZZ_SECONDS ?= 60
FUZZ_C := $(sort $(wildcard tests/fuzz/fuzz_*.c))
FUZZ_BIN := $(FUZZ_C:tests/fuzz/%.c=$(HOST)/fuzz/%)
FUZZ_OBJ := $(HOST)/fuzz-obj
$(FUZZ_OBJ)/%.o: % | $(LITTLEFS_STAMP) $(LWIP_STAMP) $(ZYDIS_STAMP) $(WEB_STAMP)
	@mkdir -p $(@D)
	$(Q)clang $(UNIT_CFLAGS) -O2 -fsanitize=fuzzer-no-link $(UNIT_INCLUDES) -MMD -MP -c $< -o $@
$(HOST)/fuzz/%: $$(call unit_objects,$(FUZZ_OBJ),tests/fuzz/$$*.c) $$(call unit_libraries,tests/fuzz/$$*.c)
	@mkdir -p $(@D)
	@clang $(UNIT_CFLAGS) -fsanitize=fuzzer -o $@ $^ -lcmocka
.PHONY: fuzz
fuzz: check-setup $(if $(T),$(filter %/$(T),$(FUZZ_BIN)),$(FUZZ_BIN)) ## fuzz with clang's libFuzzer, T=fuzz_name for one, FUZZ_SECONDS=60 each
	@set -o pipefail; for f in $(filter %/$(or $(T),%),$(FUZZ_BIN)); do echo "$$f"; \
		$$f -max_total_time=$(FUZZ_SECONDS) -max_len=4096 -rss_limit_mb=1024 -artifact_prefix=$(BUILD)/ -verbosity=0 \
			-print_final_stats=1 2>&1 | tail -n 20 || exit 1; done

test: check-setup ## everything that CI runs
	@tests/boot/test.py ci
test-all: check-setup ## the long form: full matrix
	@tests/tools/setup.sh test
	@tests/boot/test.py all
bench: check-setup all ## instruction counts beside the peers', as Markdown tables
	@tests/bench/bench.py; r=$$?; tests/bench/vblk.py || r=1; tests/bench/pcboot.py && exit $$r

.PHONY: bench-io
bench-io: check-setup all ## what disk and network requests of a Linux guest cost, ONLY=ram,nvme,net,outside PROFILE=1
	@tests/bench/io.py

.PHONY: bench-web
bench-web: check-setup all ## what the HTTPS server costs, beside its limits, PROFILE=1
	@tests/bench/web.py

-include $(sort $(foreach t,$(UNIT_C),$(patsubst %.o,%.d,$(call unit_objects,$(UNIT_OBJ),$(t)))))
-include $(sort $(foreach t,$(FUZZ_C),$(patsubst %.o,%.d,$(call unit_objects,$(FUZZ_OBJ),$(t)))))

# Small UEFI programs that put the machine into a state, before we start.
$(BUILD)/test/%.efi: tests/boot/efi/%.c linker/boot.ld
	@mkdir -p $(@D)
	$(Q)gcc $(filter-out -MMD -MP,$(BOOT_FLAGS)) -c $< -o $@.o
	$(Q)ld -nostdlib -shared -Bsymbolic -znocombreloc -znoexecstack --no-undefined -T linker/boot.ld \
		/usr/lib/crt0-efi-x86_64.o $@.o -L/usr/lib -l:libgnuefi.a -o $@.so
	$(Q)objcopy -j .text -j .reloc -j .data -j .dynamic -j .rela -j .dynsym -j .dynstr \
		--target=efi-app-x86_64 --subsystem=10 $@.so $@

# What a disk held after each of the writes that QEMU recorded.
$(HOST)/replay: $$(call unit_objects,$(UNIT_OBJ),tests/tools/replay.c)
	@$(HOST_CC) $(UNIT_CFLAGS) -o $@ $^ -lcmocka
