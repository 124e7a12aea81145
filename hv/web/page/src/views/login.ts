// SPDX-License-Identifier: Apache-2.0
// The way in: a password, or once the code that stands on the machine's console.
import { button, fill, h } from '../dom.ts';
import { ask, Problem, setSession, type Session } from '../api.ts';
import { field, Form } from '../fields.ts';

export function loginView(entered: () => void): HTMLElement {
	const box = h('main', { class: 'login', id: 'main' });

	async function enter(user: string, password: string): Promise<void> {
		setSession((await ask<Session>('POST', '/v1/login', { body: { user, password }, quiet: true })).body);
		entered();
	}

	function logIn(): void {
		const user = field('user', 'User', { autocomplete: 'username', required: true });
		const password = field('password', 'Password', { type: 'password', autocomplete: 'current-password', required: true });
		const form = new Form([user, password], 'Log in', async () => enter(user.value, password.value));

		fill(box, h('h1', {}, 'Bulkhead'), form.node, h('p', { class: 'faint' }, 'No account yet, or the password is lost? ',
			button('Enter the console\'s code', enrol, { class: 'link' })));
		user.focus();
	}

	function enrol(): void {
		const code = field('code', 'One-time code', { placeholder: 'XXXX-XXXX-XXXX-XXXX', required: true, autocomplete: 'off',
			hint: 'It stands on the machine\'s console (“web” in its shell; “web enrol” makes a new one).' });
		const user = field('user', 'User', { autocomplete: 'username', required: true });
		const password = field('password', 'Password', { type: 'password', autocomplete: 'new-password', required: true, hint: '10 to 128 bytes.' });
		const again = field('again', 'Password again', { type: 'password', autocomplete: 'new-password', required: true });
		const form = new Form([code, user, password, again], 'Make me administrator', async () => {
			if (again.value !== password.value)
				throw new Problem(422, 'this is not the same password', 'again');
			await ask('POST', '/v1/enrol', { body: { code: code.value.trim().toUpperCase(), user: user.value, password: password.value }, quiet: true });
			await enter(user.value, password.value);
		});

		fill(box, h('h1', {}, 'First administrator'), form.node, h('p', { class: 'faint' }, button('Back to log-in', logIn, { class: 'link' })));
		code.focus();
	}

	logIn();
	return box;
}
