/* SPDX-License-Identifier: MIT */
#include "without.h"

#include <string.h>

#define GUARD_MAX (UINT64_C(64) << 10)

enum {
	NR_MMAP = 9,
	NR_MPROTECT = 10,
	NR_IOCTL = 16,
	NR_MADVISE = 28,
	NR_MLOCK = 149,
	NR_MUNLOCK = 150,
	NR_MLOCKALL = 151,
	NR_MUNLOCKALL = 152,
	NR_PRCTL = 157,
	NR_MBIND = 237,
	NR_MLOCK2 = 325,
	NR_PKEY_MPROTECT = 329,
	NR_SET_MEMPOLICY_HOME_NODE = 450,
	NR_MSEAL = 462
};
enum {
	MAP_FIXED_ = 0x10,
	MAP_ANONYMOUS_ = 0x20,
	MAP_LOCKED_ = 0x2000,
	PR_SET_VMA_ = 0x53564d41,
	PR_SET_MEMORY_MERGE_ = 67
};

static const struct {
	const char *name, *what;
} kinds[] = {
#define X(name, text, what) {text, what},
	VMSC_WITHOUTS(X)
#undef X
};

#define HAS(set, name) ((set) & (1u << VMSC_WITHOUT_##name))

uint32_t vmsc_without_parse(const char *list)
{
	uint32_t set = 0;
	size_t length, kind;

	for (;; list += length + 1) {
		length = strcspn(list, ",");
		for (kind = 0; kind < VMSC_NR_WITHOUTS; kind++)
			if (strlen(kinds[kind].name) == length && !memcmp(kinds[kind].name, list, length))
				break;
		if (kind == VMSC_NR_WITHOUTS)
			return 0;
		set |= 1u << kind;
		if (!list[length])
			return set;
	}
}

void vmsc_without_help(FILE *out)
{
	size_t kind;

	fputs("Kinds of calls to leave out:\n", out);
	for (kind = 0; kind < VMSC_NR_WITHOUTS; kind++)
		fprintf(out, "    %-12s %s\n", kinds[kind].name, kinds[kind].what);
}

/* The kind of an advice; NR for one that is in none. */
static unsigned int kind_of_advice(uint64_t advice)
{
	switch (advice) {
	case 0:
	case 1:
	case 2:
		return VMSC_WITHOUT_ACCESS;
	case 10:
	case 11:
	case 18:
	case 19:
		return VMSC_WITHOUT_FORK;
	case 12:
	case 13:
		return VMSC_WITHOUT_MERGEABLE;
	case 14:
	case 15:
		return VMSC_WITHOUT_HUGEPAGE;
	case 16:
	case 17:
		return VMSC_WITHOUT_DONTDUMP;
	default:
		return VMSC_NR_WITHOUTS;
	}
}

/* The kind that a call belongs to as a whole; NR for none. */
static unsigned int kind_of_call(const struct vmsc_altered_call *call)
{
	switch (call->record.nr) {
	case NR_MADVISE:
		return kind_of_advice(call->args[2]);
	case NR_PRCTL:
		if (call->args[0] == PR_SET_VMA_)
			return VMSC_WITHOUT_NAMES;
		return call->args[0] == PR_SET_MEMORY_MERGE_ ? VMSC_WITHOUT_MERGEABLE : VMSC_NR_WITHOUTS;
	case NR_MLOCK:
	case NR_MLOCK2:
	case NR_MLOCKALL:
	case NR_MUNLOCK:
	case NR_MUNLOCKALL:
		return VMSC_WITHOUT_MLOCK;
	case NR_MPROTECT:
	case NR_PKEY_MPROTECT:
		return VMSC_WITHOUT_MPROTECT;
	case NR_MBIND:
	case NR_SET_MEMPOLICY_HOME_NODE:
		return VMSC_WITHOUT_POLICY;
	case NR_IOCTL:
		return VMSC_WITHOUT_UFFD;
	case NR_MSEAL:
		return VMSC_WITHOUT_MSEAL;
	default:
		return VMSC_NR_WITHOUTS;
	}
}

static bool is_inaccessible(const struct vmsc_vma *vma)
{
	return !vma->file && !(vma->vm_flags & (VMSC_VM_ACCESS | VMSC_VM(SHARED)));
}

/* All of [start, end) is mapped, and none of it by the kernel or a driver. */
static bool is_covered(const struct vmsc_mm *mm, uint64_t start, uint64_t end)
{
	struct vmsc_vma vma;

	while (start < end) {
		if (!vmsc_mm_find(mm, start, &vma) || vma.start > start || vma.file)
			return false;
		start = vma.end;
	}
	return true;
}

static bool is_guard(const struct vmsc_altered_call *call)
{
	return call->record.nr == NR_MPROTECT && !(call->args[2] & 7) && call->args[1] &&
	       call->args[1] <= GUARD_MAX;
}

/* A thread's stack is reserved without access and then opened but for its lowest pages: opened as a whole,
 * now. */
static bool widen_over_guard(const struct vmsc_mm *mm, struct vmsc_altered_call *call)
{
	struct vmsc_vma vma;
	uint64_t start = call->args[0], end = start + call->args[1];

	if (call->record.nr != NR_MPROTECT || !(call->args[2] & 7) || !vmsc_mm_find(mm, start, &vma) ||
	    vma.start >= start || vma.end != end || !is_inaccessible(&vma) || start - vma.start > GUARD_MAX)
		return false;
	call->args[0] = vma.start;
	call->args[1] = end - vma.start;
	return true;
}

static bool is_decommit(const struct vmsc_mm *mm, const struct vmsc_altered_call *call)
{
	return call->record.nr == NR_MMAP && !(call->args[2] & 7) && (call->args[3] & MAP_FIXED_) &&
	       (call->args[3] & MAP_ANONYMOUS_) &&
	       is_covered(mm, call->args[0], call->args[0] + call->args[1]);
}

const struct vmsc_call_record *vmsc_without_apply(uint32_t set, const struct vmsc_mm *mm,
						  const struct vmsc_call_record *record,
						  struct vmsc_altered_call *copy)
{
	unsigned int kind;

	memset(copy, 0, sizeof(*copy));
	copy->record = *record;
	copy->record.head.flags &= (uint16_t)~VMSC_CALL_NO_FILE; /* all arguments are there */
	vmsc_call_args(record, copy->args);
	kind = kind_of_call(copy);
	if (kind < VMSC_NR_WITHOUTS && (set & (1u << kind)))
		return NULL;
	if (HAS(set, GUARDS) && is_guard(copy))
		return NULL;
	if (HAS(set, DECOMMIT) && is_decommit(mm, copy))
		return NULL;
	copy->record.nr_args = 6;
	copy->record.head.size = sizeof(*copy);
	if (HAS(set, GUARDS) && widen_over_guard(mm, copy))
		return &copy->record;
	if (HAS(set, MLOCK) && record->nr == NR_MMAP && (copy->args[3] & MAP_LOCKED_)) {
		copy->args[3] &= ~(uint64_t)MAP_LOCKED_;
		return &copy->record;
	}
	return record;
}
