/* SPDX-License-Identifier: MIT */
/*
 * fuzz.h - random steps, and what is done with a sequence in which model and kernel part.
 */
#ifndef VMSC_ANALYZER_FUZZ_H
#define VMSC_ANALYZER_FUZZ_H

#include <stdio.h>

#include "trial.h"

/* The calls work on these pages, where they meet each other; those without a place of their own go elsewhere.
 */
#define VMSC_FUZZ_BASE	UINT64_C(0x580000000000)
#define VMSC_FUZZ_PAGES 48
#define VMSC_FUZZ_STEPS 400

/* What is told apart by sequence, so that each goes deep into something. */
struct vmsc_fuzz_mood {
	bool populates; /* locks and populates; otherwise guard pages: populating those fails */
	bool plain;	/* mostly anonymous memory, all alike, in small pieces: much merges */
	bool seals, forks, threads, limits, wild;
	bool crowded; /* the map count is near its limit; to get there takes long where that is high */
};

struct vmsc_fuzz {
	uint64_t state; /* of the random numbers */
	struct vmsc_fuzz_mood mood;
	const struct vmsc_files *files;
	vmsc_rules_t rules;
	uint32_t segments; /* attached so far */
	uint8_t processes; /* begun so far */
	bool vast;	   /* terabytes may be mapped */
	struct vmsc_limits limits;
};

/* fuzz_calls.c */
uint64_t vmsc_fuzz_rand(struct vmsc_fuzz *fuzz, uint64_t below);
void vmsc_fuzz_begin(struct vmsc_fuzz *fuzz, uint64_t seed);
/* The next step, given what the process that made the last one shows now; of the process and thread of @by,
 * NULL: of any. */
void vmsc_fuzz_next(struct vmsc_fuzz *fuzz, const struct vmsc_trial_view *view, struct vmsc_step *step,
		    const struct vmsc_step *by);

/* A sequence of steps, and what came of it. */
struct vmsc_run {
	struct vmsc_trial_config config;
	size_t nr, drawn; /* steps made; with those that are still to be made */
	struct vmsc_step steps[VMSC_FUZZ_STEPS];
	enum vmsc_trial_verdict verdict; /* of the last step */
	bool interrupted, endless;	 /* vmsc_trial's */
	char why[400];
	int64_t said;		     /* the model's answer to the last step */
	struct vmsc_trial_view view; /* what the kernel showed last */
};

/* fuzz_run.c: the steps of @run, or, with @fuzz, up to run->nr new ones. The trial tells its counts. */
void vmsc_run_do(struct vmsc_run *run, struct vmsc_fuzz *fuzz, struct vmsc_trial *trial);
/* Leaves out every step without which it still ends so. */
void vmsc_run_shrink(struct vmsc_run *run, struct vmsc_trial *trial);

/* fuzz_program.c: a program in C that makes the same calls. */
void vmsc_run_write_program(const struct vmsc_run *run, FILE *out);

#endif
