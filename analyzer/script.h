/* SPDX-License-Identifier: MIT */
/*
 * script.h - the steps of a trial as JSON Lines (docs/calls.schema.json), both ways: what `export` writes of
 * a recorded program, what the fuzzer finds, and the cases of tests/vectors.
 */
#ifndef VMSC_ANALYZER_SCRIPT_H
#define VMSC_ANALYZER_SCRIPT_H

#include <jansson.h>
#include <stdio.h>

#include "trial.h"

struct vmsc_script {
	struct vmsc_limits limits;
	uint64_t mmap_base; /* where the steps' addresses come from; 0: not told */
	uint64_t start_brk, brk;
	struct vmsc_files files;
	struct vmsc_step *steps;
	size_t *lines; /* the line of each step */
	size_t nr, room;
	size_t nr_begin;   /* of the steps, those that set up what the first line shows */
	size_t line;	   /* that is being read */
	size_t touched;	   /* pages by touches beyond the first of each line */
	uint64_t left_out; /* lines that tell of things which can't be made again: special mappings, other
			      calls */
};

void vmsc_script_init(struct vmsc_script *script);
void vmsc_script_free(struct vmsc_script *script);
void vmsc_script_add(struct vmsc_script *script, const struct vmsc_step *step);

/* The whole text. False with *why set to "line N: …" (the caller frees it). */
bool vmsc_script_read(struct vmsc_script *script, const char *text, size_t size, char **why);
/* Its first line, and one that is a step or tells nothing. False with *why. */
bool vmsc_script_read_header(struct vmsc_script *script, const json_t *line, char **why);
bool vmsc_script_read_step(struct vmsc_script *script, const json_t *line, char **why);

json_t *vmsc_script_header(const struct vmsc_script *script);
json_t *vmsc_step_to_json(const struct vmsc_step *step);
void vmsc_script_write(const struct vmsc_script *script, FILE *out);
/* One line for people: the call, or what else it is. The caller frees it. */
char *vmsc_step_to_text(const struct vmsc_step *step);

#endif
