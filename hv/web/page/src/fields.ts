// SPDX-License-Identifier: Apache-2.0
// Forms: what the hypervisor finds wrong stands beside the field that its answer names.
import { button, fill, h, say, type Child } from './dom.ts';
import { Problem } from './api.ts';
import { fieldFor } from './keys.ts';
import { textOf } from './notice.ts';

export interface Field {
	key: string;			// the name of what is wrong, in the answer of the API
	node: HTMLElement;
	value: string;
	wrong(text: string): void;
	focus(): void;
}

interface Props { type?: string; hint?: string; value?: string; options?: (string | [string, string])[]; [attribute: string]: unknown }

let numbers = 0;

// A line with a label, an input and room for what is wrong with it.
export function field(key: string, label: string, props: Props = {}): Field {
	const id = `f${++numbers}`, { hint, options, type, value, ...rest } = props;
	const complaint = h('div', { class: 'wrong', id: `${id}w`, role: 'alert' });
	const common = { id, name: key, 'aria-describedby': `${id}w`, ...rest };
	const input = options ? h('select', { ...common, value: value ?? [options[0]].flat()[0] }, options.map((o) => {
		const [v, text] = typeof o === 'string' ? [o, o] : o;

		return h('option', { value: v }, text);
	})) : type === 'area' ? h('textarea', { ...common, rows: '3', value: value ?? '' }) : h('input', { ...common, type: type ?? 'text', value: value ?? '',
		autocapitalize: 'none', spellcheck: 'false' });
	const node = h('div', { class: 'field' }, h('label', { for: id }, label), input, hint ? h('div', { class: 'faint' }, hint) : null, complaint);

	input.addEventListener('input', () => self.wrong(''));
	const self: Field = {
		key, node,
		get value() { return input.value; },
		set value(v: string) { input.value = v; },
		wrong(text: string) {
			say(complaint, text);
			input.setAttribute('aria-invalid', String(!!text));
		},
		focus: () => input.focus(),
	};
	return self;
}

export interface Check { key: string; node: HTMLElement; on: boolean }

export function check(key: string, label: string, on = false): Check {
	const input = h('input', { type: 'checkbox', name: key });

	input.checked = on;
	return {
		key, node: h('label', { class: 'check' }, input, ' ', label),
		get on() { return input.checked; },
		set on(v: boolean) { input.checked = v; },
	};
}

export class Form {
	readonly node: HTMLFormElement;
	private complaint = h('div', { class: 'wrong', role: 'alert' });
	private submit: HTMLButtonElement;

	constructor(private fields: Field[], text: string, private send: () => Promise<void>, content?: Child[], private more: () => Field[] = () => []) {
		this.submit = h('button', { class: 'primary' }, text);
		this.node = h('form', { novalidate: true, onsubmit: (e: Event) => {
			e.preventDefault();
			void this.run();
		} }, content ?? fields.map((f) => f.node), this.complaint, h('div', { class: 'row end' }, this.submit));
	}

	private show(e: unknown): void {
		const all = [...this.fields, ...this.more()];
		const mistakes = e instanceof Problem && e.errors.length ? e.errors : [{ key: e instanceof Problem ? e.key : '', detail: textOf(e) }];
		const placed = mistakes.map((m) => ({ at: m.key ? fieldFor(all.map((f) => f.key), m.key) : -1, detail: m.detail }));

		placed.filter((m) => m.at >= 0).forEach((m) => all[m.at].wrong(m.detail));
		fill(this.complaint, placed.filter((m) => m.at < 0).map((m) => h('p', {}, m.detail)));
		placed.filter((m) => m.at >= 0).slice(0, 1).forEach((m) => all[m.at].focus());
	}

	private async run(): Promise<void> {
		[...this.fields, ...this.more()].forEach((f) => f.wrong(''));
		fill(this.complaint);
		this.submit.disabled = true;
		this.submit.setAttribute('aria-busy', 'true');
		try {
			await this.send();
		} catch (e) {
			this.show(e);
		}
		this.submit.disabled = false;
		this.submit.removeAttribute('aria-busy');
	}
}

// Several of one kind: disks, network devices. Each has its own way out.
export class Several<T> {
	readonly node = h('div', { class: 'several' });
	readonly items: { value: T; node: HTMLElement }[] = [];

	constructor(private label: string, private make: (index: number) => { value: T; node: HTMLElement }, private most: number) {
		this.draw();
	}

	add(): T {
		const item = this.make(this.items.length);

		this.items.push(item);
		this.draw();
		return item.value;
	}

	private draw(): void {
		fill(this.node, this.items.map((item) => h('div', { class: 'one' }, item.node,
			button('Remove', () => {
				this.items.splice(this.items.indexOf(item), 1);
				this.draw();
			}, { class: 'small' }))),
		this.items.length < this.most ? button(`Add ${this.label}`, () => {
			this.add();
			(this.node.querySelectorAll('.one')[this.items.length - 1]?.querySelector('input, select') as HTMLElement | null)?.focus();
		}, { class: 'small' }) : null);
	}
}
