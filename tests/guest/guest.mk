# SPDX-License-Identifier: Apache-2.0
# The tiny test guests: tests/guest/NAME.c -> build/guest/NAME.elf, an ELF32 with PVH note and multiboot header.

GUEST_SRC := tests/guest
GUEST_NAMES := $(sort $(basename $(notdir $(wildcard $(GUEST_SRC)/*.c))))
GUEST_ELF := $(GUEST_NAMES:%=$(BUILD)/guest/%.elf) $(BUILD)/guest/multiboot.elf $(BUILD)/guest/exitbench.elf
GUEST_LIB := $(BUILD)/guest/obj/lib/start.o $(patsubst $(GUEST_SRC)/%.c,$(BUILD)/guest/obj/%.o,$(wildcard $(GUEST_SRC)/lib/*.c))
GUEST_CFLAGS := -std=gnu11 -O2 -ffreestanding -fno-pic -fno-pie -mno-red-zone -mgeneral-regs-only -fno-stack-protector \
	-fno-asynchronous-unwind-tables -fcf-protection=none -fno-strict-aliasing -mcmodel=small -Wall -Wextra -Wshadow \
	-Wmissing-prototypes -Wvla -Werror

.PHONY: test-guests
.SECONDARY: $(GUEST_LIB) $(GUEST_NAMES:%=$(BUILD)/guest/obj/%.o)
test-guests: $(GUEST_ELF) ## build the tiny test guests and exitbench into build/guest

$(BUILD)/guest/obj/%.o: $(GUEST_SRC)/%.c
	@mkdir -p $(@D)
	$(Q)gcc $(GUEST_CFLAGS) -MMD -MP -c $< -o $@
$(BUILD)/guest/obj/%.o: $(GUEST_SRC)/%.S
	@mkdir -p $(@D)
	$(Q)gcc -m64 -c $< -o $@
$(BUILD)/guest/%.elf: $(BUILD)/guest/obj/%.o $(GUEST_LIB) $(GUEST_SRC)/lib/link.ld
	$(Q)ld -m elf_x86_64 -nostdlib -static -no-pie --build-id=none -z noexecstack -z max-page-size=4096 \
		--no-warn-rwx-segments -T $(GUEST_SRC)/lib/link.ld -o $@.64 $< $(GUEST_LIB)
	$(Q)objcopy -I elf64-x86-64 -O elf32-i386 $@.64 $@
# The same without PVH note: started by multiboot.
$(BUILD)/guest/multiboot.elf: $(BUILD)/guest/obj/hello.o $(GUEST_LIB) $(GUEST_SRC)/lib/link.ld
	$(Q)sed '/note\.pvh/d; /PT_NOTE/d; s,/DISCARD/ : {,& *(.note.pvh),' $(GUEST_SRC)/lib/link.ld > $(BUILD)/guest/obj/multiboot.ld
	$(Q)ld -m elf_x86_64 -nostdlib -static -no-pie --build-id=none -z noexecstack -z max-page-size=4096 \
		--no-warn-rwx-segments -T $(BUILD)/guest/obj/multiboot.ld -o $@.64 $< $(GUEST_LIB)
	$(Q)objcopy -I elf64-x86-64 -O elf32-i386 $@.64 $@
$(BUILD)/guest/exitbench.elf: $(wildcard $(GUEST_SRC)/exitbench/*)
	@mkdir -p $(@D)/obj
	$(Q)$(MAKE) --no-print-directory -s -C $(GUEST_SRC)/exitbench OUT=$(abspath $(@D))/obj
	@cp $(@D)/obj/exitbench.elf $@

-include $(wildcard $(BUILD)/guest/obj/*.d $(BUILD)/guest/obj/lib/*.d)
