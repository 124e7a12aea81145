/* SPDX-License-Identifier: Apache-2.0 */
/* The resolved plan written out: TOML that plan_read() takes again, with admission's part in comments. */

#include <hv/lib.h>
#include <hv/net_text.h>
#include <hv/plan.h>

struct show {
	plan_print_fn *print;
	void *context;
};

static void show(const struct show *s, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void show(const struct show *s, const char *fmt, ...)
{
	char text[200];
	va_list ap;

	va_start(ap, fmt);
	fmt_vprint(text, sizeof(text), fmt, ap);
	va_end(ap);
	s->print(s->context, text);
}

/* Text from the plan is printable ASCII: only the quote and the backslash need care. */
static void show_text(const struct show *s, const char *text)
{
	char piece[128];
	size_t used = 0;

	show(s, "\"");
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			piece[used++] = '\\';
		piece[used++] = *text;
		if (used >= sizeof(piece) - 3 || !text[1]) {
			piece[used] = 0;
			s->print(s->context, piece);
			used = 0;
		}
	}
	show(s, "\"");
}

static const char *show_address(char text[IP6_TEXT], const struct plan_address *a)
{
	return a->v6 ? ip6_format(text, a->ip6) : ip4_format(text, a->ip4);
}

static void show_host_servers(const struct show *s, const struct plan_host_net *h)
{
	char text[IP6_TEXT];

	for (u32 i = 0; i < h->dns_count; i++)
		show(s, "%s\"%s\"%s", i ? ", " : ", dns = [", show_address(text, &h->dns[i]), i + 1 == h->dns_count ? "]" : "");
	if (h->ntp_given)
		show(s, ", ntp = [");
	for (u32 i = 0; i < h->ntp_count; i++)
		show(s, "%s\"%s\"", i ? ", " : "", h->ntp[i]);
	if (h->ntp_given)
		show(s, "]");
	if (h->syslog_given)
		show(s, ", syslog = \"%s:%s%s%s:%u\"", h->syslog_tcp ? "tcp" : "udp", h->syslog.v6 ? "[" : "",
		     show_address(text, &h->syslog), h->syslog.v6 ? "]" : "", h->syslog_port);
	if (h->syslog_consoles)
		show(s, ", syslog_consoles = true");
}

static void show_host(const struct show *s, const struct plan_host_net *h)
{
	char text[IP6_TEXT];

	show(s, "net = { address = \"");
	if (h->how == HOST_NET_STATIC)
		show(s, "%s/%u\"", ip4_format(text, h->address), h->prefix);
	else
		show(s, "%s\"", h->how == HOST_NET_OFF ? "off" : "dhcp");
	if (*h->sw)
		show(s, ", switch = \"%s\"", h->sw);
	if (h->vlan)
		show(s, ", vlan = %u", h->vlan);
	if (h->gateway)
		show(s, ", gateway = \"%s\"", ip4_format(text, h->gateway));
	show(s, ", ipv6 = \"%s%s\"", h->ipv6 == HOST_IPV6_STATIC ? ip6_format(text, h->address6) :
	     h->ipv6 == HOST_IPV6_OFF ? "off" : "auto", h->ipv6 == HOST_IPV6_STATIC ? "/64" : "");
	show_host_servers(s, h);
	show(s, " }\n");
}

static void show_https(const struct show *s, const struct plan_https *h)
{
	show(s, "https = { port = %u", h->port);
	if (*h->certificate) {
		show(s, ", certificate = ");
		show_text(s, h->certificate);
		show(s, ", key = ");
		show_text(s, h->key);
	}
	show(s, " }\n");
}

static void show_machine(const struct show *s, const struct plan_machine *m, const struct resolved_plan *rp)
{
	static const char *const serial[] = { "auto", "com1", "com2", "none" };
	static const char *const log[] = { "error", "notice", "info", "debug" };

	show(s, "[machine]\n");
	if (*m->name)
		show(s, "name = \"%s\"\n", m->name);
	show(s, "control = %u\nserial = \"%s\"\nserial_baud = %u\nscreen = %s\nlog = \"%s\"\n", rp->control,
	     serial[m->serial], m->serial_baud, m->screen ? "true" : "false", log[m->log]);
	if (m->all_disks)
		show(s, "disks = \"all\"\n");
	for (u32 i = 0; i < m->disk_count; i++) {
		show(s, i ? ", " : "disks = [");
		show_text(s, m->disk[i]);
	}
	if (m->disk_count)
		show(s, "]\n");
	for (u32 i = 0; i < m->import_count; i++) {
		show(s, i ? ", " : "import = [");
		show_text(s, m->import[i]);
	}
	if (m->import_count)
		show(s, "]\n");
	if (m->net.line)
		show_host(s, &m->net);
	if (m->https.line)
		show_https(s, &m->https);
	if (rp->host != NO_CARD && !*m->net.sw)
		show(s, "# the hypervisor's own port is on switch.%s\n", resolved_switch_name(&rp->sw[rp->host]));
}

static void show_boot(const struct show *s, const struct plan_boot *b)
{
	static const char *const type[] = { "linux", "elf", "uefi" }, *const first[] = { "kernel", "file", "firmware" };

	show(s, "boot = { type = \"%s\", %s = ", type[b->type], first[b->type]);
	show_text(s, b->kernel);
	if (*b->initrd) {
		show(s, ", %s = ", b->type == BOOT_UEFI ? "vars" : "initrd");
		show_text(s, b->initrd);
	}
	if (*b->cmdline) {
		show(s, ", cmdline = ");
		show_text(s, b->cmdline);
	}
	if (b->module_count)
		show(s, ", modules = [");
	for (u32 i = 0; i < b->module_count; i++) {
		show(s, "%s", i ? ", " : "");
		show_text(s, b->module[i]);
	}
	show(s, "%s }\n", b->module_count ? "]" : "");
}

static void show_console(const struct show *s, const struct plan_guest *g)
{
	for (u32 i = 0; i < g->port_count; i++)
		show(s, "%s\"%s\"", i ? ", " : "virtio_console = { ports = [", g->port[i]);
	if (g->virtio_console)
		show(s, "%s", g->port_count ? "] }\n" : "virtio_console = true\n");
}

static void show_limits(const struct show *s, const struct plan_disk *d)
{
	char size[24];

	if (d->iops)
		show(s, ", iops = %u", d->iops);
	if (d->bandwidth)
		show(s, ", bandwidth = \"%s\"", plan_format_memory(size, sizeof(size), d->bandwidth));
	if (*d->volume && d->weight != 100)
		show(s, ", weight = %u", d->weight);
	if (d->optional)
		show(s, ", optional = true");
}

static void show_disks(const struct show *s, const struct plan_guest *g)
{
	for (u32 i = 0; i < g->disk_count; i++) {
		show(s, "%s{ %s = ", i ? ", " : "disk = [", *g->disk[i].volume ? "volume" : "image");
		show_text(s, *g->disk[i].volume ? g->disk[i].volume : g->disk[i].image);
		show_limits(s, &g->disk[i]);
		show(s, "%s%s }", g->disk[i].readonly ? ", readonly = true" : "",
		     g->disk[i].split ? ", ring = \"split\"" : "");
	}
	if (g->disk_count)
		show(s, "]\n");
	show_console(s, g);
	if (g->balloon)
		show(s, "balloon = true\n");
	if (!*g->cdrom)
		return;
	show(s, "cdrom = ");
	show_text(s, g->cdrom);
	show(s, "\n");
}

/* mac: the one that admission gave; null: as the plan has it, if it has. */
static void show_net(const struct show *s, const struct plan_net *n, const u8 *mac)
{
	static const u8 none[6];
	char text[IP6_TEXT];

	show(s, "{ switch = \"%s\", model = \"%s\"", n->sw, n->model == NET_MODEL_E1000E ? "e1000e" : "virtio");
	if (mac || memcmp(n->mac, none, sizeof(none)))
		show(s, ", mac = \"%s\"", mac_format(text, mac ? mac : n->mac));
	if (n->vlan)
		show(s, ", vlan = %u", n->vlan);
	if (n->trunk && !n->vlan_count)
		show(s, ", trunk = true");
	for (u32 i = 0; i < n->vlan_count; i++)
		show(s, "%s%u", i ? ", " : ", trunk = [", n->vlans[i]);
	show(s, "%s%s, guard = %s, mtu = %u", n->vlan_count ? "]" : "", n->isolated ? ", isolated = true" : "",
	     n->guard ? "true" : "false", n->mtu);
	if (n->rate)
		show(s, ", rate = \"%lukbit\"", (unsigned long)(n->rate / 125));
	for (u32 i = 0; i < n->address_count; i++)
		show(s, "%s\"%s\"", i ? ", " : ", address = [",
		     n->address[i].v6 ? ip6_format(text, n->address[i].ip6) : ip4_format(text, n->address[i].ip4));
	show(s, "%s }", n->address_count ? "]" : "");
}

static void show_nets(const struct show *s, const struct plan_guest *g, const struct resolved_guest *rg)
{
	for (u32 i = 0; i < g->net_count; i++) {
		show(s, "%s", i ? ",\n\t" : "net = [");
		show_net(s, &g->net[i], rg ? rg->net[i].mac : NULL);
	}
	if (g->net_count)
		show(s, "]\n");
}

static void show_uplink(const struct show *s, const struct plan_uplink *u)
{
	char text[MAC_TEXT];

	if (u->by == UPLINK_ID)
		show(s, "uplink = \"%04x:%04x\"\n", u->vendor, u->device);
	else if (u->by == UPLINK_MAC)
		show(s, "uplink = \"%s\"\n", mac_format(text, u->mac));
	else if (u->by == UPLINK_SLOT)
		show(s, "uplink = \"%02x:%02x.%u\"\n", u->bdf >> 8, u->bdf >> 3 & 31, u->bdf & 7);
}

static void show_nat(const struct show *s, const struct resolved_plan *rp, const struct resolved_switch *rs)
{
	char text[IP4_TEXT];

	show(s, "nat = true\naddress = \"%s/%u\"\n", ip4_format(text, rs->address), rs->prefix);
	if (*rs->plan->outside)
		show(s, "outside = \"%s\"\n", rs->plan->outside);
	else if (rs->outside != NO_CARD)
		show(s, "# its outside is switch.%s\n", resolved_switch_name(&rp->sw[rs->outside]));
	for (u32 i = 0; i < rs->plan->forward_count; i++) {
		const struct plan_forward *f = &rs->plan->forward[i];

		show(s, "%s\"%u:%s:%u%s\"", i ? ", " : "forward = [", f->port, f->guest, f->guest_port, f->udp ? "/udp" : "");
	}
	if (rs->plan->forward_count)
		show(s, "]\n");
}

static void show_switch(const struct show *s, const struct resolved_plan *rp, const struct resolved_switch *rs)
{
	if (!rs->plan) {
		show(s, "\n# switch.%s is there without a table: its uplink is a card that no other switch has\n", PLAN_OUTSIDE);
		return;
	}
	show(s, "\n[switch.%s]\n", rs->plan->name);
	show_uplink(s, &rs->plan->uplink);
	if (rs->plan->nat)
		show_nat(s, rp, rs);
	if (rs->plan->storm_given)
		show(s, "storm = %u\n", rs->plan->storm);
	if (rs->plan->line_mirror)
		show(s, "mirror = \"%s:%s\"\n", rs->plan->mirror_from, rs->plan->mirror_to);
}

static void show_cores(const struct show *s, const u16 *index, u32 count)
{
	show(s, "cores = [");
	for (u32 i = 0; i < count; i++)
		show(s, "%s%u", i ? ", " : "", index[i]);
	show(s, "]\n");
}

/* What admission has chosen for it, as comments. */
static void show_places(const struct show *s, const struct resolved_guest *rg)
{
	static const char *const kind[DEVICE_RAM_KINDS] = { "flash", "screen" };
	char text[24];

	for (u32 i = 0; i < rg->range_count; i++)
		show(s, "# %s at 0x%lx is the machine's RAM at 0x%lx\n",
		     plan_format_memory(text, sizeof(text), rg->range[i].size), rg->range[i].gpa, rg->range[i].hpa.v);
	for (u32 i = 0; i < DEVICE_RAM_KINDS; i++)
		if (rg->device[i].size)
			show(s, "# %s for its %s is the machine's RAM at 0x%lx\n",
			     plan_format_memory(text, sizeof(text), rg->device[i].size), kind[i], rg->device[i].base.v);
}

/* rg: what it got; null: as it was asked for. */
static void show_keys(const struct show *s, const struct plan_guest *g, const struct resolved_guest *rg)
{
	static const char *const restart[] = { "never", "on-failure", "always" };
	static const char *const apic[] = { "auto", "owned", "virtual" };
	char text[24];

	if (!rg && !g->cores.is_list)
		show(s, "cores = %u\n", g->cores.count);
	else
		show_cores(s, rg ? rg->core : g->cores.index, rg ? rg->core_count : g->cores.count);
	show(s, "memory = \"%s\"\n", plan_format_memory(text, sizeof(text), g->memory));
	if (rg)
		show_places(s, rg);
	show_boot(s, &g->boot);
	if (g->display)
		show(s, "display = true\n");
	if (g->locked)
		show(s, "locked = true\n");
	show_disks(s, g);
	show_nets(s, g, rg);
	show(s, "autostart = %s\nrestart = \"%s\"\ntest_device = %s\nhyperv = %s\napic = \"%s\"\n",
	     g->autostart ? "true" : "false", restart[g->restart], g->test_device ? "true" : "false",
	     g->hyperv ? "true" : "false", apic[g->apic]);
}

static void show_guest(const struct show *s, const struct resolved_guest *rg)
{
	show(s, "\n[guest.%s]\n", rg->plan->name);
	show_keys(s, rg->plan, rg);
}

void plan_guest_show(const struct plan_guest *g, plan_print_fn *print, void *context)
{
	struct show s = { print, context };

	show(&s, "[guest.%s]\n", g->name);
	show_keys(&s, g, NULL);
}

static void show_rest(const struct show *s, const struct resolved_plan *rp)
{
	u64 bytes = 0;
	u32 cores = 0;
	char text[24];

	for (u32 i = 0; i < PLAN_CORES_MAX; i++)
		cores += rp->core_owner[i] == OWNER_FREE;
	for (u32 i = 0; i < rp->free_count; i++)
		bytes += rp->free[i].size;
	show(s, "\n# not given away: cores %u, memory %s\n", cores, plan_format_memory(text, sizeof(text), bytes));
}

void resolved_plan_show(const struct plan *plan, const struct resolved_plan *resolved, plan_print_fn *print,
			void *context)
{
	struct show s = { print, context };

	show_machine(&s, &plan->machine, resolved);
	for (u32 i = 0; i < resolved->guest_count; i++)
		show_guest(&s, &resolved->guest[i]);
	for (u32 i = 0; i < resolved->switch_count; i++)
		show_switch(&s, resolved, &resolved->sw[i]);
	show_rest(&s, resolved);
}
