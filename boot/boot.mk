# SPDX-License-Identifier: Apache-2.0
# How $(BUILD)/bulkhead.efi is made of boot/ and $(BUILD)/hv.elf. Included by the Makefile, which sets BUILD and CC.

BOOT_SOURCES := $(sort $(wildcard boot/*.c) $(wildcard boot/*.S))
BOOT_OBJECTS := $(patsubst boot/%,$(BUILD)/boot/%.o,$(BOOT_SOURCES))
BOOT_OBJCOPY ?= objcopy
BOOT_LD ?= ld

# Ordinary position-independent code: firmware may use SSE, but nothing here needs it.
BOOT_FLAGS := -std=gnu11 -O2 -g -fpic -fvisibility=hidden -ffreestanding -fno-builtin -fno-tree-loop-distribute-patterns \
	-fshort-wchar -mno-red-zone -mgeneral-regs-only -fno-stack-protector -fno-strict-aliasing \
	-fno-asynchronous-unwind-tables -ffunction-sections -fdata-sections \
	-Wall -Wextra -Wconversion -Wshadow -Wmissing-prototypes -Wvla -Werror \
	-DGNU_EFI_USE_MS_ABI -isystem /usr/include/efi -isystem /usr/include/efi/x86_64 -Ihv/include

# Clang has no such optimisation to switch off, and says so.
ifneq ($(findstring clang,$(CC)),)
BOOT_FLAGS := $(filter-out -fno-tree-loop-distribute-patterns,$(BOOT_FLAGS))
endif

$(BUILD)/boot/%.c.o: boot/%.c boot/boot.mk
	@mkdir -p $(@D)
	$(Q)$(CC) $(BOOT_FLAGS) -MMD -MP -c $< -o $@

$(BUILD)/boot/%.S.o: boot/%.S boot/boot.mk
	@mkdir -p $(@D)
	$(Q)$(CC) $(BOOT_FLAGS) -DHV_ELF='"$(BUILD)/boot/payload.elf"' -MMD -MP -c $< -o $@

$(BUILD)/boot/payload.elf: $(BUILD)/hv.elf
	@mkdir -p $(@D)
	$(Q)$(BOOT_OBJCOPY) --strip-all $< $@

$(BUILD)/boot/payload.S.o: $(BUILD)/boot/payload.elf

$(BUILD)/boot/bulkhead.so: $(BOOT_OBJECTS) linker/boot.ld
	$(Q)$(BOOT_LD) -nostdlib -shared -Bsymbolic -znocombreloc -znoexecstack --gc-sections --no-undefined --fatal-warnings \
		-T linker/boot.ld /usr/lib/crt0-efi-x86_64.o $(BOOT_OBJECTS) -L/usr/lib -l:libgnuefi.a -o $@

$(BUILD)/bulkhead.efi: $(BUILD)/boot/bulkhead.so
	$(Q)$(BOOT_OBJCOPY) -j .text -j .reloc -j .data -j .dynamic -j .rela -j .dynsym -j .dynstr \
		--target=efi-app-x86_64 --subsystem=10 $< $@

-include $(BOOT_OBJECTS:.o=.d)
