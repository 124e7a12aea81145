# SPDX-License-Identifier: Apache-2.0
# The web page: hv/web/page/src bundled by esbuild with xterm.js (MIT) and noVNC (MPL-2.0), compressed, and made part of
# hv.elf as the table of hv/web/page.h. Versions and checksums: hv/web/page/package-lock.json. The same sources give the
# same bytes.
#   PAGE_OBJS   objects for hv.elf

PAGE_NPM := $(BUILD)/third_party/page
PAGE_STAMP := $(PAGE_NPM).stamp
PAGE_DIST := $(BUILD)/page
PAGE_OBJS := $(PAGE_DIST)/table.o $(PAGE_DIST)/bytes.S.o
PAGE_SRC := $(wildcard hv/web/page/src/*.ts hv/web/page/src/*/*.ts hv/web/page/src/*.css)
PAGE_FILES := index.html app.js app.css terminal.js terminal.css screen.js icon.svg
WEB_OBJS += $(PAGE_OBJS)

ESBUILD = NODE_PATH=$(PAGE_NPM)/node_modules $(PAGE_NPM)/node_modules/@esbuild/linux-x64/bin/esbuild

$(PAGE_STAMP): hv/web/page/package.json hv/web/page/package-lock.json tests/tools/npm.sh
	@tests/tools/setup.sh build
	tests/tools/npm.sh hv/web/page $(PAGE_NPM)
	@touch $@

$(PAGE_DIST)/bytes.S: $(PAGE_STAMP) $(PAGE_SRC) hv/web/page/index.html hv/web/page/icon.svg hv/web/page/embed.py hv/web/page/page.mk
	@mkdir -p $(@D)
	$(Q)$(ESBUILD) --log-level=warning --bundle --minify --format=esm --target=es2022 --charset=utf8 --legal-comments=none \
		--outdir=$(PAGE_DIST) hv/web/page/src/app.ts hv/web/page/src/app.css hv/web/page/src/terminal.ts \
		hv/web/page/src/screen.ts
	@cp hv/web/page/index.html hv/web/page/icon.svg $(PAGE_DIST)
	@hv/web/page/embed.py $(PAGE_DIST) $(PAGE_FILES)
$(PAGE_DIST)/table.c: $(PAGE_DIST)/bytes.S ;
$(PAGE_DIST)/table.o: $(PAGE_DIST)/table.c hv/web/page.h
	$(Q)$(CC) $(HV_CFLAGS) -c $< -o $@
$(PAGE_DIST)/bytes.S.o: $(PAGE_DIST)/bytes.S
	$(Q)$(CC) $(HV_CFLAGS) -D__ASSEMBLY__ -c $< -o $@
