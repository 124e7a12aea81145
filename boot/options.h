/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The load option: what it says about the plan, and the folder that we were started from. Pure; boot core or host. */

#include <stddef.h>
#include <stdint.h>

/* Load options (UCS-2, `bytes` long) into ASCII without the program's name, which the UEFI shell puts first.
 * Binary rubbish, as some firmware passes it, becomes "". */
void options_read(char *out, size_t size, const void *options, size_t bytes);

/* The first word of `options` when it may name a plan (it is not "check"), else "". */
void options_plan_word(char *out, size_t size, const char *options);

/* Whether the word can only be meant as a file: then no other plan is taken when it is missing. */
int options_is_file_word(const char *word);

/* Cuts a path after its last separator: "\EFI\BOOT\BOOTX64.EFI" becomes "\EFI\BOOT\"; without one it becomes "". */
void options_cut_to_folder(char *path);
