/* SPDX-License-Identifier: MIT */
/*
 * test_files.c - what is known of files: told, forgotten, told anew, against a plain array; and that a life
 * of files which come and go takes no more memory the longer it lasts.
 */
#include <stdlib.h>
#include <string.h>

#include "vmascope/replay.h"

#include "check.h"

#define BASE	  UINT64_C(0x580000000000)
#define PAGE	  VMSC_PAGE_SIZE
#define NR_IDS	  600
#define NR_ROUNDS 100000
#define MOST	  (400 << 10) /* bytes that the replay may have, however many files there were */
#define SHARED	  1
#define FIXED	  0x10
#define ANONYMOUS 0x20

static int64_t taken, most;

static void *get(void *ctx, size_t size)
{
	(void)ctx;
	taken += (int64_t)size;
	most = taken > most ? taken : most;
	return malloc(size);
}

static void put(void *ctx, void *memory, size_t size)
{
	(void)ctx;
	taken -= (int64_t)size;
	free(memory);
}

static const struct vmsc_allocator allocator = {get, put, NULL};

static uint64_t below(uint64_t limit)
{
	static uint64_t state = 7;

	state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (state >> 33) % limit;
}

/* Ids that collide, those at the ends of the ranges, and plain ones. */
static uint32_t id_of(unsigned int index)
{
	return index % 3 == 0 ? index * 0x10000 + 1 : index % 3 == 1 ? UINT32_MAX - index : index + 1;
}

static bool is_as_told(const struct vmsc_mm *mm, const uint64_t *inodes)
{
	for (unsigned int i = 0; i < NR_IDS; i++) {
		const struct vmsc_file *file = vmsc_mm_file(mm, id_of(i));

		if (!file != !inodes[i] || (file && file->inode != inodes[i]))
			return false;
	}
	return true;
}

static void forget_unmapped(struct vmsc_mm *mm, uint64_t *inodes)
{
	uint32_t first = id_of((unsigned int)below(NR_IDS)), last = id_of((unsigned int)below(NR_IDS));

	vmsc_mm_forget_unmapped(mm, first, last);
	for (unsigned int i = 8; i < NR_IDS; i++) /* the first have VMAs */
		if (id_of(i) >= first && id_of(i) <= last)
			inodes[i] = 0;
}

static void test_table(void)
{
	const struct vmsc_mm_config config = {.rules = vmsc_rules_of_release(6, 18)};
	struct vmsc_mm *mm = vmsc_mm_new(&allocator, &config);
	uint64_t inodes[NR_IDS] = {0};
	bool good = true;

	for (unsigned int i = 0; i < 8; i++) {
		struct vmsc_vma vma = {
			.start = BASE + 2 * i * PAGE, .end = BASE + (2 * i + 1) * PAGE, .file = id_of(i)};

		good &= !vmsc_mm_insert(mm, &vma);
	}
	for (unsigned int round = 0; good && round < 40000; round++) {
		unsigned int i = (unsigned int)below(NR_IDS);

		if (below(500) == 0) {
			forget_unmapped(mm, inodes);
		} else if (below(round / 5000 % 2 ? 3 : 2)) {
			inodes[i] = round + 1;
			good &= !vmsc_mm_set_file(mm,
						  &(struct vmsc_file){.id = id_of(i), .inode = round + 1});
		} else {
			inodes[i] = 0;
			vmsc_mm_forget_file(mm, id_of(i));
		}
		good &= round % 64 || is_as_told(mm, inodes);
	}
	CHECK(good && is_as_told(mm, inodes), "the table is what was told");
	vmsc_mm_free(mm);
	CHECK(!taken, "%lld bytes are left", (long long)taken);
}

static void call(struct vmsc_replay *replay, uint16_t nr, const uint64_t args[6], int64_t result)
{
	struct {
		struct vmsc_call_record call;
		uint64_t args[6];
	} record = {.call = {.head = {VMSC_RECORD_CALL, 0, sizeof(record)},
			     .nr = nr,
			     .nr_args = 6,
			     .result = result}};

	memcpy(record.args, args, sizeof(record.args));
	CHECK(!vmsc_replay_record(replay, &record.call.head), "a call");
}

static void map_and_unmap(struct vmsc_replay *replay, uint64_t addr)
{
	const uint64_t map[6] = {addr, PAGE, 3, SHARED | FIXED | ANONYMOUS, UINT64_MAX, 0},
		       unmap[6] = {addr, PAGE};

	call(replay, 9, map, (int64_t)addr);
	call(replay, 11, unmap, 0);
}

static void tell_file(struct vmsc_replay *replay, uint32_t id)
{
	struct vmsc_file_record file = {.head = {VMSC_RECORD_FILE, 0, sizeof(file)},
					.id = id,
					.kind = VMSC_FILE_SHMEM,
					.mode = VMSC_FILE_READ | VMSC_FILE_WRITE,
					.inode = id};
	struct vmsc_extra_record extra = {.head = {VMSC_RECORD_EXTRA, 0, sizeof(extra)}, .file = id};

	CHECK(!vmsc_replay_record(replay, &file.head) && !vmsc_replay_record(replay, &extra.head), "a file");
}

static void forget_file(struct vmsc_replay *replay, uint32_t id)
{
	struct {
		struct vmsc_forget_record forget;
		uint32_t ids[2];
	} record = {.forget = {.head = {VMSC_RECORD_FORGET, 0, sizeof(record)}, .nr = 1}, .ids = {id}};

	CHECK(!vmsc_replay_record(replay, &record.forget.head), "a file that is forgotten");
}

/* Of each round another file, which the recorder numbers and says when it is gone. */
static void numbered(struct vmsc_replay *replay, uint32_t round)
{
	tell_file(replay, round + 1);
	map_and_unmap(replay, BASE);
	forget_file(replay, round + 1);
}

/* Of each round another file that nobody numbered. */
static void unnumbered(struct vmsc_replay *replay, uint32_t round)
{
	(void)round;
	map_and_unmap(replay, BASE);
}

static void set_up_ring(struct vmsc_replay *replay, uint64_t addr)
{
	struct vmsc_extra_record extra = {.head = {VMSC_RECORD_EXTRA, 0, sizeof(extra)},
					  .size = 4 * PAGE,
					  .range_start = addr,
					  .range_end = addr + 4 * PAGE};
	const uint64_t args[6] = {128, 0x1000};

	CHECK(!vmsc_replay_record(replay, &extra.head), "a ring");
	call(replay, 206, args, 0);
}

/* Of each round a ring of io_setup(), which is a file too. */
static void rings(struct vmsc_replay *replay, uint32_t round)
{
	const uint64_t args[6] = {BASE};

	(void)round;
	set_up_ring(replay, BASE);
	call(replay, 207, args, 0);
}

/* Each round shows another file in maps, which the model takes over. */
static void seen(struct vmsc_replay *replay, uint32_t round)
{
	struct vmsc_snapshot_record begin = {.head = {VMSC_RECORD_SNAPSHOT, 0, sizeof(begin)},
					     .when = VMSC_WHEN_CALL,
					     .flags_known = 1,
					     .start = BASE,
					     .end = BASE + 16 * PAGE};
	struct vmsc_seen_record one = {.head = {VMSC_RECORD_SEEN, 0, sizeof(one)},
				       .start = BASE,
				       .end = BASE + PAGE,
				       .inode = round + 1,
				       .vm_flags = VMSC_VM(READ) | VMSC_VM(MAYREAD)};
	struct vmsc_snapshot_end_record end = {.head = {VMSC_RECORD_SNAPSHOT_END, 0, sizeof(end)}, .nr = 1};

	begin.when = round ? VMSC_WHEN_CALL : VMSC_WHEN_ATTACH;
	CHECK(!vmsc_replay_record(replay, &begin.head) && !vmsc_replay_record(replay, &one.head) &&
		      !vmsc_replay_record(replay, &end.head),
	      "what maps show");
}

static const struct {
	const char *name;
	void (*round)(struct vmsc_replay *replay, uint32_t round);
} lives[] = {
	{"files that are told and forgotten", numbered},
	{"files that the model numbers", unnumbered},
	{"rings", rings},
	{"files seen in maps", seen},
};

static void test_life(size_t row)
{
	const struct vmsc_replay_config config = {.allocator = allocator,
						  .rules = vmsc_rules_of_release(6, 18)};
	struct vmsc_replay *replay;

	most = 0;
	replay = vmsc_replay_new(&config);
	for (uint32_t round = 0; round < NR_ROUNDS; round++)
		lives[row].round(replay, round);
	CHECK(most < MOST, "%s: %lld bytes for %d", lives[row].name, (long long)most, NR_ROUNDS);
	vmsc_replay_free(replay);
	CHECK(!taken, "%s: %lld bytes are left", lives[row].name, (long long)taken);
}

/* io_destroy() takes what lies in the place of a ring that the program unmapped, however many files came
 * between. */
static void test_ring_without_vma(void)
{
	const struct vmsc_replay_config config = {.allocator = allocator,
						  .rules = vmsc_rules_of_release(6, 18)};
	struct vmsc_replay *replay = vmsc_replay_new(&config);
	const uint64_t unmap[6] = {BASE, 4 * PAGE}, destroy[6] = {BASE},
		       map[6] = {BASE, 4 * PAGE, 3, SHARED | FIXED | ANONYMOUS, UINT64_MAX};

	set_up_ring(replay, BASE);
	call(replay, 11, unmap, 0);
	for (int i = 0; i < 1000; i++)
		map_and_unmap(replay, BASE + 8 * PAGE);
	call(replay, 9, map, BASE);
	call(replay, 207, destroy, 0);
	CHECK(!vmsc_mm_map_count(vmsc_replay_mm(replay)), "the ring's context was forgotten");
	vmsc_replay_free(replay);
}

int main(void)
{
	test_table();
	test_ring_without_vma();
	for (size_t i = 0; i < sizeof(lives) / sizeof(lives[0]); i++)
		test_life(i);
	return check_result("files");
}
