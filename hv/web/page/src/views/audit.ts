// SPDX-License-Identifier: Apache-2.0
// Who changed what, and who was refused.
import { button, fill, h, offerFile } from '../dom.ts';
import { get } from '../api.ts';
import { empty, heading, type View } from '../view.ts';
import { moment } from '../format.ts';
import { textOf } from '../notice.ts';

interface Entry { number: number; time: string; who: string; what?: string; from?: string; result: string; [more: string]: unknown }

export function auditView(): View {
	const box = h('div');
	let text = '';

	async function load(): Promise<void> {
		try {
			const list = (await get<Entry[]>('/v1/audit')).reverse();
			const names = list.length ? Object.keys(list[0]).filter((k) => k !== 'number') : [];

			text = list.map((e) => names.map((n) => e[n]).join('\t') + '\n').join('');
			fill(box, list.length ? h('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Audit log' }, h('table', { class: 'plain' },
				h('thead', {}, h('tr', {}, names.map((n) => h('th', { scope: 'col' }, n)))),
				h('tbody', {}, list.map((e) => h('tr', { class: e.result === 'refused' || e.result === 'failed' ? 'bad' : '' },
					names.map((n) => h('td', {}, n === 'time' ? moment(e.time) : String(e[n] ?? '')))))))) : empty('Nothing was changed yet.'));
		} catch (e) {
			fill(box, empty(textOf(e)));
		}
	}

	void load();
	return { title: 'Audit', node: h('section', {}, heading('Audit log', button('Reload', () => void load()), button('Download', () => offerFile('audit.tsv', text))), box) };
}
