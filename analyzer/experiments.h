/* SPDX-License-Identifier: MIT */
/*
 * experiments.h - one small experiment per rule. Each runs alone in a scratch process that is thrown away, on
 * pages far from everything; it changes nothing outside that process.
 */
#ifndef VMSC_ANALYZER_EXPERIMENTS_H
#define VMSC_ANALYZER_EXPERIMENTS_H

#include "rules.h"

#define PMD_SIZE ((size_t)VMSC_PMD_SIZE)
#define PAGE	 ((size_t)VMSC_PAGE_SIZE)

typedef enum vmsc_finding vmsc_experiment_fn(struct vmsc_evidence *evidence);

/* By rule; NULL: none here. */
struct vmsc_experiments {
	vmsc_experiment_fn *of[VMSC_NR_RULES];
};

extern const struct vmsc_experiments vmsc_merge_experiments, vmsc_place_experiments, vmsc_call_experiments;

/* What was done and seen, one sentence; returns @finding. */
enum vmsc_finding vmsc_evidence_say(struct vmsc_evidence *evidence, enum vmsc_finding finding,
				    const char *format, ...) __attribute__((format(printf, 3, 4)));
/* @what could not be done, by errno. */
enum vmsc_finding vmsc_evidence_fail(struct vmsc_evidence *evidence, const char *what);

static inline enum vmsc_finding yes_if(bool yes)
{
	return yes ? VMSC_FOUND_YES : VMSC_FOUND_NO;
}

#endif
