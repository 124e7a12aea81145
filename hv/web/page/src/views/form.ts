// SPDX-License-Identifier: Apache-2.0
// A guest's form: made anew, or changed. The hypervisor judges it, by the same reader as the plan's; what it finds wrong stands
// beside the field.
import { button, fill, h, say, type Child } from '../dom.ts';
import { ask, Problem, remove } from '../api.ts';
import { live } from '../live.ts';
import { heading, empty, type View } from '../view.ts';
import { confirmed, notice, textOf } from '../notice.ts';
import { check, field, Form, Several, type Check, type Field } from '../fields.ts';
import { planOf, valuesOf, type GuestPlan, type Values } from '../guest_form.ts';
import { rests } from '../state.ts';
import { filesOf, isWhole, switchesOf, volumesOf } from '../inventory.ts';
import { uploadWindow } from './upload.ts';
import type { Tab } from './guest.ts';

interface Names { files: string[]; volumes: string[]; switches: string[] }
type DiskItem = Values['disk'][0];
type NetItem = Values['net'][0];

async function namesThere(): Promise<Names> {
	const [files, volumes, switches] = await Promise.all([filesOf(), volumesOf(), switchesOf()]);

	return { files: (files ?? []).map((f) => f.name), volumes: (volumes ?? []).filter(isWhole).map((v) => v.name), switches: (switches ?? []).map((s) => s.name) };
}

let lists = 0;

// Names that there are, offered while typing; others may be typed all the same.
function offer(f: Field, names: string[]): HTMLElement {
	const id = `names${++lists}`, list = h('datalist', { id }, names.map((n) => h('option', { value: n })));

	f.node.querySelector('input')?.setAttribute('list', id);
	f.node.append(list);
	return list;
}

interface Line<T> { read: () => T; fields: Field[] }

function diskLine(index: number, v: DiskItem, names: Names): { value: Line<DiskItem>; node: HTMLElement } {
	const kind = field(`disk.${index}`, 'Disk from', { options: [['volume', 'a volume (lasts)'], ['image', 'an image file (in RAM)']], value: v.kind });
	const name = field(`disk.${index}.${v.kind}`, 'Name', { value: v.name }), readonly = check('readonly', 'read only', v.readonly);
	const list = offer(name, v.kind === 'image' ? names.files : names.volumes);

	kind.node.addEventListener('change', () => {
		name.key = `disk.${index}.${kind.value}`;
		fill(list, (kind.value === 'image' ? names.files : names.volumes).map((n) => h('option', { value: n })));
	});
	return {
		value: { fields: [kind, name], read: () => ({ ...v, kind: kind.value, name: name.value.trim(), readonly: readonly.on }) },
		node: h('div', { class: 'fields' }, kind.node, name.node, readonly.node),
	};
}

function netLine(index: number, v: NetItem, names: Names): { value: Line<NetItem>; node: HTMLElement } {
	const known = names.switches.length ? [...new Set([...names.switches, ...(v.switch ? [v.switch] : [])])] : [];
	const on = known.length ? field(`net.${index}.switch`, 'Switch', { options: known, value: v.switch || known[0] }) : field(`net.${index}.switch`, 'Switch', { value: v.switch });
	const model = field(`net.${index}.model`, 'Model', { options: [['virtio', 'virtio'], ['e1000e', 'e1000e (Intel 82574L)']], value: v.model });
	const vlan = field(`net.${index}.vlan`, 'VLAN', { value: v.vlan, inputmode: 'numeric', placeholder: 'none' });

	return {
		value: { fields: [on, model, vlan], read: () => ({ ...v, switch: on.value.trim(), model: model.value, vlan: vlan.value }) },
		node: h('div', { class: 'fields' }, on.node, model.node, vlan.node),
	};
}

class GuestForm {
	readonly node: HTMLElement;
	private form: Form;
	private fields: Record<string, Field>;
	private checks: Record<string, Check>;
	private disks: Several<Line<DiskItem>>;
	private nets: Several<Line<NetItem>>;
	private bootParts = h('div');

	constructor(private original: GuestPlan, names: Names, isNew: boolean, private saved: (name: string, plan: GuestPlan) => Promise<void>) {
		const v = valuesOf(original);

		this.fields = {
			name: field('name', 'Name', { required: true, hint: 'a-z 0-9 - _, at most 31 characters', autocomplete: 'off' }),
			cores: field('cores', 'Cores', { value: v.cores, hint: 'How many, or which: “2” or “[1, 2]”' }),
			memory: field('memory', 'Memory', { value: v.memory, hint: '“512MiB”, “4GiB”: a multiple of 2 MiB' }),
			boot: field('boot.type', 'Starts', { options: [['uefi', 'by UEFI firmware: from its disks or a CD'], ['linux', 'a Linux kernel'], ['elf', 'an ELF file (PVH, multiboot)']], value: v.boot }),
			kernel: field('boot.kernel', 'Kernel', { value: v.kernel }),
			initrd: field('boot.initrd', 'Initrd', { value: v.initrd, placeholder: 'none' }),
			cmdline: field('boot.cmdline', 'Command line', { value: v.cmdline }),
			cdrom: field('cdrom', 'CD (ISO)', { value: v.cdrom, placeholder: 'none' }),
			restart: field('restart', 'When it ends', { options: [['on-failure', 'start again after a failure'], ['always', 'always start again'], ['never', 'leave it']], value: v.restart }),
		};
		this.checks = {
			autostart: check('autostart', 'starts with the machine', v.autostart), display: check('display', 'has a screen and a keyboard', v.display),
			virtio_console: check('virtio_console', 'virtio console', v.virtio_console), hyperv: check('hyperv', 'shows Hyper-V\'s interface (Windows)', v.hyperv),
		};
		const fileLists = [this.fields.kernel, this.fields.initrd, this.fields.cdrom].map((f) => offer(f, names.files));
		this.disks = new Several('a disk', (i) => diskLine(i, v.disk[i] ?? { kind: 'volume', name: '', readonly: false }, names), 4);
		this.nets = new Several('a network device', (i) => netLine(i, v.net[i] ?? { switch: '', model: 'virtio', vlan: '' }, names), 4);
		v.disk.forEach(() => this.disks.add());
		v.net.forEach(() => this.nets.add());
		this.fields.boot.node.addEventListener('change', () => this.showBoot());
		this.showBoot();
		const uploadButton = button('Upload a file …', () => uploadWindow((name) => {
			names.files.push(name);
			fileLists.forEach((l) => l.append(h('option', { value: name })));
			const empty_ = this.fields.boot.value === 'uefi' ? this.fields.cdrom : this.fields.kernel;
			if (!empty_.value)
				empty_.value = name;
		}), { class: 'small' });
		const content: Child[] = [
			h('div', { class: 'fields' }, isNew ? this.fields.name.node : null, this.fields.cores.node, this.fields.memory.node),
			h('fieldset', {}, h('legend', {}, 'Start'), this.fields.boot.node, this.bootParts, this.fields.cdrom.node, uploadButton, h('div', { class: 'fields' }, this.fields.restart.node), this.checks.autostart.node),
			h('fieldset', {}, h('legend', {}, 'Disks'), this.disks.node),
			h('fieldset', {}, h('legend', {}, 'Networks'), this.nets.node),
			h('fieldset', {}, h('legend', {}, 'More'), this.checks.display.node, this.checks.virtio_console.node, this.checks.hyperv.node),
		];
		this.form = new Form(Object.values(this.fields), isNew ? 'Create' : 'Save', () => this.saved(this.fields.name.value.trim(), planOf(this.values(), this.original)), content,
			() => [...this.disks.items, ...this.nets.items].flatMap((i) => i.value.fields));
		this.node = this.form.node;
		this.node.classList.add('wide');
	}

	focus(): void {
		this.fields.name.focus();
	}

	private showBoot(): void {
		const type = this.fields.boot.value, { kernel, initrd, cmdline } = this.fields;

		kernel.key = type === 'elf' ? 'boot.file' : 'boot.kernel';
		say(kernel.node.querySelector('label') as HTMLElement, type === 'elf' ? 'File' : 'Kernel');
		fill(this.bootParts, type === 'uefi' ? null : [kernel.node, type === 'linux' ? initrd.node : null, cmdline.node]);
	}

	private values(): Values {
		const text = Object.fromEntries(Object.entries(this.fields).map(([k, f]) => [k, f.value.trim()]));
		const flags = Object.fromEntries(Object.entries(this.checks).map(([k, c]) => [k, c.on]));

		return { ...text, ...flags, disk: this.disks.items.map((i) => i.value.read()), net: this.nets.items.map((i) => i.value.read()) } as unknown as Values;
	}
}

const NEW: GuestPlan = { cores: 1, memory: '1GiB', boot: { type: 'uefi' }, display: true };

// What is done lasts by itself where there is a datastore; the answer says when it does not.
export function sayWhetherItLasts(body: unknown): void {
	if (body && typeof body === 'object' && (body as { lasting?: boolean }).lasting === false)
		notice('Done. It does not last over a restart of the machine: there is no datastore. “Plan” has the file to keep.');
}

export function newGuestView(): View {
	const box = h('div');

	void namesThere().then((names) => {
		const form = new GuestForm(NEW, names, true, create);

		fill(box, form.node);
		form.focus();
	});

	async function create(name: string, plan: GuestPlan): Promise<void> {
		try {
			sayWhetherItLasts((await ask('POST', '/v1/guests', { body: { name, ...plan } })).body);
		} catch (e) {
			throw e instanceof Problem && (e.status === 405 || e.status === 404) ? new Problem(e.status, 'this hypervisor does not take new guests here; its shell does (create)') : e;
		}
		await live.refresh();
		location.hash = `#/guests/${name}`;
	}
	return { title: 'New guest', node: h('section', {}, heading('New guest'), box) };
}

export function settingsTab(name: string): Tab {
	const box = h('div'), hint = h('p', { class: 'faint' });
	let etag = '';

	async function load(): Promise<void> {
		const [answer, names] = await Promise.all([ask<{ plan?: GuestPlan; locked?: boolean }>('GET', `/v1/guests/${name}`), namesThere()]);
		const plan = answer.body.plan;

		etag = answer.etag;
		if (!plan) {
			fill(box, empty('This hypervisor does not show settings here; the plan has them.'));
			return;
		}
		fill(box, answer.body.locked ? empty('This guest is locked: nothing changes it until the machine starts anew.') : null,
			new GuestForm(plan, names, false, save).node, h('div', { class: 'row' }, button('Delete this guest …', () => void drop(), { class: 'danger' })));
	}

	async function save(_: string, plan: GuestPlan): Promise<void> {
		try {
			sayWhetherItLasts((await ask('PUT', `/v1/guests/${name}`, { body: plan, match: etag })).body);
		} catch (e) {
			throw e instanceof Problem && e.status === 412 ? new Problem(412, 'somebody else has changed this guest meanwhile: reload the page') : e;
		}
		notice(`${name} is changed`);
		await Promise.all([live.refresh(), load()]);
	}

	async function drop(): Promise<void> {
		if (!(await confirmed(`Delete ${name}?`, 'Its memory is cleared and its cores are free. Its volumes stay.', 'Delete')))
			return;
		try {
			await remove(`/v1/guests/${name}`);
			await live.refresh();
			location.hash = '#/guests';
		} catch (e) {
			notice(textOf(e), 'bad');
		}
	}

	const update = () => {
		const g = live.guest(name);

		say(hint, g && !rests(g.state) ? 'It runs: stop it first, changes are taken when it rests.' : '');
	};
	update();
	load().catch((e) => fill(box, empty(textOf(e))));
	return { node: h('div', {}, hint, box), close: live.watch(update) };
}
