/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The machine's I/O ports for drivers: functions, so that unit tests can put a fake machine behind them.
 * Defined in drivers/host/port.c. Any core; who owns a port is the driver's business. */

#include <hv/types.h>

u8 port_in8(u16 port);
u16 port_in16(u16 port);
u32 port_in32(u16 port);
void port_out8(u16 port, u8 value);
void port_out16(u16 port, u16 value);
void port_out32(u16 port, u32 value);
