/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Included by third-party code of the web server for what it is built without. */
