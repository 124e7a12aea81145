// SPDX-License-Identifier: Apache-2.0
// The plan as a picture: who has which cores, how much RAM and which devices. And as the file that it is.
import { button, fill, h, offerFile, say, type Child } from '../dom.ts';
import { ask, get, may, offers, Problem } from '../api.ts';
import { live } from '../live.ts';
import { heading, type View } from '../view.ts';
import { attempt, confirmed, notice, textOf, window_ } from '../notice.ts';
import { bytes, duration, ranges } from '../format.ts';
import { colourOf, memoryBy, ownerOf, packagesOf, plainOwner, type Core, type Range } from '../picture.ts';

interface Device { at: string; id: string; class: string; driver: string; owner: string; state: string }
interface Machine {
	name: string; version: string; processor: string; virtualisation: string; time: string; uptime_ms: number;
	cores: Core[];
	hypervisor_pool_bytes: number; hypervisor_pool_free_bytes: number;
	memory?: Range[];
	devices?: Device[];
}

function box(owner: string, guests: string[], text: Child, title: string): HTMLElement {
	const inner = h('span', { class: `cell ${colourOf(owner, guests)}`, title }, text);

	return guests.includes(owner) ? h('a', { href: `#/guests/${owner}`, 'aria-label': title }, inner) : inner;
}

function coresPicture(m: Machine, guests: string[]): HTMLElement {
	return h('div', { class: 'packages' }, packagesOf(m.cores).map((p) => h('div', { class: 'package' }, h('h3', {}, `Socket ${p.id}`),
		p.caches.map((l3) => h('div', { class: 'cache', title: 'what shares a last-level cache' }, l3.physical.map((ph) => h('div', { class: 'physical', title: ph.cores.length > 1 ? 'siblings (SMT)' : '' },
			ph.cores.map((c) => box(ownerOf(c), guests, [h('b', {}, c.index), h('small', {}, c.guest ? `${c.guest}.${c.vcpu}` : ownerOf(c))],
				`core ${c.index}, APIC id ${c.apic_id}: ${c.guest ? `vcpu ${c.vcpu} of ${c.guest}` : ownerOf(c)}`)))))))));
}

function memoryOf(m: Machine, guests: string[]): Range[] {
	return m.memory ? memoryBy(m.memory, guests) : [...live.state.guests.map((g) => ({ owner: g.name, bytes: g.memory })), { owner: 'hypervisor', bytes: m.hypervisor_pool_bytes }];
}

function memoryPicture(m: Machine, guests: string[]): HTMLElement {
	const parts = memoryOf(m, guests).filter((p) => p.bytes), all = parts.reduce((n, p) => n + p.bytes, 0);

	return h('div', { class: 'memory' }, parts.map((p) => {
		const part = box(p.owner, guests, [h('b', {}, p.owner), h('small', {}, bytes(p.bytes))], `${p.owner}: ${bytes(p.bytes)}`);

		part.style.flexGrow = String(Math.sqrt(p.bytes / all));
		return part;
	}));
}

function devicesPicture(list: Device[], guests: string[]): Child {
	return h('ul', { class: 'devices' }, list.map((d) => h('li', {}, h('span', { class: `dot ${colourOf(plainOwner(d.owner), guests)}` }), ' ',
		h('code', {}, d.at), ' ', h('code', {}, d.id), ` ${d.class} `, h('span', { class: 'faint' }, [d.driver, d.state].filter(Boolean).join(': ') || 'nobody\'s'))));
}

function legend(guests: string[]): HTMLElement {
	return h('p', { class: 'legend' }, [...guests, 'hypervisor', 'free'].map((o) => h('span', {}, h('span', { class: `dot ${colourOf(o, guests)}` }), ` ${o}`)));
}

interface Change { guest?: string; what?: string; key?: string | null; from?: unknown; to?: unknown; [more: string]: unknown }

// "web: memory 64MiB → 96MiB", "web: new".
export function changeText(c: Change): string {
	const value = (v: unknown) => (v === null || v === undefined ? 'nothing' : String(v));

	return `${c.guest ?? ''}: ${c.key ? `${c.key} ${value(c.from)} → ${value(c.to)}` : c.what ?? ''}`;
}

// A plan that is applied is shown as a difference first.
async function apply(text: string, etag: string, complain: (s: string) => void, done: () => void): Promise<void> {
	complain('');
	try {
		const diff = (await ask<{ changes?: Change[] }>('PUT', '/v1/plan?dry_run', { text, type: 'application/toml', match: etag })).body;
		const changes = diff.changes ?? [];

		if (!changes.length) {
			complain('nothing would change');
			return;
		}
		if (!(await confirmed('Apply this plan?', changes.map(changeText).join('\n'), 'Apply')))
			return;
		await ask('PUT', '/v1/plan', { text, type: 'application/toml', match: etag });
		notice('The plan is being applied: the log says how it ends');
		done();
		await live.refresh();
	} catch (e) {
		const gone = e instanceof Problem && (e.status === 404 || e.status === 405);

		complain(gone ? 'this hypervisor does not take plans here' : e instanceof Problem && e.key ? `${e.key}: ${textOf(e)}` : textOf(e));
	}
}

function edit(): void {
	attempt(async () => {
		const { body, etag } = await ask<string>('GET', '/v1/plan');
		const area = h('textarea', { class: 'code', rows: '20', spellcheck: 'false', 'aria-label': 'The plan', value: body });
		const complaint = h('div', { class: 'wrong', role: 'alert' });

		const dialog = window_('The plan', area, complaint, h('div', { class: 'row end' },
			button('Apply …', () => void apply(area.value, etag, (s) => say(complaint, s), () => dialog.close()), { class: 'primary' })));

		dialog.classList.add('wide');
	});
}

export function planView(): View {
	const head = h('p', { class: 'faint' }), picture = h('div');
	let shown = '';

	async function load(): Promise<void> {
		try {
			const m = await get<Machine>('/v1/machine'), guests = live.state.guests.map((g) => g.name);

			say(head, `${m.name ? `${m.name}: ` : ''}${m.processor}, ${m.virtualisation}, up ${duration(m.uptime_ms)}. Bulkhead ${m.version}`);
			const now = JSON.stringify([m.cores, m.memory, m.devices, guests]);
			if (now === shown)
				return;
			shown = now;
			const free = m.cores.filter((c) => ownerOf(c) === 'free').map((c) => c.index);
			fill(picture, legend(guests), h('h2', {}, 'Cores'), coresPicture(m, guests),
				h('p', { class: 'faint' }, free.length ? `Free: ${ranges(free)}` : 'All cores have an owner.'),
				h('h2', {}, 'Memory'), memoryPicture(m, guests),
				m.devices?.length ? [h('h2', {}, 'Devices'), devicesPicture(m.devices, guests)] : null);
		} catch (e) {
			say(head, textOf(e));
		}
	}

	const download = () => attempt(async () => offerFile('bulkhead.toml', await get<string>('/v1/plan'), 'application/toml'));
	void load();
	return {
		title: 'Plan', close: live.watch(() => void load()),
		node: h('section', {}, heading('Plan', may('admin') && offers('PUT /v1/plan') ? button('Edit …', edit) : null, button('Download', download, { class: 'primary' })), head, picture),
	};
}
