/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The control core's own work: sinks (serial port, screen), event loop, shell, life cycle of guests. All of it runs on
 * the control core; before the event loop starts, on the boot core. Only panic_write() may be called anywhere. */

#include <hv/boot_info.h>
#include <hv/plan.h>
#include <hv/virt.h>

/* Find the serial port and the screen; each works alone, none is an error. From now on log lines of level notice and
 * error appear on both at once. On this core's own tables and private half, where mmio_map() works; before the seal. */
void sinks_init(const struct boot_info *info);

/* Apply what the plan says about serial, serial_baud and screen. Before the seal. */
void sinks_configure(const struct plan_machine *machine);

/* Show text on every sink now, waiting for a slow port within bounds. Boot progress. */
void sink_write(const char *text, size_t n);

/* One line of text without its newline: the same. */
void sink_line(const char *text);

/* As sink_write(), past all queues and locks, on any core: the machine is about to stop. */
void panic_write(const char *text);

/* The hardware report in words, each line through line(). Also before the event loop: boot_info must be set. */
void report_print(const struct virt_report *report, void (*line)(const char *text));

/* Serve for ever: start the guests that the plan starts, then the event loop. Control core, interrupts off. */
NORETURN void control_run(void);
