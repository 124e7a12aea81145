// SPDX-License-Identifier: Apache-2.0
// A guest's console, from its record on: xterm.js at the end of a WebSocket. Several may look; one types at a time.
import { button, h, say } from '../dom.ts';
import { may, socket } from '../api.ts';
import { notice } from '../notice.ts';
import type { Tab } from './guest.ts';

// terminal.ts, which is loaded when a console is opened.
interface Terminal {
	write(bytes: Uint8Array | string, done?: () => void): void;
	live(on: boolean): void;
	fit(): void;
	focus(): void;
	clear(): void;
	find(text: string, back: boolean): boolean;
	text(): string;
	dispose(): void;
}
interface TerminalModule { openTerminal(node: HTMLElement, typed: (bytes: Uint8Array) => void): Terminal }

const at = (file: string): string => `/page/${file}`;
let loading: Promise<TerminalModule> | null = null;

function load(): Promise<TerminalModule> {
	if (!loading) {
		document.head.append(h('link', { rel: 'stylesheet', href: at('terminal.css') }));
		loading = import(at('terminal.js')) as Promise<TerminalModule>;
	}
	return loading;
}

interface Note { event: string; detail?: string; viewers?: number; writer?: string; you?: boolean }

export function consoleTab(name: string, firmware = false): Tab {
	const box = h('div', { class: 'terminal', role: 'region', 'aria-label': `${firmware ? 'Firmware log' : 'Console'} of ${name}` });
	const state = h('span', { class: 'faint', role: 'status' }, 'connecting …'), people = h('span', { class: 'faint people' });
	const search = h('input', { type: 'search', placeholder: 'Find in the record', 'aria-label': 'Find in the record', onkeydown: (e: KeyboardEvent) => {
		if (e.key === 'Enter')
			find(!e.shiftKey);
	} });
	let terminal: Terminal | null = null, ws: WebSocket | null = null, closed = false, again = 1000;

	function find(back: boolean): void {
		if (terminal && search.value && !terminal.find(search.value, back))
			notice(`“${search.value}” is not in the record`, 'bad');
	}

	function heard(text: string): void {
		const n = JSON.parse(text) as Note;

		if (n.event === 'refused')
			say(state, n.detail ?? 'refused');
		if (n.event === 'live')
			terminal?.write('', () => terminal?.live(true));
		if (n.event === 'people')
			say(people, `${n.viewers === 1 ? 'only you look' : `${n.viewers} look`}${n.writer ? `, ${n.you ? 'you type' : `${n.writer} types`}` : ''}`);
	}

	function connect(): void {
		ws = socket(`/v1/guests/${name}/console?notes=1${firmware ? '&firmware=1' : ''}`);
		ws.onopen = () => {
			again = 1000;
			terminal?.live(false);
			terminal?.clear();
			say(state, firmware || !may('operator') ? 'read only' : 'connected');
		};
		ws.onmessage = (e) => (typeof e.data === 'string' ? heard(e.data) : terminal?.write(new Uint8Array(e.data as ArrayBuffer)));
		ws.onclose = (e) => {
			if (closed)
				return;
			say(people, '');
			say(state, firmware && again > 1000 ? 'this guest keeps no firmware log' : e.reason ? `${e.reason}; trying again …` : 'not connected; trying again …');
			setTimeout(() => closed || connect(), again);
			again = Math.min(again * 2, 15000);
		};
	}

	const fit = () => terminal?.fit();
	const observer = new ResizeObserver(fit);
	void load().then((m) => {
		if (closed)
			return;
		terminal = m.openTerminal(box, (bytes) => ws?.readyState === WebSocket.OPEN && !firmware && ws.send(bytes as Uint8Array<ArrayBuffer>));
		observer.observe(box);
		if (!firmware)
			terminal.focus();
		connect();
	}, () => say(state, 'the terminal could not be loaded'));
	return {
		node: h('div', { class: 'tall' }, h('div', { class: 'row spread bar' }, h('div', { class: 'row' }, state, people),
			h('div', { class: 'row' }, search, button('↑', () => find(true), { class: 'small', 'aria-label': 'Find before' }),
				button('↓', () => find(false), { class: 'small', 'aria-label': 'Find after' }))), box),
		close: () => {
			closed = true;
			observer.disconnect();
			ws?.close();
			terminal?.dispose();
		},
	};
}
