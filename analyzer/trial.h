/* SPDX-License-Identifier: MIT */
/*
 * trial.h - the same steps in two worlds: in puppets, by the running kernel, and on the model; after each
 * step the results, all VMAs and their flags must agree.
 */
#ifndef VMSC_ANALYZER_TRIAL_H
#define VMSC_ANALYZER_TRIAL_H

#include "puppet.h"
#include "trial_files.h"

enum vmsc_step_kind {
	VMSC_STEP_CALL,
	VMSC_STEP_TOUCH,  /* a byte is written or read by the program */
	VMSC_STEP_POKE,	  /* written whatever the access rights are, as a debugger does */
	VMSC_STEP_FORK,	  /* by process; value: the number of the new one */
	VMSC_STEP_LIMITS, /* limits, of all processes */
	VMSC_STEP_FOUND,  /* in a trial's history: asked, the process has a page at addr; value: it was
			     inherited */
};

struct vmsc_step {
	enum vmsc_step_kind kind;
	uint8_t process, thread;
	bool write;
	uint64_t addr, value;
	struct vmsc_call call;
	struct vmsc_limits limits;
	int64_t result; /* the kernel's */
};

enum { VMSC_TRIAL_PROCESSES = 4, VMSC_TRIAL_SEEN = 4096 };

struct vmsc_trial_config {
	vmsc_rules_t rules;
	const struct vmsc_files *files;
	struct vmsc_limits
		limits; /* as the trial begins; max_map_count below the machine's own is brought about */
	uint64_t start_brk, brk; /* 0: wherever it does not disturb */
	/*
	 * The model is told the kernel's result and judges it, as with a recorded program; otherwise it must
	 * say the result without having been told.
	 */
	bool told;
	/* Nor of touches: before a call it asks what it must know, as when a program is recorded. */
	bool asks;
};

/* What a number of the model's stands for, learned when it is first seen. */
struct vmsc_file_seen {
	uint32_t id;
	uint64_t inode;
};

enum { VMSC_TRIAL_FILES = 256 };

struct vmsc_trial_process {
	struct vmsc_puppet puppet;
	struct vmsc_mm *mm;
	struct vmsc_file_seen seen_files[VMSC_TRIAL_FILES];
	size_t nr_seen_files;
	int uffds[3];
	bool alive;
	uint64_t fill; /* pages of VMSC_PUPPET_FILL that are in use */
};

/* A view of one process, cut off where the puppet's own begins. */
struct vmsc_trial_view {
	size_t nr;
	struct vmsc_seen_record vmas[VMSC_TRIAL_SEEN];
};

enum vmsc_trial_verdict {
	VMSC_TRIAL_SAME,
	VMSC_TRIAL_DIFFERS, /* trial->why says how */
	VMSC_TRIAL_UNKNOWN, /* what the kernel did can't be known from outside: nothing can be compared from
			       here */
	VMSC_TRIAL_FAILED,  /* the trial itself did; trial->why */
	VMSC_TRIAL_AGAIN,   /* what the kernel showed can't be told: make the steps again, one by one */
};

struct vmsc_trial {
	struct vmsc_trial_config config;
	uint64_t max_map_count; /* the machine's, 0: there is no machine */
	bool has_brk;		/* the break could be put where it was wanted */
	struct vmsc_trial_process processes[VMSC_TRIAL_PROCESSES];
	struct vmsc_step *history;
	size_t nr_steps, room;
	struct vmsc_trial_view view; /* of the process that made the last step */
	struct vmsc_outcome out;
	uint64_t asked, unasked; /* questions; calls that hung on an anon_vma that was not known */
	uint64_t calls, undetermined, addresses_asked, addresses_predicted;
	char why[400];
	bool again;	  /* vmsc_trial_compare() could not tell */
	bool interrupted; /* it failed because the process was killed or had no time: made again it may not */
	bool endless;	  /* nor did its last call return in all the time that it had */
};

/* False with trial->why: no such process can be made here. */
bool vmsc_trial_begin(struct vmsc_trial *trial, const struct vmsc_trial_config *config);
void vmsc_trial_end(struct vmsc_trial *trial);

/* One step in both worlds; what only the kernel knows (result, place of a ring) is put into *step. */
enum vmsc_trial_verdict vmsc_trial_step(struct vmsc_trial *trial, struct vmsc_step *step);

/* At the end of a sequence: once more, by smaps, all processes. */
enum vmsc_trial_verdict vmsc_trial_check(struct vmsc_trial *trial);

/*
 * The same on the model alone, in the address space that a puppet has on every machine: what it answers to
 * each step, and the VMAs that the process of the last step (a fork's child) has then (at most @max). Returns
 * how many there are.
 */
size_t vmsc_trial_predict(const struct vmsc_trial_config *config, const struct vmsc_step *steps, size_t nr,
			  int64_t *results, struct vmsc_vma *vmas, size_t max);

/* The limits that hold for a child of this process. */
void vmsc_trial_limits(struct vmsc_limits *limits);

/* Does the step touch the puppet's own pages? Then it can't be made. */
bool vmsc_trial_can(const struct vmsc_step *step);

/* The first of these @nr steps, or several in a row. How many; the verdict is the last one's. */
size_t vmsc_trial_steps(struct vmsc_trial *trial, struct vmsc_step *steps, size_t nr,
			enum vmsc_trial_verdict *verdict);

/* Is the step always made alone? */
bool vmsc_trial_is_large(const struct vmsc_step *step);

#endif
