// SPDX-License-Identifier: Apache-2.0
// Switches and what is plugged into them.
import { fill, h, type Child } from '../dom.ts';
import { empty, heading, type View } from '../view.ts';
import { textOf } from '../notice.ts';
import { switchesOf, type Switch } from '../inventory.ts';
import { live } from '../live.ts';
import { tableOf } from '../tables.ts';

function card(s: Switch): Child {
	const u = s.uplink;
	const where = u ? `uplink ${u.name} (${u.kind}, ${u.mac}), ${!u.link ? 'no link' : u.mbit ? `${u.mbit} Mbit/s` : 'link'}` : s.nat ? 'behind the hypervisor\'s address (NAT)' : 'private';

	return h('section', { class: 'card' }, h('h2', {}, s.name, ' ', h('small', { class: 'faint' }, where)),
		s.ports.length ? tableOf(s.ports.map((p) => ({ ...p, vlan: p.vlan || null }))) : empty('Nothing is plugged in.'));
}

export function networkView(): View {
	const box = h('div', { class: 'stack' });
	let shown = '';

	async function load(): Promise<void> {
		try {
			const list = await switchesOf(), text = JSON.stringify(list);

			if (text === shown)
				return;
			shown = text;
			fill(box, list === null ? empty('This hypervisor does not show its switches here; its shell does (switches).') :
				list.length ? list.map(card) : empty('There are no switches.'));
		} catch (e) {
			fill(box, empty(textOf(e)));
		}
	}

	void load();
	return { title: 'Network', close: live.watch(() => void load()), node: h('section', {}, heading('Network'), box) };
}
