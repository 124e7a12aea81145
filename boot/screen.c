/* SPDX-License-Identifier: Apache-2.0 */
#include "boot.h"

/* The enum boot_pixel of a mode, 0 when the hypervisor cannot draw in it. */
static uint32_t pixel_kind(const EFI_GRAPHICS_OUTPUT_MODE_INFORMATION *m)
{
	const EFI_PIXEL_BITMASK *b = &m->PixelInformation;

	if (m->PixelFormat == PixelBlueGreenRedReserved8BitPerColor)
		return BOOT_PIXEL_BGRX;
	if (m->PixelFormat == PixelRedGreenBlueReserved8BitPerColor)
		return BOOT_PIXEL_RGBX;
	if (m->PixelFormat != PixelBitMask || b->GreenMask != 0xff00)
		return 0;
	if (b->RedMask == 0xff0000 && b->BlueMask == 0xff)
		return BOOT_PIXEL_BGRX;
	return b->RedMask == 0xff && b->BlueMask == 0xff0000 ? BOOT_PIXEL_RGBX : 0;
}

/* The console's own screen first: with several cards another one may be dark. */
static EFI_GRAPHICS_OUTPUT_PROTOCOL *find_gop(void)
{
	EFI_GUID guid = EFI_GRAPHICS_OUTPUT_PROTOCOL_GUID;
	EFI_GRAPHICS_OUTPUT_PROTOCOL *gop = NULL;

	if (fw.system->ConsoleOutHandle &&
	    fw.boot->HandleProtocol(fw.system->ConsoleOutHandle, &guid, (VOID **)&gop) == EFI_SUCCESS &&
	    gop->Mode && gop->Mode->FrameBufferBase)
		return gop;
	return fw.boot->LocateProtocol(&guid, NULL, (VOID **)&gop) == EFI_SUCCESS ? gop : NULL;
}

/* False: no GOP, no linear framebuffer, or one that is described wrongly. */
static bool read_gop(struct boot_screen *s)
{
	EFI_GRAPHICS_OUTPUT_PROTOCOL *gop = find_gop();
	const EFI_GRAPHICS_OUTPUT_MODE_INFORMATION *m = gop && gop->Mode ? gop->Mode->Info : NULL;

	if (!m || !pixel_kind(m) || !gop->Mode->FrameBufferBase || m->PixelsPerScanLine > 65536)
		return false;
	*s = (struct boot_screen){
		.base = gop->Mode->FrameBufferBase, .size = gop->Mode->FrameBufferSize,
		.width = m->HorizontalResolution, .height = m->VerticalResolution,
		.pitch = m->PixelsPerScanLine * 4, .pixel = pixel_kind(m),
	};
	return s->width && s->height && s->width <= m->PixelsPerScanLine && s->height <= 65536 &&
	       (uint64_t)s->pitch * s->height <= s->size;
}

void screen_read(struct boot_info *info)
{
	struct boot_screen s;

	if (!read_gop(&s)) {
		console_print("  screen   none with a linear framebuffer\n");
		return;
	}
	info->screen = s;
	console_print("  screen   %ux%u\n", s.width, s.height);
}
