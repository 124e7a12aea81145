// SPDX-License-Identifier: Apache-2.0
// What the machine has for guests: files, volumes, switches. Null where the hypervisor's API has no such list.
import { getIfThere } from './api.ts';

export interface File_ { name: string; bytes: number; [more: string]: unknown }
export interface Volume { name: string; kind: string; bytes: number; disk: string; in_use: boolean; filled_bytes?: number; fill_bytes?: number; [more: string]: unknown }
export interface Uplink { name: string; kind: string; mac: string; link: boolean; mbit: number }
export interface Switch { name: string; nat: boolean; uplink: Uplink | null; ports: Record<string, unknown>[] }
export interface HostDisk { name: string; bytes: number; granted: boolean; [more: string]: unknown }

// What a guest can have: not what is still erased or filled, or never was to its end.
export const isWhole = (v: Volume): boolean => v.kind !== 'new' && v.kind !== 'unfinished';

// How far it is instead of two numbers; where nothing is filled there is no such column.
export function withProgress(volumes: Volume[]): Record<string, unknown>[] {
	return volumes.map(({ filled_bytes: done, fill_bytes: all, ...rest }) =>
		done === undefined || all === undefined ? rest : { ...rest, progress: `${all ? Math.floor(done * 100 / all) : 100} %` });
}

// A list, or an object with the list as its only list.
export function listIn<T>(body: unknown): T[] | null {
	if (Array.isArray(body))
		return body as T[];
	if (body && typeof body === 'object')
		return (Object.values(body).find((v) => Array.isArray(v)) as T[] | undefined) ?? [];
	return null;
}

const list = async <T>(path: string): Promise<T[] | null> => listIn<T>(await getIfThere(path));

export const filesOf = (): Promise<File_[] | null> => list('/v1/files');
export const volumesOf = (): Promise<Volume[] | null> => list('/v1/volumes');
export const switchesOf = (): Promise<Switch[] | null> => list('/v1/switches');
export const disksOf = (): Promise<HostDisk[] | null> => list('/v1/disks');
