// SPDX-License-Identifier: Apache-2.0
// One guest: how it is, its console, its screen, what its firmware says, its settings.
import { fill, h, say, type Child } from '../dom.ts';
import { get, may } from '../api.ts';
import { live } from '../live.ts';
import { Actions, Badge, heading, ioRate, noTrack, Spark, type View } from '../view.ts';
import { bytes, count, duration, moment, ranges } from '../format.ts';
import { textOf } from '../notice.ts';
import { consoleTab } from './console.ts';
import { screenTab } from './screen.ts';
import { settingsTab } from './form.ts';
import type { Guest } from '../state.ts';

export interface End { how: string; time: string; result?: number; id?: string; reason?: string; vcpu?: number; registers?: string; console: string }
export interface GuestDetail extends Guest {
	autostart: boolean;
	exits_by_kind: Record<string, number>;
	last_end: End | null;
	ports?: string[];
	firmware_log?: boolean;
}

export interface Tab { node: HTMLElement; close?: () => void }

const pair = (name: string, value: Child): HTMLElement => h('div', { class: 'pair' }, h('dt', {}, name), h('dd', {}, value));

function endBox(e: End | null): Child {
	if (!e)
		return null;
	const bad = e.how === 'killed';

	return h('section', { class: `card ${bad ? 'bad' : ''}` }, h('h2', {}, bad ? 'Why it died' : 'How it last ended'),
		h('dl', { class: 'pairs' }, pair('How', e.result === undefined ? e.how : `${e.how} ${e.result}`), pair('When', moment(e.time)),
			e.id ? pair('Id', h('code', {}, e.id)) : null, e.reason ? pair('Reason', e.reason) : null,
			e.vcpu === undefined ? null : pair('On vcpu', e.vcpu)),
		e.console ? [h('h3', {}, 'Its last lines'), h('pre', {}, e.console)] : null,
		e.registers ? h('details', {}, h('summary', {}, 'Registers'), h('pre', {}, e.registers)) : null);
}

function overviewTab(name: string): Tab {
	const exits = new Spark('Exits a second'), io = new Spark('Bytes a second', ioRate);
	const facts = h('dl', { class: 'pairs' }), kinds = h('div'), end = h('div'), problem = h('p', { class: 'wrong' });
	let shown = '';

	async function load(): Promise<void> {
		const track = live.state.tracks.get(name) ?? noTrack;

		exits.set(track.exits);
		io.set(track.io);
		try {
			const g = await get<GuestDetail>(`/v1/guests/${name}`);

			say(problem, '');
			fill(facts, pair('Cores', ranges(g.cores)), pair('Memory', bytes(g.memory)), pair('Up', g.uptime_ms ? duration(g.uptime_ms) : '–'),
				pair('Starts', g.starts), pair('Starts by itself', g.autostart ? 'yes' : 'no'),
				pair('Halted', g.owned_apics ? 'not counted: it owns its local APICs' : duration(g.halted_ms)),
				pair('Interrupts', count(g.interrupts)),
				pair('Network', `${bytes(g.network_in_bytes)} in, ${bytes(g.network_out_bytes)} out`),
				pair('Volumes', `${bytes(g.disk_read_bytes)} read, ${bytes(g.disk_written_bytes)} written`));
			const list = Object.entries(g.exits_by_kind).sort((a, b) => b[1] - a[1]);
			fill(kinds, h('ul', { class: 'bars' }, list.slice(0, 12).map(([kind, n]) => h('li', {}, h('span', {}, kind),
				h('meter', { min: '0', max: String(list[0][1]), value: String(n) }), h('span', { class: 'number' }, count(n))))));
			const text = JSON.stringify(g.last_end);
			if (text !== shown)		// else what is unfolded and selected stays
				fill(end, endBox(g.last_end));
			shown = text;
		} catch (e) {
			say(problem, textOf(e));
		}
	}

	void load();
	return {
		close: live.watch(() => void load()),
		node: h('div', { class: 'cards' }, problem, end,
			h('section', { class: 'card' }, h('h2', {}, 'Now'), h('dl', { class: 'pairs' }, pair('Exits/s', exits.node), pair('I/O/s', io.node)), facts),
			h('section', { class: 'card' }, h('h2', {}, 'Exits since it started'), kinds)),
	};
}

const TABS: Record<string, string> = { '': 'Overview', console: 'Console', screen: 'Screen', firmware: 'Firmware', settings: 'Settings' };

export function guestView(name: string, tab: string): View {
	const badge = new Badge(), actions = new Actions(name);
	const links = new Map(Object.entries(TABS).map(([t, text]) => [t, h('a', { href: `#/guests/${name}${t && `/${t}`}`, 'aria-current': t === tab ? 'page' : null }, text)]));
	const tabs = h('nav', { class: 'tabs', 'aria-label': `Views of ${name}` }, [...links.values()]);
	const show = (t: string, on: boolean) => { (links.get(t) as HTMLElement).hidden = !on && t !== tab; };
	const inner: Tab = tab === 'console' ? consoleTab(name) : tab === 'firmware' ? consoleTab(name, true) : tab === 'screen' ? screenTab(name) :
		tab === 'settings' ? settingsTab(name) : overviewTab(name);

	function update(): void {
		const g = live.guest(name);

		if (g) {
			badge.set(g.state);
			actions.set(g);
			show('screen', g.display !== false);
		} else if (live.state.guests.length) {
			badge.set('deleted');
		}
	}

	update();
	show('settings', may('admin'));
	show('firmware', false);
	void get<GuestDetail>(`/v1/guests/${name}`).then((g) => show('firmware', g.firmware_log === true), () => {});
	const unwatch = live.watch(update);
	return {
		title: name,
		node: h('section', { class: tab === 'console' || tab === 'firmware' || tab === 'screen' ? 'tall' : '' }, heading(name, badge.node, actions.node), tabs, inner.node),
		close: () => {
			unwatch();
			inner.close?.();
		},
	};
}
