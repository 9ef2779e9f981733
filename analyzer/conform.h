/* SPDX-License-Identifier: MIT */
/*
 * conform.h - a script made for real, twice: once the model must say each result before it is known, once it
 * is told and judges, as with a recorded program.
 */
#ifndef VMSC_ANALYZER_CONFORM_H
#define VMSC_ANALYZER_CONFORM_H

#include "script.h"

struct vmsc_conform {
	enum vmsc_trial_verdict verdict;
	size_t at; /* the step that it is about */
	bool told;
	uint64_t placed; /* steps whose address the kernel would have chosen otherwise here */
	uint64_t undetermined, addresses_asked, addresses_predicted;
	size_t vmas; /* at the end */
	char why[400];
	int64_t *results; /* of each step, as the kernel gave them; free() */
	struct vmsc_trial_view view;
};

/* The script's files are open. */
void vmsc_conform_run(const struct vmsc_script *script, vmsc_rules_t rules, struct vmsc_conform *done);

#endif
