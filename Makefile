# SPDX-License-Identifier: Apache-2.0
# Bulkhead: one .efi, built from boot/ (the UEFI application) and hv.elf (the hypervisor proper) inside it.
# `make help` lists what can be made. Everything lands in build/, third-party sources in ~/.cache/bulkhead.

BUILD := build
CC ?= gcc
ifeq ($(CC),cc)
CC := gcc
endif
OBJCOPY ?= objcopy
PYTHON ?= python3
EMULATOR ?= qemu
PLAN ?= guests/two-linux
# One short line a file; V=1 shows the commands.
Q = $(if $(V),,@echo "  $@";)

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
SHELL := /bin/bash
# Debian's users have no sbin in their path: mkfs.vfat, sgdisk and debootstrap are there.
export PATH := $(PATH):/usr/sbin:/sbin

WARN := -Wall -Wextra -Wconversion -Wshadow -Wmissing-prototypes -Wstrict-prototypes -Wvla -Wundef -Werror
ifneq ($(findstring clang,$(CC)),)
WARN += -Wno-sign-conversion
STACK := -mstack-alignment=8
else
WARN += -Wno-sign-conversion -fno-common
STACK := -mpreferred-stack-boundary=3
endif

# Code of the hypervisor: freestanding, at a fixed high address, general registers only so that a guest's vector
# state never has to be saved. So nothing needs a stack on 16 bytes, either.
HV_CFLAGS := -std=gnu11 -O2 -g -ffreestanding -fno-pic -fno-pie -mcmodel=kernel -mno-red-zone -mgeneral-regs-only \
	-fno-stack-protector -fno-strict-aliasing -fno-asynchronous-unwind-tables -ffunction-sections -fdata-sections \
	-fcf-protection=none $(STACK) -Ihv/include -Ihv/x86 -I. $(WARN)
# Our own mem* functions must not be turned into calls of themselves; of this option clang knows the first half only.
NO_IDIOM := -fno-builtin $(if $(findstring clang,$(CC)),,-fno-tree-loop-distribute-patterns)

HV_DIRS := hv/core hv/x86 hv/x86/vmx hv/x86/svm hv/control hv/lib hv/net hv/storage hv/web drivers/host drivers/host/disk \
	drivers/host/net drivers/host/usb drivers/host/virtio drivers/model drivers/model/e1000e drivers/model/pci \
	drivers/model/virtio
HV_C := $(sort $(foreach d,$(HV_DIRS),$(wildcard $(d)/*.c)))
HV_S := $(sort $(foreach d,$(HV_DIRS),$(wildcard $(d)/*.S)))
HV_OBJ := $(HV_C:%.c=$(BUILD)/%.o) $(HV_S:%.S=$(BUILD)/%.S.o)

ZYDIS_OBJS :=
ZYDIS_CFLAGS :=
LWIP_OBJS :=
LWIP_CFLAGS :=
LITTLEFS_CFLAGS :=
WEB_OBJS :=
-include hv/x86/third_party.mk
-include hv/net/third_party.mk
-include hv/storage/third_party.mk
-include hv/web/third_party.mk
-include hv/web/page/page.mk
-include boot/boot.mk
-include hv/core/plan.mk
-include tests/guest/guest.mk
-include tests/tests.mk

VERSION := $(shell git describe --always --dirty 2>/dev/null || echo unknown)

.PHONY: all hv
all: setup-build $(BUILD)/bulkhead.efi $(BUILD)/seam.stamp ## build build/bulkhead.efi
hv: $(BUILD)/hv.elf

$(BUILD)/hv/lib/string.o: HV_CFLAGS += $(NO_IDIOM)
$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(HV_CFLAGS) $(ZYDIS_CFLAGS) $(LWIP_CFLAGS) $(LITTLEFS_CFLAGS) -MMD -MP -c $< -o $@
# Moves frames by vector registers: docs/design.md, "The SSE seam".
$(BUILD)/hv/x86/copy_wide.o: HV_CFLAGS := $(filter-out -mgeneral-regs-only,$(HV_CFLAGS)) -mavx
$(BUILD)/%.S.o: %.S
	@mkdir -p $(@D)
	$(Q)$(CC) $(HV_CFLAGS) -D__ASSEMBLY__ -MMD -MP -c $< -o $@

$(BUILD)/version.c: FORCE
	@mkdir -p $(BUILD)
	@echo 'extern const char build_version[]; const char build_version[] = "$(VERSION)";' | cmp -s - $@ || \
	 echo 'extern const char build_version[]; const char build_version[] = "$(VERSION)";' > $@
$(BUILD)/version.o: $(BUILD)/version.c
	$(Q)$(CC) $(HV_CFLAGS) -c $< -o $@

# Who may use vector registers, and who may call those: docs/design.md, "The SSE seam".
SEAM_OBJ = $(HV_OBJ) $(BUILD)/version.o $(ZYDIS_OBJS) $(LWIP_OBJS)
$(BUILD)/seam.stamp: tests/tools/seam.py $(SEAM_OBJ) $(WEB_OBJS)
	@tests/tools/seam.py $(BUILD) $(if $(filter tests/tools/seam.py,$?),$(SEAM_OBJ),$(filter $(SEAM_OBJ),$?))
	@touch $@

$(BUILD)/hv.elf: $(HV_OBJ) $(BUILD)/version.o $(ZYDIS_OBJS) $(LWIP_OBJS) $(WEB_OBJS) linker/hv.ld
	$(Q)ld -nostdlib -static -z noexecstack -z max-page-size=4096 --build-id=none --gc-sections \
		-T linker/hv.ld -o $@ $(HV_OBJ) $(BUILD)/version.o $(ZYDIS_OBJS) $(LWIP_OBJS) $(WEB_OBJS)

.PHONY: FORCE
FORCE:

.PHONY: setup setup-build
setup-build:
	@tests/tools/setup.sh build
setup: ## install what building and running need (apt; sudo when not root)
	@tests/tools/setup.sh all

# --- images and running -------------------------------------------------------------------------------------------
PLAN_NAME := $(notdir $(patsubst %/,%,$(PLAN)))
PLAN_DIR := $(if $(wildcard $(PLAN)/recipe.sh),$(BUILD)/guests/$(PLAN_NAME),$(PLAN))

.PHONY: plan-folder image iso run debug
plan-folder: setup
	@if [ -x $(PLAN)/recipe.sh ]; then $(PLAN)/recipe.sh $(BUILD)/guests/$(PLAN_NAME); fi
image: all plan-folder ## make build/PLAN.img, a bootable USB stick or disk, from PLAN=folder
	@boot/media/mkimage.sh $(BUILD)/$(PLAN_NAME).img $(PLAN_DIR) $(BUILD)/bulkhead.efi
	@echo "made $(BUILD)/$(PLAN_NAME).img"
iso: all plan-folder ## the same as an ISO
	@boot/media/mkiso.sh $(BUILD)/$(PLAN_NAME).iso $(PLAN_DIR) $(BUILD)/bulkhead.efi
	@echo "made $(BUILD)/$(PLAN_NAME).iso"
run: image host-tools ## boot PLAN=folder live on this terminal, EMULATOR=qemu (default) or bochs
	@tests/tools/run.sh $(EMULATOR) $(BUILD)/$(PLAN_NAME).img $(PLAN_DIR)
debug: image host-tools ## QEMU stopped at hv_main with gdb attached (docs/gdb.md)
	@tests/tools/run.sh qemu-gdb $(BUILD)/$(PLAN_NAME).img $(PLAN_DIR)

.PHONY: clean help
clean: ## remove build/
	rm -rf $(BUILD)
help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(sort $(MAKEFILE_LIST)) | sed -E 's/:.*## /\t/' | expand -t 14 | sort
	@echo
	@echo "PLAN=folder with a bulkhead.toml (default guests/two-linux; or another of guests/: docs/guests.md)"
	@echo "EMULATOR=qemu|bochs  CORES=5  MEMORY=n (MiB)  SCREEN=1: show the screen too (QEMU, where there is a display)"
	@echo "DISK=file|none (default build/PLAN.disk)  FRESH=1: guests' lasting disk made anew  VOLUME=256 (MiB of each volume)"
	@echo "CC=gcc|clang  V=1: show commands  T=test_name  CHECK_PLAN=\"--cores 5 --memory 8GiB\""

-include $(HV_OBJ:.o=.d)
