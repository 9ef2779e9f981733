/* SPDX-License-Identifier: MIT */
#include "causes.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "say.h"
#include "value.h"

#define PAGE_MASK (VMSC_PAGE_SIZE - 1)

enum {
	NR_MMAP = 9,
	NR_MPROTECT = 10,
	NR_MUNMAP = 11,
	NR_BRK = 12,
	NR_MREMAP = 25,
	NR_MADVISE = 28,
	NR_SHMAT = 30,
	NR_MLOCK = 149,
	NR_MUNLOCK = 150,
	NR_MLOCKALL = 151,
	NR_PRCTL = 157,
	NR_MBIND = 237,
	NR_MLOCK2 = 325,
	NR_PKEY_MPROTECT = 329,
	NR_MSEAL = 462
};
enum { FIXED = 0x10, ANONYMOUS = 0x20, NORESERVE = 0x4000, HUGETLB = 0x40000, FIXED_NOREPLACE = 0x100000 };
enum { MAYMOVE = 1, REMAP_FIXED = 2 };

static const enum vmsc_cause limit_causes[] = {VMSC_CAUSE_MAP_COUNT, VMSC_CAUSE_RLIMIT_AS,
					       VMSC_CAUSE_RLIMIT_DATA, VMSC_CAUSE_RLIMIT_MEMLOCK,
					       VMSC_CAUSE_OVERCOMMIT};
#define NR_LIMITS (sizeof(limit_causes) / sizeof(limit_causes[0]))

const char *vmsc_cause_name(unsigned int cause)
{
	static const char *const names[] = {
#define X(name, text) text,
		VMSC_CAUSES(X)
#undef X
	};

	return cause < VMSC_NR_CAUSES ? names[cause] : "unknown";
}

static bool is_error(int64_t result)
{
	return result < 0 && result >= -4095;
}

bool vmsc_call_failed(const struct vmsc_call *call)
{
	if (call->nr == NR_BRK)
		return call->args[0] && (uint64_t)call->result < call->args[0];
	return is_error(call->result);
}

static void lift(struct vmsc_limits *limits, enum vmsc_cause cause)
{
	switch (cause) {
	case VMSC_CAUSE_MAP_COUNT:
		limits->max_map_count = UINT64_MAX / 2;
		break;
	case VMSC_CAUSE_RLIMIT_AS:
		limits->as = UINT64_MAX;
		break;
	case VMSC_CAUSE_RLIMIT_DATA:
		limits->data = UINT64_MAX;
		break;
	case VMSC_CAUSE_RLIMIT_MEMLOCK:
		limits->memlock = UINT64_MAX;
		limits->ipc_lock = true;
		break;
	case VMSC_CAUSE_OVERCOMMIT:
		limits->overcommit = 1;
		break;
	default:
		break;
	}
}

/*
 * What the rules would answer under @limits. The recorded result that is given along is one that no rule
 * predicts here, so that the model only looks and changes nothing.
 */
static int64_t ask(struct vmsc_mm *mm, const struct vmsc_call *call, const struct vmsc_limits *limits)
{
	struct vmsc_mm_config *config = vmsc_mm_config(mm);
	struct vmsc_limits kept = config->limits;
	struct vmsc_call probe = *call;
	struct vmsc_outcome outcome;
	int err;

	probe.has_result = true;
	probe.result = -EBADF;
	config->limits = *limits;
	err = vmsc_mm_step(mm, &probe, &outcome);
	config->limits = kept;
	if (err || outcome.undetermined == VMSC_HIDDEN_ADDRESS)
		return 0;
	return outcome.predicted;
}

/* --- how much of a limit is used --- */

static bool is_data(uint64_t vm_flags)
{
	return (vm_flags & (VMSC_VM(WRITE) | VMSC_VM(SHARED) | VMSC_VM(GROWSDOWN))) == VMSC_VM(WRITE);
}

static uint64_t bytes_with(const struct vmsc_mm *mm, enum vmsc_cause cause)
{
	struct vmsc_vma vma;
	uint64_t address = 0, bytes = 0;

	while (vmsc_mm_find(mm, address, &vma)) {
		if (cause == VMSC_CAUSE_RLIMIT_DATA ? is_data(vma.vm_flags)
						    : (vma.vm_flags & VMSC_VM(LOCKED)) != 0)
			bytes += vma.end - vma.start;
		address = vma.end;
	}
	return bytes;
}

static uint64_t wanted_bytes(const struct vmsc_call *call)
{
	switch (call->nr) {
	case NR_BRK:
		return call->args[0] - (uint64_t)call->result;
	case NR_MREMAP:
		return call->args[2] > call->args[1] ? call->args[2] - call->args[1] : 0;
	case NR_SHMAT:
		return call->size;
	case NR_MLOCKALL:
		return 0;
	default:
		return call->args[1];
	}
}

void vmsc_failure_measure(struct vmsc_failure *failure, struct vmsc_mm *mm, const struct vmsc_call *call)
{
	const struct vmsc_limits *limits = &vmsc_mm_config(mm)->limits;

	switch (failure->cause) {
	case VMSC_CAUSE_MAP_COUNT:
		failure->used = vmsc_mm_map_count(mm);
		failure->limit = limits->max_map_count;
		failure->wanted = 1;
		break;
	case VMSC_CAUSE_RLIMIT_AS:
		failure->used = vmsc_mm_total_pages(mm) << VMSC_PAGE_SHIFT;
		failure->limit = limits->as;
		break;
	case VMSC_CAUSE_RLIMIT_DATA:
		failure->used = bytes_with(mm, failure->cause);
		failure->limit = limits->data;
		break;
	case VMSC_CAUSE_RLIMIT_MEMLOCK:
		failure->used = bytes_with(mm, failure->cause);
		failure->limit = limits->memlock;
		if (call->nr == NR_MLOCKALL)
			failure->wanted = vmsc_mm_total_pages(mm) << VMSC_PAGE_SHIFT;
		break;
	case VMSC_CAUSE_OVERCOMMIT:
		failure->used = limits->overcommit == 2 ? limits->committed : 0;
		failure->limit = limits->overcommit == 2 ? limits->commit_limit : limits->commit_most;
		break;
	default:
		break;
	}
}

/* --- causes that are no limits --- */

static bool has_range(uint16_t nr)
{
	return nr == NR_MPROTECT || nr == NR_MUNMAP || nr == NR_MADVISE || nr == NR_MLOCK ||
	       nr == NR_MUNLOCK || nr == NR_MLOCK2 || nr == NR_PKEY_MPROTECT || nr == NR_MSEAL ||
	       nr == NR_MREMAP || nr == NR_MBIND;
}

/* The first address of [start, end) that is not mapped; 0: all is. */
static uint64_t first_hole(const struct vmsc_mm *mm, uint64_t start, uint64_t end)
{
	struct vmsc_vma vma;

	while (start < end) {
		if (!vmsc_mm_find(mm, start, &vma) || vma.start > start)
			return start;
		start = vma.end;
	}
	return 0;
}

/* The first VMA in [start, end) with one of @flags or @traits; 0: none. */
static uint64_t first_with(const struct vmsc_mm *mm, uint64_t start, uint64_t end, uint64_t flags,
			   uint32_t traits)
{
	struct vmsc_vma vma;

	for (; start < end && vmsc_mm_find(mm, start, &vma) && vma.start < end; start = vma.end)
		if ((vma.vm_flags & flags) || (vma.traits & traits))
			return vma.start > start ? vma.start : start;
	return 0;
}

static void explain_range(struct vmsc_failure *failure, const struct vmsc_mm *mm,
			  const struct vmsc_call *call, int64_t answer)
{
	uint64_t start = call->args[0] & ~PAGE_MASK,
		 end = (call->args[0] + call->args[1] + PAGE_MASK) & ~PAGE_MASK;

	if (answer == -EPERM) {
		failure->where = first_with(mm, start, end, VMSC_VM(SEALED), 0);
		if (!failure->where && call->nr == NR_MREMAP)
			failure->where = first_with(mm, call->args[4], call->args[4] + call->args[2],
						    VMSC_VM(SEALED), 0);
		failure->cause = failure->where ? VMSC_CAUSE_SEALED : VMSC_CAUSE_RIGHTS;
		return;
	}
	failure->where = first_hole(mm, start, end);
	if ((answer == -ENOMEM || answer == -EFAULT) && failure->where) {
		failure->cause = VMSC_CAUSE_UNMAPPED;
		return;
	}
	failure->where =
		first_with(mm, start, end, VMSC_VM_SPECIAL | VMSC_VM(HUGETLB), VMSC_VMA_SPECIAL_MAPPING);
	failure->cause = failure->where ? VMSC_CAUSE_INDIVISIBLE : VMSC_CAUSE_ARGUMENT;
}

static bool is_misaligned(const struct vmsc_call *call)
{
	switch (call->nr) {
	case NR_MMAP:
		return (call->args[5] & PAGE_MASK) ||
		       ((call->args[3] & FIXED) && (call->args[0] & PAGE_MASK));
	case NR_MREMAP:
		return (call->args[0] & PAGE_MASK) ||
		       ((call->args[3] & REMAP_FIXED) && (call->args[4] & PAGE_MASK));
	case NR_MLOCK:
	case NR_MLOCK2:
	case NR_MUNLOCK:
		return false;
	default:
		return has_range(call->nr) && (call->args[0] & PAGE_MASK);
	}
}

static void explain_mmap(struct vmsc_failure *failure, const struct vmsc_mm *mm, const struct vmsc_call *call,
			 int64_t answer)
{
	bool anonymous = call->args[3] & ANONYMOUS;

	switch (answer) {
	case -ENOMEM:
		failure->cause = call->size && (call->args[3] & HUGETLB) ? VMSC_CAUSE_HUGE_PAGES
									 : VMSC_CAUSE_ADDRESS_SPACE;
		failure->wanted = call->args[1];
		break;
	case -EEXIST:
		failure->cause = VMSC_CAUSE_OCCUPIED;
		failure->where = call->args[0];
		break;
	case -EPERM:
		failure->where =
			first_with(mm, call->args[0], call->args[0] + call->args[1], VMSC_VM(SEALED), 0);
		failure->cause = failure->where ? VMSC_CAUSE_SEALED
				 : call->args[0] < vmsc_mm_config((struct vmsc_mm *)mm)->limits.mmap_min_addr
					 ? VMSC_CAUSE_MIN_ADDR
					 : VMSC_CAUSE_RIGHTS;
		break;
	case -EACCES:
		failure->cause = VMSC_CAUSE_RIGHTS;
		break;
	default:
		failure->cause = anonymous || answer == -EINVAL || answer == -EOVERFLOW ? VMSC_CAUSE_ARGUMENT
											: VMSC_CAUSE_FILE;
	}
}

/* Without MREMAP_MAYMOVE there is only what lies behind. */
static void explain_mremap(struct vmsc_failure *failure, const struct vmsc_mm *mm,
			   const struct vmsc_call *call)
{
	const uint64_t old_end = (call->args[0] + call->args[1] + PAGE_MASK) & ~PAGE_MASK,
		       new_end = (call->args[0] + call->args[2] + PAGE_MASK) & ~PAGE_MASK;
	struct vmsc_vma next;

	failure->cause = VMSC_CAUSE_ADDRESS_SPACE;
	failure->wanted = call->args[2];
	if ((call->args[3] & MAYMOVE) || !vmsc_mm_find(mm, old_end, &next) || next.start >= new_end)
		return;
	failure->cause = VMSC_CAUSE_OCCUPIED;
	failure->where = next.start > old_end ? next.start : old_end;
}

static void explain_refusal(struct vmsc_failure *failure, const struct vmsc_mm *mm,
			    const struct vmsc_call *call, int64_t answer)
{
	if (answer == -EINVAL && is_misaligned(call)) {
		failure->cause = VMSC_CAUSE_ALIGNMENT;
		failure->where = call->args[0];
	} else if (answer == -EACCES) {
		failure->cause = VMSC_CAUSE_RIGHTS;
	} else if (answer == -EBADF) {
		failure->cause = VMSC_CAUSE_FILE;
	} else if (call->nr == NR_MMAP) {
		explain_mmap(failure, mm, call, answer);
	} else if (call->nr == NR_MREMAP && answer == -ENOMEM) {
		explain_mremap(failure, mm, call);
	} else if (has_range(call->nr)) {
		explain_range(failure, mm, call, answer);
	} else {
		failure->cause = VMSC_CAUSE_ARGUMENT;
	}
}

/* --- what no rule explains --- */

/* May vm.overcommit_memory have refused what the rules don't refuse? Where it was known what it refuses, it
 * has not. */
static bool is_commit_open(const struct vmsc_mm *mm)
{
	const struct vmsc_limits *limits = &vmsc_mm_config((struct vmsc_mm *)mm)->limits;

	return limits->overcommit == 2 || (limits->overcommit != 1 && !limits->commit_most);
}

/* Would the call charge memory that vm.overcommit_memory watches? */
static bool is_charged(const struct vmsc_mm *mm, const struct vmsc_call *call)
{
	struct vmsc_vma vma;

	switch (call->nr) {
	case NR_BRK:
		return true;
	case NR_MMAP:
		if ((call->args[3] & NORESERVE) &&
		    vmsc_mm_config((struct vmsc_mm *)mm)->limits.overcommit != 2)
			return false;
		return (call->args[3] & 15) != 1 ? (call->args[2] & 2) != 0
						 : (call->args[3] & ANONYMOUS) != 0;
	case NR_MPROTECT:
	case NR_PKEY_MPROTECT:
		return call->args[2] & 2;
	case NR_MREMAP:
		return call->args[2] > call->args[1] && vmsc_mm_find(mm, call->args[0], &vma) &&
		       (vma.vm_flags & VMSC_VM(ACCOUNT));
	default:
		return false;
	}
}

static void explain_hidden(struct vmsc_failure *failure, const struct vmsc_mm *mm,
			   const struct vmsc_call *call)
{
	bool memory = call->nr == NR_BRK || call->result == -ENOMEM || call->result == -EAGAIN;

	failure->wanted = wanted_bytes(call);
	if (memory)
		failure->cause = is_commit_open(mm) && is_charged(mm, call) ? VMSC_CAUSE_OVERCOMMIT
									    : VMSC_CAUSE_MEMORY;
	else if (call->nr == NR_MMAP || call->nr == NR_SHMAT)
		failure->cause = VMSC_CAUSE_FILE;
	else if (call->result == -EINVAL)
		failure->cause = VMSC_CAUSE_ARGUMENT;
	else
		failure->cause = VMSC_CAUSE_UNKNOWN;
}

/* --- brk: its step is never dry, so the kernel's checks are asked one by one --- */

static void explain_brk(struct vmsc_failure *failure, struct vmsc_mm *mm, const struct vmsc_call *call)
{
	const struct vmsc_mm_config *config = vmsc_mm_config(mm);
	const struct vmsc_limits *limits = &config->limits;
	const struct vmsc_layout *layout = &config->layout;
	uint64_t wanted = call->args[0], old = (uint64_t)call->result,
		 more = (wanted - old + PAGE_MASK) & ~PAGE_MASK;
	uint64_t data = wanted - layout->start_brk + (layout->end_data - layout->start_data);
	struct vmsc_vma next;

	failure->cause = is_commit_open(mm) || (limits->overcommit != 1 && more > limits->commit_most)
				 ? VMSC_CAUSE_OVERCOMMIT
				 : VMSC_CAUSE_MEMORY;
	if (limits->data != UINT64_MAX && data > limits->data)
		failure->cause = VMSC_CAUSE_RLIMIT_DATA;
	else if (vmsc_mm_find(mm, (old + PAGE_MASK) & ~PAGE_MASK, &next) &&
		 next.start < wanted + VMSC_PAGE_SIZE +
				      (next.vm_flags & VMSC_VM(GROWSDOWN) ? limits->stack_guard_gap : 0)) {
		failure->cause = VMSC_CAUSE_OCCUPIED;
		failure->where = next.start;
	} else if (limits->as != UINT64_MAX &&
		   (vmsc_mm_total_pages(mm) << VMSC_PAGE_SHIFT) + more > limits->as)
		failure->cause = VMSC_CAUSE_RLIMIT_AS;
	else if (limits->data != UINT64_MAX && bytes_with(mm, VMSC_CAUSE_RLIMIT_DATA) + more > limits->data)
		failure->cause = VMSC_CAUSE_RLIMIT_DATA;
	else if (vmsc_mm_map_count(mm) > limits->max_map_count)
		failure->cause = VMSC_CAUSE_MAP_COUNT;
	failure->wanted = wanted_bytes(call);
}

/* --- one call --- */

/* The limits that refuse each by itself, while all others are lifted. */
static uint32_t binding_limits(struct vmsc_mm *mm, const struct vmsc_call *call)
{
	const struct vmsc_limits given = vmsc_mm_config(mm)->limits;
	uint32_t binding = 0;
	size_t i, j;

	for (i = 0; i < NR_LIMITS; i++) {
		struct vmsc_limits limits = given;

		for (j = 0; j < NR_LIMITS; j++)
			if (i != j)
				lift(&limits, limit_causes[j]);
		if (is_error(ask(mm, call, &limits)))
			binding |= 1u << limit_causes[i];
	}
	return binding;
}

void vmsc_failure_explain(struct vmsc_failure *failure, struct vmsc_mm *mm, const struct vmsc_call *call)
{
	struct vmsc_limits lifted = vmsc_mm_config(mm)->limits;
	int64_t answer;
	size_t i;

	memset(failure, 0, sizeof(*failure));
	failure->call = call->seq;
	if (call->nr == NR_BRK) {
		explain_brk(failure, mm, call);
		return;
	}
	for (i = 0; i < NR_LIMITS; i++)
		lift(&lifted, limit_causes[i]);
	answer = ask(mm, call, &lifted);
	if (is_error(answer)) {
		explain_refusal(failure, mm, call, answer);
		return;
	}
	failure->also = binding_limits(mm, call);
	if (!failure->also) {
		explain_hidden(failure, mm, call);
		return;
	}
	for (i = 0; !(failure->also & (1u << limit_causes[i])); i++)
		;
	failure->cause = limit_causes[i];
	failure->also &= ~(1u << failure->cause);
	failure->wanted = wanted_bytes(call);
}

char *vmsc_failure_text(const struct vmsc_failure *failure)
{
	char *used = vmsc_size_text(failure->used), *limit = vmsc_size_text(failure->limit),
	     *wanted = vmsc_size_text(failure->wanted), *text;
	const char *name = vmsc_cause_name(failure->cause);

	if (failure->cause == VMSC_CAUSE_MAP_COUNT)
		text = vmsc_format("%s: %" PRIu64 " VMAs of %" PRIu64, name, failure->used, failure->limit);
	else if (failure->cause == VMSC_CAUSE_OVERCOMMIT && failure->limit && failure->used)
		text = vmsc_format("%s: %s committed of a CommitLimit of %s, %s more wanted; "
				   "vm.overcommit_memory is 2: raise "
				   "vm.overcommit_ratio or add swap (MAP_NORESERVE does not help)",
				   name, used, limit, wanted);
	else if (failure->cause == VMSC_CAUSE_OVERCOMMIT && failure->limit)
		text = vmsc_format("%s: %s at once is more than memory and swap together, %s: map with "
				   "MAP_NORESERVE, or without "
				   "PROT_WRITE and mprotect parts, or set vm.overcommit_memory to 1",
				   name, wanted, limit);
	else if (failure->limit)
		text = vmsc_format("%s: %s used of %s, %s more wanted", name, used, limit, wanted);
	else if (failure->cause == VMSC_CAUSE_OVERCOMMIT)
		text = vmsc_format("%s: no rule of the VMA layer refuses it; %s to be charged", name, wanted);
	else if (failure->cause == VMSC_CAUSE_ADDRESS_SPACE)
		text = vmsc_format("%s: no room for %s", name, wanted);
	else if (failure->cause == VMSC_CAUSE_HUGE_PAGES)
		text = vmsc_format(
			"%s: their pool has not enough for %s: raise vm.nr_hugepages, or do without "
			"MAP_HUGETLB",
			name, wanted);
	else if (failure->where)
		text = vmsc_format("%s: at 0x%" PRIx64, name, failure->where);
	else
		text = vmsc_format("%s", name);
	free(used);
	free(limit);
	free(wanted);
	return text;
}
