/* SPDX-License-Identifier: MIT */
/*
 * patch.c - see patch.h.
 *
 * A site is "b8 NR NR NR NR 0f 05", mov $NR,%eax; syscall, perhaps with other instructions between (displace.h). Only the
 * mov is overwritten, by a jump: a thread that waits on the syscall instruction, or code that jumps to it, finds it as it
 * was. Text is written through /proc/self/mem, which leaves the VMAs as they are; mprotect would split them for good.
 *
 * libc's calls do not trap. So every system-call instruction in its text is accounted for: it is patched, or it can't have a
 * number that matters (numbers.h), or its number is looked at whenever it is reached (the dynamic slots). Where that can't be,
 * the patching is not complete, and all of libc's calls trap.
 */
#include "patch.h"

#include <dlfcn.h>
#include <emmintrin.h>
#include <errno.h>
#include <link.h>
#include <string.h>
#include <unistd.h>

#include "displace.h"
#include "gate.h"
#include "numbers.h"
#include "recorder.h"
#include "sys.h"
#include "writer.h"

#include "inject.h"

#define CALL_SIZE 2
#define JUMP_SIZE 5
#define LOOK_BACK 24 /* bytes before a syscall instruction in which its number may be loaded */
#define NR_SITES 192
#define FUNCTION_ROOM ((sizeof(struct vmsc_function) + VMSC_PAGE_SIZE - 1) & ~(VMSC_PAGE_SIZE - 1))
#define ANY_NUMBER 0xffff /* in a site's record */
#define EXIT_GROUP_WITHIN 32 /* bytes of _exit in which its number must occur */

struct site {
	uint64_t addr;
	uint16_t nr, patched;
	const char *module;
};

struct module {
	const char *name;
	const unsigned char *table; /* of its functions, for unwinders; NULL: its calls need not be accounted for */
	struct vmsc_function *function; /* the last that was looked at */
};

static struct site sites[NR_SITES] = { { .nr = 0 } };
static uint32_t nr_sites = 0, nr_slots = 0, nr_clone_slots = 0, nr_wait_slots = 0, nr_dynamic_slots = 0;
static uint32_t nr_patched = 0, nr_missed = 0;
static bool rewrote_protection = false;
static int memory = -1; /* /proc/self/mem, while sites are patched */

static void note(const unsigned char *at, uint16_t nr, bool patched, const char *module)
{
	nr_patched += patched;
	nr_missed += !patched;
	if (!patched && vmsc_rec.options.capture != VMSC_CAPTURE_FULL)
		vmsc_problem(VMSC_NOT_RECORDED "calls by a site of libc that could not be patched; see the site records");
	else if (!patched)
		vmsc_problem("a system-call site of libc could not be patched; see the site records");
	if (nr_sites < NR_SITES)
		sites[nr_sites++] = (struct site){ (uintptr_t)at, nr, patched, module };
}

static bool write_by_mprotect(uint64_t at, const void *bytes, size_t size)
{
	uint64_t page = at & ~(VMSC_PAGE_SIZE - 1);
	size_t span = (at + size - page + VMSC_PAGE_SIZE - 1) & ~(VMSC_PAGE_SIZE - 1);

	if (sys3(SYS_mprotect, page, span, PROT_READ | PROT_WRITE | PROT_EXEC))
		return false;
	memcpy((void *)(uintptr_t)at, bytes, size);
	sys3(SYS_mprotect, page, span, PROT_READ | PROT_EXEC);
	if (!rewrote_protection)
		vmsc_problem("libc's text was patched by mprotect, which split its VMAs");
	rewrote_protection = true;
	return true;
}

static int open_memory(void)
{
	return sys_open("/proc/self/mem", O_RDWR | O_CLOEXEC, 0);
}

bool vmsc_patch_write(uint64_t at, const void *bytes, size_t size)
{
	int fd = memory >= 0 ? memory : open_memory();
	bool is_written = fd >= 0 && sys_pwrite(fd, bytes, size, at) == (long)size;

	if (fd >= 0 && fd != memory)
		sys_close(fd);
	if (!is_written && !write_by_mprotect(at, bytes, size))
		return false;
	return !memcmp((const void *)(uintptr_t)at, bytes, size);
}

bool vmsc_patch_jump(uint64_t at, const char *target)
{
	int64_t distance = (int64_t)((uintptr_t)target - at) - JUMP_SIZE;
	int32_t near = distance;
	unsigned char jump[JUMP_SIZE] = { 0xe9 };

	if (near != distance)
		return false;
	memcpy(jump + 1, &near, sizeof(near));
	return vmsc_patch_write(at, jump, sizeof(jump));
}

static bool write_jump(const unsigned char *at, const char *target)
{
	return vmsc_patch_jump((uintptr_t)at, target);
}

/* The number is loaded at @site; the system call is at @at, right behind or after some other instructions. */
static bool redirect(const unsigned char *site, const unsigned char *at, const char *slot)
{
	uint64_t copy;

	if (at == site + JUMP_SIZE)
		return write_jump(site, slot);
	copy = vmsc_displace(site + JUMP_SIZE, at, slot);
	return copy && write_jump(site, (const char *)(uintptr_t)copy);
}

static bool patch_clone(const unsigned char *site, const unsigned char *at, uint16_t nr)
{
	uint32_t slot = nr_clone_slots;

	if (slot >= VMSC_NR_CLONE_SLOTS)
		return false;
	vmsc_clone_return[slot] = (uintptr_t)(at + CALL_SIZE);
	vmsc_clone_number[slot] = nr;
	nr_clone_slots++;
	return redirect(site, at, vmsc_clone_slots + slot * VMSC_CLONE_SLOT_SIZE);
}

static bool patch_wait(const unsigned char *site, const unsigned char *at, uint16_t nr)
{
	uint32_t slot = nr_wait_slots;

	if (slot >= VMSC_NR_WAIT_SLOTS)
		return false;
	vmsc_wait_return[slot] = (uintptr_t)(at + CALL_SIZE);
	vmsc_wait_number[slot] = nr;
	nr_wait_slots++;
	return redirect(site, at, vmsc_wait_slots + slot * VMSC_WAIT_SLOT_SIZE);
}

static bool patch_plain(const unsigned char *site, const unsigned char *at, uint16_t nr)
{
	uint32_t slot = nr_slots;

	if (slot >= VMSC_NR_SLOTS)
		return false;
	vmsc_slot_return[slot] = (uintptr_t)(at + CALL_SIZE);
	vmsc_slot_number[slot] = nr;
	nr_slots++;
	return redirect(site, at, vmsc_slots + slot * VMSC_SLOT_SIZE);
}

static bool is_wanted(uint32_t nr)
{
	if (nr >= VMSC_NR_CAPTURED || !vmsc_captured[nr])
		return false;
	return vmsc_rec.options.capture == VMSC_CAPTURE_FULL || !vmsc_gate_is_signal(nr);
}

/* Is a number loaded into eax at @at? With a prefix the register is another. */
static bool is_load(const unsigned char *at)
{
	return *at == 0xb8 && (at[-1] & 0xf9) != 0x41;
}

/* The number that is loaded into eax at @at, if the gate wants it; 0: none. */
static uint16_t number_at(const unsigned char *at)
{
	uint32_t nr;

	if (!is_load(at))
		return 0;
	memcpy(&nr, at + 1, sizeof(nr));
	return is_wanted(nr) ? nr : 0;
}

static bool patch(const unsigned char *site, const unsigned char *at, uint16_t nr)
{
	if (nr == SYS_clone || nr == SYS_clone3 || nr == SYS_vfork)
		return patch_clone(site, at, nr);
	if (vmsc_gate_is_in_place(nr))
		return patch_wait(site, at, nr);
	return patch_plain(site, at, nr);
}

/* What a site that is not patched would keep from us for good: other numbers only lose us the end, or a descriptor. */
static bool is_missed(uint32_t nr)
{
	return is_wanted(nr) && (vmsc_gate_is_vm(nr) || vmsc_gate_is_signal(nr) || nr == SYS_prlimit64); /* limits decide calls */
}

/* The number of the syscall instruction at @at is loaded some instructions before it. False: that is not found. */
static bool patch_far_site(const unsigned char *at, const unsigned char *begin, const char *module)
{
	for (const unsigned char *from = at - JUMP_SIZE; from >= begin && from >= at - LOOK_BACK; from--) {
		uint16_t nr = number_at(from);

		if (!is_missed(nr))
			continue;
		if (!vmsc_displace_can(from + JUMP_SIZE, at) || !patch(from, at, nr))
			return false;
		note(from, nr, true, module);
		return true;
	}
	return false;
}

/* Whatever the number will be. Whole instructions before the call make room for the jump. */
static bool patch_dynamic(const struct vmsc_function *function, const unsigned char *at)
{
	uint32_t slot = nr_dynamic_slots, from = vmsc_function_room(function, at - function->begin, JUMP_SIZE);
	uint64_t copy;

	if (from == UINT32_MAX || slot >= VMSC_NR_DYNAMIC_SLOTS)
		return false;
	copy = vmsc_displace(function->begin + from, at, vmsc_dynamic_slots + slot * VMSC_DYNAMIC_SLOT_SIZE);
	if (!copy)
		return false;
	vmsc_dynamic_return[slot] = (uintptr_t)(at + CALL_SIZE);
	nr_dynamic_slots++;
	return write_jump(function->begin + from, (const char *)(uintptr_t)copy);
}

/* The function around @at. Mostly it is the one of the site before. */
static bool read_function(const struct module *module, const unsigned char *at)
{
	struct vmsc_function *function = module->function;
	uint64_t begin, end;

	if (!vmsc_function_bounds(module->table, (uintptr_t)at, &begin, &end))
		return false;
	if (function->begin == (const void *)(uintptr_t)begin)
		return function->nr_insns;
	if (vmsc_function_read(function, (const void *)(uintptr_t)begin, end - begin))
		return true;
	function->nr_insns = 0;
	return false;
}

/* A site in libc whose number is not loaded right before it. */
static void account(const unsigned char *at, const unsigned char *begin, const struct module *module)
{
	struct vmsc_function *function = module->function;
	struct vmsc_numbers numbers;
	bool is_harmless;

	if (!read_function(module, at)) {
		note(at, ANY_NUMBER, false, module->name);
		return;
	}
	if (!vmsc_function_has_insn(function, at - function->begin))
		return;
	is_harmless = vmsc_numbers_find(function, at - function->begin, &numbers);
	for (uint32_t i = 0; is_harmless && i < numbers.nr; i++)
		is_harmless = !is_missed(numbers.at[i]);
	if (!is_harmless && !(numbers.nr == 1 && patch_far_site(at, begin, module->name)))
		note(at, ANY_NUMBER, patch_dynamic(function, at), module->name);
}

/* rt_sigreturn, as unwinders want to see it. */
static bool is_way_back(const unsigned char *at)
{
	static const unsigned char bytes[] = { 0x48, 0xc7, 0xc0, SYS_rt_sigreturn, 0, 0, 0 };

	return !memcmp(at - sizeof(bytes), bytes, sizeof(bytes));
}

/* The syscall instruction at @at, in code that begins at @begin. */
static void patch_site(const unsigned char *at, const unsigned char *begin, const struct module *module)
{
	static const unsigned char syscall_function[] = { 0x4c, 0x8b, 0x4c, 0x24, 0x08 };
	uint64_t *syscall_return = &vmsc_clone_return[VMSC_NR_CLONE_SLOTS];
	const unsigned char *site = at - JUMP_SIZE;
	uint16_t nr;

	if (!memcmp(site, syscall_function, sizeof(syscall_function)) && !*syscall_return) {
		*syscall_return = (uintptr_t)(at + 2);
		note(site, ANY_NUMBER, write_jump(site, vmsc_syscall_slot), module->name);
		return;
	}
	nr = number_at(site);
	if (nr)
		note(site, nr, patch(site, at, nr), module->name);
	else if (is_load(site) || is_way_back(at))
		return;
	else if (module->table)
		account(at, begin, module);
	else
		patch_far_site(at, begin, module->name);
}

/* Which of the 16 bytes at @at begin "0f 05", the syscall instruction, perhaps? 17 are read. */
static unsigned int syscalls_at(const unsigned char *at)
{
	__m128i first = _mm_loadu_si128((const __m128i *)(const void *)at);
	__m128i second = _mm_loadu_si128((const __m128i *)(const void *)(at + 1));
	__m128i both = _mm_and_si128(_mm_cmpeq_epi8(first, _mm_set1_epi8(0x0f)),
				     _mm_cmpeq_epi8(second, _mm_set1_epi8(0x05)));

	return (unsigned int)_mm_movemask_epi8(both);
}

/* Megabytes, in every process that starts. */
static void patch_text(const unsigned char *begin, size_t size, const struct module *module)
{
	const unsigned char *at = begin + JUMP_SIZE, *end = begin + size;

	for (; at + 17 <= end; at += 16) {
		for (unsigned int found = syscalls_at(at); found; found &= found - 1)
			patch_site(at + __builtin_ctz(found), begin, module);
	}
	for (; at + 1 < end; at++) {
		if (at[0] == 0x0f && at[1] == 0x05)
			patch_site(at, begin, module);
	}
}

/* Only libc's calls are let pass: what the loader has besides sites of the usual form traps. */
static const unsigned char *find_table(const struct dl_phdr_info *info)
{
	if (!strstr(info->dlpi_name, "/libc.so.6"))
		return NULL;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		if (info->dlpi_phdr[i].p_type == PT_GNU_EH_FRAME)
			return (const unsigned char *)(uintptr_t)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
	}
	return NULL;
}

static int patch_module(struct dl_phdr_info *info, size_t size, void *ctx)
{
	struct module module = { info->dlpi_name, find_table(info), ctx };

	(void)size;
	if (!strstr(info->dlpi_name, "/libc.so.6") && !strstr(info->dlpi_name, "/ld-linux"))
		return 0;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *phdr = &info->dlpi_phdr[i];

		uint64_t begin = info->dlpi_addr + phdr->p_vaddr;

		if (phdr->p_type != PT_LOAD || !(phdr->p_flags & PF_X))
			continue;
		if (strstr(info->dlpi_name, "/libc.so.6"))
			vmsc_displace_begin(begin + phdr->p_memsz);
		patch_text((const unsigned char *)(uintptr_t)begin, phdr->p_memsz, &module);
	}
	return 0;
}

/* _exit loads exit_group's number far from its syscall instruction: the function's entry is redirected instead. */
static void patch_exit(void)
{
	void *libc = dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD);
	const unsigned char *entry = libc ? dlsym(libc, "_exit") : NULL;
	const uint32_t wanted = SYS_exit_group;

	for (int i = 0; entry && i < EXIT_GROUP_WITHIN; i++) {
		if (memcmp(entry + i, &wanted, sizeof(wanted)))
			continue;
		vmsc_exit_return = (uintptr_t)(entry + JUMP_SIZE);
		if (!write_jump(entry, vmsc_exit_slot))
			break;
		nr_patched++;
		return;
	}
	vmsc_problem("libc's _exit could not be patched: the end of the process may not be seen");
}

bool vmsc_patch_all(void)
{
	long room = sys_mmap(0, FUNCTION_ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (sys_failed(room))
		return false;
	memory = open_memory();
	dl_iterate_phdr(patch_module, (void *)room);
	sys_munmap(room, FUNCTION_ROOM);
	if (nr_patched)
		patch_exit();
	if (memory >= 0)
		sys_close(memory);
	memory = -1;
	return nr_patched;
}

bool vmsc_patch_is_complete(void)
{
	return nr_patched && !nr_missed;
}

static void *libc_function(const char *name)
{
	void *libc = dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD);

	return libc ? dlsym(libc, name) : NULL;
}

/* Calls that fail or do nothing even if they should be made after all. */
static uint32_t call_some(void)
{
	static const char *const names[] = { "munmap", "mprotect", "madvise", "mlock", "munlock" };
	uint32_t nr = 0;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		int (*function)(void *, size_t, int);
		void *symbol = libc_function(names[i]);

		if (!symbol)
			continue;
		memcpy(&function, &symbol, sizeof(symbol));
		function(NULL, 0, 0);
		nr++;
	}
	return nr;
}

bool vmsc_patch_prove(void)
{
	void *(*map)(void *, size_t, int, int, int, off_t);
	void *symbol = libc_function("mmap");
	int saved = errno;
	uint32_t nr;

	vmsc_rec.testing = true;
	vmsc_rec.selftest = 0;
	nr = call_some();
	if (symbol) {
		memcpy(&map, &symbol, sizeof(symbol));
		map(NULL, 0, 0, 0, -1, 0);
		nr++;
	}
	vmsc_rec.testing = false;
	errno = saved;
	return nr && vmsc_rec.selftest == nr;
}

void vmsc_patch_tell(void)
{
	for (uint32_t i = 0; i < nr_sites; i++) {
		struct vmsc_site_record record = {
			.addr = sites[i].addr, .nr = sites[i].nr, .patched = sites[i].patched,
			.length = strlen(sites[i].module),
		};

		vmsc_writer_put(VMSC_RECORD_SITE, 0, &record, sizeof(record), sites[i].module, record.length);
	}
}
