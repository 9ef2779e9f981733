/* SPDX-License-Identifier: MIT */
/* fdtable.c - see fdtable.h. Entries are dropped, and our own numbers changed, without the lock: all are single words. */
#include "fdtable.h"

#include <errno.h>
#include <string.h>

#include "arena.h"
#include "recorder.h"
#include "sys.h"

#include "inject.h"

#define NR_ENTRIES 4096u /* descriptors above are looked at anew with every mmap */
#define UFFD_BIT 0x80000000u

static int own[VMSC_NR_OWN_FDS] = { -1, -1, -1, -1, -1, -1, -1 };
static uint32_t *entries = NULL;

static int own_at(unsigned int which)
{
	return __atomic_load_n(&own[which], __ATOMIC_RELAXED);
}

static void set_own_at(unsigned int which, int fd)
{
	__atomic_store_n(&own[which], fd, __ATOMIC_RELAXED);
}

int vmsc_fd_own(enum vmsc_own_fd which)
{
	static const char *const paths[VMSC_NR_OWN_FDS] = {
		[VMSC_OWN_FD_MAPS] = "/proc/self/maps",
		[VMSC_OWN_FD_SMAPS] = "/proc/self/smaps",
		[VMSC_OWN_FD_PAGEMAP] = "/proc/self/pagemap",
		[VMSC_OWN_FD_STATUS] = "/proc/self/status",
	};

	if (own_at(which) < 0 && paths[which])
		set_own_at(which, vmsc_sys_open_hidden(paths[which], O_RDONLY, 0));
	return own_at(which);
}

int vmsc_fd_peek_own(enum vmsc_own_fd which)
{
	return own_at(which);
}

void vmsc_fd_set_own(enum vmsc_own_fd which, int fd)
{
	set_own_at(which, fd);
}

bool vmsc_fd_is_own(int fd)
{
	for (int i = 0; fd >= 0 && i < VMSC_NR_OWN_FDS; i++) {
		if (own_at(i) == fd)
			return true;
	}
	return false;
}

/* The unwinder knows its pipe by number and would write into the program's file. */
static void give_up_stacks(void)
{
	__atomic_store_n(&vmsc_rec.options.stacks, false, __ATOMIC_RELAXED);
	vmsc_problem("the program took the unwinder's descriptor; no more call stacks are recorded");
}

void vmsc_fd_yield(int fd)
{
	for (int i = 0; i < VMSC_NR_OWN_FDS; i++) {
		if (own_at(i) != fd)
			continue;
		set_own_at(i, sys_fcntl(fd, F_DUPFD_CLOEXEC, fd + 1));
		if (i == VMSC_OWN_FD_PIPE_READ || i == VMSC_OWN_FD_PIPE_WRITE)
			give_up_stacks();
	}
}

void vmsc_fd_forget(void)
{
	for (int i = 0; i < VMSC_OWN_FD_PIPE_READ; i++) {
		if (own_at(i) >= 0)
			sys_close(own_at(i));
		set_own_at(i, -1);
	}
}

void vmsc_fd_distrust(void)
{
	entries = NULL;
}

static uint32_t *entry_of(int fd, bool make)
{
	uint32_t *all = __atomic_load_n(&entries, __ATOMIC_ACQUIRE);

	if (fd < 0 || (unsigned int)fd >= NR_ENTRIES)
		return NULL;
	if (!all && make) {
		all = vmsc_arena_alloc(NR_ENTRIES * sizeof(*all));
		if (!all)
			return NULL;
		memset(all, 0, NR_ENTRIES * sizeof(*all));
		__atomic_store_n(&entries, all, __ATOMIC_RELEASE);
	}
	return all ? &all[fd] : NULL;
}

/* What is known of @fd; 0: nothing. */
static uint32_t entry_at(int fd)
{
	const uint32_t *entry = entry_of(fd, false);

	return entry ? __atomic_load_n(entry, __ATOMIC_RELAXED) : 0;
}

uint32_t vmsc_fd_file(int fd)
{
	uint32_t entry = entry_at(fd);

	return entry & UFFD_BIT ? 0 : entry;
}

void vmsc_fd_set_file(int fd, uint32_t id)
{
	uint32_t *entry = entry_of(fd, true);

	if (entry)
		__atomic_store_n(entry, id, __ATOMIC_RELAXED);
}

void vmsc_fd_each_file(void (*take)(uint32_t id))
{
	for (unsigned int fd = 0; entry_of(fd, false); fd++) {
		uint32_t id = vmsc_fd_file(fd);

		if (id)
			take(id);
	}
}

uint32_t vmsc_fd_uffd(int fd)
{
	uint32_t entry = entry_at(fd);

	return entry & UFFD_BIT ? entry & ~UFFD_BIT : 0;
}

void vmsc_fd_set_uffd(int fd, uint32_t id)
{
	vmsc_fd_set_file(fd, id | UFFD_BIT);
}

void vmsc_fd_drop(unsigned int first, unsigned int last)
{
	uint32_t *all = __atomic_load_n(&entries, __ATOMIC_ACQUIRE);

	if (!all || first >= NR_ENTRIES)
		return;
	if (last >= NR_ENTRIES)
		last = NR_ENTRIES - 1;
	for (unsigned int fd = first; fd <= last; fd++)
		__atomic_store_n(&all[fd], 0, __ATOMIC_RELAXED);
}
