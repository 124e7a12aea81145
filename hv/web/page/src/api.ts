// SPDX-License-Identifier: Apache-2.0
// The REST API, as /openapi.json describes it. What it refuses comes as problem details (RFC 9457).

export interface Mistake { id: string; key: string; detail: string }

export class Problem extends Error {
	// errors: all mistakes that were found, where there is more than one
	constructor(readonly status: number, readonly detail: string, readonly key = '', readonly errors: Mistake[] = []) {
		super(detail);
	}
}

export interface Session { user: string; role: 'viewer' | 'operator' | 'admin'; guests?: string; csrf: string }

export interface Answer<T> { body: T; etag: string; status: number }

let session: Session | null = null;
let gone: () => void = () => {};

export const who = (): Session | null => session;
export const may = (role: Session['role']): boolean => {
	const order = ['viewer', 'operator', 'admin'];

	return !!session && order.indexOf(session.role) >= order.indexOf(role);
};

// The account is for some guests, and not for the machine.
export const limited = (): boolean => !!session?.guests;

// What to do when the session has ended.
export function onSessionEnd(f: () => void): void {
	gone = f;
}

export function setSession(s: Session | null): void {
	session = s;
}

function problemOf(status: number, text: string): Problem {
	try {
		const p = JSON.parse(text);

		return new Problem(status, p.detail || p.title || `refused (${status})`, p.key || '', Array.isArray(p.errors) ? p.errors : []);
	} catch {
		return new Problem(status, text.slice(0, 200) || `refused (${status})`);
	}
}

export interface Options { body?: unknown; text?: string; type?: string; match?: string; quiet?: boolean }

export async function ask<T>(method: string, path: string, o: Options = {}): Promise<Answer<T>> {
	const headers: Record<string, string> = {};

	if (session && method !== 'GET')
		headers['X-CSRF-Token'] = session.csrf;
	if (o.body !== undefined || o.text !== undefined)
		headers['Content-Type'] = o.type ?? 'application/json';
	if (o.match)
		headers['If-Match'] = o.match;
	let r: Response;
	try {
		r = await fetch(path, { method, headers, body: o.text ?? (o.body === undefined ? undefined : JSON.stringify(o.body)) });
	} catch {
		throw new Problem(0, 'the hypervisor does not answer');
	}
	const text = await r.text();
	if (!r.ok) {
		if (r.status === 401 && session && !o.quiet) {
			session = null;
			gone();
		}
		throw problemOf(r.status, text);
	}
	const json = /json/.test(r.headers.get('Content-Type') ?? '');
	return { body: (json && text ? JSON.parse(text) : text) as T, etag: r.headers.get('ETag') ?? '', status: r.status };
}

export const get = async <T>(path: string): Promise<T> => (await ask<T>('GET', path)).body;
export const post = async <T>(path: string, body: unknown = {}): Promise<T> => (await ask<T>('POST', path, { body })).body;
export const remove = async (path: string): Promise<void> => void await ask('DELETE', path);

// The functions that this hypervisor has: "POST /v1/guests/{name}/pause".
let functions = new Set<string>();

export async function readFunctions(): Promise<void> {
	const { paths } = await get<{ paths: Record<string, Record<string, unknown>> }>('/openapi.json');

	functions = new Set(Object.entries(paths).flatMap(([path, methods]) => Object.keys(methods).map((m) => `${m.toUpperCase()} ${path}`)));
}

export const offers = (what: string): boolean => functions.has(what);

// What is not part of this hypervisor's API: null instead of an error.
export async function getIfThere<T>(path: string): Promise<T | null> {
	try {
		return await get<T>(path);
	} catch (e) {
		if (e instanceof Problem && (e.status === 404 || e.status === 405 || e.status === 501))
			return null;
		throw e;
	}
}

// A file goes up; heard() gets the part that has gone, 0 to 1. Ends when the hypervisor has all of it.
export function upload(path: string, file: Blob, heard: (part: number) => void, cancel?: AbortSignal): Promise<void> {
	return new Promise((done, fail) => {
		const r = new XMLHttpRequest();

		r.open('PUT', path);
		r.setRequestHeader('Content-Type', 'application/octet-stream');
		if (session)
			r.setRequestHeader('X-CSRF-Token', session.csrf);
		r.upload.onprogress = (e) => e.lengthComputable && heard(e.loaded / e.total);
		r.onload = () => (r.status < 300 ? done() : fail(problemOf(r.status, r.responseText)));
		r.onerror = () => fail(new Problem(0, 'the upload was cut off'));
		r.onabort = () => fail(new Problem(0, 'the upload was cancelled'));
		cancel?.addEventListener('abort', () => r.abort());
		r.send(file);
	});
}

export function socket(path: string, protocols: string[] = []): WebSocket {
	const s = new WebSocket(`wss://${location.host}${path}`, protocols);

	s.binaryType = 'arraybuffer';
	return s;
}
