// SPDX-License-Identifier: Apache-2.0
// The hypervisor's log, as it goes on.
import { button, h, offerFile } from '../dom.ts';
import { live, type Line } from '../live.ts';
import { moment } from '../format.ts';
import { heading, type View } from '../view.ts';

const LEVELS = ['error', 'notice', 'info', 'debug'];

export function logView(): View {
	const list = h('ol', { class: 'log', role: 'log', tabindex: '0', 'aria-label': 'Log' });
	const words = h('input', { type: 'search', placeholder: 'Filter', 'aria-label': 'Only lines with', oninput: () => draw() });
	const level = h('select', { 'aria-label': 'Least important level shown', value: 'info', onchange: () => draw() }, LEVELS.map((l) => h('option', { value: l }, l)));
	const wanted = (l: Line): boolean => LEVELS.indexOf(l.level) <= LEVELS.indexOf(level.value) && l.text.toLowerCase().includes(words.value.toLowerCase());
	const row = (l: Line): HTMLElement => h('li', { class: l.level }, h('time', {}, moment(l.time)), h('span', {}, l.text));
	let seen = -1;

	function draw(): void {
		seen = live.lines.length;
		list.replaceChildren(...live.lines.filter(wanted).map(row));
		list.scrollTop = list.scrollHeight;
	}

	function add(l: Line): void {
		const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 40;

		seen = live.lines.length;
		if (!wanted(l))
			return;
		list.append(row(l));
		if (list.childElementCount > 1000)
			list.firstElementChild?.remove();
		if (atEnd)
			list.scrollTop = list.scrollHeight;
	}

	const unline = live.watchLines(add), unwatch = live.watch(() => live.lines.length !== seen && draw());
	queueMicrotask(draw);
	return {
		title: 'Log',
		node: h('section', { class: 'tall' }, heading('Log', words, level, button('Download', () =>
			offerFile('bulkhead.log', live.lines.map((l) => `${l.time} ${l.level} ${l.text}\n`).join('')))), list),
		close: () => {
			unline();
			unwatch();
		},
	};
}
