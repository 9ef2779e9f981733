/* SPDX-License-Identifier: MIT */
/*
 * trial_parts.h - what the files of a trial have for each other.
 */
#ifndef VMSC_ANALYZER_TRIAL_PARTS_H
#define VMSC_ANALYZER_TRIAL_PARTS_H

#include "trial.h"

/* trial_step.c: a step by the kernel, in the puppet of its process; sets step->result. */
void vmsc_trial_do(struct vmsc_trial *trial, struct vmsc_step *step);
/* How many of these @nr steps could be made in a row; 0: the first must be made alone. */
size_t vmsc_trial_do_many(struct vmsc_trial *trial, struct vmsc_step *steps, size_t nr,
			  struct vmsc_puppet_done *done);
/* After one of them: what follows from its result. */
void vmsc_trial_did(struct vmsc_trial *trial, struct vmsc_step *step, const struct vmsc_puppet_done *done);

/* trial_model.c: the model of the first process, before its first step. */
struct vmsc_mm *vmsc_trial_model_new(const struct vmsc_trial *trial);
/* That of any process, as it is after the steps of the history; NULL: there is no such process. */
struct vmsc_mm *vmsc_trial_model_again(struct vmsc_trial *trial, uint8_t process);
/* What the model says to the step. */
int64_t vmsc_trial_model_step(struct vmsc_trial *trial, struct vmsc_mm *mm, const struct vmsc_step *step);
void vmsc_trial_model_limits(const struct vmsc_trial *trial, struct vmsc_mm *mm,
			     const struct vmsc_limits *limits);
void vmsc_trial_model_fault(struct vmsc_mm *mm, uint64_t addr);
/* The history is what models are made again from. */
void vmsc_trial_remember(struct vmsc_trial *trial, const struct vmsc_step *step);

/* trial_compare.c: NULL when model and kernel agree, else trial->why. With @text also by smaps, where that is
 * slow. */
const char *vmsc_trial_compare(struct vmsc_trial *trial, struct vmsc_trial_process *process, bool text);

/* trial_known.c: is the model given the result even when it must predict? */
bool vmsc_trial_is_given(const struct vmsc_trial *trial, const struct vmsc_step *step);
/* By overcommit 2, whose limit all processes share: may that be why the step was refused? */
bool vmsc_trial_is_commit_open(const struct vmsc_trial *trial, const struct vmsc_step *step);
/* Can nothing be compared from here on? @said by the model. */
bool vmsc_trial_is_unknown(const struct vmsc_step *step, int64_t said);
/* Was it a guard page, or did the access come to where an anon_vma is made before it fails? */
bool vmsc_trial_is_guard_or_not(const struct vmsc_mm *mm, const struct vmsc_step *step);

/* trial_limits.c: may we lock memory without limit? */
bool vmsc_trial_may_lock(void);

/* By overcommit 2: how much is committed now, a call having been refused. */
void vmsc_trial_ask_commit(struct vmsc_limits *limits);
/* What is the machine's, whatever a step says: overcommit, memory, the default size of huge pages. */
void vmsc_trial_keep_memory(struct vmsc_limits *limits, const struct vmsc_limits *machine);

#endif
