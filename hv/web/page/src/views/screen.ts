// SPDX-License-Identifier: Apache-2.0
// A guest's screen: noVNC at the end of a WebSocket that speaks RFB.
import { button, h, say } from '../dom.ts';
import { may, socket } from '../api.ts';
import type { Tab } from './guest.ts';

interface Screen { scale(on: boolean): void; ctrlAltDel(): void; focus(): void; dispose(): void }
interface ScreenModule {
	openScreen(node: HTMLElement, ws: WebSocket, viewOnly: boolean, said: (event: 'open' | 'closed', detail: string) => void): Screen;
}

const at = (file: string): string => `/page/${file}`;

export function screenTab(name: string): Tab {
	const box = h('div', { class: 'screen', role: 'region', 'aria-label': `Screen of ${name}` });
	const state = h('span', { class: 'faint', role: 'status' }, 'connecting …');
	let screen: Screen | null = null, closed = false, opened = false, again = 1000;

	async function connect(): Promise<void> {
		const m = await (import(at('screen.js')) as Promise<ScreenModule>);

		if (closed)
			return;
		screen = m.openScreen(box, socket(`/v1/guests/${name}/screen`, ['binary']), !may('operator'), (event, detail) => {
			if (closed)
				return;
			if (event === 'open') {
				opened = true;
				again = 1000;
				say(state, may('operator') ? 'connected' : 'read only');
				return;
			}
			say(state, opened ? `not connected${detail && `: ${detail}`}; trying again …` : 'there is no screen: it needs “display = true”, and a hypervisor that shows screens here');
			setTimeout(() => closed || void connect(), again);
			again = Math.min(again * 2, 30000);
		});
	}

	connect().catch(() => say(state, 'the screen could not be loaded'));
	return {
		node: h('div', { class: 'tall' }, h('div', { class: 'row spread bar' }, state, may('operator') ? button('Ctrl-Alt-Del', () => screen?.ctrlAltDel(), { class: 'small' }) : null), box),
		close: () => {
			closed = true;
			screen?.dispose();
		},
	};
}
