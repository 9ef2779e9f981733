/* SPDX-License-Identifier: MIT */
/* fdtable.c - see fdtable.h. Entries are dropped without the lock, so they are single words. */
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

int vmsc_fd_own(enum vmsc_own_fd which)
{
	static const char *const paths[VMSC_NR_OWN_FDS] = {
		[VMSC_OWN_FD_MAPS] = "/proc/self/maps",
		[VMSC_OWN_FD_SMAPS] = "/proc/self/smaps",
		[VMSC_OWN_FD_PAGEMAP] = "/proc/self/pagemap",
		[VMSC_OWN_FD_STATUS] = "/proc/self/status",
	};

	if (own[which] < 0 && paths[which])
		own[which] = vmsc_sys_open_hidden(paths[which], O_RDONLY, 0);
	return own[which];
}

int vmsc_fd_peek_own(enum vmsc_own_fd which)
{
	return own[which];
}

void vmsc_fd_set_own(enum vmsc_own_fd which, int fd)
{
	own[which] = fd;
}

bool vmsc_fd_is_own(int fd)
{
	for (int i = 0; fd >= 0 && i < VMSC_NR_OWN_FDS; i++) {
		if (own[i] == fd)
			return true;
	}
	return false;
}

/* The unwinder knows its pipe by number and would write into the program's file. */
static void give_up_stacks(void)
{
	vmsc_rec.options.stacks = false;
	vmsc_problem("the program took the unwinder's descriptor; no more call stacks are recorded");
}

void vmsc_fd_yield(int fd)
{
	for (int i = 0; i < VMSC_NR_OWN_FDS; i++) {
		if (own[i] != fd)
			continue;
		own[i] = sys_fcntl(fd, F_DUPFD_CLOEXEC, fd + 1);
		if (i == VMSC_OWN_FD_PIPE_READ || i == VMSC_OWN_FD_PIPE_WRITE)
			give_up_stacks();
	}
}

void vmsc_fd_forget(void)
{
	for (int i = 0; i < VMSC_OWN_FD_PIPE_READ; i++) {
		if (own[i] >= 0)
			sys_close(own[i]);
		own[i] = -1;
	}
}

void vmsc_fd_distrust(void)
{
	entries = NULL;
}

static uint32_t *entry_of(int fd, bool make)
{
	if (fd < 0 || (unsigned int)fd >= NR_ENTRIES)
		return NULL;
	if (!entries && make) {
		uint32_t *fresh = vmsc_arena_alloc(NR_ENTRIES * sizeof(*entries));

		if (!fresh)
			return NULL;
		memset(fresh, 0, NR_ENTRIES * sizeof(*entries));
		__atomic_store_n(&entries, fresh, __ATOMIC_RELEASE);
	}
	return entries ? &entries[fd] : NULL;
}

uint32_t vmsc_fd_file(int fd)
{
	uint32_t *entry = entry_of(fd, false);

	return entry && !(*entry & UFFD_BIT) ? *entry : 0;
}

void vmsc_fd_set_file(int fd, uint32_t id)
{
	uint32_t *entry = entry_of(fd, true);

	if (entry)
		__atomic_store_n(entry, id, __ATOMIC_RELAXED);
}

void vmsc_fd_each_file(void (*take)(uint32_t id))
{
	for (unsigned int fd = 0; entries && fd < NR_ENTRIES; fd++) {
		uint32_t id = vmsc_fd_file(fd);

		if (id)
			take(id);
	}
}

uint32_t vmsc_fd_uffd(int fd)
{
	uint32_t *entry = entry_of(fd, false);

	return entry && *entry & UFFD_BIT ? *entry & ~UFFD_BIT : 0;
}

void vmsc_fd_set_uffd(int fd, uint32_t id)
{
	vmsc_fd_set_file(fd, id | UFFD_BIT);
}

void vmsc_fd_drop(unsigned int first, unsigned int last)
{
	if (!entries || first >= NR_ENTRIES)
		return;
	if (last >= NR_ENTRIES)
		last = NR_ENTRIES - 1;
	for (unsigned int fd = first; fd <= last; fd++)
		__atomic_store_n(&entries[fd], 0, __ATOMIC_RELAXED);
}
