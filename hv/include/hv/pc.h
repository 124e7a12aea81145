/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The models around a guest's vcpus, as hv/core sees them; drivers/model/ implements it. Unless said otherwise: on one of
 * the guest's own cores, device lock held by the caller. */

#include <hv/guest.h>
#include <hv/picture.h>

/* Bytes that one guest's models need. Any core, no lock. */
size_t pc_size(void);

/* Claim ports and addresses for every model of g; pc is pc_size() zeroed bytes. Control core, before the guest runs. */
int pc_build(struct guest *g, struct pc *pc);

/* Power-on state of all models. */
void pc_reset(struct guest *g);

/* Run what is due at host TSC now, set g->device_deadline. vcpu 0's core. */
void pc_run(struct guest *g, u64 now);

/* The control core put bytes into the input ring / the operator pressed the power button. vcpu 0's core. */
void pc_event_input(struct guest *g);
void pc_event_power_button(struct guest *g);
void pc_event_keys(struct guest *g);		/* it put keys into g->keys */
void pc_event_balloon(struct guest *g);		/* it set g->balloon_pages, or wants statistics */

/* What the guest's screen shows; false: it has none, or nothing is on it. CONTROL core, no lock: the guest may draw. */
bool pc_picture(const struct guest *g, struct picture *p);

/* Does the PIC want an interrupt; and take it: the vector. */
bool pc_pic_output(const struct guest *g);
u8 pc_pic_acknowledge(struct guest *g);

/* What is on the guest's PCI bus, in words, line by line. CONTROL core, no lock: reads only. */
void pc_list(const struct guest *g, void (*line)(const char *text));

/* The port of its network device g->net[index], for a switch; null: no such model is built. Control core, at boot. */
struct net_port;
struct net_port *pc_net_port(struct guest *g, u32 index);

/* Firmware tables into the guest's RAM. First core, before the guest starts; no lock needed. */
int pc_firmware_tables(struct guest *g);
