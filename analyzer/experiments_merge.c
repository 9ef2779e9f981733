/* SPDX-License-Identifier: MIT */
/*
 * experiments_merge.c - which neighbours become one VMA.
 */
#include "experiments.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "scratch.h"

/* Numbers of the kernel's that older headers lack. */
#define NR_MEMFD_SECRET	      447
#define OP_SET_MEMORY_MERGE   67
#define MREMAP_FLAG_DONTUNMAP 4

static enum vmsc_finding new_merge_prev_first(struct vmsc_evidence *evidence)
{
	struct scratch_view view;

	if (!scratch_map(0, 2, RW, ANON) || !scratch_map(4, 2, RW, ANON))
		return vmsc_evidence_fail(evidence, "mapping");
	scratch_touch(1);
	scratch_touch(4);
	if (!scratch_map(2, 2, RW, ANON))
		return vmsc_evidence_fail(evidence, "mapping");
	scratch_look(2, 1, &view);
	if (view.start == 0 && view.end == 4)
		return vmsc_evidence_say(evidence, VMSC_FOUND_YES,
					 "a mapping between two written ones joined the lower");
	if (view.start == 2 && view.end == 6)
		return vmsc_evidence_say(evidence, VMSC_FOUND_NO,
					 "a mapping between two written ones joined the upper");
	return vmsc_evidence_say(evidence, VMSC_FOUND_NOTHING,
				 "a mapping between two written ones joined neither");
}

static enum vmsc_finding av_merge_fix(struct vmsc_evidence *evidence)
{
	size_t vmas;

	if (!scratch_map(0, 3, PROT_READ, ANON_NORESERVE) || !scratch_protect(1, 1, RW))
		return vmsc_evidence_fail(evidence, "mapping r|rw|r");
	scratch_touch(1);
	if (!scratch_protect(1, 1, PROT_READ))
		return vmsc_evidence_fail(evidence, "mprotect");
	vmas = scratch_vmas(0, 3);
	return vmsc_evidence_say(evidence, yes_if(vmas == 1),
				 "a written page between untouched ones, all r again: %zu VMAs", vmas);
}

static enum vmsc_finding merge_any(struct vmsc_evidence *evidence)
{
	if (!prctl(OP_SET_MEMORY_MERGE, 1, 0, 0, 0))
		return vmsc_evidence_say(evidence, VMSC_FOUND_YES, "PR_SET_MEMORY_MERGE works");
	return vmsc_evidence_say(evidence, errno == EINVAL ? VMSC_FOUND_NO : VMSC_FOUND_NOTHING,
				 "PR_SET_MEMORY_MERGE: %s", strerror(errno));
}

static enum vmsc_finding ksm_early_flag(struct vmsc_evidence *evidence)
{
	size_t vmas;

	if (prctl(OP_SET_MEMORY_MERGE, 1, 0, 0, 0))
		return vmsc_evidence_fail(evidence, "PR_SET_MEMORY_MERGE");
	if (!scratch_map(0, 1, RW, ANON) || !scratch_map(1, 1, RW, ANON))
		return vmsc_evidence_fail(evidence, "mapping");
	vmas = scratch_vmas(0, 2);
	return vmsc_evidence_say(evidence, yes_if(vmas == 1),
				 "two adjacent mappings under PR_SET_MEMORY_MERGE: %zu VMAs", vmas);
}

/* Four pages of a segment, of which the lower two are read-only; then page @page is made as its other
 * neighbour. */
static size_t vmas_of_segment(size_t page, int prot)
{
	int id = shmget(IPC_PRIVATE, 4 * PAGE, IPC_CREAT | 0600);
	void *at = id < 0 ? MAP_FAILED : shmat(id, scratch_page(0), 0);

	if (id >= 0)
		shmctl(id, IPC_RMID, NULL);
	if (at == MAP_FAILED || !scratch_protect(0, 2, PROT_READ) || !scratch_protect(page, 1, prot))
		return 0;
	return scratch_vmas(0, 4);
}

static enum vmsc_finding close_hook(struct vmsc_evidence *evidence, size_t vmas, const char *where)
{
	if (!vmas)
		return vmsc_evidence_fail(evidence, "attaching shared memory");
	return vmsc_evidence_say(evidence, yes_if(vmas == 2),
				 "a part of an attached segment that becomes like the one %s it: %zu VMAs",
				 where, vmas);
}

static enum vmsc_finding close_hook_prev(struct vmsc_evidence *evidence)
{
	return close_hook(evidence, vmas_of_segment(2, PROT_READ), "below");
}

static enum vmsc_finding close_hook_removal(struct vmsc_evidence *evidence)
{
	return close_hook(evidence, vmas_of_segment(1, RW), "above");
}

static enum vmsc_finding memfd_seal_read_only(struct vmsc_evidence *evidence)
{
	int fd = memfd_create("vmascope", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0 || ftruncate(fd, (off_t)PAGE) || fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE))
		return vmsc_evidence_fail(evidence, "sealing a memfd");
	if (scratch_map_fd(0, 1, PROT_READ, MAP_SHARED, fd))
		return vmsc_evidence_say(evidence, VMSC_FOUND_YES,
					 "a write-sealed memfd can be mapped shared and read-only");
	return vmsc_evidence_say(evidence, VMSC_FOUND_NO,
				 "mapping a write-sealed memfd shared and read-only: %s", strerror(errno));
}

/* VMAs of two pages of secret memory, mapped one after the other; 0: there is none. Its mmap hook sets
 * VM_DONTDUMP, if not VM_LOCKED too. */
static size_t vmas_of_secret(void)
{
	int fd = (int)syscall(NR_MEMFD_SECRET, 0);

	if (fd < 0 || ftruncate(fd, 2 * (off_t)PAGE) || !scratch_map_fd(0, 1, PROT_READ, MAP_SHARED, fd) ||
	    mmap(scratch_page(1), PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, fd, (off_t)PAGE) == MAP_FAILED)
		return 0;
	return scratch_vmas(0, 2);
}

/* Two VMAs: no merge was tried with the hook's flags. One: it was, later by older kernels, at once by newer
 * ones. */
static enum vmsc_finding secretmem_prepare(struct vmsc_evidence *evidence)
{
	size_t vmas = vmas_of_secret();
	bool is_new = vmas == 1 && ksm_early_flag(evidence) == VMSC_FOUND_YES;

	if (!vmas)
		return vmsc_evidence_fail(evidence, "mapping secret memory");
	return vmsc_evidence_say(evidence, yes_if(is_new),
				 "two pages of secret memory, mapped one after the other: %zu VMAs", vmas);
}

static enum vmsc_finding secretmem_locked(struct vmsc_evidence *evidence)
{
	bool locked;

	if (!vmas_of_secret())
		return vmsc_evidence_fail(evidence, "mapping secret memory");
	locked = scratch_flags(0) & VMSC_VM(LOCKED);
	return vmsc_evidence_say(evidence, yes_if(locked), "secret memory %s lo",
				 locked ? "shows" : "doesn't show");
}

static enum vmsc_finding retry_of_secret(struct vmsc_evidence *evidence)
{
	size_t vmas = vmas_of_secret();

	if (!vmas || (vmas == 1 && ksm_early_flag(evidence) == VMSC_FOUND_YES))
		return vmsc_evidence_say(evidence, VMSC_FOUND_NOTHING,
					 "seals are heeded before the merge, secret memory %s",
					 vmas ? "is prepared" : "can't be had");
	return vmsc_evidence_say(evidence, yes_if(vmas == 1),
				 "two pages of secret memory, mapped one after the other: %zu VMAs", vmas);
}

/* The mmap hook of a sealed memfd takes VM_MAYWRITE away: is it then tried to merge once more? */
static enum vmsc_finding mmap_retry_merge(struct vmsc_evidence *evidence)
{
	int fd = memfd_create("vmascope", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	size_t vmas;

	if (memfd_seal_read_only(evidence) != VMSC_FOUND_NO) {
		munmap(scratch_page(0), PAGE);
		return retry_of_secret(evidence);
	}
	if (fd < 0 || ftruncate(fd, 2 * (off_t)PAGE) || fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE))
		return vmsc_evidence_fail(evidence, "sealing a memfd");
	munmap(scratch_page(0), PAGE);
	if (!scratch_map_fd(0, 1, PROT_READ, MAP_SHARED, fd) ||
	    mmap(scratch_page(1), PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, fd, (off_t)PAGE) == MAP_FAILED)
		return vmsc_evidence_fail(evidence, "mapping a sealed memfd");
	vmas = scratch_vmas(0, 2);
	return vmsc_evidence_say(evidence, yes_if(vmas == 1),
				 "two pages of a sealed memfd, mapped one after the other: %zu VMAs", vmas);
}

static enum vmsc_finding dontunmap_own_pgoff(struct vmsc_evidence *evidence)
{
	size_t vmas;

	if (!scratch_map(0, 1, RW, ANON_NORESERVE))
		return vmsc_evidence_fail(evidence, "mapping");
	scratch_touch(0);
	if (mremap(scratch_page(0), PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, scratch_page(16)) ==
		    MAP_FAILED ||
	    mremap(scratch_page(16), PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_FLAG_DONTUNMAP,
		   scratch_page(32)) == MAP_FAILED ||
	    !scratch_map(17, 1, RW, ANON_NORESERVE))
		return vmsc_evidence_fail(evidence, "moving a page twice");
	vmas = scratch_vmas(16, 2);
	return vmsc_evidence_say(evidence, yes_if(vmas == 1),
				 "a mapping beside what MREMAP_DONTUNMAP left of a moved page: %zu VMAs",
				 vmas);
}

/* In a forked child: the source goes away and comes back to its old place beside an untouched neighbour. */
static size_t vmas_after_forked_move(void)
{
	if (mremap(scratch_page(0), PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, scratch_page(16)) ==
		    MAP_FAILED ||
	    !scratch_map(1, 1, RW, ANON_NORESERVE) ||
	    mremap(scratch_page(16), PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, scratch_page(0)) ==
		    MAP_FAILED)
		return 0;
	return scratch_vmas(0, 2);
}

static enum vmsc_finding copy_fork_check(struct vmsc_evidence *evidence)
{
	int status;
	pid_t pid;

	if (!scratch_map(0, 1, RW, ANON_NORESERVE))
		return vmsc_evidence_fail(evidence, "mapping");
	scratch_touch(0);
	pid = fork();
	if (!pid)
		_exit((int)vmas_after_forked_move());
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || !WEXITSTATUS(status))
		return vmsc_evidence_fail(evidence, "moving a page in a child");
	return vmsc_evidence_say(evidence, yes_if(WEXITSTATUS(status) == 2),
				 "an inherited page moved beside an untouched one: %d VMAs",
				 WEXITSTATUS(status));
}

/* Returns: a userfaultfd for faults of the process's own, or -1. */
static int open_userfaultfd(void)
{
	struct uffdio_api api = {.api = UFFD_API};
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | 1 /* UFFD_USER_MODE_ONLY */);

	return fd >= 0 && !ioctl(fd, UFFDIO_API, &api) ? fd : -1;
}

static bool watch(int fd, size_t first, size_t nr)
{
	struct uffdio_register range = {.range = {SCRATCH_BASE + first * PAGE, nr * PAGE},
					.mode = UFFDIO_REGISTER_MODE_MISSING};

	return !ioctl(fd, UFFDIO_REGISTER, &range);
}

static enum vmsc_finding uffd_range_pgoff(struct vmsc_evidence *evidence)
{
	int fd = open_userfaultfd();
	size_t vmas;

	if (fd < 0)
		return vmsc_evidence_fail(evidence, "userfaultfd");
	if (!scratch_map(0, 3, RW, ANON) || !watch(fd, 2, 1) || !watch(fd, 1, 1))
		return vmsc_evidence_fail(evidence, "registering pages");
	vmas = scratch_vmas(0, 3);
	return vmsc_evidence_say(evidence, yes_if(vmas == 2),
				 "of three pages the last and then the middle one registered: %zu VMAs",
				 vmas);
}

/* clang-format off */
const struct vmsc_experiments vmsc_merge_experiments = {{
	[VMSC_RULE_NEW_MERGE_PREV_FIRST] = new_merge_prev_first,
	[VMSC_RULE_AV_MERGE_FIX] = av_merge_fix,
	[VMSC_RULE_COPY_FORK_CHECK] = copy_fork_check,
	[VMSC_RULE_MERGE_ANY] = merge_any,
	[VMSC_RULE_KSM_EARLY_FLAG] = ksm_early_flag,
	[VMSC_RULE_UFFD_RANGE_PGOFF] = uffd_range_pgoff,
	[VMSC_RULE_CLOSE_HOOK_PREV] = close_hook_prev,
	[VMSC_RULE_CLOSE_HOOK_REMOVAL] = close_hook_removal,
	[VMSC_RULE_MMAP_RETRY_MERGE] = mmap_retry_merge,
	[VMSC_RULE_SECRETMEM_PREPARE] = secretmem_prepare,
	[VMSC_RULE_SECRETMEM_LOCKED] = secretmem_locked,
	[VMSC_RULE_DONTUNMAP_OWN_PGOFF] = dontunmap_own_pgoff,
	[VMSC_RULE_MEMFD_SEAL_READ_ONLY] = memfd_seal_read_only,
}};
/* clang-format on */
