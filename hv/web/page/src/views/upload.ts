// SPDX-License-Identifier: Apache-2.0
// Files go up: kernels, initrds, ISOs, disk images, each with its progress.
import { button, h, say } from '../dom.ts';
import { upload } from '../api.ts';
import { textOf, window_ } from '../notice.ts';
import { bytes } from '../format.ts';

// One file on its way; the promise ends with it, well or not.
export function uploadLine(file: File, done: (name: string) => void): HTMLElement {
	const name = file.name.replace(/[^A-Za-z0-9._-]/g, '-'), abort = new AbortController();
	const bar = h('progress', { max: '1', value: '0', 'aria-label': `Upload of ${name}` }), text = h('span', { class: 'number' }, '0 %');
	const cancel = button('Cancel', () => abort.abort(), { class: 'small' });
	const line = h('div', { class: 'upload', 'data-file': name }, h('span', { class: 'ellipsis' }, `${name} (${bytes(file.size)})`), bar, text, cancel);
	const began = performance.now();

	upload(`/v1/files/${encodeURIComponent(name)}`, file, (part) => {
		const seconds = (performance.now() - began) / 1000;

		bar.value = part;
		say(text, part < 1 ? `${Math.floor(part * 100)} %, ${bytes((part * file.size) / Math.max(seconds, 0.1))}/s` : 'being stored …');
	}, abort.signal).then(() => {
		bar.value = 1;
		say(text, 'done');
		done(name);
	}, (e) => {
		line.classList.add('bad');
		say(text, textOf(e));
	}).finally(() => cancel.remove());
	return line;
}

// An area for files: chosen, or dropped onto it. done() is told of each that is there, and how many are still on their way.
export function uploadArea(done: (name: string, left: number) => void): HTMLElement {
	const lines = h('div');
	let left = 0;
	const take = (files: FileList | null) => {
		const list = [...(files ?? [])];

		left += list.length;
		lines.append(...list.map((f) => uploadLine(f, (name) => done(name, --left))));
	};
	const input = h('input', { type: 'file', multiple: true, 'aria-label': 'Files to upload', onchange: () => {
		take(input.files);
		input.value = '';
	} });
	const area = h('div', { class: 'drop',
		ondragover: (e: DragEvent) => {
			e.preventDefault();
			area.classList.add('over');
		},
		ondragleave: () => area.classList.remove('over'),
		ondrop: (e: DragEvent) => {
			e.preventDefault();
			area.classList.remove('over');
			take(e.dataTransfer?.files ?? null);
		} }, h('p', {}, 'Kernels, initrds, ISOs, disk images: drop them here, or ', input), lines);

	return area;
}

// It closes by itself when all of them are there; one that failed stays to be read.
export function uploadWindow(done: (name: string) => void): void {
	const w: HTMLDialogElement = window_('Upload', uploadArea((name, left) => {
		done(name);
		if (!left)
			w.close();
	}));
}
