/* SPDX-License-Identifier: MIT */
#include "conform.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "say.h"

/*
 * Where mmap_base lay elsewhere when the steps were recorded, what the kernel places goes where it went then:
 * by hint, or by MREMAP_FIXED. False: nothing to do.
 */
static bool place(struct vmsc_step *step)
{
	uint64_t *args = step->call.args;
	uint64_t result = (uint64_t)step->result;

	if (step->kind != VMSC_STEP_CALL || step->result < (int64_t)VMSC_PAGE_SIZE)
		return false;
	if (step->call.nr == SYS_mmap && !(args[3] & (MAP_FIXED | MAP_FIXED_NOREPLACE)) && args[0] != result)
		args[0] = result;
	else if (step->call.nr == SYS_mremap && !(args[3] & MREMAP_FIXED) && args[0] != result) {
		args[3] |= MREMAP_FIXED;
		args[4] = result;
	} else if (step->call.nr == SYS_shmat && !args[1])
		args[1] = result;
	else
		return false;
	return true;
}

static void run_once(const struct vmsc_script *script, struct vmsc_trial *trial, struct vmsc_conform *done)
{
	bool moved = script->mmap_base != trial->processes[0].puppet.mmap_base;
	struct vmsc_step step;

	for (done->at = 0; done->at < script->nr; done->at++) {
		step = script->steps[done->at];
		done->placed += moved && place(&step) && !done->told;
		done->verdict = vmsc_trial_step(trial, &step);
		done->results[done->at] = step.result;
		if (done->verdict != VMSC_TRIAL_SAME)
			break;
	}
	if (done->verdict == VMSC_TRIAL_UNKNOWN) /* nothing can be said of what follows */
		done->verdict = VMSC_TRIAL_SAME;
	done->undetermined = trial->undetermined;
	done->addresses_asked = trial->addresses_asked;
	done->addresses_predicted = trial->addresses_predicted;
	done->vmas = trial->view.nr;
	done->view = trial->view;
}

void vmsc_conform_run(const struct vmsc_script *script, vmsc_rules_t rules, struct vmsc_conform *done)
{
	struct vmsc_trial_config config = {.rules = rules,
					   .files = &script->files,
					   .limits = script->limits,
					   .start_brk = script->start_brk,
					   .brk = script->brk};
	struct vmsc_trial *trial = vmsc_alloc(sizeof(*trial));

	memset(done, 0, sizeof(*done));
	done->results = vmsc_alloc((script->nr + 1) * sizeof(*done->results));
	for (int told = 0; told < 2 && done->verdict == VMSC_TRIAL_SAME; told++) {
		done->told = config.told = told;
		done->at = script->nr;
		if (vmsc_trial_begin(trial, &config))
			run_once(script, trial, done);
		else
			done->verdict = VMSC_TRIAL_FAILED;
		snprintf(done->why, sizeof(done->why), "%s", trial->why);
		vmsc_trial_end(trial);
	}
	free(trial);
}
