// SPDX-License-Identifier: Apache-2.0
// What stands in the middle of the page, and what several of those share.
import { h, svg, say, button, type Child } from './dom.ts';
import { may, offers, post } from './api.ts';
import { attempt, confirmed } from './notice.ts';
import { ACTIONS, actionsOf, mood, SLOTS, type Action, type Guest, type Track } from './state.ts';
import { count, sparkline } from './format.ts';

export interface View { title: string; node: HTMLElement; close?: () => void }

export function heading(text: string, ...tools: Child[]): HTMLElement {
	return h('div', { class: 'row spread heading' }, h('h1', { tabindex: '-1' }, text), h('div', { class: 'row' }, tools));
}

export const empty = (text: string): HTMLElement => h('p', { class: 'empty' }, text);

export class Badge {
	readonly node = h('span', { class: 'badge' });

	set(state: string): void {
		say(this.node, state);
		this.node.className = `badge ${mood(state)}`;
	}
}

const W = 96, H = 24;

// A small line of the last two minutes, with the present value beside it.
export class Spark {
	private line = svg('polyline', { fill: 'none' });
	private text = h('span', { class: 'number' });
	readonly node: HTMLElement;

	constructor(private label: string, private say_: (n: number) => string = count) {
		this.node = h('span', { class: 'spark' },
			svg('svg', { viewBox: `0 0 ${W} ${H}`, preserveAspectRatio: 'none', 'aria-hidden': 'true' }, this.line), this.text);
	}

	set(values: number[]): void {
		const last = values.at(-1);

		this.line.setAttribute('points', sparkline(values, W, H, SLOTS, 10));
		say(this.text, last === undefined ? '–' : this.say_(last));
		this.node.title = this.label;
	}
}

export const ioRate = (n: number): string => `${count(n)}${n < 1000 ? ' ' : ''}B`;
export const noTrack: Track = { exits: [], io: [], last: null };

const ASK: Partial<Record<Action, string>> = {
	kill: 'It ends at once, as by pulling the plug. What it has not written to its disks is lost.',
	reset: 'It ends at once and starts anew. What it has not written to its disks is lost.',
};

async function act(name: string, action: Action): Promise<void> {
	const ask = ASK[action];

	if (ask && !(await confirmed(`${action[0].toUpperCase()}${action.slice(1)} ${name}?`, ask, action)))
		return;
	attempt(() => post(`/v1/guests/${name}/${action}`));
}

// The buttons of a guest; those that its state does not take are off.
export class Actions {
	readonly node = h('div', { class: 'row actions', role: 'group' });
	private buttons = new Map<Action, HTMLButtonElement>();

	constructor(name: string, which: Action[] = ACTIONS) {
		this.node.setAttribute('aria-label', `What ${name} should do`);
		if (!may('operator'))
			return;
		for (const a of which.filter((w) => offers(`POST /v1/guests/{name}/${w}`))) {
			const b = button(a, () => void act(name, a), { class: a === 'kill' ? 'danger small' : 'small', 'data-action': a });

			this.buttons.set(a, b);
			this.node.append(b);
		}
	}

	set(g: Guest): void {
		const can = actionsOf(g.state);

		for (const [a, b] of this.buttons) {
			b.disabled = !can.has(a) || g.locked === true;
			b.hidden = (a === 'resume' && g.state !== 'paused') || (a === 'pause' && g.state === 'paused');
		}
	}
}
