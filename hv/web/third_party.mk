# SPDX-License-Identifier: Apache-2.0
# Third-party code of the web server: mbedTLS 3.6 (TLS; Apache licence), http-parser 2.9.4 (HTTP/1.1; MIT), yyjson 0.10 (JSON;
# MIT). It runs on the control core only, in the web fiber, and is the only code in the hypervisor that may use SSE (docs/design.md,
# "The SSE seam"); tests/tools/seam.py looks that nothing else does. Versions and checksums: tests/tools/fetch.sh.
#   WEB_OBJS    objects for hv.elf       WEB_CFLAGS  include paths for code that uses it
#   WEB_STAMP   the sources are unpacked WEB_HOST    archive for unit tests (SOURCES line with the word web)

BUILD ?= build
MBEDTLS_DIR := $(BUILD)/third_party/mbedtls
HTTP_PARSER_DIR := $(BUILD)/third_party/http-parser
YYJSON_DIR := $(BUILD)/third_party/yyjson
WEB_STAMP := $(BUILD)/third_party/web.stamp
MBEDTLS_PARTS := aes aesni asn1parse asn1write base64 bignum bignum_core bignum_mod bignum_mod_raw chacha20 chachapoly cipher \
	cipher_wrap constant_time ecdh ecdsa ecp ecp_curves ecp_curves_new gcm hkdf hmac_drbg md oid pem pk pk_ecc pk_wrap pkparse \
	pkwrite platform platform_util poly1305 psa_crypto psa_crypto_aead psa_crypto_cipher psa_crypto_client \
	psa_crypto_driver_wrappers_no_static psa_crypto_ecp psa_crypto_ffdh psa_crypto_hash psa_crypto_mac psa_crypto_pake \
	psa_crypto_random psa_crypto_rsa psa_crypto_slot_management psa_crypto_storage psa_util sha1 sha256 sha512 \
	ssl_ciphersuites ssl_msg ssl_tls ssl_tls12_server ssl_tls13_generic ssl_tls13_keys ssl_tls13_server x509 x509_create \
	x509_crt x509write x509write_crt
MBEDTLS_OBJS := $(MBEDTLS_PARTS:%=$(BUILD)/third_party/obj/web/mbedtls/%.o)
YYJSON_OBJS := $(BUILD)/third_party/obj/web/yyjson.o
HTTP_PARSER_OBJS := $(BUILD)/third_party/obj/web/http_parser.o
# SHA-256 twice: by the SHA extensions (ours), and mbedTLS's own under another name, for processors without.
SHA256_OBJS := $(BUILD)/third_party/obj/web/simd/sha256.o $(BUILD)/third_party/obj/web/simd/sha256_plain.o
SHA256_PLAIN := -DWEB_SHA256_PLAIN -Dmbedtls_internal_sha256_process=web_sha256_plain
SHA256_ALONE := $(OBJCOPY) --keep-global-symbol=web_sha256_plain
WEB_OBJS := $(MBEDTLS_OBJS) $(SHA256_OBJS) $(YYJSON_OBJS) $(HTTP_PARSER_OBJS)
WEB_HOST := $(BUILD)/host/libweb.a

WEB_DEFINES := -DMBEDTLS_CONFIG_FILE='"hv/web/mbedtls_config.h"' -DYYJSON_DISABLE_NON_STANDARD -DYYJSON_DISABLE_UTILS \
	-DHTTP_MAX_HEADER_SIZE=16384
WEB_INCLUDES := -isystem $(MBEDTLS_DIR)/include -isystem $(HTTP_PARSER_DIR) -isystem $(YYJSON_DIR)/src
WEB_CFLAGS := $(WEB_DEFINES) $(WEB_INCLUDES)

$(WEB_STAMP): tests/tools/fetch.sh
	tests/tools/fetch.sh mbedtls $(MBEDTLS_DIR)
	tests/tools/fetch.sh http-parser $(HTTP_PARSER_DIR)
	tests/tools/fetch.sh yyjson $(YYJSON_DIR)
	@touch $@

# Whoever calls, and callbacks' own code, keep the stack on 8 bytes only: functions here that want 16 see to it themselves.
WEB_STACK := $(if $(findstring clang,$(CC)),-mstackrealign,-mincoming-stack-boundary=3)
WEB_BUILD = $(CC) -std=gnu11 -w -O2 -ffreestanding -nostdinc -isystem $(dir $(shell $(CC) -print-file-name=include/stddef.h)) \
	-fno-pic -fno-pie -mcmodel=kernel -mno-red-zone -msse2 -mfpmath=sse -mno-avx -fno-stack-protector -fno-strict-aliasing \
	-fno-asynchronous-unwind-tables -fcf-protection=none -ffunction-sections -fdata-sections -fno-common \
	-U__unix__ -U__unix -U__linux__ $(WEB_STACK) -I. -isystem hv/web/libc $(WEB_CFLAGS)
WEB_HEADERS := hv/web/mbedtls_config.h $(wildcard hv/web/libc/*.h)

$(MBEDTLS_OBJS): $(BUILD)/third_party/obj/web/mbedtls/%.o: $(WEB_STAMP) hv/web/third_party.mk $(WEB_HEADERS)
	@mkdir -p $(@D)
	$(Q)$(WEB_BUILD) -I$(MBEDTLS_DIR)/library -c $(MBEDTLS_DIR)/library/$*.c -o $@
$(BUILD)/third_party/obj/web/simd/sha256.o: hv/web/simd/sha256.c $(WEB_STAMP) hv/web/third_party.mk $(WEB_HEADERS)
	@mkdir -p $(@D)
	$(Q)$(WEB_BUILD) -c $< -o $@
$(BUILD)/third_party/obj/web/simd/sha256_plain.o: $(WEB_STAMP) hv/web/third_party.mk $(WEB_HEADERS)
	@mkdir -p $(@D)
	$(Q)$(WEB_BUILD) $(SHA256_PLAIN) -I$(MBEDTLS_DIR)/library -c $(MBEDTLS_DIR)/library/sha256.c -o $@
	@$(SHA256_ALONE) $@
$(YYJSON_OBJS): $(WEB_STAMP) hv/web/third_party.mk $(WEB_HEADERS)
	@mkdir -p $(@D)
	$(Q)$(WEB_BUILD) -c $(YYJSON_DIR)/src/yyjson.c -o $@
$(HTTP_PARSER_OBJS): $(WEB_STAMP) hv/web/third_party.mk $(WEB_HEADERS)
	@mkdir -p $(@D)
	$(Q)$(filter-out -msse2 -mfpmath=sse -mno-avx,$(WEB_BUILD)) -mgeneral-regs-only -c $(HTTP_PARSER_DIR)/http_parser.c -o $@

# For tests of the build host: its C library, the sanitizers, mbedTLS's own TLS client to talk to.
WEB_HOST_CC := gcc -std=gnu11 -w -O1 -g -fsanitize=address,undefined -fno-sanitize=alignment -fno-omit-frame-pointer -DWEB_HOST_TEST \
	-U__unix__ -U__linux__ -I. $(WEB_CFLAGS) -I$(MBEDTLS_DIR)/library
WEB_HOST_PARTS := $(MBEDTLS_PARTS) ssl_client ssl_tls12_client ssl_tls13_client
WEB_HOST_OBJS := $(WEB_HOST_PARTS:%=$(BUILD)/host/web/%.o)
$(WEB_HOST_OBJS): $(BUILD)/host/web/%.o: $(WEB_STAMP) hv/web/third_party.mk hv/web/mbedtls_config.h
	@mkdir -p $(@D)
	$(Q)$(WEB_HOST_CC) -c $(MBEDTLS_DIR)/library/$*.c -o $@
$(WEB_HOST): $(WEB_HOST_OBJS) hv/web/simd/sha256.c
	$(Q)$(WEB_HOST_CC) -c $(YYJSON_DIR)/src/yyjson.c -o $(BUILD)/host/web/yyjson.o
	$(Q)$(WEB_HOST_CC) -c $(HTTP_PARSER_DIR)/http_parser.c -o $(BUILD)/host/web/http_parser.o
	$(Q)$(WEB_HOST_CC) -c hv/web/simd/sha256.c -o $(BUILD)/host/web/simd.o
	$(Q)$(WEB_HOST_CC) $(SHA256_PLAIN) -c $(MBEDTLS_DIR)/library/sha256.c -o $(BUILD)/host/web/sha256_plain.o
	@$(SHA256_ALONE) $(BUILD)/host/web/sha256_plain.o
	@rm -f $@
	@ar rcs $@ $(WEB_HOST_OBJS) $(addprefix $(BUILD)/host/web/,yyjson.o http_parser.o simd.o sha256_plain.o)

# The same as a Linux process, to count beside the hypervisor's: tests/bench/tlsload.c.
TLSLOAD_CC := gcc -std=gnu11 -O2 -fno-strict-aliasing -msse2 -DWEB_HOST_TEST -U__unix__ -U__linux__ -I. -Ihv/include $(WEB_CFLAGS)
TLSLOAD_OBJS := $(WEB_HOST_PARTS:%=$(BUILD)/bench/tls/%.o)
$(TLSLOAD_OBJS): $(BUILD)/bench/tls/%.o: $(WEB_STAMP) hv/web/third_party.mk hv/web/mbedtls_config.h
	@mkdir -p $(@D)
	$(Q)$(TLSLOAD_CC) -w -I$(MBEDTLS_DIR)/library -c $(MBEDTLS_DIR)/library/$*.c -o $@
$(BUILD)/bench/tls/sha256_plain.o: $(WEB_STAMP) hv/web/third_party.mk hv/web/mbedtls_config.h
	@mkdir -p $(@D)
	$(Q)$(TLSLOAD_CC) -w $(SHA256_PLAIN) -I$(MBEDTLS_DIR)/library -c $(MBEDTLS_DIR)/library/sha256.c -o $@
	@$(SHA256_ALONE) $@
TLSLOAD_C := tests/bench/tlsload.c hv/web/tls.c hv/web/simd/sha256.c hv/lib/format.c
$(BUILD)/bench/tlsload: $(TLSLOAD_C) hv/web/tls.h $(TLSLOAD_OBJS) $(BUILD)/bench/tls/sha256_plain.o
	$(Q)$(TLSLOAD_CC) -Wall -Wextra -static -o $@ $(filter %.c %.o,$^)

$(patsubst %.c,$(BUILD)/%.o,$(wildcard hv/web/*.c)): HV_CFLAGS += $(WEB_CFLAGS)
$(patsubst %.c,$(BUILD)/%.o,$(wildcard hv/web/*.c)): | $(WEB_STAMP)
