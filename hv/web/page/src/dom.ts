// SPDX-License-Identifier: Apache-2.0
// Elements from a line of code each. Text is always text, never markup; nothing here makes inline styles or scripts, which the
// page's Content-Security-Policy forbids.

export type Child = Node | string | number | null | undefined | false | Child[];
type Props = Record<string, unknown>;

function put(element: Element, child: Child): void {
	if (Array.isArray(child))
		child.forEach((c) => put(element, c));
	else if (child instanceof Node)
		element.append(child);
	else if (child !== null && child !== undefined && child !== false)
		element.append(String(child));
}

// Functions become listeners (onclick), true an empty attribute, false and null nothing.
function dress(element: Element, props: Props, children: Child[]): void {
	for (const [name, value] of Object.entries(props)) {
		if (name.startsWith('on') && typeof value === 'function')
			element.addEventListener(name.slice(2), value as EventListener);
		else if (name === 'value' && 'value' in element)
			(element as HTMLInputElement).value = String(value ?? '');
		else if (value === true)
			element.setAttribute(name, '');
		else if (value !== false && value !== null && value !== undefined)
			element.setAttribute(name, String(value));
	}
	put(element, children);
}

export function h<K extends keyof HTMLElementTagNameMap>(tag: K, props: Props = {}, ...children: Child[]): HTMLElementTagNameMap[K] {
	const element = document.createElement(tag);

	dress(element, tag === 'select' ? {} : props, children);
	if (tag === 'select')		// its value can be chosen once its options are there
		dress(element, props, []);
	return element;
}

export function svg(tag: string, props: Props = {}, ...children: Child[]): SVGElement {
	const element = document.createElementNS('http://www.w3.org/2000/svg', tag);

	dress(element, props, children);
	return element;
}

// Everything in element is replaced.
export function fill(element: Element, ...children: Child[]): void {
	element.replaceChildren();
	put(element, children);
}

// Written only when it changes, so that what is selected or focused stays so.
export function say(element: Element, text: string): void {
	if (element.textContent !== text)
		element.textContent = text;
}

export function button(text: Child, onclick: () => void, props: Props = {}): HTMLButtonElement {
	return h('button', { type: 'button', onclick, ...props }, text);
}

// A file for the user, out of text that is here already.
export function offerFile(name: string, text: string, type = 'text/plain'): void {
	const url = URL.createObjectURL(new Blob([text], { type }));
	const link = h('a', { href: url, download: name });

	document.body.append(link);
	link.click();
	link.remove();
	setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
