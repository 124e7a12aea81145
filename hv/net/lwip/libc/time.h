/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* SNTP includes it for debug output, which is left out. */
