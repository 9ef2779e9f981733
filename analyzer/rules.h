/* SPDX-License-Identifier: MIT */
/*
 * rules.h - which rules the running kernel follows: by its release, corrected by experiments in scratch
 * processes.
 */
#ifndef VMSC_ANALYZER_RULES_H
#define VMSC_ANALYZER_RULES_H

#include <stdbool.h>

#include "vmascope/kernel.h"

enum vmsc_finding {
	VMSC_FOUND_NOTHING, /* no experiment, or it could not be made: the release decides */
	VMSC_FOUND_NO,
	VMSC_FOUND_YES,
};

struct vmsc_evidence {
	enum vmsc_finding finding;
	char text[160]; /* what was done and seen, one sentence */
};

struct vmsc_found_rules {
	vmsc_rules_t by_release, rules;
	bool release_known;
	struct vmsc_evidence evidence[VMSC_NR_RULES];
};

/* Makes the experiments. Takes some milliseconds. */
void vmsc_rules_find(struct vmsc_found_rules *found);
/* Only those of one rule, in this process: a scratch process that may die of it. */
void vmsc_experiment_run(enum vmsc_rule rule, struct vmsc_evidence *evidence);
bool vmsc_experiment_exists(enum vmsc_rule rule);

/* The rules, from the cache or by experiment (then kept in the cache). */
vmsc_rules_t vmsc_rules_of_this_kernel(void);
/* Names with blanks between; the caller frees it. */
char *vmsc_rules_text(vmsc_rules_t rules);

#endif
