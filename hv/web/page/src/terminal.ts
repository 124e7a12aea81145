// SPDX-License-Identifier: Apache-2.0
// xterm.js, loaded when a console is opened. The page's Content-Security-Policy takes no inline styles, by which xterm.js gives
// itself its colours and sizes: they become style sheets made by script, which it does take.
import { Terminal } from '@xterm/xterm';
import { FitAddon } from '@xterm/addon-fit';
import { SearchAddon } from '@xterm/addon-search';
import '@xterm/xterm/css/xterm.css';

function sheetElement(): HTMLElement {
	const sheet = new CSSStyleSheet(), element = plainCreate('span');
	const drop = element.remove.bind(element);

	document.adoptedStyleSheets.push(sheet);
	element.hidden = true;
	Object.defineProperty(element, 'textContent', { set: (css: string) => sheet.replaceSync(css), get: () => '' });
	element.remove = () => {
		document.adoptedStyleSheets = document.adoptedStyleSheets.filter((s) => s !== sheet);
		drop();
	};
	return element;
}

const plainCreate = document.createElement.bind(document) as (tag: string) => HTMLElement;
document.createElement = ((tag: string, o?: ElementCreationOptions) =>
	tag === 'style' ? sheetElement() : document.constructor.prototype.createElement.call(document, tag, o)) as typeof document.createElement;

const plainSet = Element.prototype.setAttribute;
Element.prototype.setAttribute = function (this: Element, name: string, value: string): void {
	if (name === 'style' && this instanceof HTMLElement)
		this.style.cssText = value;
	else
		plainSet.call(this, name, value);
};

// What a program asks its terminal (where is the cursor, who are you): the record holds such questions of long ago, which
// must not be answered again.
function muteQuestions(t: Terminal, isLive: () => boolean): void {
	const mute = () => !isLive();

	for (const id of [{ final: 'n' }, { final: 'c' }, { prefix: '>', final: 'c' }, { prefix: '=', final: 'c' }, { prefix: '?', final: 'n' },
		{ intermediates: '$', final: 'p' }, { prefix: '?', intermediates: '$', final: 'p' }, { final: 't' }])
		t.parser.registerCsiHandler(id, mute);
	for (const id of [4, 10, 11, 12])
		t.parser.registerOscHandler(id, (data) => mute() && data.includes('?'));
	t.parser.registerDcsHandler({ intermediates: '$', final: 'q' }, mute);
}

const THEME = { background: '#0d1520', foreground: '#d6e2ec', cursor: '#6cc3e0', selectionBackground: '#31506b' };

export function openTerminal(node: HTMLElement, typed: (bytes: Uint8Array) => void) {
	const term = new Terminal({ scrollback: 20000, fontSize: 13, fontFamily: 'ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace',
		theme: THEME, cursorBlink: false, screenReaderMode: false, allowProposedApi: true });
	const fit = new FitAddon(), search = new SearchAddon(), encoder = new TextEncoder();
	let isLive = false;

	term.loadAddon(fit);
	term.loadAddon(search);
	muteQuestions(term, () => isLive);
	term.open(node);
	fit.fit();
	term.onData((text) => typed(encoder.encode(text)));
	term.onBinary((text) => typed(Uint8Array.from(text, (c) => c.charCodeAt(0))));
	return {
		write: (bytes: Uint8Array | string, done?: () => void) => term.write(bytes, done),
		live: (on: boolean) => void (isLive = on),
		fit: () => fit.fit(),
		focus: () => term.focus(),
		clear: () => term.reset(),
		find: (text: string, back: boolean) => (back ? search.findPrevious(text) : search.findNext(text)),
		text: () => {
			const b = term.buffer.active;

			return Array.from({ length: b.length }, (_, i) => b.getLine(i)?.translateToString(true) ?? '').join('\n');
		},
		dispose: () => term.dispose(),
	};
}
