/* SPDX-License-Identifier: MIT */
/*
 * trial_known.c - of which steps the result can't be known beforehand, or not what it left behind.
 */
#include "trial_parts.h"

#include <errno.h>
#include <sys/syscall.h>

/* What may be committed is not modelled: so much, an mremap that shrinks by it too, can be refused. */
static bool is_huge(const struct vmsc_call *call)
{
	const uint64_t *args = call->args;

	return (call->nr == SYS_mmap && args[1] >> 30) ||
	       (call->nr == SYS_mremap && (args[1] | args[2]) >> 30);
}

/* Which results is the model given even when it must predict: modes and masks are not decoded, how far a
 * population came is not known. */
bool vmsc_trial_is_given(const struct vmsc_trial *trial, const struct vmsc_step *step)
{
	const struct vmsc_call *call = &step->call;

	if (trial->config.told || call->nr == SYS_io_setup || call->nr == SYS_io_destroy)
		return true;
	if (call->nr == SYS_remap_file_pages && step->result == -EINVAL)
		return true; /* the segment may be gone */
	if (call->nr == SYS_brk && call->args[0] >= trial->config.start_brk &&
	    (call->args[0] - trial->config.start_brk) >> 30)
		return true; /* so much may not be committed */
	if (step->result >= 0)
		return trial->processes[0].puppet.randomized && step->result > 4096;
	if (step->result == -ENOMEM && is_huge(call))
		return true;
	if (call->nr == SYS_process_madvise)
		return call->args[3] >= 22 && call->args[3] <= 25;
	if (call->nr == SYS_madvise) /* populate, collapse; what a file's driver says to MADV_REMOVE */
		return (call->args[2] >= 22 && call->args[2] <= 25) || step->result == -ENODEV;
	return call->nr == SYS_mbind || call->nr == SYS_ioctl || call->nr == 450 || call->nr == SYS_mlock ||
	       call->nr == SYS_mlock2;
}

/* How far a failed population came can't be known, nor a refusal to commit memory be told from others. */
bool vmsc_trial_is_unknown(const struct vmsc_step *step, int64_t said)
{
	if (step->kind != VMSC_STEP_CALL || step->result >= 0)
		return false;
	if (step->result == -ENOMEM &&
	    (is_huge(&step->call) || step->call.nr == SYS_mbind || step->call.nr == SYS_ioctl))
		return true;
	if (step->call.nr == 450) /* set_mempolicy_home_node: the VMAs before the refusal are changed */
		return true;
	if (step->call.nr == SYS_madvise)
		return (step->call.args[2] == 22 || step->call.args[2] == 23) && step->result == -EFAULT;
	return (step->call.nr == SYS_mlock || step->call.nr == SYS_mlock2) && step->result != said;
}
