/* SPDX-License-Identifier: Apache-2.0 */
/* kvmmini: the smallest useful KVM user-space monitor, for measuring KVM
 * itself rather than QEMU.  One vCPU, in-kernel irqchip, a UART that only
 * transmits, PVH entry of an ELF32 file.
 *   kvmmini [-m MiB] [-p] [-h|-s] file.elf [command line]
 *     -p  populate guest memory first   -h huge pages advised   -s small only
 *     -t  only print the TSC
 * Afterwards prints exit counts and its own resident size, then, if it is
 * init's last act (-x), stops the emulator (port 0xF4 and Bochs' 0x8900). */
#define _GNU_SOURCE
#include <elf.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <termios.h>
#include <unistd.h>

static uint8_t *ram;
static size_t ramsz = 128u << 20;
static char line[512];
static unsigned ll;

static uint64_t tsc(void)
{
	uint32_t a, d;
	__asm__ volatile("rdtsc" : "=a"(a), "=d"(d));
	return (uint64_t)d << 32 | a;
}
static void die(const char *w) { perror(w); exit(1); }
static int xioctl(int fd, unsigned long r, void *p, const char *w)
{
	int v = ioctl(fd, r, p);
	if (v < 0) die(w);
	return v;
}
static void catfile(const char *f, const char *keys)
{
	char l[256];
	FILE *h = fopen(f, "r");
	if (!h) return;
	while (fgets(l, sizeof l, h)) {
		char k[64] = "|";
		unsigned i = 1;
		for (; l[i - 1] && l[i - 1] != ':' && l[i - 1] != ' ' && i < 60; i++) k[i] = l[i - 1];
		k[i] = '|'; k[i + 1] = 0;
		if (!keys || strstr(keys, k)) printf("VMM %s %s", f, l);
	}
	fclose(h);
}
static void stats(int vcpu)
{
	int fd = ioctl(vcpu, KVM_GET_STATS_FD, 0);
	struct kvm_stats_header h;
	if (fd < 0 || pread(fd, &h, sizeof h, 0) != sizeof h) return;
	size_t es = sizeof(struct kvm_stats_desc) + h.name_size;
	for (unsigned i = 0; i < h.num_desc; i++) {
		char b[256];
		struct kvm_stats_desc *d = (void *)b;
		uint64_t v;
		if (pread(fd, b, es, h.desc_offset + i * es) != (ssize_t)es) return;
		if (d->size != 1 || pread(fd, &v, 8, h.data_offset + d->offset) != 8) continue;
		if (v) printf("VMM stat %s %llu\n", d->name, (unsigned long long)v);
	}
}
static void uart_out(uint8_t c)
{
	line[ll++] = c;
	if (c == '\n' || ll == sizeof line) {
		if (write(1, line, ll) < 0) { }
		ll = 0;
	}
}

int main(int ac, char **av)
{
	int c, populate = 0, adv = 0, stop = 0;
	uint64_t t_start = tsc();
	while ((c = getopt(ac, av, "+m:phsxt")) != -1) switch (c) {
	case 'm': ramsz = (size_t)atoi(optarg) << 20; break;
	case 'p': populate = 1; break;
	case 'h': adv = MADV_HUGEPAGE; break;
	case 's': adv = MADV_NOHUGEPAGE; break;
	case 'x': stop = 1; break;
	case 't': printf("VMM tsc now %llu\n", (unsigned long long)tsc()); return 0;
	default: return 2;
	}
	if (stop) goto out;
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (kvm < 0) { perror("/dev/kvm"); goto out; }
	int vm = xioctl(kvm, KVM_CREATE_VM, 0, "create vm");
	uint64_t ident = 0xfffbc000;
	xioctl(vm, KVM_SET_TSS_ADDR, (void *)0xfffbd000, "tss");
	xioctl(vm, KVM_SET_IDENTITY_MAP_ADDR, &ident, "ident");
	xioctl(vm, KVM_CREATE_IRQCHIP, 0, "irqchip");
	/* 2 MiB aligned, so that huge pages can back it */
	uint8_t *raw = mmap(0, ramsz + (2u << 20), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (raw == MAP_FAILED) die("mmap");
	ram = (uint8_t *)(((uintptr_t)raw + 0x1fffff) & ~0x1fffffUL);
	if (adv) madvise(ram, ramsz, adv);
	if (populate) memset(ram, 0, ramsz);
	struct kvm_userspace_memory_region mr = { .memory_size = ramsz, .userspace_addr = (uintptr_t)ram };
	xioctl(vm, KVM_SET_USER_MEMORY_REGION, &mr, "memory");

	/* the file */
	int fd = open(av[optind], O_RDONLY);
	Elf32_Ehdr eh;
	if (fd < 0 || read(fd, &eh, sizeof eh) != sizeof eh || memcmp(eh.e_ident, ELFMAG, 4)) die(av[optind]);
	for (int i = 0; i < eh.e_phnum; i++) {
		Elf32_Phdr ph;
		if (pread(fd, &ph, sizeof ph, eh.e_phoff + i * eh.e_phentsize) != sizeof ph) die("phdr");
		if (ph.p_type == PT_LOAD && pread(fd, ram + ph.p_paddr, ph.p_filesz, ph.p_offset) < 0) die("load");
	}
	/* hvm_start_info, command line, one memory-map entry */
	uint8_t *si = ram + 0x7000;
	memset(si, 0, 0x1000);
	*(uint32_t *)si = 0x336ec578;
	*(uint32_t *)(si + 4) = 1;
	*(uint64_t *)(si + 24) = 0x7100;
	*(uint64_t *)(si + 40) = 0x7800;
	*(uint32_t *)(si + 48) = 1;
	*(uint64_t *)(si + 0x808) = ramsz;
	*(uint32_t *)(si + 0x810) = 1;
	for (int i = optind + 1; i < ac; i++) { strcat((char *)si + 0x100, av[i]); if (i + 1 < ac) strcat((char *)si + 0x100, " "); }

	int vcpu = xioctl(vm, KVM_CREATE_VCPU, 0, "vcpu");
	int rsz = xioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0, "mmap size");
	struct kvm_run *run = mmap(0, rsz, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
	struct { struct kvm_cpuid2 h; struct kvm_cpuid_entry2 e[120]; } cp = { .h.nent = 120 };
	xioctl(kvm, KVM_GET_SUPPORTED_CPUID, &cp, "cpuid");
	for (unsigned i = 0; i < cp.h.nent; i++)
		if (cp.e[i].function == 1) {
			cp.e[i].ecx |= 1u << 31;
			if (ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_TSC_DEADLINE_TIMER) > 0) cp.e[i].ecx |= 1u << 24;
		}
	xioctl(vcpu, KVM_SET_CPUID2, &cp, "set cpuid");
	struct kvm_sregs s;
	xioctl(vcpu, KVM_GET_SREGS, &s, "sregs");
	struct kvm_segment d = { .limit = 0xffffffff, .selector = 16, .type = 3, .present = 1, .db = 1, .s = 1, .g = 1 };
	s.ds = s.es = s.fs = s.gs = s.ss = d;
	d.type = 11; d.selector = 8; s.cs = d;
	s.tr = (struct kvm_segment){ .limit = 0x67, .type = 11, .present = 1 };
	s.cr0 = 0x11; s.cr4 = 0; s.efer = 0;
	xioctl(vcpu, KVM_SET_SREGS, &s, "set sregs");
	struct kvm_regs r = { .rip = eh.e_entry, .rbx = 0x7000, .rflags = 2 };
	xioctl(vcpu, KVM_SET_REGS, &r, "regs");

	uint64_t exits = 0, io = 0, mmio = 0;
	printf("VMM tsc: monitor start %llu, first KVM_RUN %llu\n", (unsigned long long)t_start, (unsigned long long)tsc());
	fflush(stdout);
	for (;;) {
		if (ioctl(vcpu, KVM_RUN, 0) < 0) die("run");
		exits++;
		if (run->exit_reason == KVM_EXIT_IO) {
			uint8_t *p = (uint8_t *)run + run->io.data_offset;
			io++;
			for (unsigned i = 0; i < run->io.count; i++, p += run->io.size) {
				if (run->io.direction == KVM_EXIT_IO_OUT) {
					if (run->io.port == 0x3f8) uart_out(*p);
					else if (run->io.port == 0xf4) goto done;
				} else
					memset(p, run->io.port == 0x3fd ? 0x60 : 0xff, run->io.size);
			}
		} else if (run->exit_reason == KVM_EXIT_MMIO) {
			mmio++;
			if (!run->mmio.is_write) memset(run->mmio.data, 0xff, 8);
		} else {
			xioctl(vcpu, KVM_GET_REGS, &r, "regs");
			printf("VMM exit reason %d rip %llx hw %llx\n", run->exit_reason, r.rip, run->hw.hardware_exit_reason);
			break;
		}
	}
done:
	printf("VMM exits to user space %llu, of them io %llu mmio %llu; tsc now %llu\n", (unsigned long long)exits, (unsigned long long)io, (unsigned long long)mmio, (unsigned long long)tsc());
	catfile("/proc/self/status", "|VmRSS|RssAnon|RssFile|");
	catfile("/proc/meminfo", "|MemTotal|MemFree|MemAvailable|AnonHugePages|Slab|KernelStack|PageTables|SecPageTables|Percpu|");
	stats(vcpu);
	stats(vm);
out:
	fflush(stdout);
	if (stop) {
		for (int i = 0; i < 6000; i++) putchar(i % 60 == 59 ? '\n' : '.');	/* push out Bochs' file buffer */
		fflush(stdout);
		tcdrain(1);
		usleep(200000);
		if (iopl(3)) die("iopl");
		for (const char *w = "Shutdown"; *w; w++) outb(*w, 0x8900);
		outb(0, 0xf4);
	}
	return 0;
}
