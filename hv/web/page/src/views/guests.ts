// SPDX-License-Identifier: Apache-2.0
// The start page: all guests, what they do, and the buttons.
import { fill, h, say } from '../dom.ts';
import { may } from '../api.ts';
import { live } from '../live.ts';
import { Actions, Badge, empty, heading, ioRate, noTrack, Spark, type View } from '../view.ts';
import { bytes, duration, plural, ranges } from '../format.ts';
import type { Guest, Track } from '../state.ts';

class Row {
	private badge = new Badge();
	private exits = new Spark('Exits a second, the last two minutes');
	private io = new Spark('Bytes a second of networks and volumes', ioRate);
	private cores = h('span');
	private uptime = h('span', { class: 'faint' });
	private memory = h('span');
	private actions: Actions;
	readonly node: HTMLElement;

	constructor(readonly name: string) {
		this.actions = new Actions(name);
		this.node = h('tr', { 'data-guest': name },
			h('th', { scope: 'row' }, h('a', { href: `#/guests/${name}`, class: 'name' }, name)),
			h('td', { class: 'state' }, this.badge.node, ' ', this.uptime),
			h('td', { 'data-label': 'Cores' }, this.cores), h('td', { 'data-label': 'Memory', class: 'nowrap' }, this.memory),
			h('td', { 'data-label': 'Exits/s' }, this.exits.node), h('td', { 'data-label': 'I/O/s' }, this.io.node),
			h('td', { class: 'tools' }, h('div', { class: 'row' }, h('a', { class: 'button small', href: `#/guests/${name}/console` }, 'console'), this.actions.node)));
	}

	set(g: Guest, track: Track): void {
		this.badge.set(g.state);
		say(this.uptime, g.uptime_ms ? duration(g.uptime_ms) : '');
		say(this.cores, `${g.cores.length} (${ranges(g.cores)})`);
		say(this.memory, bytes(g.memory));
		this.exits.set(track.exits);
		this.io.set(track.io);
		this.actions.set(g);
	}
}

export function guestsView(): View {
	const body = h('tbody'), note = h('div'), rows = new Map<string, Row>();
	const table = h('table', { class: 'guests' }, h('thead', {}, h('tr', {},
		['Guest', 'State', 'Cores', 'Memory', 'Exits/s', 'I/O/s', ''].map((t) => h('th', { scope: 'col' }, t)))), body);
	const sum = h('p', { class: 'faint' });

	function update(): void {
		const { guests, tracks } = live.state;

		for (const [name, row] of rows)
			if (!guests.some((g) => g.name === name)) {
				row.node.remove();
				rows.delete(name);
			}
		for (const g of guests) {
			let row = rows.get(g.name);

			if (!row) {
				row = new Row(g.name);
				rows.set(g.name, row);
				body.append(row.node);
			}
			row.set(g, tracks.get(g.name) ?? noTrack);
		}
		table.hidden = !guests.length;
		fill(note, guests.length || !live.answering ? null : empty('There are no guests.'));
		say(sum, guests.length ? `${plural(guests.length, 'guest')}, ${plural(guests.reduce((n, g) => n + g.cores.length, 0), 'core')}, ` +
			bytes(guests.reduce((n, g) => n + g.memory, 0)) : '');
	}

	update();
	return {
		title: 'Guests', close: live.watch(update),
		node: h('section', {}, heading('Guests', may('admin') ? h('a', { class: 'button primary', href: '#/new' }, 'New guest') : null), table, note, sum),
	};
}
