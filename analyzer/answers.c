/* SPDX-License-Identifier: MIT */
#include "answers.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define uthash_fatal(message) vmsc_out_of_memory()
#include "callform.h"
#include "table.h"
#include "value.h"
#include "vmaform.h"
#include <uthash.h>

/* A text with a number. */
struct numbered_text {
	char *text;
	uint32_t number;
	UT_hash_handle hh;
};

/* Flags that access rights, their limits and accounting bring along; the others are worth a word. */
#define ORDINARY_FLAGS                                                                                       \
	(VMSC_VM_ACCESS | VMSC_VM(SHARED) | VMSC_VM(MAYREAD) | VMSC_VM(MAYWRITE) | VMSC_VM(MAYEXEC) |        \
	 VMSC_VM(MAYSHARE) | VMSC_VM(ACCOUNT) | VMSC_VM(NORESERVE) | VMSC_VM(SOFTDIRTY))

/* --- texts --- */

/* Each number becomes one #. */
static void fold_digits(char *text)
{
	char *out = text;
	bool before = false, digit;

	for (; *text; text++, before = digit) {
		digit = *text >= '0' && *text <= '9';
		if (!digit || !before)
			*out++ = digit ? '#' : *text;
	}
	*out = '\0';
}

char *vmsc_kind_text(const struct vmsc_analysis *analysis, const struct vmsc_final_vma *final, bool fold)
{
	struct vmsc_bytes bytes = vmsc_analysis_label(analysis, final);
	char *label = vmsc_printable(bytes.text ? bytes.text : "", bytes.length), *flags, *text;
	uint64_t extra = final->vma.vm_flags & ~(uint64_t)ORDINARY_FLAGS;
	char perms[8];

	if (fold)
		fold_digits(label);
	vmsc_perms_text(final->vma.vm_flags, perms);
	flags = extra ? vmsc_flags_text(extra) : vmsc_format("%s", "");
	text = vmsc_format("%s%s%s%s%s%s%s", perms, *label ? " " : "", label, extra ? " (" : "", flags,
			   extra ? ")" : "", final->vma.traits & VMSC_VMA_OWN ? " (the recorder's)" : "");
	free(flags);
	free(label);
	return text;
}

/* "VM_READ VM_WRITE" */
static char *flag_names(uint64_t bits)
{
	char *text = vmsc_format("%s", ""), *longer;
	unsigned int bit;

	for (bit = 0; bit < 64; bit++) {
		if (!(bits & (UINT64_C(1) << bit)))
			continue;
		if (vmsc_vm_flag_name(bit))
			longer = vmsc_format("%s%sVM_%s", text, *text ? " " : "", vmsc_vm_flag_name(bit));
		else if (bit >= VMSC_PKEY_SHIFT && bit < VMSC_PKEY_SHIFT + 4)
			longer = vmsc_format("%s%sVM_PKEY_BIT%u", text, *text ? " " : "",
					     bit - VMSC_PKEY_SHIFT);
		else
			longer = vmsc_format("%s%sbit %u", text, *text ? " " : "", bit);
		free(text);
		text = longer;
	}
	return text;
}

char *vmsc_apart_text(enum vmsc_refusal reason, uint64_t bits)
{
	char *flags, *text;

	if (reason == VMSC_REFUSED_NONE)
		return vmsc_format(
			"%s", "nothing: alike now, but no call since gave the kernel cause to merge them");
	if (reason != VMSC_REFUSED_FLAGS)
		return vmsc_format("%s differs", vmsc_refusal_name(reason));
	flags = flag_names(bits);
	text = vmsc_format("flags differ: %s", flags);
	free(flags);
	return text;
}

/* "libfoo.so+0x12 decommit (heap.c:12)", or the function's name alone. */
static char *frame_text(const struct vmsc_answers *answers, const struct vmsc_frame *frame, bool place)
{
	const struct vmsc_symbol *symbol = vmsc_symbols_find(answers->symbols, frame);
	char *where, *text;

	if (symbol && !place)
		return vmsc_format("%s", symbol->function);
	where = vmsc_frame_short(frame);
	if (!symbol)
		return where;
	if (symbol->file)
		text = vmsc_format("%s %s (%s:%d)", where, symbol->function, symbol->file, symbol->line);
	else
		text = vmsc_format("%s %s", where, symbol->function);
	free(where);
	return text;
}

char *vmsc_frame_line(const struct vmsc_answers *answers, const struct vmsc_frame *frame)
{
	return frame_text(answers, frame, true);
}

char *vmsc_frame_name(const struct vmsc_answers *answers, const struct vmsc_frame *frame)
{
	return frame_text(answers, frame, false);
}

static char *frames_text(const struct vmsc_answers *answers, const struct vmsc_site *site, bool places)
{
	char *text = vmsc_format("%s", ""), *frame, *longer;
	size_t i;

	for (i = 0; i < site->nr_frames; i++) {
		frame = frame_text(answers, site->frames[i], places && !i);
		longer = vmsc_format("%s%s%s", text, i ? " < " : "", frame);
		free(frame);
		free(text);
		text = longer;
	}
	return text;
}

static char *site_text(const struct vmsc_answers *answers, uint32_t number, bool places)
{
	const struct vmsc_history *history = &answers->end->history;
	const struct vmsc_site *site;
	char *call, *where, *text;

	if (number == VMSC_SITE_BEFORE)
		return vmsc_format("%s", "there before recording began");
	if (number == VMSC_SITE_RECORDER)
		return vmsc_format("%s", "the recorder itself");
	if (number >= history->nr_sites)
		return vmsc_format("%s", "unknown");
	site = &history->sites[number];
	call = vmsc_syscall_text(site->nr);
	where = site->nr_frames ? frames_text(answers, site, places)
				: vmsc_format("%s", "(no stack recorded)");
	text = vmsc_format("%s  %s", call, where);
	free(call);
	free(where);
	return text;
}

char *vmsc_site_text(const struct vmsc_answers *answers, uint32_t site)
{
	return site_text(answers, site, true);
}

char *vmsc_site_name(const struct vmsc_answers *answers, uint32_t site)
{
	return site_text(answers, site, false);
}

static char *slot_text(const struct vmsc_answers *answers, const struct vmsc_slot *slot)
{
	char *least = vmsc_size_text(slot->min_size), *most = vmsc_size_text(slot->max_size), *usual, *text;

	usual = vmsc_size_text(vmsc_commonest_value(&slot->sizes));
	if (!strcmp(least, most)) /* to the reader */
		text = vmsc_format("%s %s", least, answers->kinds[slot->kind]);
	else
		text = vmsc_format("%s (%s to %s) %s", usual, least, most, answers->kinds[slot->kind]);
	free(least);
	free(most);
	free(usual);
	return text;
}

char *vmsc_pattern_text(const struct vmsc_answers *answers, const struct vmsc_pattern *pattern)
{
	char *text = vmsc_format("%s", ""), *slot, *longer;
	size_t i;

	for (i = 0; i < pattern->period; i++) {
		slot = slot_text(answers, &pattern->slots[i]);
		longer = vmsc_format("%s%s%s", text, i ? " + " : "", slot);
		free(text);
		free(slot);
		text = longer;
	}
	return text;
}

uint64_t vmsc_call_time(const struct vmsc_analysis *analysis, uint64_t call)
{
	struct vmsc_written_call written;

	return vmsc_analysis_written_call(analysis, call, &written) ? written.record.stamp : 0;
}

/* --- who holds --- */

static uint32_t holder_of(const struct vmsc_analysis *analysis, const struct vmsc_vma *vma)
{
	const struct vmsc_border *border = vmsc_history_border(&analysis->history, vma->start);

	if (vma->traits & VMSC_VMA_OWN)
		return VMSC_SITE_RECORDER;
	return border ? vmsc_history_site(&analysis->history, border->call) : VMSC_SITE_BEFORE;
}

static int compare_holdings(const void *left, const void *right)
{
	const struct vmsc_holding *a = left, *b = right;

	if (a->vmas != b->vmas)
		return a->vmas < b->vmas ? 1 : -1;
	return a->site < b->site ? -1 : 1;
}

static void gather_holdings(struct vmsc_answers *answers)
{
	size_t nr_sites = answers->moment->history.nr_sites, i, kept = 0;
	const struct vmsc_vma *vma;
	uint32_t site;

	answers->holdings = vmsc_alloc(nr_sites * sizeof(*answers->holdings));
	for (i = 0; i < nr_sites; i++)
		answers->holdings[i].site = (uint32_t)i;
	for (i = 0; i < answers->moment->nr_vmas; i++) {
		vma = &answers->moment->vmas[i].vma;
		site = answers->tiles[i].site;
		answers->holdings[site].vmas++;
		answers->holdings[site].bytes += vma->end - vma->start;
	}
	for (i = 0; i < nr_sites; i++)
		if (answers->holdings[i].vmas)
			answers->holdings[kept++] = answers->holdings[i];
	answers->nr_holdings = kept;
	qsort(answers->holdings, kept, sizeof(*answers->holdings), compare_holdings);
}

/* --- what repeats --- */

/* The number of @text, which is taken over. */
static uint32_t number_of(struct numbered_text **all, struct vmsc_answers *answers, char *text)
{
	struct numbered_text *one;

	HASH_FIND_STR(*all, text, one);
	if (one) {
		free(text);
		return one->number;
	}
	one = vmsc_alloc(sizeof(*one));
	one->text = text;
	one->number = (uint32_t)answers->nr_kinds;
	HASH_ADD_KEYPTR(hh, *all, text, strlen(text), one);
	APPEND(answers->kinds, answers->nr_kinds, text);
	return one->number;
}

static void free_numbered(struct numbered_text *all)
{
	struct numbered_text *one, *next;

	HASH_ITER(hh, all, one, next)
	{
		HASH_DEL(all, one);
		free(one);
	}
}

static void gather_tiles(struct vmsc_answers *answers)
{
	const struct vmsc_analysis *moment = answers->moment;
	struct numbered_text *kinds = NULL;
	size_t i;

	answers->tiles = vmsc_alloc(moment->nr_vmas * sizeof(*answers->tiles));
	for (i = 0; i < moment->nr_vmas; i++) {
		answers->tiles[i].kind =
			number_of(&kinds, answers, vmsc_kind_text(moment, &moment->vmas[i], true));
		answers->tiles[i].size = moment->vmas[i].vma.end - moment->vmas[i].vma.start;
		answers->tiles[i].site = holder_of(moment, &moment->vmas[i].vma);
	}
	free_numbered(kinds);
	answers->patterns = vmsc_patterns_find(answers->tiles, moment->nr_vmas, &answers->nr_patterns);
}

/* --- why neighbours are two --- */

/* Would @next join @prev if they were alike in what the reason names? */
static bool would_merge(const struct vmsc_mm *mm, const struct vmsc_vma *prev, struct vmsc_vma next,
			enum vmsc_refusal reason)
{
	switch (reason) {
	case VMSC_REFUSED_NONE:
		return true;
	case VMSC_REFUSED_FLAGS:
		next.vm_flags = prev->vm_flags;
		break;
	case VMSC_REFUSED_POLICY:
		next.policy = prev->policy;
		break;
	case VMSC_REFUSED_UFFD:
		next.uffd = prev->uffd;
		break;
	case VMSC_REFUSED_NAME:
		next.name = prev->name;
		break;
	case VMSC_REFUSED_PGOFF:
		next.pgoff = prev->pgoff + ((prev->end - prev->start) >> VMSC_PAGE_SHIFT);
		break;
	case VMSC_REFUSED_ANON_VMA:
		next.anon_vma = prev->anon_vma;
		next.traits = (next.traits & ~(uint32_t)VMSC_VMA_FORKED) | (prev->traits & VMSC_VMA_FORKED);
		break;
	case VMSC_REFUSED_FILE:
		next.file = prev->file;
		break;
	default:
		return false;
	}
	return vmsc_mm_why_apart(mm, prev, &next, NULL) == VMSC_REFUSED_NONE;
}

bool vmsc_pair_is_undetermined(const struct vmsc_mm *mm, const struct vmsc_vma *prev,
			       const struct vmsc_vma *next, enum vmsc_refusal reason)
{
	if ((prev->traits | next->traits) & VMSC_VMA_FLAGS_UNSURE)
		return reason == VMSC_REFUSED_FLAGS;
	if (reason == VMSC_REFUSED_ANON_VMA)
		return (prev->traits | next->traits) & VMSC_VMA_ANON_VMA_UNSURE;
	return reason == VMSC_REFUSED_FILE && vmsc_mm_may_be_one_file(mm, prev->file, next->file);
}

static void count_pair(struct vmsc_apart **all, size_t *nr, const struct vmsc_apart *pair)
{
	size_t i;

	for (i = 0; i < *nr; i++)
		if ((*all)[i].reason == pair->reason && (*all)[i].bits == pair->bits &&
		    (*all)[i].site == pair->site)
			break;
	if (i == *nr)
		APPEND(*all, *nr, *pair);
	else {
		(*all)[i].pairs++;
		(*all)[i].would_merge += pair->would_merge;
		(*all)[i].undetermined += pair->undetermined;
	}
}

static int compare_apart(const void *left, const void *right)
{
	const struct vmsc_apart *a = left, *b = right;

	if (a->pairs != b->pairs)
		return a->pairs < b->pairs ? 1 : -1;
	return a->example < b->example ? -1 : 1;
}

static void gather_apart(struct vmsc_answers *answers)
{
	const struct vmsc_analysis *moment = answers->moment;
	const struct vmsc_mm *mm = vmsc_replay_mm(moment->replay);
	size_t i;

	for (i = 1; i < moment->nr_vmas; i++) {
		const struct vmsc_final_vma *final = &moment->vmas[i];
		const struct vmsc_vma *prev = &moment->vmas[i - 1].vma;
		const struct vmsc_border *border = vmsc_history_border(&moment->history, final->vma.start);
		struct vmsc_apart pair = {.reason = final->apart, .bits = final->apart_bits, .pairs = 1};

		if (final->apart == VMSC_REFUSED_NOT_ADJACENT)
			continue;
		pair.call = border ? border->since : 0;
		pair.site = vmsc_history_site(&moment->history, pair.call);
		pair.example = final->vma.start;
		pair.would_merge = would_merge(mm, prev, final->vma, final->apart);
		pair.undetermined = vmsc_pair_is_undetermined(mm, prev, &final->vma, final->apart);
		count_pair(&answers->apart, &answers->nr_apart, &pair);
		pair.site = VMSC_SITE_NONE;
		count_pair(&answers->reasons, &answers->nr_reasons, &pair);
	}
	if (answers->nr_apart)
		qsort(answers->apart, answers->nr_apart, sizeof(*answers->apart), compare_apart);
	if (answers->nr_reasons)
		qsort(answers->reasons, answers->nr_reasons, sizeof(*answers->reasons), compare_apart);
}

/* --- files that are gone --- */

static bool ends_with(struct vmsc_bytes text, const char *end)
{
	size_t length = strlen(end);

	return text.length >= length && !memcmp(text.text + text.length - length, end, length);
}

static bool begins_with(struct vmsc_bytes text, const char *begin)
{
	return text.length >= strlen(begin) && !memcmp(text.text, begin, strlen(begin));
}

/* Memory without a name from its beginning is not what is meant. */
static bool is_deleted_file(struct vmsc_bytes label)
{
	return ends_with(label, " (deleted)") && !begins_with(label, "/memfd:") &&
	       !begins_with(label, "/SYSV") && !begins_with(label, "/dev/zero") &&
	       !begins_with(label, "/dev/shm/vmascope");
}

static int compare_deleted(const void *left, const void *right)
{
	const struct vmsc_deleted *a = left, *b = right;

	if (a->vmas != b->vmas)
		return a->vmas < b->vmas ? 1 : -1;
	return strcmp(a->name, b->name);
}

static void count_deleted(struct vmsc_answers *answers, struct vmsc_deleted *one)
{
	struct vmsc_deleted *row;
	size_t i;

	for (i = 0; i < answers->nr_deleted; i++)
		if (answers->deleted[i].site == one->site && !strcmp(answers->deleted[i].name, one->name))
			break;
	if (i == answers->nr_deleted) {
		APPEND(answers->deleted, answers->nr_deleted, *one);
		return;
	}
	free(one->name);
	row = &answers->deleted[i];
	row->vmas++;
	row->files += one->files;
	row->bytes += one->bytes;
	row->oldest = row->oldest > one->oldest ? row->oldest : one->oldest;
	row->newest = row->newest < one->newest ? row->newest : one->newest;
}

static void gather_deleted(struct vmsc_answers *answers)
{
	const struct vmsc_analysis *end = answers->end;
	uint64_t last = vmsc_call_time(end, end->nr_calls), inode = 0;
	size_t i;

	for (i = 0; i < end->nr_vmas; i++) {
		const struct vmsc_final_vma *final = &end->vmas[i];
		struct vmsc_bytes label = vmsc_analysis_label(end, final);
		struct vmsc_deleted one = {.vmas = 1, .bytes = final->vma.end - final->vma.start};

		if (!is_deleted_file(label))
			continue;
		one.name = vmsc_printable(label.text, label.length);
		fold_digits(one.name);
		one.files = final->file.inode != inode;
		inode = final->file.inode;
		one.site = vmsc_history_site(&end->history, final->vma.born);
		one.oldest = one.newest = last - vmsc_call_time(end, final->vma.born);
		count_deleted(answers, &one);
	}
	if (answers->nr_deleted)
		qsort(answers->deleted, answers->nr_deleted, sizeof(*answers->deleted), compare_deleted);
}

/* --- all of it --- */

static void gather(struct vmsc_answers *answers, const struct vmsc_analysis *end,
		   const struct vmsc_analysis *moment)
{
	memset(answers, 0, sizeof(*answers));
	answers->end = end;
	answers->moment = moment;
	answers->moment_call = moment->history.nr_calls;
	answers->symbols = vmsc_symbols_new(end->origins);
	gather_tiles(answers);
	gather_holdings(answers);
	gather_apart(answers);
	gather_deleted(answers);
}

void vmsc_report_open(struct vmsc_report *report, struct vmsc_input *input, const char *path)
{
	vmsc_report_open_at(report, input, path, UINT64_MAX);
}

void vmsc_report_open_at(struct vmsc_report *report, struct vmsc_input *input, const char *path,
			 uint64_t stop_after)
{
	struct vmsc_trace after;

	memset(report, 0, sizeof(*report));
	report->path = path;
	vmsc_analysis_run_with_history(&report->analysis, input, stop_after);
	report->has_peak = report->analysis.history.peak > report->analysis.nr_vmas;
	after = input->trace;
	if (report->has_peak && vmsc_input_rewind(input))
		vmsc_analysis_run_with_history(&report->at_peak, input, report->analysis.history.peak_call);
	else
		report->has_peak = false;
	input->trace = after; /* what is wrong with the bytes, the whole walk has found */
	gather(&report->answers, &report->analysis, report->has_peak ? &report->at_peak : &report->analysis);
}

static void free_answers(struct vmsc_answers *answers)
{
	size_t i;

	for (i = 0; i < answers->nr_kinds; i++)
		free(answers->kinds[i]);
	for (i = 0; i < answers->nr_deleted; i++)
		free(answers->deleted[i].name);
	free(answers->kinds);
	free(answers->deleted);
	free(answers->holdings);
	free(answers->apart);
	free(answers->reasons);
	free(answers->tiles);
	free(answers->patterns);
	vmsc_symbols_free(answers->symbols);
}

void vmsc_report_close(struct vmsc_report *report)
{
	free_answers(&report->answers);
	if (report->has_peak)
		vmsc_analysis_free(&report->at_peak);
	vmsc_analysis_free(&report->analysis);
}
