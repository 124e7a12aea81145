/* SPDX-License-Identifier: Apache-2.0 */
#include <hv/port.h>
#include <hv/uart.h>

u8 uart_in(const struct uart *u, enum uart_reg reg)
{
	if (u->mmio)
		return u->mmio[(size_t)reg * u->where.stride];
	return port_in8((u16)(u->where.base + (u64)reg * u->where.stride));
}

void uart_out(const struct uart *u, enum uart_reg reg, u8 value)
{
	if (u->mmio)
		u->mmio[(size_t)reg * u->where.stride] = value;
	else
		port_out8((u16)(u->where.base + (u64)reg * u->where.stride), value);
}
