/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* http-parser has tables of its own. */
