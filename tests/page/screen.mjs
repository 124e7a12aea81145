// SPDX-License-Identifier: Apache-2.0
// screen.mjs URL CODE FOLDER: a guest's screen by noVNC and what its firmware logs, on a machine with the guest pc, which shows
// UEFI's shell.
import assert from 'node:assert/strict';
import { Session, until } from './browser.mjs';

const [url, code, pictures] = process.argv.slice(2);
const s = await Session.begin({ url, code, pictures });
const page = await s.open();

// How many pixels of the screen are not black.
const lit = () => page.evaluate(() => {
	const c = document.querySelector('.screen canvas'), data = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
	let n = 0;

	for (let i = 0; i < data.length; i += 4)
		n += data[i] + data[i + 1] + data[i + 2] > 60;
	return n;
});

await s.enrol(page);
await page.getByRole('link', { name: 'pc', exact: true }).click();
await page.getByRole('link', { name: 'Firmware' }).click();
await page.getByText('read only').waitFor();
await page.getByText('only you look').waitFor();
await page.getByRole('link', { name: 'Screen' }).click();
await page.getByText('connected', { exact: true }).waitFor();
await until('the shell is on the screen', async () => (await lit()) > 500, 90);
await page.waitForTimeout(8000);		// its countdown ends
const before = await lit();
await page.locator('.screen canvas').click();
await page.keyboard.type('ver', { delay: 200 });
await until('what is typed is on the screen', async () => (await lit()) > before + 20, 30);
await s.picture(page, 'screen');
assert.deepEqual(s.wrong.filter((w) => !/status of 401/.test(w)), []);
await s.end();
console.log('screen and firmware log');
process.exit(0);
