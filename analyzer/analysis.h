/* SPDX-License-Identifier: MIT */
/*
 * analysis.h - a trace replayed, with all that a report says of it kept in tables.
 */
#ifndef VMSC_ANALYZER_ANALYSIS_H
#define VMSC_ANALYZER_ANALYSIS_H

#include <stdio.h>

#include "callform.h"
#include "history.h"
#include "input.h"
#include "origins.h"
#include "store.h"

enum vmsc_verdict { VMSC_VERDICT_MATCH, VMSC_VERDICT_DIFFER, VMSC_VERDICT_INCOMPLETE };

/* Where a call stands in the trace. */
/* There is one for each call, so it is small: an address has 48 bits. */
struct vmsc_call_ref {
	size_t at;			      /* its record's offset */
	uint64_t start : 48, extra_high : 16; /* [start, end): hull of what it changed, or would have */
	uint64_t end : 48, extra_low : 16;    /* how far its extra lies before it, in eight bytes; 0: none */
};

struct vmsc_kept_difference {
	struct vmsc_difference told; /* actual is a copy */
	size_t checkpoint;
};

/* A call whose result contradicts the rules, or that hung on a hidden fact. */
struct vmsc_kept_outcome {
	uint64_t call;
	struct vmsc_outcome outcome;
};

struct vmsc_kept_outcomes {
	struct vmsc_kept_outcome *all;
	size_t nr;
};

/* A VMA at the end of the trace, and how it stands to the one before it. */
struct vmsc_final_vma {
	struct vmsc_vma vma;
	struct vmsc_file file;		     /* behind it; id 0: none, or nothing is known */
	const struct vmsc_seen_record *seen; /* in the last snapshot, NULL: not there */
	enum vmsc_refusal apart;	     /* from the one before; NOT_ADJACENT for the first */
	uint64_t apart_bits;
};

struct vmsc_story;

struct vmsc_analysis {
	const struct vmsc_trace_header *header; /* the trace begins with it */
	struct vmsc_input *input;		/* NULL: all of the trace lies behind its header */
	struct vmsc_store kept;			/* records, and what they say */
	struct vmsc_bytes strings[VMSC_STRING_PROBLEM];
	struct vmsc_bytes *problems;
	size_t nr_problems;
	const struct vmsc_limits_record *limits;
	const struct vmsc_end_record *end; /* NULL: the trace breaks off */
	const struct vmsc_site_record **sites;
	size_t nr_sites;

	struct vmsc_call_ref *calls; /* [seq - 1] */
	size_t nr_calls;
	size_t extra_at; /* offset of what is told of the next call; 0: nothing */
	struct vmsc_origins *origins;
	struct vmsc_history history; /* with_history */
	bool with_history;
	struct vmsc_story *stories; /* that are followed */
	size_t nr_stories;
	uint64_t stop_after;	       /* this call the walk ends */
	uint64_t look_start, look_end; /* of the snapshot that is being read */

	struct vmsc_checkpoint *checkpoints;
	size_t nr_checkpoints;
	struct vmsc_kept_difference *differences; /* in the order of their checkpoints */
	size_t nr_differences;
	struct vmsc_kept_outcomes wrong, undetermined;

	const struct vmsc_seen_record **last_seen; /* of the last whole snapshot, in address order */
	struct vmsc_store seen;			   /* those */
	size_t nr_last_seen;
	bool gathering; /* inside a whole snapshot */
	struct vmsc_final_vma *vmas;
	size_t nr_vmas;

	struct vmsc_replay *replay;
	const struct vmsc_tally *tally;
	const char *damage; /* what is wrong with the bytes */
	size_t damage_offset;
	bool truncated;
};

/* Walks @input from its start. With @rules the calls are stepped under those whatever the trace says. */
void vmsc_analysis_run(struct vmsc_analysis *analysis, struct vmsc_input *input, const vmsc_rules_t *rules);
/* The same with the history, up to call @stop_after (UINT64_MAX: all): the VMAs are those of that moment. */
void vmsc_analysis_run_with_history(struct vmsc_analysis *analysis, struct vmsc_input *input,
				    uint64_t stop_after);
/* The same, and the stories of @nr addresses. */
void vmsc_analysis_run_with_stories(struct vmsc_analysis *analysis, struct vmsc_input *input,
				    uint64_t stop_after, struct vmsc_story *stories, size_t nr);
/* Step by step, with the history, for a trace that still grows: @data is its header, records come as they are
 * read. */
void vmsc_analysis_begin(struct vmsc_analysis *analysis, const void *data);
void vmsc_analysis_take(struct vmsc_analysis *analysis, const struct vmsc_record *record);
void vmsc_analysis_free(struct vmsc_analysis *analysis);

/* Is anything not as the rules say? Where calls were missed the verdict may be `incomplete` all the same. */
bool vmsc_analysis_differs(const struct vmsc_analysis *analysis);
enum vmsc_verdict vmsc_analysis_verdict(const struct vmsc_analysis *analysis);
const char *vmsc_verdict_name(enum vmsc_verdict verdict);
/* Why a verdict is "incomplete", to be freed; NULL when it is not. */
char *vmsc_analysis_incomplete(const struct vmsc_analysis *analysis);

/* How the process ended, also from the header of a trace without END. */
enum vmsc_ended vmsc_analysis_ended(const struct vmsc_analysis *analysis);
uint64_t vmsc_analysis_lost(const struct vmsc_analysis *analysis);

/* The first call whose result or layout is not what the rules say; 0: none. */
uint64_t vmsc_analysis_first_wrong(const struct vmsc_analysis *analysis);
/* NULL: not in the trace. */
const struct vmsc_call_ref *vmsc_analysis_call(const struct vmsc_analysis *analysis, uint64_t seq);
/* Its record, with what stands before it. False: not in the trace. */
bool vmsc_analysis_written_call(const struct vmsc_analysis *analysis, uint64_t seq,
				struct vmsc_written_call *call);
/* "mmap(0x0, 8192, …)"; the caller frees it. NULL: not in the trace. */
char *vmsc_analysis_call_text(const struct vmsc_analysis *analysis, uint64_t seq);
/* Path or label of a VMA, as maps would show it. */
struct vmsc_bytes vmsc_analysis_label(const struct vmsc_analysis *analysis,
				      const struct vmsc_final_vma *final);
/* NULL: none, or not in the trace. */
const struct vmsc_call_stack *vmsc_analysis_stack(const struct vmsc_analysis *analysis, uint64_t seq);
/* A sentence on a difference; the caller frees it. */
char *vmsc_difference_why(const struct vmsc_analysis *analysis,
			  const struct vmsc_kept_difference *difference);
const char *vmsc_hidden_name(enum vmsc_hidden hidden);
/* A sentence on a wrong result: what was recorded and what the rules say; the caller frees it. */
char *vmsc_outcome_why(const struct vmsc_analysis *analysis, const struct vmsc_kept_outcome *wrong);

#endif
