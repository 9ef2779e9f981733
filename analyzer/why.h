/* SPDX-License-Identifier: MIT */
/*
 * why.h - what `vmascope why` asks and finds, shared by its text (cmd_why.c) and its JSON (why_json.c).
 */
#ifndef VMSC_ANALYZER_WHY_H
#define VMSC_ANALYZER_WHY_H

#include "answers.h"
#include "story.h"

struct vmsc_question {
	const char *path;
	uint64_t addrs[2];
	size_t nr;   /* of addrs */
	uint64_t at; /* after this call; UINT64_MAX: at the end */
	bool json;
};

struct vmsc_inquiry {
	struct vmsc_analysis analysis;
	struct vmsc_story stories[2];
	struct vmsc_answers answers; /* for texts only */
	uint64_t unmapped_by;	     /* the story ends before this call */
};

/* The VMA that holds @addr at the moment asked for; NULL: none. */
const struct vmsc_final_vma *vmsc_why_vma(const struct vmsc_analysis *analysis, uint64_t addr);
/* Why @next and the VMA before it are two, as a sentence; the caller frees it. */
char *vmsc_why_sentence(const struct vmsc_final_vma *prev, const struct vmsc_final_vma *next);
/* What is not known of the pair, and how to find out; NULL: all is known. */
const char *vmsc_why_doubt(const struct vmsc_analysis *analysis, const struct vmsc_final_vma *prev,
			   const struct vmsc_final_vma *next);

void vmsc_why_write_json(const struct vmsc_inquiry *inquiry, const struct vmsc_question *question);

#endif
