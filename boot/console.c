/* SPDX-License-Identifier: Apache-2.0 */
#include "boot.h"
#include "cpu.h"

#define LINE_MAX 256u
#define COM1 0x3f8
#define KEY_WAIT_MS 10000u
#define KEY_STEP_MS 20u

/* ConOut wants CR LF and UCS-2. Firmware without any console has none. */
static void put_text(const char *text)
{
	CHAR16 out[2 * LINE_MAX];
	size_t used = 0;

	if (!fw.system->ConOut)
		return;
	for (; *text && used + 3 < 2 * LINE_MAX; text++) {
		if (*text == '\n')
			out[used++] = '\r';
		out[used++] = (CHAR16)(unsigned char)*text;
	}
	out[used] = 0;
	fw.system->ConOut->OutputString(fw.system->ConOut, out);
}

void console_print(const char *format, ...)
{
	char line[LINE_MAX];
	va_list args;

	va_start(args, format);
	text_format_list(line, sizeof(line), format, args);
	va_end(args);
	put_text(line);
}

static void wait_for_key(void)
{
	SIMPLE_INPUT_INTERFACE *in = fw.system->ConIn;
	EFI_INPUT_KEY key;

	if (!in)
		return;
	while (in->ReadKeyStroke(in, &key) == EFI_SUCCESS)
		;	/* typed before the question */
	for (unsigned int ms = 0; ms < KEY_WAIT_MS; ms += KEY_STEP_MS) {
		if (in->ReadKeyStroke(in, &key) == EFI_SUCCESS)
			return;
		fw.boot->Stall(KEY_STEP_MS * 1000);
	}
}

EFI_STATUS console_fail(EFI_STATUS status, const char *id, const char *format, ...)
{
	char line[LINE_MAX];
	va_list args;

	va_start(args, format);
	text_format_list(line, sizeof(line), format, args);
	va_end(args);
	console_print("error %s: ", id);
	put_text(line);
	put_text("\nbulkhead: not started. Back to the firmware in 10 seconds, or with any key.\n");
	wait_for_key();
	return status;
}

const char *console_status(EFI_STATUS status)
{
	switch (status) {
	case EFI_SUCCESS:		return "no error";
	case EFI_OUT_OF_RESOURCES:	return "not enough memory";
	case EFI_NOT_FOUND:		return "not found";
	case EFI_DEVICE_ERROR:		return "the device reports an error";
	case EFI_VOLUME_CORRUPTED:	return "the file system is damaged";
	case EFI_NO_MEDIA:
	case EFI_MEDIA_CHANGED:		return "the medium was removed or changed";
	case EFI_BAD_BUFFER_SIZE:	return "too large";
	case EFI_END_OF_FILE:		return "the file is shorter than its directory entry says";
	case EFI_ACCESS_DENIED:		return "firmware denies access";
	case EFI_INVALID_PARAMETER:	return "firmware calls the request invalid";
	case EFI_UNSUPPORTED:		return "firmware does not support it";
	default:			return "firmware reports an error";
	}
}

/* A 16550 in loop-back returns the modem lines that were set: 0xff or anything else means no UART. */
static bool com1_is_there(void)
{
	uint8_t found, saved = cpu_in8(COM1 + 4);

	cpu_out8(COM1 + 4, 0x1a);
	found = cpu_in8(COM1 + 6) & 0xf0;
	cpu_out8(COM1 + 4, saved);
	return found == 0x90;
}

void console_print_late(const char *text)
{
	if (!com1_is_there())
		return;
	for (; *text; text++) {
		for (unsigned int spin = 0; spin < 200000 && !(cpu_in8(COM1 + 5) & 0x20); spin++)
			;
		if (*text == '\n')
			cpu_out8(COM1, '\r');
		cpu_out8(COM1, (uint8_t)*text);
	}
}
