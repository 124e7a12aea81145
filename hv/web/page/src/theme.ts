// SPDX-License-Identifier: Apache-2.0
// Dark, light, or as the system has it (which is where it begins).
import { button } from './dom.ts';

const KEY = 'theme';
type Theme = 'system' | 'light' | 'dark';
const NEXT: Record<Theme, Theme> = { system: 'dark', dark: 'light', light: 'system' };
const SIGN: Record<Theme, string> = { system: '◐', dark: '☾', light: '☀' };

function current(): Theme {
	const t = localStorage.getItem(KEY);

	return t === 'dark' || t === 'light' ? t : 'system';
}

export function applyTheme(): void {
	const t = current();

	if (t === 'system')
		delete document.documentElement.dataset.theme;
	else
		document.documentElement.dataset.theme = t;
}

export function themeButton(): HTMLButtonElement {
	const show = () => {
		b.textContent = SIGN[current()];
		b.setAttribute('aria-label', `Colours: ${current()}. Change`);
		b.title = `Colours: ${current()}`;
	};
	const b = button('', () => {
		localStorage.setItem(KEY, NEXT[current()]);
		applyTheme();
		show();
	}, { class: 'icon' });

	show();
	return b;
}
