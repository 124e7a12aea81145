// SPDX-License-Identifier: Apache-2.0
// The page: who you are, where you are (the part of the address behind #), and what stands in the middle.
import './app.css';
import { button, fill, h, say } from './dom.ts';
import { getIfThere, limited, may, onSessionEnd, post, Problem, readFunctions, setSession, who, ask, type Session } from './api.ts';
import { attempt, noticeArea } from './notice.ts';
import { applyTheme, themeButton } from './theme.ts';
import { live } from './live.ts';
import type { View } from './view.ts';
import { loginView } from './views/login.ts';
import { guestsView } from './views/guests.ts';
import { guestView } from './views/guest.ts';
import { newGuestView } from './views/form.ts';
import { planView } from './views/plan.ts';
import { networkView } from './views/network.ts';
import { storageView } from './views/storage.ts';
import { logView } from './views/log.ts';
import { accessView } from './views/access.ts';
import { auditView } from './views/audit.ts';

interface Place { path: RegExp; view: (...parts: string[]) => View; nav?: string; href?: string; admin?: boolean; machine?: boolean }

const PLACES: Place[] = [
	{ path: /^\/?$|^\/guests$/, view: guestsView, nav: 'Guests', href: '#/guests' },
	{ path: /^\/guests\/([^/]+)(?:\/(\w+))?$/, view: (name, tab = '') => guestView(name, tab) },
	{ path: /^\/new$/, view: newGuestView, admin: true },
	{ path: /^\/plan$/, view: planView, nav: 'Plan', href: '#/plan', machine: true },
	{ path: /^\/network$/, view: networkView, nav: 'Network', href: '#/network', machine: true },
	{ path: /^\/storage$/, view: storageView, nav: 'Storage', href: '#/storage', machine: true },
	{ path: /^\/log$/, view: logView, nav: 'Log', href: '#/log', machine: true },
	{ path: /^\/audit$/, view: auditView, nav: 'Audit', href: '#/audit', admin: true },
	{ path: /^\/access$/, view: accessView, nav: 'Access', href: '#/access' },
];

const open = (p: Place): boolean => (!p.admin || may('admin')) && (!p.machine || !limited());
const main = h('main', { id: 'main', tabindex: '-1' });
const nav = h('nav', { 'aria-label': 'Main', class: 'main' });
const trouble = h('div', { class: 'trouble', role: 'alert', hidden: true }, 'The hypervisor does not answer. What stands here is old.');
let view: View | null = null;

function go(first = false): void {
	const path = decodeURIComponent(location.hash.slice(1));
	const place = PLACES.find((p) => p.path.test(path) && open(p)) ?? PLACES[0];
	const parts = (place.path.exec(path) ?? []).slice(1).filter((p) => p !== undefined);

	view?.close?.();
	view = place.view(...parts);
	document.title = `${view.title} · Bulkhead`;
	fill(main, view.node);
	fill(nav, PLACES.filter((p) => p.nav && open(p)).map((p) => h('a', { href: p.href,
		'aria-current': p === place || (p === PLACES[0] && /guests|new/.test(place.path.source)) ? 'page' : null }, p.nav)));
	if (!first && !main.contains(document.activeElement))
		(main.querySelector('h1') as HTMLElement | null)?.focus({ preventScroll: true });
}

function logOut(): void {
	attempt(async () => {
		await post('/v1/logout');
		setSession(null);
		showLogin();
	});
}

function showLogin(): void {
	live.stop();
	view?.close?.();
	view = null;
	fill(document.body, h('div', { class: 'corner' }, themeButton()), loginView(() => void showPage()), noticeArea());
	document.title = 'Bulkhead';
	(document.querySelector('.login input') as HTMLElement | null)?.focus();
}

async function showMachine(title: HTMLElement): Promise<void> {
	const m = limited() ? null : await getIfThere<{ name: string }>('/v1/machine').catch(() => null);

	if (m?.name)
		say(title, m.name);
}

async function showPage(): Promise<void> {
	await readFunctions().catch(() => {});
	const title = h('span', {}, 'Bulkhead');

	fill(document.body, h('a', { class: 'skip', href: '#main', onclick: (e: Event) => {
		e.preventDefault();
		main.focus();
	} }, 'Skip to the content'),
	h('header', {}, h('a', { href: '#/guests', class: 'brand' }, h('img', { src: '/page/icon.svg', alt: '', width: '24', height: '24' }), title), nav,
		h('div', { class: 'row' }, h('span', { class: 'faint user' }, `${who()?.user} (${who()?.role})`), themeButton(), button('Log out', logOut, { class: 'small' }))),
	trouble, main, noticeArea());
	live.start();
	go(true);
	void showMachine(title);
}

async function begin(): Promise<void> {
	applyTheme();
	onSessionEnd(showLogin);
	window.addEventListener('hashchange', () => view && go());
	live.watch(() => { trouble.hidden = live.answering; });
	try {
		setSession((await ask<Session>('GET', '/v1/session', { quiet: true })).body);
	} catch (e) {
		showLogin();
		if (e instanceof Problem && e.status !== 401)
			fill(main, e.detail);
		return;
	}
	await showPage();
}

void begin();
