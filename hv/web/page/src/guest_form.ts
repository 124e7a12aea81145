// SPDX-License-Identifier: Apache-2.0
// Between what stands in the form's fields and a guest as the API takes it: the keys of [guest.NAME] in bulkhead.toml. What the
// form does not show stays as it was. What makes no sense goes as it was typed: the hypervisor says what it expects. Pure.

export interface Disk { volume?: string; image?: string; readonly?: boolean; [key: string]: unknown }
export interface Net { switch?: string; model?: string; vlan?: number; mac?: string; [key: string]: unknown }
export interface Boot { type?: string; kernel?: string; initrd?: string; cmdline?: string; file?: string; [key: string]: unknown }
export interface GuestPlan {
	cores?: number | number[] | string; memory?: string; boot?: Boot; disk?: Disk[]; net?: Net[]; cdrom?: string;
	autostart?: boolean; restart?: string; display?: boolean; locked?: boolean; [key: string]: unknown;
}

export interface Values {
	cores: string; memory: string; boot: string; kernel: string; initrd: string; cmdline: string; cdrom: string; restart: string;
	autostart: boolean; display: boolean; virtio_console: boolean; hyperv: boolean;
	disk: { kind: string; name: string; readonly: boolean; original?: Disk }[];
	net: { switch: string; model: string; vlan: string; original?: Net }[];
}

// "2" is a count; "1, 3", "[1, 3]" and "4-6" say which.
export function coresOf(text: string): number | number[] | string {
	const plain = text.trim();

	if (/^\d+$/.test(plain))
		return Number(plain);
	const parts = plain.replace(/^\[|\]$/g, '').split(',').map((p) => p.trim());
	if (!parts.length || !parts.every((p) => /^\d{1,3}(-\d{1,3})?$/.test(p)))
		return plain;
	return parts.flatMap((p) => {
		const [from, to = from] = p.split('-').map(Number);

		return Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => from + i);
	});
}

export function coresText(cores: GuestPlan['cores']): string {
	return Array.isArray(cores) ? `[${cores.join(', ')}]` : String(cores ?? '');
}

export function valuesOf(p: GuestPlan): Values {
	const boot = p.boot ?? {};

	return {
		cores: coresText(p.cores), memory: p.memory ?? '', boot: boot.type ?? 'linux', kernel: boot.kernel ?? boot.file ?? '',
		initrd: boot.initrd ?? '', cmdline: boot.cmdline ?? '', cdrom: p.cdrom ?? '', restart: p.restart ?? 'on-failure',
		autostart: p.autostart ?? true, display: p.display ?? false, virtio_console: !!p.virtio_console, hyperv: !!p.hyperv,
		disk: (p.disk ?? []).map((d) => ({ kind: d.image === undefined ? 'volume' : 'image', name: d.volume ?? d.image ?? '', readonly: !!d.readonly, original: d })),
		net: (p.net ?? []).map((n) => ({ switch: n.switch ?? '', model: n.model ?? 'virtio', vlan: n.vlan === undefined ? '' : String(n.vlan), original: n })),
	};
}

const numberOr = (text: string): number | string => (/^\d+$/.test(text.trim()) ? Number(text) : text);

function bootOf(v: Values, original: Boot): Boot {
	const boot: Boot = original.type === v.boot ? { ...original } : { type: v.boot };
	const set = (key: string, value: string) => {
		if (value)
			boot[key] = value;
		else
			delete boot[key];
	};

	if (v.boot === 'uefi')
		return boot;
	set(v.boot === 'elf' ? 'file' : 'kernel', v.kernel);
	if (v.boot === 'linux')
		set('initrd', v.initrd);
	set('cmdline', v.cmdline);
	return boot;
}

function diskOf(d: Values['disk'][0]): Disk {
	const { volume: _v, image: _i, readonly: _r, ...rest } = d.original ?? {};

	return { ...rest, [d.kind]: d.name, ...(d.readonly ? { readonly: true } : {}) };
}

function netOf(n: Values['net'][0]): Net {
	const { switch: _s, model: _m, vlan: _v, ...rest } = n.original ?? {};

	return { ...rest, switch: n.switch, ...(n.model === 'virtio' ? {} : { model: n.model }), ...(n.vlan.trim() ? { vlan: numberOr(n.vlan) as number } : {}) };
}

// Keys that have their default are left out, unless they were there.
export function planOf(v: Values, original: GuestPlan = {}): GuestPlan {
	const p: GuestPlan = { ...original, cores: coresOf(v.cores), memory: v.memory.trim(), boot: bootOf(v, original.boot ?? {}) };
	const set = (key: keyof GuestPlan, value: unknown, usual: unknown) => {
		if (value !== usual || key in original)
			p[key] = value;
	};

	set('autostart', v.autostart, true);
	set('restart', v.restart, 'on-failure');
	set('display', v.display, false);
	set('hyperv', v.hyperv, false);
	if (!!original.virtio_console !== v.virtio_console)	// it may be a table, too
		p.virtio_console = v.virtio_console;
	for (const [key, list] of [['disk', v.disk.map(diskOf)], ['net', v.net.map(netOf)]] as const)
		if (list.length)
			p[key] = list as Disk[] & Net[];
		else
			delete p[key];
	if (v.cdrom)
		p.cdrom = v.cdrom;
	else
		delete p.cdrom;
	return p;
}
