// SPDX-License-Identifier: Apache-2.0
// page.mjs URL CODE FOLDER: what a user does with the page, on a machine with the Linux guests left and right. Pictures go to FOLDER.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { button, go, PASSWORD, row, Session, terminalText, until } from './browser.mjs';

const WIRE_MAX = 250_000;
const [url, code, pictures] = process.argv.slice(2);
const s = await Session.begin({ url, code, pictures });
const token = `ci-${process.pid}`;
const step = (name, f) => s.step(name, f);

async function stateIs(page, guest, state) {
	await until(`${guest} ${state}`, async () => (await row(page, guest).locator('.badge').textContent()) === state, 90);
}

async function typed(page, command, answer) {
	await page.locator('.terminal textarea').focus();
	await page.keyboard.type(command, { delay: 15 });
	await page.keyboard.press('Enter');
	await until(`“${answer}” in the console`, async () => (await terminalText(page)).includes(answer));
}

const page = await s.open();
let bytes = 0;

await step('log-in is refused without an account', async () => {
	await s.logIn(page, 'wrong password');
	await page.getByRole('alert').filter({ hasText: /./ }).first().waitFor();
	await s.picture(page, 'log-in');
});
await step('enrol', async () => {
	await button(page, 'Enter the console\'s code').click();
	await page.getByLabel('One-time code').fill('AAAA-AAAA-AAAA-AAAA');
	await page.getByLabel('User').fill('root');
	await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
	await page.getByLabel('Password again').fill('another one');
	await button(page, 'Make me administrator').click();
	await page.locator('.field', { hasText: 'Password again' }).getByText('not the same').waitFor();	// beside the field
	await button(page, 'Back to log-in').click();
	await s.enrol(page);
});
await step('guests', async () => {
	await stateIs(page, 'left', 'running');
	await stateIs(page, 'right', 'running');
	await until('rates', async () => /\d/.test(await row(page, 'left').locator('.spark .number').first().textContent()));
});
await step('console: record, typing, search', async () => {
	await row(page, 'left').getByRole('link', { name: 'console' }).click();
	await until('the record', async () => (await terminalText(page)).includes('left: shell ready'), 60);
	await typed(page, 'echo sum-$((40+2))', 'sum-42');
	await page.getByLabel('Find in the record').fill('shell ready');
	await page.keyboard.press('Enter');
	await until('what was found is marked', () => page.locator('.xterm-selection div').count());
	await s.picture(page, 'console');
});
await step('kill, see why, start', async () => {
	await go(page, '#/guests');
	await button(row(page, 'right'), 'kill').click();
	await page.getByRole('dialog').getByRole('button', { name: 'kill' }).click();
	await stateIs(page, 'right', 'killed');
	await row(page, 'right').getByRole('link', { name: 'right' }).click();
	await page.getByRole('heading', { name: 'Why it died' }).waitFor();
	await page.getByText('GUEST-KILLED').first().waitFor();
	await s.picture(page, 'why');
	await until('start is offered', async () => button(page, 'start').isEnabled(), 60);
	await button(page, 'start').click();
	await go(page, '#/guests');
	await stateIs(page, 'right', 'running');
});
await step('stop, start', async () => {
	await button(row(page, 'right'), 'stop').click();
	await until('right rests', async () => button(row(page, 'right'), 'start').isEnabled(), 120);
	await button(row(page, 'right'), 'start').click();
	await stateIs(page, 'right', 'running');
});
await step('pause, resume', async () => {
	if (!await button(row(page, 'right'), 'pause').count())
		return;
	await button(row(page, 'right'), 'pause').click();
	await stateIs(page, 'right', 'paused');
	await button(row(page, 'right'), 'resume').click();
	await stateIs(page, 'right', 'running');
});
// A switch is chosen from a list where the hypervisor has one.
async function onSwitch(page, name) {
	const input = page.getByLabel('Switch');

	if (await input.evaluate((e) => e.tagName) === 'SELECT')
		await input.selectOption(name);
	else
		await input.fill(name);
}

await step('a new guest; a mistake stands beside its field', async () => {
	await page.getByRole('link', { name: 'New guest' }).click();
	await page.getByLabel('Name', { exact: true }).fill('third');
	await page.getByLabel('Memory').fill('64 MB');
	await page.getByLabel('Starts', { exact: true }).selectOption('linux');
	await page.getByLabel('Kernel').fill('vmlinuz');
	await page.getByLabel('Initrd').fill('initrd.img');
	await page.getByLabel('Command line').fill('console=ttyS0 quiet panic=1 bulkhead.name=third');
	await page.getByLabel('has a screen').uncheck();
	await button(page, 'Add a network device').click();
	await onSwitch(page, 'lan');
	await button(page, 'Create').click();
	await page.locator('.field', { has: page.getByLabel('Memory') }).locator('.wrong', { hasText: /MiB/ }).waitFor();
	await s.picture(page, 'mistake');
	await page.getByLabel('Memory').fill('128MiB');
	await button(page, 'Create').click();
	await page.getByRole('heading', { name: 'third' }).waitFor();
	await button(page, 'start').click();
	await page.getByRole('link', { name: 'Console' }).click();
	await until('its console', async () => (await terminalText(page)).includes('third: shell ready'), 120);
});
await step('a disk, another switch', async () => {
	await button(page, 'kill').click();
	await page.getByRole('dialog').getByRole('button', { name: 'kill' }).click();
	await until('it rests', async () => button(page, 'start').isEnabled(), 60);
	await page.getByRole('link', { name: 'Settings' }).click();
	await onSwitch(page, 'other');
	await button(page, 'Add a disk').click();
	await page.getByLabel('Disk from').selectOption('image');
	await page.locator('input[name="disk.0.volume"]').fill('disk.img');
	await s.picture(page, 'settings');
	await button(page, 'Save').click();
	await page.getByText('third is changed').waitFor();
	await button(page, 'start').click();
	await page.getByRole('link', { name: 'Console' }).click();
	await until('its console', async () => (await terminalText(page)).includes('third#'), 120);
	await typed(page, 'disks', 'DISK vda');
	await s.picture(page, 'third');
});
await step('all guests, at work', async () => {
	await go(page, '#/guests');
	await page.waitForTimeout(20_000);
	await s.picture(page, 'guests');
	await page.screenshot({ path: `${pictures}/page.png`, clip: { x: 0, y: 0, width: 1280, height: 340 } });	// docs/page.png
});
await step('delete', async () => {
	await button(row(page, 'third'), 'kill').click();
	await page.getByRole('dialog').getByRole('button', { name: 'kill' }).click();
	await until('it rests', async () => button(row(page, 'third'), 'start').isEnabled(), 60);
	await go(page, '#/guests/third/settings');
	await button(page, 'Delete this guest …').click();
	await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
	await page.getByRole('heading', { name: 'Guests' }).waitFor();
	await until('it is gone', async () => !(await row(page, 'third').count()));
});
await step('plan, log, audit, a token', async () => {
	await page.getByRole('link', { name: 'Plan' }).click();
	await page.getByRole('heading', { name: 'Cores' }).waitFor();
	const download = page.waitForEvent('download');
	await button(page, 'Download').click();
	assert.match(fs.readFileSync(await (await download).path(), 'utf8'), /\[guest\.left\]/);
	await s.picture(page, 'plan');
	await page.getByRole('link', { name: 'Log', exact: true }).click();
	await page.locator('.log').getByText('guest right: running').first().waitFor();
	await s.picture(page, 'log');
	await page.getByRole('link', { name: 'Audit' }).click();
	await page.getByText('/v1/guests/right/kill').first().waitFor();
	await page.getByRole('link', { name: 'Access' }).click();
	await button(page, 'New token').click();
	await page.getByLabel('Name').fill(token);
	await button(page, 'Make it').click();
	assert.ok((await page.locator('code.secret').textContent()).length > 30);
	await button(page, 'Close').click();
	await page.getByRole('cell', { name: token }).waitFor();
	await s.picture(page, 'access');
});
await step('a second browser, dark and narrow', async () => {
	const other = await s.open(360, 740, 'dark');

	await s.noSidewaysScroll(other, 'log-in');
	await s.logIn(other);
	await stateIs(other, 'left', 'running');
	for (const hash of ['#/guests', '#/guests/right', '#/guests/left/console', '#/plan', '#/network', '#/storage', '#/new', '#/log', '#/audit', '#/access']) {
		await go(other, hash);
		await other.waitForTimeout(1200);
		await s.noSidewaysScroll(other, hash);
		await s.picture(other, `narrow-${hash.replace(/^#./, '').replaceAll('/', '-')}`);
	}
	await go(page, '#/guests/left/console');
	await go(other, '#/guests/left/console');
	await until('the record in both', async () => (await terminalText(page)).includes('left#') && (await terminalText(other)).includes('left#'));
	await typed(page, 'echo both-$((1+1))', 'both-2');
	await until('seen by the other', async () => (await terminalText(other)).includes('both-2'));
	await other.locator('.terminal textarea').focus();
	await other.keyboard.type('x');
	await other.getByText('somebody else is typing').waitFor();
	await other.context().close();
});
await step('by keyboard only', async () => {
	const keys = await s.open();

	await keys.getByLabel('User').waitFor();
	await keys.keyboard.type('root');
	await keys.keyboard.press('Tab');
	await keys.keyboard.type(PASSWORD);
	await keys.keyboard.press('Enter');
	await row(keys, 'left').waitFor();
	const at = () => keys.evaluate(() => document.activeElement?.closest('tr')?.dataset.guest + ' ' + document.activeElement?.textContent);
	for (let i = 0; i < 60 && (await at()) !== 'left console'; i++)
		await keys.keyboard.press('Tab');
	assert.equal(await at(), 'left console');
	await keys.keyboard.press('Enter');
	await until('the record', async () => (await terminalText(keys)).includes('left#'), 60);
	await keys.waitForTimeout(11_000);		// whoever typed last has ten seconds
	await keys.keyboard.type('echo keys-$((2+2))\n');
	await until('typed without a mouse', async () => (await terminalText(keys)).includes('keys-4'));
	await keys.context().close();
});
await step('all of it weighs little, and comes once', async () => {
	const fresh = await s.open();
	const statuses = [];

	bytes = await fresh.evaluate(async () => {
		const files = ['/', ...['app.js', 'app.css', 'terminal.js', 'terminal.css', 'screen.js', 'icon.svg'].map((f) => `/page/${f}`)];
		const lengths = await Promise.all(files.map(async (f) => Number((await fetch(f, { cache: 'no-store' })).headers.get('content-length'))));

		return lengths.reduce((a, b) => a + b, 0);
	});
	assert.ok(bytes > 10_000 && bytes <= WIRE_MAX, `${bytes} bytes`);
	fresh.on('response', (r) => statuses.push(r.status()));
	await s.logIn(fresh);
	await row(fresh, 'left').waitFor();
	await fresh.reload();
	await row(fresh, 'left').waitFor();		// the session is still there
	await button(fresh, 'Log out').click();
	await fresh.getByLabel('Password').waitFor();
	await fresh.reload();
	await fresh.getByLabel('Password').waitFor();
	await fresh.context().close();
});
// A refused log-in, and lists that there are not, are told by the browser as well.
const wrong = s.wrong.filter((w) => !/status of (401|404|405|409|422|426)/.test(w));
assert.deepEqual(wrong, []);
await s.end();
console.log(`${s.steps} steps, page of ${bytes} bytes`);
process.exit(0);
