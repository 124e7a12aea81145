# SPDX-License-Identifier: Apache-2.0
# Third-party code inside the hypervisor: Zydis (x86 decoder, MIT licence) with Zycore's headers. The decoder alone: no
# formatter, no encoder, no C library. AVX-512 and Knights Corner tables are left out (80 kB): nobody reads device
# registers with them. Versions and checksums: tests/tools/fetch.sh.
#   ZYDIS_OBJS    objects for hv.elf       ZYDIS_CFLAGS  include paths for code that uses it
#   ZYDIS_STAMP   the sources are unpacked ZYDIS_HOST    archive for unit tests (SOURCES line with the word zydis)

BUILD ?= build
ZYDIS_DIR := $(BUILD)/third_party/zydis
ZYCORE_DIR := $(BUILD)/third_party/zycore-c
ZYDIS_STAMP := $(BUILD)/third_party/zydis.stamp
ZYDIS_PARTS := Decoder DecoderData SharedData Register
ZYDIS_OBJS := $(ZYDIS_PARTS:%=$(BUILD)/third_party/obj/%.o)
ZYDIS_HOST := $(BUILD)/host/libzydis.a

ZYDIS_CFLAGS := -isystem $(ZYDIS_DIR)/include -isystem $(ZYCORE_DIR)/include -DZYAN_NO_LIBC -DZYDIS_STATIC_BUILD \
	-DZYCORE_STATIC_BUILD -DZYDIS_DISABLE_FORMATTER -DZYDIS_DISABLE_ENCODER -DZYDIS_DISABLE_AVX512 \
	-DZYDIS_DISABLE_KNC -DNDEBUG
ZYDIS_BUILD := -std=gnu11 -w -ffunction-sections -fdata-sections $(filter-out -fno-builtin,$(NO_IDIOM)) \
	-DZYAN_CUSTOM_LIBC -include hv/x86/zydis_libc.h -I$(ZYDIS_DIR)/src $(ZYDIS_CFLAGS)

$(ZYDIS_STAMP): tests/tools/fetch.sh
	tests/tools/fetch.sh zydis $(ZYDIS_DIR)
	tests/tools/fetch.sh zycore-c $(ZYCORE_DIR)
	@touch $@

$(ZYDIS_OBJS): $(BUILD)/third_party/obj/%.o: $(ZYDIS_STAMP) hv/x86/zydis_libc.h hv/x86/third_party.mk
	@mkdir -p $(@D)
	$(CC) $(ZYDIS_BUILD) -O2 -ffreestanding -fno-pic -fno-pie -mcmodel=kernel -mno-red-zone -mgeneral-regs-only \
		-fno-stack-protector -fno-asynchronous-unwind-tables -fcf-protection=none \
		-c $(ZYDIS_DIR)/src/$*.c -o $@

$(ZYDIS_HOST): $(ZYDIS_STAMP) hv/x86/zydis_libc.h hv/x86/third_party.mk
	@mkdir -p $(BUILD)/host/zydis
	for p in $(ZYDIS_PARTS); do \
		gcc $(ZYDIS_BUILD) -O2 -g -c $(ZYDIS_DIR)/src/$$p.c -o $(BUILD)/host/zydis/$$p.o || exit 1; done
	rm -f $@
	ar rcs $@ $(ZYDIS_PARTS:%=$(BUILD)/host/zydis/%.o)

$(BUILD)/hv/x86/decode_zydis.o: | $(ZYDIS_STAMP)
