/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* lwIP asks for numbers in text here. */

int atoi(const char *s);
