// SPDX-License-Identifier: Apache-2.0
// Files that were loaded or went up, volumes, the machine's disks.
import { button, fill, h, type Child } from '../dom.ts';
import { may, remove } from '../api.ts';
import { empty, heading, type View } from '../view.ts';
import { attempt, confirmed, textOf } from '../notice.ts';
import { disksOf, filesOf, volumesOf } from '../inventory.ts';
import { tableOf } from '../tables.ts';
import { uploadArea } from './upload.ts';

function part(title: string, rows: Record<string, unknown>[] | null, none: string, missing: string, tools?: (r: Record<string, unknown>) => Child): Child {
	return [h('h2', {}, title), rows === null ? empty(missing) : rows.length ? tableOf(rows, tools) : empty(none)];
}

export function storageView(): View {
	const files = h('div'), rest = h('div');

	async function drop(name: string): Promise<void> {
		if (await confirmed(`Delete ${name}?`, 'Guests that have started from it go on; they do not start again from it.', 'Delete'))
			attempt(async () => {
				await remove(`/v1/files/${encodeURIComponent(name)}`);
				await load();
			});
	}

	async function load(): Promise<void> {
		try {
			const [f, v, d] = await Promise.all([filesOf(), volumesOf(), disksOf()]);
			const tools = may('admin') ? (r: Record<string, unknown>) => button('Delete', () => void drop(String(r.name)), { class: 'small danger' }) : undefined;

			fill(files, part('Files', f, 'There are no files.', 'This hypervisor does not show its files here.', tools));
			fill(rest, part('Volumes', v, 'There are no volumes.', 'This hypervisor does not show its volumes here; its shell does (volumes).'),
				part('Disks', d, 'The plan gives no disk to Bulkhead.', 'This hypervisor does not show its disks here; its shell does (disks).'));
		} catch (e) {
			fill(files, empty(textOf(e)));
		}
	}

	void load();
	return { title: 'Storage', node: h('section', {}, heading('Storage', button('Reload', () => void load())), may('admin') ? uploadArea(() => void load()) : null, files, rest) };
}
