# SPDX-License-Identifier: Apache-2.0
# Third-party code of the network: lwIP 2.2.1 (TCP/IP, BSD licence) without threads, with its SNTP client and mDNS
# responder. Built like the rest of the hypervisor, general registers only; options and their reasons stand in
# hv/net/lwip/lwipopts.h. Version and checksum: tests/tools/fetch.sh.
#   LWIP_OBJS    objects for hv.elf       LWIP_CFLAGS  include paths for code that uses it
#   LWIP_STAMP   the sources are unpacked LWIP_HOST    archive for unit tests (SOURCES line with the word lwip)

BUILD ?= build
LWIP_DIR := $(BUILD)/third_party/lwip
LWIP_STAMP := $(BUILD)/third_party/lwip.stamp
LWIP_CORE := def dns inet_chksum init ip mem memp netif pbuf raw stats tcp tcp_in tcp_out timeouts udp altcp altcp_alloc altcp_tcp
LWIP_V4 := dhcp etharp icmp igmp ip4 ip4_addr ip4_frag
LWIP_V6 := ethip6 icmp6 inet6 ip6 ip6_addr ip6_frag mld6 nd6
LWIP_PARTS := $(LWIP_CORE:%=core/%) $(LWIP_V4:%=core/ipv4/%) $(LWIP_V6:%=core/ipv6/%) netif/ethernet apps/sntp/sntp \
	apps/mdns/mdns apps/mdns/mdns_out apps/mdns/mdns_domain
LWIP_OBJS := $(LWIP_PARTS:%=$(BUILD)/third_party/obj/lwip/%.o)
LWIP_HOST := $(BUILD)/host/liblwip.a

LWIP_CFLAGS := -Ihv/net/lwip -isystem $(LWIP_DIR)/src/include
LWIP_HEADERS := $(wildcard hv/net/lwip/*.h hv/net/lwip/*/*.h)

$(LWIP_STAMP): tests/tools/fetch.sh
	tests/tools/fetch.sh lwip $(LWIP_DIR)
	@touch $@

# The compiler's own headers stay; the build host's do not. Each file's variables stay together in .bss, which linker/hv.ld
# puts apart, so that the stack can be cleared and started anew (hv/net/stack.c).
$(LWIP_OBJS): $(BUILD)/third_party/obj/lwip/%.o: $(LWIP_STAMP) hv/net/third_party.mk $(LWIP_HEADERS)
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -w -O2 -ffreestanding -nostdinc -isystem $(dir $(shell $(CC) -print-file-name=include/stddef.h)) \
		-fno-pic -fno-pie -mcmodel=kernel -mno-red-zone -mgeneral-regs-only -fno-stack-protector \
		-fno-strict-aliasing -fno-asynchronous-unwind-tables -fcf-protection=none -ffunction-sections -fno-common \
		-U__unix__ -U__linux__ $(STACK) -isystem hv/net/lwip/libc $(LWIP_CFLAGS) \
		-c $(LWIP_DIR)/src/$*.c -o $@

# For tests of the build host, with its C library and the sanitizers.
$(LWIP_HOST): $(LWIP_STAMP) hv/net/third_party.mk $(LWIP_HEADERS)
	@mkdir -p $(BUILD)/host/lwip
	@for p in $(LWIP_PARTS); do \
		gcc -std=gnu11 -w -O1 -g -fsanitize=address,undefined -fno-sanitize=alignment -fno-omit-frame-pointer $(LWIP_CFLAGS) \
			-c $(LWIP_DIR)/src/$$p.c -o $(BUILD)/host/lwip/$$(echo $$p | tr / _).o || exit 1; done
	@rm -f $@
	@ar rcs $@ $(foreach p,$(LWIP_PARTS),$(BUILD)/host/lwip/$(subst /,_,$(p)).o)

$(patsubst %.c,$(BUILD)/%.o,$(wildcard hv/net/*.c)): | $(LWIP_STAMP)
