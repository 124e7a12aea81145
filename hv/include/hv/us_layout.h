/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Characters of the keys of a US keyboard, by scan code of set 1; 0: sends nothing by itself. */

static const char us_plain[0x54] = "\0\x1b" "1234567890-=\x7f\tqwertyuiop[]\r\0asdfghjkl;'`\0\\zxcvbnm,./\0*\0 ";
static const char us_shifted[0x3a] = "\0\x1b" "!@#$%^&*()_+\x7f\tQWERTYUIOP{}\r\0ASDFGHJKL:\"~\0|ZXCVBNM<>?\0*\0 ";
