/* SPDX-License-Identifier: MIT */
/*
 * `vmascope why`: the history of the memory at an address, and why its VMA and each neighbour are two.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "callform.h"
#include "command.h"
#include "say.h"
#include "value.h"
#include "vmaform.h"
#include "why.h"

#define MAX_FRAMES  12
#define MAX_BORDERS 10
#define MAX_EVENTS  100

enum { NR_MMAP = 9, NR_BRK = 12, NR_MREMAP = 25 };

/* --- finding the moment --- */

static void walk(struct vmsc_inquiry *inquiry, const struct vmsc_question *question, struct vmsc_input *input,
		 uint64_t stop)
{
	size_t i;

	for (i = 0; i < question->nr; i++)
		vmsc_story_begin(&inquiry->stories[i], question->addrs[i]);
	vmsc_analysis_run_with_stories(&inquiry->analysis, input, stop, inquiry->stories, question->nr);
}

static void end_walk(struct vmsc_inquiry *inquiry, const struct vmsc_question *question)
{
	size_t i;

	for (i = 0; i < question->nr; i++)
		vmsc_story_free(&inquiry->stories[i]);
	vmsc_analysis_free(&inquiry->analysis);
}

/* Memory that is gone is asked for as it was at last. */
static bool inquire(struct vmsc_inquiry *inquiry, const struct vmsc_question *question,
		    struct vmsc_input *input)
{
	memset(inquiry, 0, sizeof(*inquiry));
	walk(inquiry, question, input, question->at);
	inquiry->unmapped_by = vmsc_story_unmapped_by(&inquiry->stories[0]);
	if (inquiry->unmapped_by) {
		end_walk(inquiry, question);
		if (!vmsc_input_rewind(input))
			return false;
		walk(inquiry, question, input, inquiry->unmapped_by - 1);
	}
	inquiry->answers.end = inquiry->answers.moment = &inquiry->analysis;
	inquiry->answers.symbols = vmsc_symbols_new(inquiry->analysis.origins);
	return true;
}

static void free_inquiry(struct vmsc_inquiry *inquiry, const struct vmsc_question *question)
{
	vmsc_symbols_free(inquiry->answers.symbols);
	end_walk(inquiry, question);
}

const struct vmsc_final_vma *vmsc_why_vma(const struct vmsc_analysis *analysis, uint64_t addr)
{
	size_t low = 0, high = analysis->nr_vmas, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (analysis->vmas[middle].vma.end <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	return low < analysis->nr_vmas && analysis->vmas[low].vma.start <= addr ? &analysis->vmas[low] : NULL;
}

/* --- the reason as a sentence --- */

static char *flags_sentence(const struct vmsc_final_vma *prev, const struct vmsc_final_vma *next)
{
	char *names = vmsc_apart_text(next->apart, next->apart_bits), *lower, *upper, *text;

	lower = vmsc_flags_text(prev->vma.vm_flags & next->apart_bits);
	upper = vmsc_flags_text(next->vma.vm_flags & next->apart_bits);
	text = vmsc_format("%s (only in the lower: %s; only in the upper: %s)", names,
			   *lower ? lower : "none", *upper ? upper : "none");
	free(names);
	free(lower);
	free(upper);
	return text;
}

static char *pgoff_sentence(const struct vmsc_vma *prev, const struct vmsc_vma *next)
{
	uint64_t wanted = prev->pgoff + ((prev->end - prev->start) >> VMSC_PAGE_SHIFT);

	return vmsc_format("pgoff differs: the upper begins at page 0x%" PRIx64
			   " of its object, the lower ends at 0x%" PRIx64,
			   next->pgoff, wanted);
}

static char *file_sentence(const struct vmsc_final_vma *prev, const struct vmsc_final_vma *next)
{
	bool same = prev->file.id && next->file.id && prev->file.inode == next->file.inode &&
		    prev->file.dev_major == next->file.dev_major &&
		    prev->file.dev_minor == next->file.dev_minor;

	if (same)
		return vmsc_format(
			"%s", "file differs: the same file, but opened twice: two open file descriptions");
	if (!prev->vma.file || !next->vma.file)
		return vmsc_format("%s", "file differs: one of them has none");
	return vmsc_format("%s", "file differs");
}

static char *anon_vma_sentence(const struct vmsc_vma *prev, const struct vmsc_vma *next)
{
	if ((prev->traits | next->traits) & VMSC_VMA_FORKED)
		return vmsc_format(
			"%s",
			"anon_vma differs: one was inherited by fork, its chain has more than one entry");
	if (prev->anon_vma && next->anon_vma)
		return vmsc_format("%s",
				   "anon_vma differs: both had anonymous pages before they could merge");
	return vmsc_format(
		"%s",
		"anon_vma differs: one has anonymous pages, and this kernel does not join it to one without");
}

char *vmsc_why_sentence(const struct vmsc_final_vma *prev, const struct vmsc_final_vma *next)
{
	switch (next->apart) {
	case VMSC_REFUSED_NOT_ADJACENT:
		return vmsc_format("not adjacent: a hole of %" PRIu64 " bytes is between",
				   next->vma.start - prev->vma.end);
	case VMSC_REFUSED_FLAGS:
		return flags_sentence(prev, next);
	case VMSC_REFUSED_PGOFF:
		return pgoff_sentence(&prev->vma, &next->vma);
	case VMSC_REFUSED_FILE:
		return file_sentence(prev, next);
	case VMSC_REFUSED_ANON_VMA:
		return anon_vma_sentence(&prev->vma, &next->vma);
	case VMSC_REFUSED_SPECIAL:
		return vmsc_format("%s",
				   "special: a VMA of the kernel's or a driver's (VM_SPECIAL) never merges");
	case VMSC_REFUSED_CLOSE_HOOK:
		return vmsc_format(
			"%s", "close-hook: vm_ops->close is set, so the VMA may not be removed by a merge");
	default:
		return vmsc_apart_text(next->apart, next->apart_bits);
	}
}

const char *vmsc_why_doubt(const struct vmsc_analysis *analysis, const struct vmsc_final_vma *prev,
			   const struct vmsc_final_vma *next)
{
	if (!vmsc_pair_is_undetermined(vmsc_replay_mm(analysis->replay), &prev->vma, &next->vma, next->apart))
		return NULL;
	switch (next->apart) {
	case VMSC_REFUSED_ANON_VMA:
		return "which anon_vma a VMA reused was not seen; recording from the program's start would "
		       "tell";
	case VMSC_REFUSED_FILE:
		return "whether two descriptors are one open file description was not seen; kcmp(KCMP_FILE), "
		       "or "
		       "recording from before the open, would tell";
	default:
		return "smaps could not be read at attach, so only the access rights are known; a recorder "
		       "that may read "
		       "/proc/self/smaps would tell";
	}
}

/* --- text --- */

static void write_stack(const struct vmsc_inquiry *inquiry, uint64_t call)
{
	const struct vmsc_call_stack *stack = vmsc_analysis_stack(&inquiry->analysis, call);
	char *line;
	uint32_t i;

	for (i = 0; stack && i < stack->nr && i < MAX_FRAMES; i++) {
		line = vmsc_frame_line(&inquiry->answers, &stack->frames[i]);
		printf("        %s\n", line);
		free(line);
	}
	if (stack && i < stack->nr)
		printf("        and %u more frames\n", stack->nr - i);
}

static void write_call(const struct vmsc_inquiry *inquiry, uint64_t call)
{
	struct vmsc_written_call written;
	char *text, *result;

	if (!vmsc_analysis_written_call(&inquiry->analysis, call, &written)) {
		puts("      before recording began");
		return;
	}
	text = vmsc_call_to_text(&written);
	result = vmsc_result_to_text(written.record.nr, written.record.result);
	printf("      call %" PRIu64 ", %.6f s, thread %u: %s = %s\n", call,
	       (double)written.record.stamp / 1e9, written.record.tid, text, result);
	free(text);
	free(result);
	write_stack(inquiry, call);
}

static char *vma_text(const struct vmsc_inquiry *inquiry, const struct vmsc_final_vma *final)
{
	char *kind = vmsc_kind_text(&inquiry->analysis, final, false), *text;

	text = vmsc_format("%" PRIx64 "-%" PRIx64 " %s", final->vma.start, final->vma.end, kind);
	free(kind);
	return text;
}

static char *event_text(const struct vmsc_event *event)
{
	char before[8] = "", after[8] = "", *flags, *text;

	vmsc_perms_text(event->before.vm_flags, before);
	vmsc_perms_text(event->after.vm_flags, after);
	if (event->kind == VMSC_EVENT_UNMAPPED)
		return vmsc_format("unmapped, was %" PRIx64 "-%" PRIx64 " %s", event->before.start,
				   event->before.end, before);
	if (event->kind == VMSC_EVENT_PROTECTED)
		return vmsc_format("protected: %s, was %s", after, before);
	if (event->kind == VMSC_EVENT_CHANGED) {
		flags = vmsc_flags_text(event->before.vm_flags ^ event->after.vm_flags);
		text = vmsc_format("changed: %s", *flags ? flags : "name, policy or userfaultfd");
		free(flags);
		return text;
	}
	return vmsc_format("%s: %" PRIx64 "-%" PRIx64 " %s", vmsc_event_name(event->kind), event->after.start,
			   event->after.end, after);
}

static void write_event(const struct vmsc_inquiry *inquiry, const struct vmsc_story *story, size_t at)
{
	char *text = event_text(&story->events[at]);

	printf("  %s\n", text);
	free(text);
	if (at + 1 == story->nr_events || story->events[at + 1].call != story->events[at].call)
		write_call(inquiry, story->events[at].call);
}

/* How many events from @at on are the same again: one kind, from one site. */
static size_t run_length(const struct vmsc_inquiry *inquiry, const struct vmsc_story *story, size_t at)
{
	const struct vmsc_history *history = &inquiry->analysis.history;
	uint32_t site = vmsc_history_site(history, story->events[at].call);
	size_t i = at;

	while (i < story->nr_events && story->events[i].kind == story->events[at].kind &&
	       vmsc_history_site(history, story->events[i].call) == site)
		i++;
	return i - at;
}

static void write_story(const struct vmsc_inquiry *inquiry, const struct vmsc_story *story)
{
	size_t i, length, shown = 0;

	printf("\nwhat happened to 0x%" PRIx64 "\n", story->addr);
	for (i = 0; i < story->nr_events && shown < MAX_EVENTS; i += length, shown++) {
		length = run_length(inquiry, story, i);
		write_event(inquiry, story, i);
		if (length > 2)
			printf("  %s %zu times more from there, up to\n",
			       vmsc_event_name(story->events[i].kind), length - 1);
		if (length > 1)
			write_event(inquiry, story, i + length - 1);
	}
	if (i < story->nr_events)
		printf("  and %zu events more; --json lists them\n", story->nr_events - i);
	if (!story->nr_events)
		puts("  nothing: it was never mapped");
}

/* Why @next is not one with the VMA before it. */
static void write_border(const struct vmsc_inquiry *inquiry, const struct vmsc_final_vma *next)
{
	const struct vmsc_final_vma *prev = next - 1;
	const struct vmsc_border *border = vmsc_history_border(&inquiry->analysis.history, next->vma.start);
	char *lower = vma_text(inquiry, prev), *upper = vma_text(inquiry, next),
	     *why = vmsc_why_sentence(prev, next);
	const char *unknown = vmsc_why_doubt(&inquiry->analysis, prev, next);

	printf("  lower  %s\n  upper  %s\n  two because %s\n", lower, upper, why);
	if (unknown)
		printf("    undetermined: %s\n", unknown);
	if (border && next->apart != VMSC_REFUSED_NOT_ADJACENT) {
		puts("    set apart by");
		write_call(inquiry, border->since);
		if (border->call != border->since) {
			puts("    the border itself is older:");
			write_call(inquiry, border->call);
		}
	}
	free(lower);
	free(upper);
	free(why);
}

static void write_neighbours(const struct vmsc_inquiry *inquiry, const struct vmsc_final_vma *final)
{
	const struct vmsc_final_vma *all = inquiry->analysis.vmas;

	puts("\nwhy it and the one below are two");
	if (final == all)
		puts("  there is none below");
	else
		write_border(inquiry, final);
	puts("\nwhy it and the one above are two");
	if (final + 1 == all + inquiry->analysis.nr_vmas)
		puts("  there is none above");
	else
		write_border(inquiry, final + 1);
}

/* Why the two VMAs are not one: every border between them keeps them apart. */
static void write_between(const struct vmsc_inquiry *inquiry, const struct vmsc_final_vma *a,
			  const struct vmsc_final_vma *b)
{
	const struct vmsc_final_vma *swap = a, *at;

	if (a > b) {
		a = b;
		b = swap;
	}
	if (a == b) {
		puts("\nboth addresses are in one VMA");
		return;
	}
	printf("\nwhy the two are not one: %td border%s between\n", b - a, b - a == 1 ? "" : "s");
	for (at = a + 1; at <= b && at - a <= MAX_BORDERS; at++) {
		write_border(inquiry, at);
		putchar('\n');
	}
	if (at <= b)
		printf("  and %td more\n", b - at + 1);
}

/* --- what a VMA is made of: mappings that merged --- */

static bool maps_into(const struct vmsc_analysis *analysis, uint64_t call, const struct vmsc_vma *vma)
{
	const struct vmsc_call_ref *ref = vmsc_analysis_call(analysis, call);
	struct vmsc_written_call written;
	unsigned int nr;

	if (ref->start >= ref->end || ref->start >= vma->end || ref->end <= vma->start ||
	    !vmsc_analysis_written_call(analysis, call, &written))
		return false;
	nr = written.record.nr;
	return (written.record.result >= 0 || written.record.result < -4095) &&
	       (nr == NR_MMAP || nr == NR_BRK || nr == NR_MREMAP);
}

/* By site, most calls first. The caller frees it. */
static struct vmsc_groups *members_of(const struct vmsc_inquiry *inquiry, const struct vmsc_vma *vma)
{
	struct vmsc_groups *groups = vmsc_groups_new();
	const struct vmsc_call_ref *ref;
	uint64_t call;

	for (call = 1; call <= inquiry->analysis.nr_calls; call++) {
		ref = &inquiry->analysis.calls[call - 1];
		if (maps_into(&inquiry->analysis, call, vma))
			vmsc_groups_add(groups,
					vmsc_site_text(&inquiry->answers,
						       vmsc_history_site(&inquiry->analysis.history, call)),
					1, ref->end - ref->start);
	}
	return groups;
}

static void write_members(const struct vmsc_inquiry *inquiry, const struct vmsc_vma *vma)
{
	struct vmsc_groups *groups = members_of(inquiry, vma);
	const struct vmsc_group *sorted = vmsc_groups_sorted(groups);
	size_t nr = vmsc_groups_nr(groups), i;
	char *size;

	if (nr)
		puts("\nwhich calls mapped memory where it is");
	for (i = 0; i < nr && i < MAX_BORDERS; i++) {
		size = vmsc_size_text(sorted[i].bytes);
		printf("%10" PRIu64 "  %9s  %s\n", sorted[i].count, size, sorted[i].name);
		free(size);
	}
	if (i < nr)
		printf("%23sand %zu more\n", "", nr - i);
	vmsc_groups_free(groups);
}

static void write_text(const struct vmsc_inquiry *inquiry, const struct vmsc_question *question)
{
	const struct vmsc_final_vma *finals[2] = {NULL, NULL};
	char *text;
	size_t i;

	for (i = 0; i < question->nr; i++) {
		finals[i] = vmsc_why_vma(&inquiry->analysis, question->addrs[i]);
		text = finals[i] ? vma_text(inquiry, finals[i]) : vmsc_format("%s", "not mapped");
		printf("0x%" PRIx64 " is %s%s\n", question->addrs[i], finals[i] ? "in " : "", text);
		free(text);
	}
	if (inquiry->unmapped_by)
		printf("as it was before call %" PRIu64 " unmapped it\n", inquiry->unmapped_by);
	else if (question->at != UINT64_MAX)
		printf("after call %" PRIu64 "\n", question->at);
	for (i = 0; i < question->nr; i++)
		write_story(inquiry, &inquiry->stories[i]);
	for (i = 0; i < question->nr; i++)
		if (finals[i])
			write_members(inquiry, &finals[i]->vma);
	if (question->nr == 1 && finals[0])
		write_neighbours(inquiry, finals[0]);
	else if (finals[0] && finals[1])
		write_between(inquiry, finals[0], finals[1]);
}

/* --- the command --- */

/* As maps prints it, with or without 0x; of a range its start. */
static bool parse_address(const char *text, uint64_t *addr)
{
	char *end;

	errno = 0;
	*addr = strtoull(text, &end, 16);
	return !errno && end != text && (!*end || *end == '-') && *text != '-' && *text != '+';
}

static int ask(const struct vmsc_question *question)
{
	struct vmsc_input input;
	struct vmsc_inquiry inquiry;
	int status = VMSC_EXIT_TROUBLE;

	if (!vmsc_input_open(&input, question->path))
		return status;
	if (inquire(&inquiry, question, &input)) {
		if (question->json)
			vmsc_why_write_json(&inquiry, question);
		else
			write_text(&inquiry, question);
		free_inquiry(&inquiry, question);
		status = vmsc_input_complain_if_damaged(&input) ? VMSC_EXIT_TROUBLE : VMSC_EXIT_GOOD;
	}
	vmsc_input_close(&input);
	return vmsc_finish_output(status);
}

static bool parse_at(const char *text, uint64_t *at)
{
	char *end;

	errno = 0;
	*at = strtoull(text, &end, 10);
	return !errno && end != text && !*end && *text >= '0' && *text <= '9';
}

int vmsc_why_main(int argc, char **argv)
{
	static const struct option options[] = {{"at", required_argument, NULL, 'a'},
						{"json", no_argument, NULL, 'j'},
						VMSC_SYMBOL_OPTIONS,
						{"help", no_argument, NULL, 'h'},
						{NULL, 0, NULL, 0}};
	struct vmsc_question question = {.at = UINT64_MAX};
	int option;

	while ((option = vmsc_next_option(argc, argv, "h", options)) != -1) {
		if (vmsc_take_symbol_option(option))
			continue;
		if (option == 'j')
			question.json = true;
		else if (!parse_at(optarg, &question.at))
			return vmsc_usage(VMSC_EXIT_TROUBLE, "--at needs the number of a call, not %s",
					  optarg);
	}
	if (argc - optind < 2 || argc - optind > 3)
		return vmsc_usage(VMSC_EXIT_TROUBLE, "needs a trace and one or two addresses");
	question.path = argv[optind++];
	for (; optind < argc; optind++)
		if (!parse_address(argv[optind], &question.addrs[question.nr++]))
			return vmsc_usage(VMSC_EXIT_TROUBLE, "%s is no address as 0x7f12345000",
					  argv[optind]);
	return ask(&question);
}
