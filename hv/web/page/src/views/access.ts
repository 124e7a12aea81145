// SPDX-License-Identifier: Apache-2.0
// Users and API tokens, one's own password.
import { button, fill, h, say, type Child } from '../dom.ts';
import { ask, get, may, offers, post, Problem, remove, who } from '../api.ts';
import { empty, heading, type View } from '../view.ts';
import { attempt, confirmed, notice, textOf, window_ } from '../notice.ts';
import { field, Form, type Field } from '../fields.ts';

interface User { name: string; role: string; guests?: string; locked: boolean }
interface Token { name: string; role: string; guests?: string; owner: string; expires?: string }
const ROLES = ['viewer', 'operator', 'admin'];

function table(names: string[], rows: Child[][]): HTMLElement {
	return h('div', { class: 'scroll' }, h('table', { class: 'plain' }, h('thead', {}, h('tr', {}, names.map((n) => h('th', { scope: 'col' }, n)))),
		h('tbody', {}, rows.map((r) => h('tr', {}, r.map((c) => h('td', {}, c)))))));
}

// Whoever is limited to some guests sees and does nothing else.
const guestsField = (value = ''): Field => field('guests', 'Guests', { value, autocomplete: 'off', hint: 'Names with blanks between them. Empty: all, and the machine.' });
const only = (f: Field): { guests?: string } => (f.value.trim() ? { guests: f.value } : {});

function showToken(name: string, token: string): void {
	const text = h('code', { class: 'secret', tabindex: '0' }, token);

	window_(`Token ${name}`, h('p', {}, 'It is shown this once. Whoever has it may do what its role may.'), text,
		h('div', { class: 'row end' }, button('Copy', () => attempt(() => navigator.clipboard.writeText(token), 'copied'))),
		h('p', { class: 'faint' }, `curl -H "Authorization: Bearer …" https://${location.host}/v1/guests`));
}

function passwordForm(): HTMLElement {
	const old = field('old', 'Old password', { type: 'password', autocomplete: 'current-password' });
	const fresh = field('password', 'New password', { type: 'password', autocomplete: 'new-password', hint: '10 to 128 bytes.' });
	const again = field('again', 'New password again', { type: 'password', autocomplete: 'new-password' });

	return new Form([old, fresh, again], 'Change', async () => {
		if (again.value !== fresh.value)
			throw new Problem(422, 'this is not the same password', 'again');
		await ask('PUT', `/v1/users/${who()?.user}/password`, { body: { old: old.value, password: fresh.value } });
		old.value = fresh.value = again.value = '';
		notice('Your password is changed');
	}).node;
}

export function accessView(): View {
	const users = h('div'), tokens = h('div');

	async function load(): Promise<void> {
		try {
			const [u, t] = await Promise.all([get<User[]>('/v1/users'), get<Token[]>('/v1/tokens')]);

			fill(users, table(['User', 'Role', 'Guests', '', '', ''], u.map((x) => [x.name, x.role, x.guests || 'all', x.locked ? 'locked out' : '', rightsButton('user', x), x.name === who()?.user ? 'you' :
				button('Remove', () => void drop('user', x.name, `/v1/users/${x.name}`), { class: 'small danger' })])));
			fill(tokens, t.length ? table(['Token', 'Role', 'Guests', 'Made by', 'Until', '', ''], t.map((x) => [x.name, x.role, x.guests || 'all', x.owner, x.expires ?? 'always',
				rightsButton('token', x), button('Remove', () => void drop('token', x.name, `/v1/tokens/${x.name}`), { class: 'small danger' })])) : empty('There are no tokens.'));
		} catch (e) {
			say(users, textOf(e));
		}
	}

	async function drop(kind: string, name: string, path: string): Promise<void> {
		if (await confirmed(`Remove the ${kind} ${name}?`, 'What uses it is refused from now on.', 'Remove'))
			attempt(async () => {
				await remove(path);
				await load();
			});
	}

	// Instead of all that it had.
	function rights(kind: string, x: User | Token): void {
		const role = field('role', 'Role', { options: ROLES, value: x.role }), guests = guestsField(x.guests ?? '');
		const form = new Form([role, guests], 'Change', async () => {
			await ask('PUT', `/v1/${kind}s/${x.name}`, { body: { role: role.value, guests: guests.value } });
			dialog.close();
			await load();
		});
		const what = kind === 'user' ? 'They log in anew. Tokens of theirs that may do more than they are removed.' : 'What it has begun ends.';
		const dialog = window_(`Rights of the ${kind} ${x.name}`, h('p', {}, what), form.node);
		role.focus();
	}

	const rightsButton = (kind: string, x: User | Token): Child => offers(`PUT /v1/${kind}s/{name}`) ? button('Rights', () => rights(kind, x), { class: 'small' }) : null;

	function newToken(): void {
		const name = field('name', 'Name', { required: true }), role = field('role', 'Role', { options: ROLES });
		const days = field('days', 'Days until it expires', { inputmode: 'numeric', hint: 'Empty: it does not.' });
		const guests = guestsField();
		const form = new Form([name, role, guests, days], 'Make it', async () => {
			const body = { name: name.value, role: role.value, ...only(guests), ...(days.value ? { days: days.value } : {}) };
			const made = await post<{ token: string }>('/v1/tokens', body);

			dialog.close();
			showToken(name.value, made.token);
			await load();
		});
		const dialog = window_('New token', form.node);
		name.focus();
	}

	function newUser(): void {
		const name = field('name', 'Name', { required: true, autocomplete: 'off' }), role = field('role', 'Role', { options: ROLES });
		const password = field('password', 'Password', { type: 'password', autocomplete: 'new-password', hint: '10 to 128 bytes.' });
		const guests = guestsField();
		const form = new Form([name, password, role, guests], 'Add', async () => {
			await post('/v1/users', { name: name.value, password: password.value, role: role.value, ...only(guests) });
			dialog.close();
			await load();
		});
		const dialog = window_('New user', form.node);
		name.focus();
	}

	if (may('admin'))
		void load();
	return {
		title: 'Access',
		node: h('section', {}, heading('Access'), may('admin') ? [
			h('div', { class: 'row spread' }, h('h2', {}, 'API tokens'), button('New token', newToken)), tokens,
			h('div', { class: 'row spread' }, h('h2', {}, 'Users'), button('New user', newUser)), users] : null,
		h('h2', {}, 'Your password'), h('div', { class: 'narrow' }, passwordForm())),
	};
}
