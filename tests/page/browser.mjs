// SPDX-License-Identifier: Apache-2.0
// What all tests of the page share: a browser, an account, pictures, and a watch over what must never happen.
import { chromium } from 'playwright-core';
import fs from 'node:fs';

export const PASSWORD = 'correct horse battery';

export class Session {
	// options: url, code (of the console), pictures (a folder)
	static async begin(options) {
		const s = new Session();

		Object.assign(s, options);
		s.browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
			args: ['--no-sandbox', '--ignore-certificate-errors', '--disable-dev-shm-usage'] });
		s.wrong = [];
		fs.mkdirSync(s.pictures, { recursive: true });
		return s;
	}

	async open(width = 1280, height = 800, colours = 'light') {
		const context = await this.browser.newContext({ viewport: { width, height }, ignoreHTTPSErrors: true, colorScheme: colours });
		const page = await context.newPage();

		page.setDefaultTimeout(30_000);
		page.on('pageerror', (e) => this.wrong.push(`error: ${e.message}`));
		page.on('console', (m) => m.type() === 'error' && this.wrong.push(`console: ${m.text()}`));
		page.on('request', (r) => !/^(https|wss|blob|data):/.test(r.url()) || (/^(https|wss):/.test(r.url()) && new URL(r.url()).host !== new URL(this.url).host) ?
			this.wrong.push(`asks elsewhere: ${r.url()}`) : null);
		await page.goto(this.url);
		return page;
	}

	async enrol(page) {
		await page.getByRole('button', { name: /console's code/ }).click();
		await page.getByLabel('One-time code').fill(this.code);
		await page.getByLabel('User').fill('root');
		await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
		await page.getByLabel('Password again').fill(PASSWORD);
		await page.getByRole('button', { name: 'Make me administrator' }).click();
		await page.getByRole('heading', { name: 'Guests' }).waitFor();
	}

	async logIn(page, password = PASSWORD, user = 'root') {
		await page.getByLabel('User').fill(user);
		await page.getByLabel('Password').fill(password);
		await page.getByRole('button', { name: 'Log in' }).click();
	}

	async picture(page, name) {
		await page.screenshot({ path: `${this.pictures}/${name}.png` });
	}

	// Nothing may be wider than the window.
	async noSidewaysScroll(page, what) {
		const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

		if (wide > 0)
			throw new Error(`${what}: ${wide} pixels too wide`);
	}

	// A part of a test, with its name before whatever goes wrong in it.
	async step(name, f) {
		const began = Date.now();

		try {
			await f();
		} catch (e) {
			const pages = this.browser.contexts().flatMap((c) => c.pages());

			await Promise.allSettled(pages.map((p, i) => this.picture(p, `failed-${i}`)));
			throw new Error(`${name}: ${e.message}`);
		}
		this.steps = (this.steps ?? 0) + 1;
		console.log(`${name}: ${((Date.now() - began) / 1000).toFixed(1)} s`);
	}

	async end() {
		await this.browser.close();
	}
}

// Waits until f says true.
export async function until(what, f, seconds = 30) {
	const end = Date.now() + seconds * 1000;

	for (;;) {
		if (await f())
			return;
		if (Date.now() > end)
			throw new Error(`waited ${seconds} s for: ${what}`);
		await new Promise((r) => setTimeout(r, 200));
	}
}

export const go = (page, hash) => page.evaluate((h) => { location.hash = h; }, hash);
export const row = (page, guest) => page.locator(`tr[data-guest="${guest}"]`);
export const button = (where, name) => where.getByRole('button', { name, exact: true });
export const terminalText = (page) => page.evaluate(() => document.querySelector('.xterm-rows')?.innerText.replace(/\u00a0/g, ' ') ?? '');
