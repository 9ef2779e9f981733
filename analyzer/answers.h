/* SPDX-License-Identifier: MIT */
/*
 * answers.h - what a report answers: who holds the VMAs, what repeats, why neighbours are two and who set
 * them apart, which files that are gone are still mapped.
 *
 * The VMAs are those of the moment with most of them; a program that has tidied up has nothing to show at its
 * end.
 */
#ifndef VMSC_ANALYZER_ANSWERS_H
#define VMSC_ANALYZER_ANSWERS_H

#include "analysis.h"
#include "groups.h"
#include "patterns.h"
#include "symbols.h"

/* VMAs that a site holds. */
struct vmsc_holding {
	uint32_t site;
	uint64_t vmas, bytes;
};

/* Neighbours that are two for one reason. */
struct vmsc_apart {
	enum vmsc_refusal
		reason; /* NONE: nothing keeps them apart, but no call since made the kernel merge them */
	uint64_t bits;	/* vm_flags that differ */
	uint32_t site;	/* that set them apart; NONE where all sites are counted together */
	uint64_t pairs;
	uint64_t would_merge;	/* without this reason */
	uint64_t undetermined;	/* hang on a fact that no call shows */
	uint64_t example, call; /* the border of one of the pairs, and the call */
};

/* Mappings of files that have no name any more. */
struct vmsc_deleted {
	uint32_t site; /* that mapped them */
	char *name;    /* with # for digits */
	uint64_t vmas, files, bytes;
	uint64_t oldest, newest; /* ns before the end of the trace */
};

struct vmsc_answers {
	const struct vmsc_analysis *end, *moment; /* the same where the end has most VMAs */
	uint64_t moment_call;
	struct vmsc_holding *holdings;
	size_t nr_holdings;
	struct vmsc_apart *apart, *reasons; /* by reason and site; by reason alone */
	size_t nr_apart, nr_reasons;
	struct vmsc_tile *tiles; /* [nr VMAs of the moment] */
	char **kinds;		 /* texts by vmsc_tile.kind */
	size_t nr_kinds;
	struct vmsc_pattern *patterns;
	size_t nr_patterns;
	struct vmsc_deleted *deleted;
	size_t nr_deleted;
	struct vmsc_symbols *symbols;
};

/* All that is said of one trace. */
struct vmsc_report {
	const char *path;
	struct vmsc_analysis analysis, at_peak;
	bool has_peak; /* at_peak is another moment than the end */
	struct vmsc_answers answers;
};

/* Walks @input once or twice. */
void vmsc_report_open(struct vmsc_report *report, struct vmsc_input *input, const char *path);
/* The same up to call @stop_after only. */
void vmsc_report_open_at(struct vmsc_report *report, struct vmsc_input *input, const char *path,
			 uint64_t stop_after);
void vmsc_report_close(struct vmsc_report *report);

/* "madvise  libjsc.so+0x1234 decommit(void*) (heap.cpp:12) < sweep() (heap.cpp:90)"; the caller frees it. */
char *vmsc_site_text(const struct vmsc_answers *answers, uint32_t site);
/* "libfoo.so+0x12 decommit (heap.c:12)"; "decommit", or "libfoo.so+0x12" without a name. The caller frees it.
 */
char *vmsc_frame_line(const struct vmsc_answers *answers, const struct vmsc_frame *frame);
char *vmsc_frame_name(const struct vmsc_answers *answers, const struct vmsc_frame *frame);
/* The same without offsets where a function has a name: "madvise  decommit < sweep". The caller frees it. */
char *vmsc_site_name(const struct vmsc_answers *answers, uint32_t site);
/* "84 KiB rw-p + 8 KiB ---p"; the caller frees it. */
char *vmsc_pattern_text(const struct vmsc_answers *answers, const struct vmsc_pattern *pattern);
/* "flags differ: VM_DONTDUMP"; the caller frees it. */
char *vmsc_apart_text(enum vmsc_refusal reason, uint64_t bits);
/* "rw-p  [heap] dd": what a VMA is; with @fold digits are #. The caller frees it. */
char *vmsc_kind_text(const struct vmsc_analysis *analysis, const struct vmsc_final_vma *final, bool fold);
/* ns after the beginning of the trace; 0 for call 0 */
uint64_t vmsc_call_time(const struct vmsc_analysis *analysis, uint64_t call);
/* Does the reason why the two are apart hang on a fact that no call shows? */
bool vmsc_pair_is_undetermined(const struct vmsc_mm *mm, const struct vmsc_vma *prev,
			       const struct vmsc_vma *next, enum vmsc_refusal reason);

#endif
