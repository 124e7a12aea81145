/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* gcc's own <limits.h> asks for the next one of this name; all that is needed stands in the compiler's. */
