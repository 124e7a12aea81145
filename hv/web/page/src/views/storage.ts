// SPDX-License-Identifier: Apache-2.0
// Volumes with what can be done with them, files that went up, the machine's disks.
import { button, fill, h, type Child } from '../dom.ts';
import { may, offers, post, remove } from '../api.ts';
import { empty, heading, type View } from '../view.ts';
import { attempt, confirmed, textOf, window_ } from '../notice.ts';
import { field, Form, type Field } from '../fields.ts';
import { disksOf, filesOf, volumesOf, withProgress, type HostDisk, type Volume } from '../inventory.ts';
import { tableOf } from '../tables.ts';
import { uploadArea } from './upload.ts';

type Row = Record<string, unknown>;

// A window with a form in it, which closes when it is done.
function formWindow(title: string, fields: Field[], text: string, send: () => Promise<unknown>, done: () => Promise<void>): void {
	const dialog = window_(title, new Form(fields, text, async () => {
		await send();
		dialog.close();
		await done();
	}).node);

	fields[0].focus();
}

const given = (o: Record<string, string>): Record<string, string> => Object.fromEntries(Object.entries(o).filter(([, v]) => v));

function newVolume(disks: HostDisk[], files: string[], volumes: string[], done: () => Promise<void>): void {
	const name = field('name', 'Name', { required: true }), size = field('size', 'Size', { placeholder: '4GiB' });
	const disk = field('disk', 'On the disk', { options: [['', 'any'], ...disks.filter((d) => d.granted).map((d): [string, string] => [d.name, d.name])] });
	const file = field('file', 'Filled from a file', { options: [['', 'no'], ...files.map((f): [string, string] => [f, f])] });
	const of = field('of', 'Copy of', { options: [['', 'none'], ...volumes.map((v): [string, string] => [v, v])] });

	formWindow('New volume', [name, size, disk, file, of], 'Create', () =>
		post('/v1/volumes', { name: name.value.trim(), ...given({ size: size.value.trim(), disk: disk.value, file: file.value, of: of.value }) }), done);
}

function grow(v: Row, done: () => Promise<void>): void {
	const size = field('size', 'Size, in all', { placeholder: '8GiB', required: true });

	formWindow(`Grow ${String(v.name)}`, [size], 'Grow', () => post(`/v1/volumes/${String(v.name)}/grow`, { size: size.value.trim() }), done);
}

function snapshot(v: Row, done: () => Promise<void>): void {
	const name = field('name', 'Name of the snapshot', { required: true });
	const size = field('size', 'Room for what is overwritten', { placeholder: 'as the hypervisor chooses' });

	formWindow(`Snapshot of ${String(v.name)}`, [name, size], 'Take it', () =>
		post(`/v1/volumes/${String(v.name)}/snapshot`, { name: name.value.trim(), ...given({ size: size.value.trim() }) }), done);
}

function rollback(v: Row, done: () => Promise<void>): void {
	const to = field('to', 'Back to the snapshot', { required: true, hint: 'What was written since is lost.' });

	formWindow(`Roll ${String(v.name)} back`, [to], 'Roll back', () => post(`/v1/volumes/${String(v.name)}/rollback`, { to: to.value.trim() }), done);
}

async function drop(what: string, path: string, text: string, done: () => Promise<void>): Promise<void> {
	if (await confirmed(`Delete ${what}?`, text, 'Delete'))
		attempt(async () => {
			await remove(path);
			await done();
		});
}

function volumeTools(v: Row, done: () => Promise<void>): Child {
	const own = ['volume', 'clone', 'snapshot', 'unfinished'].includes(String(v.kind)), small = { class: 'small' };

	return own && h('div', { class: 'row nowrap' },
		v.kind === 'volume' && offers('POST /v1/volumes/{name}/snapshot') ? button('Snapshot', () => snapshot(v, done), small) : null,
		v.kind === 'volume' && offers('POST /v1/volumes/{name}/rollback') ? button('Roll back', () => rollback(v, done), small) : null,
		v.kind === 'volume' && offers('POST /v1/volumes/{name}/grow') ? button('Grow', () => grow(v, done), small) : null,
		offers('DELETE /v1/volumes/{name}') ? button('Delete', () => void drop(String(v.name), `/v1/volumes/${String(v.name)}`, 'What is on it is lost.', done), { class: 'small danger' }) : null);
}

function part(title: string, rows: Row[] | null, none: string, missing: string, tools?: (r: Row) => Child, more: Child = null, leave: string[] = []): Child {
	return [h('div', { class: 'row spread' }, h('h2', {}, title), more), rows === null ? empty(missing) : rows.length ? tableOf(rows, tools, leave) : empty(none)];
}

export function storageView(): View {
	const volumes = h('div'), files = h('div'), disks = h('div');
	let shown = '';

	async function load(): Promise<void> {
		try {
			const lists = await Promise.all([filesOf(), volumesOf(), disksOf()]), [f, v, d] = lists, text = JSON.stringify(lists);

			if (text === shown)		// what is focused stays
				return;
			shown = text;
			const fileTools = may('admin') && offers('DELETE /v1/files/{name}') ? (r: Row) => !r.loaded && button('Delete', () =>
				void drop(String(r.name), `/v1/files/${encodeURIComponent(String(r.name))}`, 'Guests that name it do not start from it again.', load), { class: 'small danger' }) : undefined;
			const add = may('admin') && offers('POST /v1/volumes') ? button('New volume', () => newVolume(d ?? [], (f ?? []).map((x) => x.name),
				(v ?? []).filter((x: Volume) => x.kind === 'volume').map((x) => x.name), load)) : null;

			fill(volumes, part('Volumes', v && withProgress(v), 'There are no volumes: the plan gives Bulkhead no disk ([machine] disks), or there is none on it yet.',
				'This hypervisor does not show its volumes here; its shell does (volumes).', may('admin') ? (r) => volumeTools(r, load) : undefined, add, ['guid']));
			fill(files, part('Files', f, 'There are no files.', 'This hypervisor does not show its files here.', fileTools, null, (f ?? []).every((x) => x.whole) ? ['received', 'whole'] : []));
			fill(disks, part('Disks', d, 'There are no disks.', 'This hypervisor does not show its disks here; its shell does (disks).', undefined, null, ['largest_gap_bytes']));
		} catch (e) {
			fill(volumes, empty(textOf(e)));
		}
	}

	void load();
	const timer = setInterval(() => document.hidden || document.querySelector('dialog[open]') || void load(), 2000);

	return {
		title: 'Storage',
		node: h('section', {}, heading('Storage'), volumes, files, may('admin') && offers('PUT /v1/files/{name}') ? uploadArea(() => void load()) : null, disks),
		close: () => clearInterval(timer),
	};
}
