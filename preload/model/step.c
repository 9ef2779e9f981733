/* SPDX-License-Identifier: MIT */
/*
 * step.c - one system call in, the kernel's answer by the rules out, and the judgement whether the recorded
 * answer agrees.
 */
#include "internal.h"

struct op {
	uint16_t nr;
	bool populates; /* fails after its work is done when memory is short */
	bool makes_file;
	vmsc_op_fn *run;
};

/* clang-format off */
static const struct op ops[] = {
	{ NR_MMAP, false, true, vmsc_op_mmap },
	{ NR_MUNMAP, false, false, vmsc_op_munmap },
	{ NR_MPROTECT, false, false, vmsc_op_mprotect },
	{ NR_BRK, false, false, vmsc_op_brk },
	{ NR_MREMAP, false, false, vmsc_op_mremap },
	{ NR_MADVISE, false, false, vmsc_op_madvise },
	{ NR_PROCESS_MADVISE, false, false, vmsc_op_process_madvise },
	{ NR_MLOCK, true, false, vmsc_op_mlock },
	{ NR_MLOCK2, true, false, vmsc_op_mlock },
	{ NR_MUNLOCK, false, false, vmsc_op_mlock },
	{ NR_MLOCKALL, false, false, vmsc_op_mlockall },
	{ NR_MUNLOCKALL, false, false, vmsc_op_mlockall },
	{ NR_PKEY_MPROTECT, false, false, vmsc_op_mprotect },
	{ NR_SHMAT, false, true, vmsc_op_shmat },
	{ NR_SHMDT, false, false, vmsc_op_shmdt },
	{ NR_REMAP_FILE_PAGES, false, false, vmsc_op_remap_file_pages },
	{ NR_MAP_SHADOW_STACK, false, false, vmsc_op_map_shadow_stack },
	{ NR_MSEAL, false, false, vmsc_op_mseal },
	{ NR_PRCTL, false, false, vmsc_op_prctl },
	{ NR_PERSONALITY, false, false, vmsc_op_personality },
	{ NR_MBIND, false, false, vmsc_op_mbind },
	{ NR_SET_MEMPOLICY_HOME_NODE, false, false, vmsc_op_home_node },
	{ NR_IOCTL, false, false, vmsc_op_ioctl },
	{ NR_CLOSE, false, false, vmsc_op_close },
	{ NR_IO_SETUP, false, true, vmsc_op_io_setup },
	{ NR_IO_DESTROY, false, false, vmsc_op_io_destroy },
};
/* clang-format on */

/* No call needs more for one VMA: four splits (two of the target, two of the source), a copy, and room to
 * spare. */
#define NODES_PER_STEP 8

static const struct op *find_op(uint16_t nr)
{
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		if (ops[i].nr == nr)
			return &ops[i];
	}
	return NULL;
}

/* mremap may copy several VMAs. */
static size_t nodes_needed(const struct vmsc_mm *mm, const struct vmsc_call *call)
{
	size_t nodes = NODES_PER_STEP;
	const struct vmsc_node *node;

	if (call->nr != NR_MREMAP || !(call->args[3] & MREMAP_FIXED_))
		return nodes;
	for (node = vmsc_tree_find(mm, call->args[0]); node; node = node->next) {
		if (node->vma.start - call->args[0] >= call->args[1] && node->vma.start >= call->args[0])
			break;
		nodes += 3;
	}
	return nodes;
}

/* RLIMIT_DATA, which mprotect() comes nearer to with each VMA that it makes writable. */
static bool is_near_data_limit(const struct vmsc_mm *mm, const struct vmsc_call *call)
{
	bool protects = call->nr == NR_MPROTECT || call->nr == NR_PKEY_MPROTECT;

	return protects && call->args[1] < UINT64_MAX / 2 &&
	       !vmsc_mm_may_expand(mm, VMSC_VM(WRITE),
				   (int64_t)(page_align(call->args[1]) >> VMSC_PAGE_SHIFT));
}

/* RLIMIT_AS, which an mremap of several VMAs that keeps them comes nearer to with each. */
static bool is_near_size_limit(const struct vmsc_mm *mm, const struct vmsc_call *call)
{
	return call->nr == NR_MREMAP && (call->args[3] & MREMAP_DONTUNMAP_) &&
	       call->args[1] < UINT64_MAX / 2 &&
	       !vmsc_mm_may_expand(mm, VMSC_VM(WRITE),
				   (int64_t)(page_align(call->args[1]) >> VMSC_PAGE_SHIFT));
}

/* VMAs that there can be more when all is done: an mremap of several moves them one by one. */
static uint64_t most_new(const struct vmsc_mm *mm, const struct vmsc_call *call)
{
	const uint64_t end = call->args[0] + call->args[1];
	uint64_t nr = 2;

	if (call->nr != NR_MREMAP || end < call->args[0])
		return nr;
	for (const struct vmsc_node *node = vmsc_tree_find(mm, call->args[0]);
	     node && node->vma.start < end && mm->map_count + nr < mm->config.limits.max_map_count;
	     node = node->next)
		nr += 2;
	return nr;
}

/* Could a limit have to do with it that is reached on the way? Only there does a dry run not see every
 * refusal. */
static bool is_near_limit(const struct vmsc_mm *mm, const struct vmsc_call *call)
{
	if (call->result == -ENOMEM && (is_near_data_limit(mm, call) || is_near_size_limit(mm, call)))
		return true;
	return (call->result == -ENOMEM || call->result == -EAGAIN) &&
	       mm->map_count + most_new(mm, call) >= mm->config.limits.max_map_count;
}

/* What goes first makes room, which the dry run does not see. */
static bool makes_room(const struct vmsc_call *call, int64_t dry)
{
	return dry == -ENOMEM && call->nr == NR_MREMAP && (call->args[3] & MREMAP_FIXED_);
}

/* The kernel refused: find out whether by a rule, and let happen what happens before such a refusal. */
static int64_t run_refused(struct vmsc_mm *mm, const struct op *op, const struct vmsc_call *call,
			   struct vmsc_outcome *out)
{
	bool late = op->populates && (call->result == -ENOMEM || call->result == -EAGAIN);
	int64_t ret;

	mm->dry = true;
	ret = op->run(mm, call, out);
	mm->dry = false;
	/* What the dry run said may lie behind what the limit refused. */
	if (ret == call->result || is_near_limit(mm, call) || makes_room(call, ret) ||
	    (late && !is_error(ret)))
		ret = op->run(mm, call, out);
	return ret;
}

/* The kernel did it: so must the model, if need be against its own opinion, which is returned. */
static int64_t run_done(struct vmsc_mm *mm, const struct op *op, const struct vmsc_call *call,
			struct vmsc_outcome *out)
{
	int64_t ret = op->run(mm, call, out);

	if (is_error(ret)) {
		mm->force = true;
		(void)op->run(mm, call, out);
		mm->force = false;
	}
	return ret;
}

/* Which fact that only the environment knows may lie behind a refusal that no rule demands? */
static enum vmsc_hidden reason_of_refusal(const struct vmsc_mm *mm, const struct vmsc_call *call)
{
	bool driver = call->nr == NR_SHMAT || /* rights and life of the segment */
		      (call->nr == NR_MMAP && !(call->args[3] & MAP_ANONYMOUS_) &&
		       vmsc_mm_file_of(mm, call->file).kind == VMSC_FILE_OTHER);

	switch (call->result) {
	case -ENOMEM:
		return mm->charged ? VMSC_HIDDEN_COMMIT : VMSC_HIDDEN_MEMORY;
	case -EINTR:
	case -EAGAIN:
		return VMSC_HIDDEN_MEMORY;
	case -EINVAL:
		if (call->nr == NR_PKEY_MPROTECT) /* which keys are allocated is not followed */
			return VMSC_HIDDEN_DRIVER;
		return driver ? VMSC_HIDDEN_DRIVER : VMSC_HIDDEN_NOTHING;
	case -EACCES:
	case -EBUSY:
	case -EIO:
	case -ENXIO:
	case -EIDRM:
	case -ENFILE:
	case -EPERM:
	case -ENODEV:
	case -EBADF:
	case -ETXTBSY:
	case -EOPNOTSUPP:
		return driver ? VMSC_HIDDEN_DRIVER : VMSC_HIDDEN_NOTHING;
	default:
		return VMSC_HIDDEN_NOTHING;
	}
}

static void judge(const struct vmsc_mm *mm, const struct vmsc_call *call, struct vmsc_outcome *out)
{
	bool refused = is_error(call->result);

	if (!call->has_result)
		return;
	if (refused && out->predicted != call->result) {
		enum vmsc_hidden reason = reason_of_refusal(mm, call);

		if (reason)
			out->undetermined = reason;
		out->wrong = !out->undetermined;
	} else if (!refused && is_error(out->predicted)) {
		out->wrong = out->undetermined != VMSC_HIDDEN_ADDRESS;
	} else if (out->predicted != call->result) {
		out->wrong = !out->address_asked && !(call->nr == NR_BRK && out->undetermined);
	}
	if (mm->contradiction)
		out->wrong = true;
}

/* A call that ends in an address of the kernel's choice: what the model would have answered, where it knows.
 */
static int64_t predicted_address(const struct vmsc_call *call, const struct vmsc_outcome *out, int64_t ret)
{
	if (!out->address_asked || is_error(ret) || call->nr == NR_IO_SETUP || !out->address_predicted)
		return ret;
	return (int64_t)out->address_predicted;
}

/* EBADF: somebody only asks what the rules say. */
static bool may_be_short_of_memory(const struct vmsc_call *call)
{
	if (!call->has_result)
		return true;
	if (call->nr == NR_BRK)
		return (uint64_t)call->result < call->args[0];
	return call->result == -ENOMEM || call->result == -EBADF;
}

int vmsc_mm_step(struct vmsc_mm *mm, const struct vmsc_call *call, struct vmsc_outcome *out)
{
	const struct op *op = find_op(call->nr);
	int64_t ret;
	int err;

	memset(out, 0, sizeof(*out));
	out->predicted = call->has_result ? call->result : 0;
	if (!op)
		return 0;
	err = vmsc_mm_reserve(mm, nodes_needed(mm, call));
	if (!err && op->makes_file)
		err = vmsc_mm_reserve_file(mm);
	if (err)
		return err;
	mm->seq = call->seq;
	mm->nr = call->nr;
	mm->hidden = VMSC_HIDDEN_NOTHING;
	mm->contradiction = mm->charged = false;
	mm->answered = call->has_result;
	mm->short_of_memory = may_be_short_of_memory(call);
	mm->refused = call->has_result && is_error(call->result);
	if (!call->has_result || op->run == vmsc_op_brk)
		ret = op->run(mm, call, out);
	else if (is_error(call->result))
		ret = run_refused(mm, op, call, out);
	else
		ret = run_done(mm, op, call, out);
	out->predicted = predicted_address(call, out, ret);
	out->undetermined = mm->hidden;
	judge(mm, call, out);
	return 0;
}
