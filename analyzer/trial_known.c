/* SPDX-License-Identifier: MIT */
/*
 * trial_known.c - of which steps the result can't be known beforehand, or not what it left behind.
 */
#include "trial_parts.h"

#include <errno.h>
#include <sys/syscall.h>

/* 0: none, or none that matters. */
static uint64_t advice_of(const struct vmsc_call *call)
{
	return call->nr == SYS_madvise ? call->args[2] : call->nr == SYS_process_madvise ? call->args[3] : 0;
}

bool vmsc_trial_is_commit_open(const struct vmsc_trial *trial, const struct vmsc_step *step)
{
	const struct vmsc_call *call = &step->call;

	if (step->kind != VMSC_STEP_CALL || trial->config.limits.overcommit != 2)
		return false;
	return call->nr == SYS_brk ? (uint64_t)step->result < call->args[0] : step->result == -ENOMEM;
}

/* Which results is the model given even when it must predict: modes and masks are not decoded, how far a
 * population came is not known. */
bool vmsc_trial_is_given(const struct vmsc_trial *trial, const struct vmsc_step *step)
{
	const struct vmsc_call *call = &step->call;

	if (trial->config.told || vmsc_trial_is_commit_open(trial, step) || call->nr == SYS_io_setup ||
	    call->nr == SYS_io_destroy)
		return true;
	if (call->nr == SYS_remap_file_pages && step->result == -EINVAL)
		return true; /* the segment may be gone */
	if (step->result >= 0)
		return trial->processes[0].puppet.randomized && step->result > 4096;
	if (advice_of(call)) /* populate, collapse; what a file's driver says to MADV_REMOVE */
		return (advice_of(call) >= 22 && advice_of(call) <= 25) || step->result == -ENODEV;
	return call->nr == SYS_mbind || call->nr == SYS_ioctl || call->nr == 450 || call->nr == SYS_mlock ||
	       call->nr == SYS_mlock2;
}

/* How far a failed population came can't be known. */
bool vmsc_trial_is_unknown(const struct vmsc_step *step, int64_t said)
{
	if (step->kind != VMSC_STEP_CALL || step->result >= 0)
		return false;
	if (step->result == -ENOMEM && (step->call.nr == SYS_mbind || step->call.nr == SYS_ioctl))
		return true;
	if (step->call.nr == 450) /* set_mempolicy_home_node: the VMAs before the refusal are changed */
		return true;
	if (advice_of(&step->call))
		return (advice_of(&step->call) == 22 || advice_of(&step->call) == 23) &&
		       step->result == -EFAULT;
	return (step->call.nr == SYS_mlock || step->call.nr == SYS_mlock2) && step->result != said;
}
