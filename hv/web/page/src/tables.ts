// SPDX-License-Identifier: Apache-2.0
// Lists of objects as tables: the members are the columns, so what the API learns to say is shown without a change here.
import { h, type Child } from './dom.ts';
import { bytes, count } from './format.ts';

export function label(key: string): string {
	const words = key.replace(/_bytes$/, '').replace(/_/g, ' ');

	return words[0].toUpperCase() + words.slice(1);
}

// A value as text; sizes by the member's name.
export function cell(value: unknown, key = ''): string {
	if (value === null || value === undefined || value === '')
		return '–';
	if (typeof value === 'boolean')
		return value ? 'yes' : 'no';
	if (typeof value === 'number')
		return /bytes$|^received$/.test(key) ? bytes(value) : Number.isInteger(value) && value < 100000 ? String(value) : count(value);
	if (Array.isArray(value))
		return value.length ? value.map((v) => cell(v)).join(', ') : '–';
	if (typeof value === 'object')
		return Object.entries(value).map(([k, v]) => `${k} ${cell(v, k)}`).join(', ');
	return String(value);
}

export function tableOf(rows: Record<string, unknown>[], tools?: (row: Record<string, unknown>) => Child, leave: string[] = []): HTMLElement {
	const keys = [...new Set(rows.flatMap((r) => Object.keys(r)))].filter((k) => !leave.includes(k));

	return h('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Table' }, h('table', { class: 'plain' },
		h('thead', {}, h('tr', {}, keys.map((k) => h('th', { scope: 'col' }, label(k))), tools ? h('th') : null)),
		h('tbody', {}, rows.map((r) => h('tr', {}, keys.map((k) => h('td', {}, cell(r[k], k))), tools ? h('td', { class: 'tools' }, tools(r)) : null)))));
}
