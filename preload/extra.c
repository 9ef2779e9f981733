/* SPDX-License-Identifier: MIT */
/* extra.c - see extra.h. */
#include "extra.h"

#include <fcntl.h>
#include <linux/ioctl.h>
#include <linux/userfaultfd.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/shm.h>

#include "attach.h"
#include "facts.h"
#include "fdtable.h"
#include "look.h"
#include "pool.h"
#include "sys.h"
#include "text.h"

#include "inject.h"

#define SET_VMA 0x53564d41 /* PR_SET_VMA */
#define MREMAP_NEW_ADDRESS 6 /* MREMAP_FIXED or MREMAP_DONTUNMAP: the fifth argument counts */
#define SYS_MBIND 237

static const uint8_t nr_args[VMSC_NR_CAPTURED] = {
	[SYS_mmap] = 6, [SYS_mprotect] = 3, [SYS_munmap] = 2, [SYS_brk] = 1, [SYS_mremap] = 5, [SYS_madvise] = 3,
	[SYS_shmat] = 3, [SYS_shmdt] = 1, [SYS_ioctl] = 3, [SYS_close] = 1, [SYS_close_range] = 3, [SYS_clone] = 5,
	[SYS_clone3] = 2, [SYS_mlock] = 2, [SYS_mlock2] = 3, [SYS_munlock] = 2, [SYS_mlockall] = 1, [SYS_prctl] = 5,
	[SYS_arch_prctl] = 2, [SYS_io_setup] = 2, [SYS_io_destroy] = 1, [SYS_remap_file_pages] = 5, [SYS_MBIND] = 6,
	[450 /* set_mempolicy_home_node */] = 4, [SYS_pkey_mprotect] = 4, [SYS_pkey_alloc] = 2, [SYS_pkey_free] = 1,
	[SYS_process_madvise] = 5, [SYS_personality] = 1, [SYS_setrlimit] = 2, [SYS_prlimit64] = 4,
	[SYS_userfaultfd] = 1, [453 /* map_shadow_stack */] = 3, [462 /* mseal */] = 3,
};

unsigned int vmsc_extra_nr_args(uint32_t nr)
{
	return nr_args[nr];
}

static bool is_mapped(const struct vmsc_captured *call)
{
	return !sys_failed(call->result);
}

/* A mapping for which the kernel makes a file of its own. */
static bool has_hidden_file(const struct vmsc_captured *call)
{
	uint64_t flags = call->args[3];
	bool is_shared = (flags & MAP_TYPE) == MAP_SHARED || (flags & MAP_TYPE) == MAP_SHARED_VALIDATE;
	const struct vmsc_file *file = vmsc_facts_of(call->extra.file);

	if (flags & MAP_ANONYMOUS)
		return is_shared || flags & MAP_HUGETLB;
	return is_shared && file && file->kind == VMSC_FILE_DEV_ZERO;
}

static void find_uffd_range(struct vmsc_captured *call)
{
	struct uffdio_register wanted = { 0 };
	size_t size = call->args[1] == UFFDIO_REGISTER ? sizeof(wanted) : sizeof(wanted.range);

	vmsc_sys_peek(&wanted, call->args[2], size);
	call->extra.uffd = vmsc_fd_uffd(call->args[0]);
	call->extra.range_start = wanted.range.start;
	call->extra.range_end = wanted.range.start + wanted.range.len;
	call->extra.mode = wanted.mode;
}

static void find_ring(struct vmsc_captured *call, uint64_t context)
{
	struct vmsc_seen_record seen;

	if (!context || vmsc_look_vma(context, &seen) || seen.start > context)
		return;
	call->extra.range_start = seen.start;
	call->extra.range_end = seen.end;
	call->extra.size = seen.end - seen.start;
}

/* Of which process is the descriptor? The kernel's words for "mine", which came later, are negative. */
static bool is_own_pidfd(uint64_t fd)
{
	static const char key[] = "\nPid:\t";
	char name[48], about[512];
	struct vmsc_text path = vmsc_text_in(name, sizeof(name));
	const char *at;
	uint64_t pid = 0;
	long length;
	int info;

	if ((int32_t)fd < 0)
		return (int32_t)fd == -10000 || (int32_t)fd == -10001 || (int32_t)fd == -20000;
	vmsc_text_put(&path, "/proc/self/fdinfo/");
	vmsc_text_number(&path, (uint32_t)fd);
	info = vmsc_sys_open_hidden(name, O_RDONLY, 0);
	if (info < 0)
		return false;
	length = sys_read(info, about, sizeof(about) - 1);
	sys_close(info);
	about[length > 0 ? length : 0] = '\0';
	at = strstr(about, key);
	for (at = at ? at + sizeof(key) - 1 : ""; *at >= '0' && *at <= '9'; at++)
		pid = pid * 10 + (uint64_t)(*at - '0');
	return pid == sys_getpid();
}

/* The ranges' hull, and how much of it they are; nothing where they are another process's. */
static void find_advised(struct vmsc_captured *call)
{
	uint64_t vectors[32], left = call->args[2] <= 1024 ? call->args[2] : 0, start = UINT64_MAX, end = 0, size = 0;

	if (!is_own_pidfd(call->args[0]))
		return;
	for (uint64_t at = call->args[1]; left;) {
		size_t n = left < 16 ? left : 16;

		if (vmsc_sys_peek(vectors, at, n * 16) != (long)(n * 16))
			return;
		for (size_t i = 0; i < n; i++) {
			if (!vectors[2 * i + 1])
				continue;
			start = vectors[2 * i] < start ? vectors[2 * i] : start;
			end = vectors[2 * i] + vectors[2 * i + 1] > end ? vectors[2 * i] + vectors[2 * i + 1] : end;
			size += vectors[2 * i + 1];
		}
		left -= n;
		at += n * 16;
	}
	if (!size)
		return;
	call->extra.range_start = start;
	call->extra.range_end = end;
	call->extra.size = size;
}

/* Locks memory, or may once some is locked. What of it the kernel allows hangs on the thread's rights at this moment. */
static bool may_lock(const struct vmsc_captured *call)
{
	static bool has_locked = false;

	switch (call->nr) {
	case SYS_mlock:
	case SYS_mlock2:
	case SYS_mlockall:
		has_locked = true;
		return true;
	case SYS_mmap:
		has_locked |= call->args[3] & MAP_LOCKED;
		return has_locked;
	case SYS_brk:
	case SYS_mremap:
		return has_locked;
	}
	return false;
}

/* 0: there is no such segment, or it is not ours to see. */
static uint64_t segment_size(uint64_t id)
{
	struct shmid_ds segment = { 0 };

	sys3(SYS_shmctl, id, IPC_STAT, (uintptr_t)&segment);
	return segment.shm_segsz;
}

void vmsc_extra_before(struct vmsc_captured *call)
{
	if (may_lock(call))
		vmsc_attach_retell_rights();
	switch (call->nr) {
	case SYS_mmap:
		if (call->args[3] & MAP_ANONYMOUS && call->args[3] & MAP_HUGETLB)
			call->extra.size = vmsc_pool_lacks(call->args[1], call->args[3]);
		if (!(call->args[3] & MAP_ANONYMOUS))
			call->extra.file = vmsc_facts_file(call->args[4], vmsc_rec.capture_mode != VMSC_CAPTURE_PLT);
		break;
	case SYS_mremap:
		if (!(call->args[3] & MREMAP_NEW_ADDRESS))
			call->args[4] = 0;
		break;
	case SYS_shmat:
		call->extra.size = segment_size(call->args[0]);
		break;
	case SYS_prctl:
		if (call->args[0] == SET_VMA)
			call->extra.name = vmsc_facts_name(call->args[4]);
		break;
	case SYS_MBIND:
		call->extra.policy = vmsc_facts_policy(call->args[2], call->args[3], call->args[4], call->args[5]);
		break;
	case SYS_ioctl:
		find_uffd_range(call);
		break;
	case SYS_close:
		call->extra.uffd = vmsc_fd_uffd(call->args[0]);
		break;
	case SYS_io_destroy:
		find_ring(call, call->args[0]);
		break;
	case SYS_process_madvise:
		find_advised(call);
		break;
	}
}

static void after_mmap(struct vmsc_captured *call)
{
	uint64_t flags = call->args[3];
	bool is_huge = flags & MAP_ANONYMOUS && flags & MAP_HUGETLB;

	if (has_hidden_file(call))
		call->extra.file = vmsc_facts_hidden_file(is_huge ? VMSC_FILE_HUGETLB : VMSC_FILE_SHMEM,
							  VMSC_FILE_READ | VMSC_FILE_WRITE |
								  (is_huge ? VMSC_FILE_CLOSE_HOOK : 0),
							  is_mapped(call) ? call->result : 0);
	else if (is_mapped(call) && call->extra.file)
		vmsc_facts_learn(call->extra.file, call->result, flags & MAP_LOCKED);
}

void vmsc_extra_after(struct vmsc_captured *call)
{
	static uint32_t nr_uffds = 0;
	uint64_t context = 0;

	switch (call->nr) {
	case SYS_mmap:
		after_mmap(call);
		break;
	case SYS_shmat:
		call->extra.file = vmsc_facts_hidden_file(VMSC_FILE_SHMEM,
							  VMSC_FILE_READ | VMSC_FILE_CLOSE_HOOK |
								  (call->args[2] & SHM_RDONLY ? 0 : VMSC_FILE_WRITE),
							  is_mapped(call) ? call->result : 0);
		break;
	case SYS_io_setup:
		if (!call->result && vmsc_sys_peek(&context, call->args[1], sizeof(context)) == sizeof(context))
			find_ring(call, context);
		break;
	case SYS_userfaultfd:
		if (call->result >= 0)
			vmsc_fd_set_uffd(call->result, call->extra.uffd = ++nr_uffds);
		break;
	}
}

void vmsc_extra_follow(const struct vmsc_captured *call)
{
	if (call->result)
		return;
	if (call->nr == SYS_setrlimit || call->nr == SYS_prlimit64)
		vmsc_attach_tell_limits();
	else if (call->nr == SYS_prctl && call->args[0] == PR_SET_MM)
		vmsc_attach_retell_layout();
}
