// SPDX-License-Identifier: Apache-2.0
// Short messages at the edge, questions in the middle.
import { button, h } from './dom.ts';
import { Problem } from './api.ts';

const list = h('div', { class: 'notices', role: 'status', 'aria-live': 'polite' });

export function noticeArea(): HTMLElement {
	return list;
}

export function notice(text: string, kind: 'good' | 'bad' = 'good'): void {
	const one = h('div', { class: `notice ${kind}` }, h('span', {}, text), button('×', () => one.remove(), { class: 'icon', 'aria-label': 'Dismiss' }));

	list.append(one);
	setTimeout(() => one.remove(), kind === 'good' ? 5000 : 12000);
}

export const textOf = (e: unknown): string => (e instanceof Problem ? e.detail : e instanceof Error ? e.message : String(e));

// What a button does: its failure is a message.
export function attempt(what: () => Promise<unknown>, good?: string): void {
	what().then(() => good && notice(good), (e) => notice(textOf(e), 'bad'));
}

// A question with two answers; true: do it.
export function confirmed(title: string, text: string, yes: string): Promise<boolean> {
	return new Promise((answer) => {
		const dialog = h('dialog', { 'aria-label': title, onclose: () => {
			answer(dialog.returnValue === 'yes');
			dialog.remove();
		} }, h('h2', {}, title), h('p', {}, text), h('div', { class: 'row end' },
			button('Cancel', () => dialog.close('')),
			button(yes, () => dialog.close('yes'), { class: 'danger', autofocus: true })));

		document.body.append(dialog);
		dialog.showModal();
	});
}

// A window with anything in it. Escape closes it.
export function window_(title: string, ...content: (Node | string)[]): HTMLDialogElement {
	const dialog = h('dialog', { 'aria-label': title, onclose: () => dialog.remove() },
		h('div', { class: 'row spread' }, h('h2', {}, title), button('×', () => dialog.close(), { class: 'icon', 'aria-label': 'Close' })), ...content);

	document.body.append(dialog);
	dialog.showModal();
	return dialog;
}
