# SPDX-License-Identifier: Apache-2.0
# Third-party code of the storage part: littlefs 2 (BSD licence), out of MicroPython's source tarball. hv/storage/littlefs.c
# includes it, so it is built like our own code, with general registers only, and tests see it with their sanitizers. Version
# and checksum: tests/tools/fetch.sh.

BUILD ?= build
LITTLEFS_DIR := $(BUILD)/third_party/littlefs
LITTLEFS_STAMP := $(BUILD)/third_party/littlefs.stamp
LITTLEFS_CFLAGS := -isystem $(LITTLEFS_DIR)

$(LITTLEFS_STAMP): tests/tools/fetch.sh
	@mkdir -p $(@D)
	tests/tools/fetch.sh micropython $(LITTLEFS_DIR)
	@touch $@

# On the build host the C library's own headers do.
$(BUILD)/hv/storage/littlefs.o $(BUILD)/hv/storage/datastore_fs.o: HV_CFLAGS += -isystem hv/storage/libc
$(BUILD)/hv/storage/littlefs.o $(BUILD)/hv/storage/datastore_fs.o: | $(LITTLEFS_STAMP)
