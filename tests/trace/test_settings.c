/* SPDX-License-Identifier: MIT */
/*
 * test_settings.c - what a trace says beside VMAs and calls: rules, layout, files by their names in maps,
 * counts; and a trace with more files and VMAs than fit into the first pieces of memory.
 */
#include <stdlib.h>
#include <string.h>

#include "vmascope/replay.h"

#include "check.h"
#include "heap.h"

#define BASE	   UINT64_C(0x580000000000)
#define MAY	   (VMSC_VM(MAYREAD) | VMSC_VM(MAYWRITE) | VMSC_VM(MAYEXEC))
#define NR_MANY	   3000
#define NR_FILES   500
#define RULE(name) VMSC_RULE_BIT(VMSC_RULE_##name)

static uint64_t merges, unmaps, differences;

static void on_merge(void *ctx, const struct vmsc_merge_note *note)
{
	(void)ctx;
	(void)note;
	merges++;
}

static void on_unmap(void *ctx, const struct vmsc_unmap_note *note)
{
	(void)ctx;
	(void)note;
	unmaps++;
}

static void on_difference(void *ctx, const struct vmsc_difference *difference)
{
	(void)ctx;
	(void)difference;
	differences++;
}

static struct vmsc_replay *new_replay(vmsc_rules_t rules, bool given)
{
	const struct vmsc_replay_config config = {
		.allocator = vmsc_heap,
		.rules = rules,
		.rules_given = given,
		.listener = {.merge = on_merge, .unmap = on_unmap, .difference = on_difference}};

	merges = unmaps = differences = 0;
	return vmsc_replay_new(&config);
}

static void feed(struct vmsc_replay *replay, const void *fixed, size_t size, const void *tail, size_t length)
{
	struct vmsc_record *record = calloc(1, vmsc_record_size(size, length));
	const char *what = "";

	memcpy(record, fixed, size);
	if (length)
		memcpy((char *)record + size, tail, length);
	record->size = (uint32_t)vmsc_record_size(size, length);
	CHECK(!vmsc_record_check(record, record->size, &what), "a record of the test: %s", what);
	CHECK(!vmsc_replay_record(replay, record), "record of type %u", record->type);
	CHECK(!vmsc_mm_validate(vmsc_replay_mm(replay), &what), "after type %u: %s", record->type, what);
	free(record);
}

static void feed_string(struct vmsc_replay *replay, enum vmsc_string what, const char *text)
{
	struct vmsc_string_record record = {
		.head.type = VMSC_RECORD_STRING, .what = what, .length = (uint32_t)strlen(text)};

	feed(replay, &record, sizeof(record), text, strlen(text));
}

static const struct {
	const char *name, *text;
	vmsc_rules_t rules;
	size_t unknown;
} names[] = {
	{"nothing", "", 0, 0},
	{"blanks", "   ", 0, 0},
	{"one", "mseal", RULE(MSEAL), 0},
	{"two, and blanks", "  mseal   mdwe ", RULE(MSEAL) | RULE(MDWE), 0},
	{"twice", "mseal mseal", RULE(MSEAL), 0},
	{"the one that another begins with", "mseal-in-loop", RULE(MSEAL_IN_LOOP), 0},
	{"unknown ones", "mseal msea mseal- Mseal", RULE(MSEAL), 3},
	{"all in one word", "mseal,mdwe", 0, 1},
};

static void test_names(void)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		size_t unknown = 99;
		vmsc_rules_t rules = vmsc_rules_of_names(names[i].text, strlen(names[i].text), &unknown);

		CHECK(rules == names[i].rules && unknown == names[i].unknown, "rules, %s: %llx, %zu unknown",
		      names[i].name, (unsigned long long)rules, unknown);
	}
	for (unsigned int rule = 0; rule < VMSC_NR_RULES; rule++) {
		const char *name = vmsc_rule_name(rule);
		size_t unknown;

		CHECK(vmsc_rules_of_names(name, strlen(name), &unknown) == VMSC_RULE_BIT(rule) && !unknown,
		      "rule %s", name);
	}
}

/* Which rules are in force after these strings? R: rules "mseal", 6: release 6.1, 7: 7.0, x: no release at
 * all. */
static const struct {
	const char *name, *strings;
	bool given;
	vmsc_rules_t want; /* 0: those of release */
	unsigned int major, minor;
} orders[] = {
	{"none: what the caller supposes", "", false, 0, 6, 12},
	{"the release", "6", false, 0, 6, 1},
	{"the latest release", "67", false, 0, 7, 0},
	{"names", "R", false, RULE(MSEAL), 0, 0},
	{"names, then the release", "R6", false, RULE(MSEAL), 0, 0},
	{"the release, then names", "6R", false, RULE(MSEAL), 0, 0},
	{"what is no release", "x", false, 0, 6, 12},
	{"given: the trace is not asked", "6R7", true, 0, 6, 12},
};

static void test_orders(void)
{
	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		struct vmsc_replay *replay = new_replay(vmsc_rules_of_release(6, 12), orders[i].given);
		vmsc_rules_t want = orders[i].want, rules;

		for (const char *at = orders[i].strings; *at; at++) {
			if (*at == 'R')
				feed_string(replay, VMSC_STRING_RULES, "mseal not-a-rule");
			else
				feed_string(
					replay, VMSC_STRING_RELEASE,
					*at == '6' ? "6.1.0-18-amd64"
					: *at == '7'
						? "7.0"
						: "a kernel of more than sixty-four letters in its name, and "
						  "of no numbers");
		}
		if (!want)
			want = vmsc_rules_of_release(orders[i].major, orders[i].minor);
		rules = vmsc_mm_config(vmsc_replay_mm(replay))->rules;
		CHECK(rules == want, "rules by strings, %s: %llx", orders[i].name, (unsigned long long)rules);
		vmsc_replay_free(replay);
	}
}

static void feed_layout(struct vmsc_replay *replay, uint64_t mmap_base)
{
	struct vmsc_layout_record layout = {.head.type = VMSC_RECORD_LAYOUT,
					    .task_size = (UINT64_C(1) << 47) - 1,
					    .mmap_base = mmap_base,
					    .legacy_base = 0x2aaaaaaab001};

	feed(replay, &layout, sizeof(layout), NULL, 0);
}

static void feed_mmap(struct vmsc_replay *replay, int64_t result)
{
	const uint64_t args[] = {0, 8192, 3, 0x22, UINT64_MAX};
	struct vmsc_call_record call = {
		.head.type = VMSC_RECORD_CALL, .nr = 9, .nr_args = 5, .result = result};

	feed(replay, &call, sizeof(call), args, sizeof(args));
}

/* Addresses are predicted from the layout; one that is no page's is taken for the page's. */
static void test_layout(void)
{
	static const struct {
		uint64_t mmap_base, result, predicted;
	} rows[] = {
		{BASE, BASE - 8192, 1},
		{BASE + 1, BASE - 8192, 1},
		{BASE, BASE - 65536, 0},
		{0, BASE, 0},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct vmsc_replay *replay = new_replay(vmsc_rules_of_release(6, 18), false);
		const struct vmsc_tally *tally = vmsc_replay_tally(replay);
		struct vmsc_end_record end = {.head.type = VMSC_RECORD_END, .lost = 7};

		feed_layout(replay, rows[i].mmap_base);
		feed_mmap(replay, (int64_t)rows[i].result);
		feed_mmap(replay, -12);
		feed(replay, &end, sizeof(end), NULL, 0);
		CHECK(tally->addresses_asked == 1 && tally->addresses_predicted == rows[i].predicted,
		      "layout %zu: %d of %d predicted", i, (int)tally->addresses_predicted,
		      (int)tally->addresses_asked);
		CHECK(tally->calls == 2 && tally->failed == 1 && tally->by_call[9] == 2 && tally->lost == 7,
		      "layout %zu: counts", i);
		CHECK(tally->peak == 1 && tally->peak_call == 1, "layout %zu: peak", i);
		vmsc_replay_finish(replay, VMSC_ENDED_SIGNAL);
		CHECK(!tally->has_exit, "layout %zu: ended by a signal, no exit_mmap is told", i);
		vmsc_replay_finish(replay, VMSC_ENDED_EXIT);
		CHECK(tally->has_exit && tally->exit_mmap.vmas == 1 && unmaps == 1, "layout %zu: exit_mmap",
		      i);
		vmsc_replay_free(replay);
	}
}

/* A contradiction is the rules' fault, unless the call's place among other threads' is not certain. */
static void test_order(void)
{
	static const struct {
		const char *name;
		uint16_t flags;
		int64_t result; /* of munmap at an address that is no page's */
		uint64_t mispredicted, undetermined;
	} rows[] = {
		{"as the rules say", 0, -22, 0, 0},
		{"against the rules", 0, 0, 1, 0},
		{"unordered, as the rules say", VMSC_CALL_UNORDERED, -22, 0, 0},
		{"unordered, against them", VMSC_CALL_UNORDERED, 0, 0, 1},
		{"raced, as the rules say", VMSC_CALL_RACED, -22, 0, 1},
		{"raced, against them", VMSC_CALL_RACED, 0, 0, 1},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct vmsc_replay *replay = new_replay(vmsc_rules_of_release(6, 18), false);
		const struct vmsc_tally *tally = vmsc_replay_tally(replay);
		const uint64_t args[] = {1, 4096};
		struct vmsc_call_record call = {.head.type = VMSC_RECORD_CALL,
						.head.flags = rows[i].flags,
						.nr = 11,
						.nr_args = 2,
						.result = rows[i].result};

		feed(replay, &call, sizeof(call), args, sizeof(args));
		CHECK(tally->mispredicted == rows[i].mispredicted &&
			      tally->undetermined == rows[i].undetermined &&
			      tally->predicted == 1 - rows[i].undetermined &&
			      tally->unordered == (rows[i].flags == VMSC_CALL_UNORDERED),
		      "order, %s", rows[i].name);
		vmsc_replay_free(replay);
	}
}

static void feed_snapshot(struct vmsc_replay *replay, enum vmsc_when when,
			  const struct vmsc_seen_record *seen, const char *const *labels, size_t nr)
{
	struct vmsc_snapshot_record begin = {
		.head.type = VMSC_RECORD_SNAPSHOT, .when = when, .flags_known = 1, .end = UINT64_MAX};
	struct vmsc_snapshot_end_record end = {.head.type = VMSC_RECORD_SNAPSHOT_END, .nr = nr};

	feed(replay, &begin, sizeof(begin), NULL, 0);
	for (size_t i = 0; i < nr; i++) {
		struct vmsc_seen_record record = seen[i];

		record.head.type = VMSC_RECORD_SEEN;
		record.length = labels ? (uint32_t)strlen(labels[i]) : 0;
		feed(replay, &record, sizeof(record), labels ? labels[i] : NULL, record.length);
	}
	feed(replay, &end, sizeof(end), NULL, 0);
}

/* What kind of file is behind a VMA, by its name in maps? */
static void test_kinds(void)
{
	static const struct {
		const char *name;
		bool shared;
		enum vmsc_file_kind kind;
	} rows[] = {
		{"/memfd:x (deleted)", false, VMSC_FILE_SHMEM},
		{"/SYSV00000000 (deleted)", true, VMSC_FILE_SHMEM},
		{"/dev/shm/x", false, VMSC_FILE_SHMEM},
		{"/dev/zero (deleted)", true, VMSC_FILE_SHMEM},
		{"/dev/zero", false, VMSC_FILE_DEV_ZERO},
		{"/dev/zero2", false, VMSC_FILE_OTHER},
		{"/usr/lib/libc.so.6", false, VMSC_FILE_OTHER},
		{"/dev", false, VMSC_FILE_OTHER},
		{"", false, VMSC_FILE_OTHER},
	};
	struct vmsc_replay *replay = new_replay(vmsc_rules_of_release(6, 18), false);
	struct vmsc_seen_record seen[sizeof(rows) / sizeof(rows[0])];
	const char *labels[sizeof(rows) / sizeof(rows[0])];
	size_t nr = sizeof(rows) / sizeof(rows[0]);
	struct vmsc_vma vma;

	memset(seen, 0, sizeof(seen));
	for (size_t i = 0; i < nr; i++) {
		seen[i].start = BASE + 2 * i * VMSC_PAGE_SIZE;
		seen[i].end = seen[i].start + VMSC_PAGE_SIZE;
		seen[i].inode = i + 1;
		seen[i].dev_minor = 1;
		seen[i].vm_flags = MAY | VMSC_VM(READ) | (rows[i].shared ? VMSC_VM(MAYSHARE) : 0);
		labels[i] = rows[i].name;
	}
	feed_snapshot(replay, VMSC_WHEN_ATTACH, seen, labels, nr);
	for (size_t i = 0; i < nr; i++) {
		const struct vmsc_file *file = NULL;

		if (vmsc_mm_find(vmsc_replay_mm(replay), seen[i].start, &vma))
			file = vmsc_mm_file(vmsc_replay_mm(replay), vma.file);
		CHECK(file && file->kind == (uint32_t)rows[i].kind && file->inode == i + 1,
		      "\"%s\" is of kind %u", rows[i].name, file ? file->kind : 99);
	}
	vmsc_replay_free(replay);
}

/* More VMAs and files than fit at first; the same file is the same again. */
static void test_many(void)
{
	struct vmsc_replay *replay = new_replay(vmsc_rules_of_release(6, 18), false);
	struct vmsc_seen_record *seen = calloc(NR_MANY, sizeof(*seen));
	struct vmsc_vma first, again;

	for (size_t i = 0; i < NR_MANY; i++) {
		seen[i].start = BASE + 2 * i * VMSC_PAGE_SIZE;
		seen[i].end = seen[i].start + VMSC_PAGE_SIZE;
		seen[i].inode = i % NR_FILES + 1;
		seen[i].dev_major = (uint32_t)(i % 3);
		seen[i].vm_flags = MAY | VMSC_VM(READ);
	}
	feed_snapshot(replay, VMSC_WHEN_ATTACH, seen, NULL, NR_MANY);
	feed_snapshot(replay, VMSC_WHEN_EXIT, seen, NULL, NR_MANY);
	CHECK(!differences && vmsc_mm_map_count(vmsc_replay_mm(replay)) == NR_MANY, "many: %d differences",
	      (int)differences);
	CHECK(vmsc_replay_tally(replay)->peak == NR_MANY, "many: peak %d",
	      (int)vmsc_replay_tally(replay)->peak);
	for (size_t i = 0; i + 3 * NR_FILES < NR_MANY; i++) {
		CHECK(vmsc_mm_find(vmsc_replay_mm(replay), seen[i].start, &first) &&
			      vmsc_mm_find(vmsc_replay_mm(replay), seen[i + 3 * NR_FILES].start, &again) &&
			      first.file == again.file,
		      "many: VMA %zu", i);
		CHECK(vmsc_mm_find(vmsc_replay_mm(replay), seen[i + NR_FILES].start, &again) &&
			      first.file != again.file,
		      "many: VMA %zu, another device", i);
	}
	feed_snapshot(replay, VMSC_WHEN_EXIT, seen, NULL, 1);
	CHECK(differences == NR_MANY - 1, "many, all but one gone: %d differences", (int)differences);
	feed_snapshot(replay, VMSC_WHEN_EXIT, seen, NULL, NR_MANY);
	CHECK(differences == 2 * (NR_MANY - 1), "many, come back: %d differences", (int)differences);
	free(seen);
	vmsc_replay_free(replay);
}

int main(void)
{
	test_names();
	test_orders();
	test_layout();
	test_order();
	test_kinds();
	test_many();
	vmsc_replay_free(NULL);
	CHECK(!strcmp(vmsc_difference_name(0), "missing") && !strcmp(vmsc_difference_name(99), "unknown"),
	      "names of differences");
	return check_result("settings");
}
