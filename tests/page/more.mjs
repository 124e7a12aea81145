// SPDX-License-Identifier: Apache-2.0
// more.mjs URL CODE FOLDER ISO FILE: what changes a machine by the page: volumes, uploads, a guest from an ISO, disks, switches, the plan.
// The ten tasks of an operator are counted: at most four clicks each from the start page. On a machine with the Linux guest left, the
// guest fw that is off, and an empty disk of its own. Pictures go to FOLDER.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { button, go, row, Session, terminalText, until } from './browser.mjs';

const CLICKS_MAX = 4;
const [url, code, pictures, iso, large] = process.argv.slice(2);
const s = await Session.begin({ url, code, pictures });
const counted = [];
const step = (name, f) => s.step(name, f);
const link = (where, name) => where.getByRole('link', { name, exact: true });
const badge = (p, guest) => row(p, guest).locator('.badge').textContent();
const said = (what, text, seconds = 90) => until(`“${text}” in the console of ${what}`, async () => (await terminalText(page)).includes(text), seconds);

// One of the ten: f gets a click that counts. Typing costs nothing; choosing from a list is a click.
async function task(name, f) {
	await step(name, async () => {
		let n = 0;

		await go(page, '#/guests');
		await row(page, 'left').waitFor();
		await f({
			click: async (l) => { n++; await l.click(); },
			choose: async (l, value) => { n++; await l.selectOption(value); },
			files: async (l, f_) => { n++; await l.setInputFiles(f_); },
		});
		counted.push(`${name} ${n}`);
		assert.ok(n <= CLICKS_MAX, `${n} clicks`);
	});
}

async function killed(guest) {
	await go(page, '#/guests');
	await button(row(page, guest), 'kill').click();
	await page.getByRole('dialog').getByRole('button', { name: 'kill' }).click();
	await until(`${guest} rests`, async () => button(row(page, guest), 'start').isEnabled(), 90);
}

const page = await s.open();

await step('enrol', () => s.enrol(page));
await step('a volume; a mistake stands beside its field', async () => {
	await link(page, 'Storage').click();
	await button(page, 'New volume').click();
	const dialog = page.getByRole('dialog');

	await dialog.getByLabel('Name').fill('web');
	await dialog.getByLabel('Size').fill('8 apples');
	await button(dialog, 'Create').click();
	await dialog.locator('.field', { has: page.getByLabel('Size') }).locator('.wrong', { hasText: /./ }).waitFor();
	await s.picture(page, 'more-volume-mistake');
	await dialog.getByLabel('Size').fill('8MiB');
	await button(dialog, 'Create').click();
	await page.getByRole('cell', { name: 'web', exact: true }).waitFor();
	assert.equal(await dialog.count(), 0);
	await page.getByRole('row', { name: /^web volume / }).waitFor();		// it was erased
});
await step('an upload shows how far it is; one that is cancelled leaves nothing', async () => {
	const line = page.locator(`.upload[data-file="${path.basename(large)}"]`), seen = new Set();

	await page.getByLabel('Files to upload').setInputFiles(large);
	await until('the upload', async () => {
		const at = Number(await line.locator('progress').getAttribute('value').catch(() => '0')), text = await line.locator('.number').textContent();

		if (at > 0 && at < 1 && /^\d+ %, .*\/s$/.test(text) && !seen.size)
			await s.picture(page, 'more-upload');
		if (at > 0 && at < 1)
			seen.add(text);
		return text === 'done';
	}, 180);
	assert.ok(seen.size >= 2, `its progress was seen ${seen.size} times`);
	await page.getByRole('cell', { name: path.basename(large) }).waitFor();
	const other = `${path.dirname(large)}/cancelled.img`, second = page.locator('.upload[data-file="cancelled.img"]');

	fs.copyFileSync(large, other);
	await page.getByLabel('Files to upload').setInputFiles(other);
	await until('it is on its way', async () => Number(await second.locator('progress').getAttribute('value')) > 0);
	await button(second, 'Cancel').click();
	await second.getByText('the upload was cancelled').waitFor();
	await until('nothing of it is left', async () => page.evaluate(async () =>
		!(await (await fetch('/v1/files')).json()).some((f) => f.name === 'cancelled.img')), 60);
	await s.picture(page, 'more-storage');
});
await task('open a console', async (t) => {
	await t.click(link(row(page, 'left'), 'console'));
	await said('left', 'left: shell ready', 150);
});
await task('stop it', async (t) => {
	await t.click(button(row(page, 'left'), 'stop'));
	await until('left rests', async () => button(row(page, 'left'), 'start').isEnabled(), 150);
});
await task('start it', async (t) => {
	await t.click(button(row(page, 'left'), 'start'));
	await until('left runs', async () => (await badge(page, 'left')) === 'running', 60);
});
await step('it is killed', () => killed('left'));
await task('see why it died', async (t) => {
	await t.click(link(row(page, 'left'), 'left'));
	await page.getByRole('heading', { name: 'Why it died' }).waitFor();
	await page.getByText('GUEST-KILLED').first().waitFor();
});
await task('add a disk', async (t) => {
	await t.click(link(row(page, 'left'), 'left'));
	await t.click(link(page, 'Settings'));
	await t.click(button(page, 'Add a disk'));
	await page.keyboard.press('Tab');
	await page.keyboard.type('web');
	await s.picture(page, 'more-disk');
	await t.click(button(page, 'Save'));
	await page.getByText('left is changed').waitFor();
});
await task('move it to another switch', async (t) => {
	await t.click(link(row(page, 'left'), 'left'));
	await t.click(link(page, 'Settings'));
	await t.choose(page.getByLabel('Switch'), 'other');
	await t.click(button(page, 'Save'));
	await page.getByText('left is changed').waitFor();
});
await step('it has both', async () => {
	await go(page, '#/network');
	await page.locator('.card', { has: page.getByRole('heading', { name: /^other/ }) }).getByRole('cell', { name: /left/ }).first().waitFor();
	await s.picture(page, 'more-network');
	await go(page, '#/guests');
	await button(row(page, 'left'), 'start').click();
	await link(row(page, 'left'), 'console').click();
	await said('left', 'left# ', 150);
	await page.locator('.terminal textarea').focus();
	await page.keyboard.type('disks\n', { delay: 15 });
	await said('left', 'DISK vda');
});
await task('make a guest from an ISO', async (t) => {
	await t.click(link(page, 'New guest'));
	await until('the name is what is typed', () => page.evaluate(() => document.activeElement?.getAttribute('name') === 'name'));
	await page.keyboard.type('disc');
	await t.click(button(page, 'Upload a file …'));
	await t.files(page.getByRole('dialog').getByLabel('Files to upload'), iso);
	await until('the window closes by itself', async () => !(await page.getByRole('dialog').count()), 90);
	assert.equal(await page.getByLabel('CD (ISO)').inputValue(), path.basename(iso));
	await page.getByLabel('Memory').fill('256MiB');
	await s.picture(page, 'more-iso');
	await t.click(button(page, 'Create'));
	await page.getByRole('heading', { name: 'disc' }).waitFor();
});
await step('it starts from it', async () => {
	await button(page, 'start').click();
	await link(page, 'Console').click();
	await said('disc', 'this is the disc', 180);
	await link(page, 'Screen').click();
	await page.getByText('connected', { exact: true }).waitFor();
	await page.waitForTimeout(3000);
	await s.picture(page, 'more-disc');
	await killed('disc');
});
await task('download the plan', async (t) => {
	await t.click(link(page, 'Plan'));
	const download = page.waitForEvent('download');

	await t.click(button(page, 'Download'));
	const text = fs.readFileSync(await (await download).path(), 'utf8');
	for (const part of ['[guest.disc]', `cdrom = "${path.basename(iso)}"`, 'volume = "web"', 'switch = "other"'])
		assert.ok(text.includes(part), `${part} is not in ${text}`);
});
await step('the plan is edited: a mistake, what would change, then the change', async () => {
	const area = page.getByRole('dialog').locator('textarea');

	await button(page, 'Edit …').click();
	await until('its text', async () => (await area.inputValue()).includes('[guest.fw]'));
	const text = await area.inputValue(), at = text.indexOf('[guest.fw]'), change = (memory) =>
		text.slice(0, at) + text.slice(at).replace(/memory = "\w+"/, `memory = "${memory}"`);

	await area.fill(change('7 apples'));
	await button(page, 'Apply …').click();
	await page.getByRole('dialog').locator('.wrong', { hasText: /./ }).waitFor();
	await s.picture(page, 'more-plan-mistake');
	await area.fill(text);
	await button(page, 'Apply …').click();
	await page.getByText('nothing would change').waitFor();
	await area.fill(change('96MiB'));
	await button(page, 'Apply …').click();
	const ask = page.getByRole('dialog', { name: 'Apply this plan?' });

	await ask.getByText(/fw: memory .*64MiB.* → .*96MiB/).waitFor();
	await s.picture(page, 'more-plan-change');
	await button(ask, 'Cancel').click();
	assert.match(await page.evaluate(async () => (await (await fetch('/v1/guests/fw')).json()).plan.memory), /^64MiB$/);
	await button(page, 'Apply …').click();
	await button(ask, 'Apply').click();
	await page.getByText('The plan is being applied').waitFor();
	await until('its window closes', async () => !(await page.getByRole('dialog').count()));
	await go(page, '#/guests');
	await until('fw has it', async () => (await row(page, 'fw').textContent()).includes('96 MiB'), 60);
});
await task('read the audit log', async (t) => {
	await t.click(link(page, 'Audit'));
	for (const what of ['/v1/volumes', '/v1/guests/left/kill', '/v1/plan', `/v1/files/${path.basename(iso)}`])
		await page.getByText(what).first().waitFor();
	await s.picture(page, 'more-audit');
});
await task('make a token', async (t) => {
	await t.click(link(page, 'Access'));
	await t.click(button(page, 'New token'));
	await page.keyboard.type('backup');
	await t.click(button(page, 'Make it'));
	assert.ok((await page.locator('code.secret').textContent()).length > 30);
	await button(page, 'Close').click();
});
await step('the rights of a token are changed', async () => {
	const line = page.getByRole('row', { name: /^backup / }), dialog = page.getByRole('dialog');

	await button(line, 'Rights').click();
	await dialog.getByLabel('Role').selectOption('admin');
	await dialog.getByLabel('Guests').fill('left');
	await button(dialog, 'Change').click();
	await dialog.locator('.field', { has: page.getByLabel('Guests') }).locator('.wrong', { hasText: /./ }).waitFor();
	await dialog.getByLabel('Role').selectOption('operator');
	await button(dialog, 'Change').click();
	await page.getByRole('row', { name: /^backup operator left / }).waitFor();
	assert.equal(await dialog.count(), 0);
});
await step('two change one guest: the second is told', async () => {
	const other = await s.open();

	await s.logIn(other);
	await row(other, 'fw').waitFor();
	await go(other, '#/guests/fw/settings');
	await other.getByLabel('Memory').fill('64MiB');
	await go(page, '#/guests/fw/settings');
	await page.getByLabel('Memory').fill('128MiB');
	await button(page, 'Save').click();
	await page.getByText('fw is changed').waitFor();
	await button(other, 'Save').click();
	await other.getByText('somebody else has changed this guest').waitFor();
	await s.picture(other, 'more-two');
	await until('and sees it', async () => { await go(other, '#/guests'); return (await row(other, 'fw').textContent()).includes('128 MiB'); });
	await other.context().close();
});
await step('by keyboard only: a user is made', async () => {
	const keys = await s.open(), at = () => keys.evaluate(() => document.activeElement?.textContent ?? '');
	const tabTo = async (name) => {
		for (let i = 0; i < 80 && (await at()) !== name; i++)
			await keys.keyboard.press('Tab');
		assert.equal(await at(), name);
		await keys.keyboard.press('Enter');
	};

	await s.logIn(keys);
	await row(keys, 'left').waitFor();
	await tabTo('Access');
	await button(keys, 'New user').waitFor();
	await tabTo('New user');
	await keys.keyboard.type('guard');
	await keys.keyboard.press('Tab');
	await keys.keyboard.type('a long enough password');
	await keys.keyboard.press('Enter');
	await keys.getByRole('cell', { name: 'guard' }).waitFor();
	await keys.context().close();
});
await step('a user of one guest sees that one and nothing of the machine', async () => {
	const other = await s.open(), password = 'another long password';

	await go(page, '#/access');
	await button(page, 'New user').click();
	await page.getByLabel('Name', { exact: true }).fill('ann');
	await page.getByRole('dialog').getByLabel('Password').fill(password);
	await page.getByRole('dialog').getByLabel('Guests').fill('left no/name');
	await button(page, 'Add').click();
	await page.getByText('names of guests, with blanks between them').waitFor();
	await page.getByRole('dialog').getByLabel('Guests').fill('left');
	await button(page, 'Add').click();
	await page.getByRole('cell', { name: 'ann' }).waitFor();
	await s.picture(page, 'more-access');
	await s.logIn(other, password, 'ann');
	await row(other, 'left').waitFor();
	assert.equal(await row(other, 'fw').count(), 0);
	assert.equal(await link(other, 'Plan').count() + await link(other, 'Log').count(), 0);
	await go(other, '#/guests/left/console');
	await until('the record of left', async () => (await terminalText(other)).includes('shell ready'), 90);
	await s.picture(other, 'more-one-guest');
	await other.context().close();
});
await step('narrow', async () => {
	const narrow = await s.open(360, 740, 'dark');

	await s.logIn(narrow);
	await row(narrow, 'left').waitFor();
	for (const [hash, open] of [['#/storage', 'New volume'], ['#/guests/left/settings', 'Upload a file …'], ['#/plan', 'Edit …'], ['#/access', 'New token'], ['#/network', ''], ['#/audit', '']]) {
		await go(narrow, hash);
		await narrow.waitForTimeout(1000);
		await s.noSidewaysScroll(narrow, hash);
		if (open) {
			await button(narrow, open).click();
			await narrow.getByRole('dialog').waitFor();
			await s.noSidewaysScroll(narrow, `${hash}, ${open}`);
			const wide = await narrow.getByRole('dialog').evaluate((d) => d.getBoundingClientRect().right - innerWidth);
			assert.ok(wide <= 0, `${hash}, ${open}: ${wide} pixels too wide`);
		}
		await s.picture(narrow, `more-narrow-${hash.replace(/^#./, '').replaceAll('/', '-')}`);
		await narrow.keyboard.press('Escape');
	}
	await narrow.context().close();
});
// What was refused on purpose is told by the browser as well.
assert.deepEqual(s.wrong.filter((w) => !/status of (401|404|405|409|412|422|426)/.test(w)), []);
await s.end();
console.log(`${s.steps} steps; clicks: ${counted.join(', ')}`);
process.exit(0);
