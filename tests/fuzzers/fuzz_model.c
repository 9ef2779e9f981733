/* SPDX-License-Identifier: MIT */
/*
 * fuzz_model.c - bytes as a sequence of calls, faults, forks and whatever else can be done to a model: it
 * stays valid, and where memory ran out the address space is as it was.
 */
#include "fuzz.h"

#include <errno.h>

#include "vmascope/model.h"

#define BASE	UINT64_C(0x580000000000)
#define OPS_MAX 300

/* For a person who looks for the reason of a find. */
#define SAY(...)                                                                                             \
	do {                                                                                                 \
		if (getenv("FUZZ_SAY"))                                                                      \
			fprintf(stderr, __VA_ARGS__);                                                        \
	} while (0)

struct bytes {
	const uint8_t *at, *end;
};

struct world {
	struct vmsc_mm *mm;
	struct fuzz_memory memory;
	uint64_t seq;
	int64_t last; /* the last call's predicted result */
	bool implies; /* by personality(): what can be read can be executed */
};

static uint8_t take(struct bytes *bytes)
{
	return bytes->at < bytes->end ? *bytes->at++ : 0;
}

static uint64_t take_number(struct bytes *bytes, int size)
{
	uint64_t number = 0;

	while (size--)
		number = number << 8 | take(bytes);
	return number;
}

/* Mostly pages near each other, so that calls meet; now and then anything. */
static uint64_t take_addr(struct bytes *bytes)
{
	uint8_t kind = take(bytes);

	switch (kind >> 5) {
	case 6:
		return BASE + (uint64_t)(kind & 31) * VMSC_PMD_SIZE + take_number(bytes, 2);
	case 7:
		return kind & 1 ? take_number(bytes, 8) : take_number(bytes, 6) & ~(VMSC_PAGE_SIZE - 1);
	default:
		return BASE + (uint64_t)(kind % 96) * VMSC_PAGE_SIZE;
	}
}

static uint64_t take_length(struct bytes *bytes)
{
	uint8_t kind = take(bytes);

	if (kind < 224)
		return (uint64_t)(kind % 40) * VMSC_PAGE_SIZE;
	if (kind < 240)
		return (uint64_t)(kind & 15) * VMSC_PMD_SIZE;
	return take_number(bytes, kind & 7);
}

static uint64_t take_value(struct world *world, struct bytes *bytes)
{
	uint8_t kind = take(bytes);

	switch (kind >> 5) {
	case 0:
	case 1:
		return kind; /* flags and other small numbers */
	case 2:
		return take_addr(bytes);
	case 3:
		return take_length(bytes);
	case 4:
		return take_number(bytes, 2);
	case 5:
		return take_number(bytes, 4);
	case 6:
		return (uint64_t)world->last;
	default:
		return kind & 1 ? UINT64_MAX : take_number(bytes, 8);
	}
}

/* A number that changes with every VMA. */
static uint64_t hash_of(const struct vmsc_mm *mm)
{
	struct vmsc_vma vma;
	uint64_t hash = vmsc_mm_map_count(mm), addr = 0;

	memset(&vma, 0, sizeof(vma));
	for (; vmsc_mm_find(mm, addr, &vma); addr = vma.end) {
		const uint64_t words[] = {vma.start,
					  vma.end,
					  vma.vm_flags,
					  vma.pgoff,
					  vma.born,
					  vma.file,
					  (uint64_t)vma.anon_vma << 32 | vma.traits,
					  vma.policy,
					  (uint64_t)vma.uffd << 32 | vma.name};

		for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
			hash = (hash ^ words[i]) * UINT64_C(0x9e3779b97f4a7c15) + (hash >> 31);
		REQUIRE(addr <= vma.start && vma.start < vma.end, "VMAs are found out of order");
	}
	return hash;
}

/* The arguments as each call has them; what stands nowhere here takes any. */
static void take_args(struct world *world, struct bytes *bytes, struct vmsc_call *call)
{
	static const uint32_t map_flags[] = {0x22,  0x32,  0x21,   0x31,   0x02, 0x12, 0x01,	 0x11,
					     0x122, 0x132, 0x2022, 0x4032, 0x28, 0x62, 0x100022, 0x20022};
	uint64_t *args = call->args;
	uint8_t flags;

	for (int i = 0; i < 6; i++)
		args[i] = i == 0 ? take_addr(bytes) : i == 1 ? take_length(bytes) : 0;
	switch (call->nr) {
	case 9: /* mmap */
		args[2] = take(bytes) & 15;
		flags = take(bytes);
		args[3] = flags < 240 ? map_flags[flags % 16] : take_number(bytes, 4);
		args[4] = args[3] & 0x20 ? UINT64_MAX : 3;
		args[5] = (uint64_t)(take(bytes) % 8) * VMSC_PAGE_SIZE;
		call->file = args[3] & 0x20 ? 0 : take(bytes) % 8;
		break;
	case 25: /* mremap */
		args[2] = take_length(bytes);
		args[3] = take(bytes) % 9;
		args[4] = take_addr(bytes);
		break;
	case 16: /* ioctl */
		args[1] = take(bytes) & 1 ? 0xc020aa00 : 0x8010aa01;
		call->range_start = take_addr(bytes);
		call->range_end = call->range_start + take_length(bytes);
		call->uffd = take(bytes) % 4;
		call->mode = take(bytes) % 8;
		break;
	case 30: /* shmat */
		args[1] = args[0];
		args[2] = take_number(bytes, 2);
		call->file = take(bytes) % 8;
		call->size = take_length(bytes);
		break;
	case 157: /* prctl */
		args[2] = args[0];
		args[3] = args[1];
		flags = take(bytes);
		args[0] = flags & 1 ? 0x53564d41 : flags & 2 ? 67 : 65;
		args[1] = flags >> 2 & 1;
		args[4] = call->name = flags >> 3 & 3;
		break;
	case 206: /* io_setup */
		call->size = take_length(bytes);
		call->range_start = take_addr(bytes);
		call->range_end = call->range_start + call->size;
		break;
	default:
		for (int i = 2; i < 6; i++)
			args[i] = take(bytes) < 128 ? take(bytes) % 32u : take_value(world, bytes);
		call->policy = take(bytes) % 4;
	}
	if (take(bytes) > 250)
		args[take(bytes) % 6] = take_value(world, bytes);
}

static const uint16_t calls[] = {9,   9,   9,	10,  10, 11, 11, 12,  25,  25,	28,  28,  149, 150, 151, 152,
				 325, 237, 157, 462, 16, 30, 67, 216, 329, 206, 207, 450, 453, 3,   56,	 57};

static bool is_error(int64_t result)
{
	return result < 0 && result >= -4095;
}

/* The kernel refused what the rules allow, and not for want of memory: nothing happened. */
static void check_refused(const struct world *world, const struct vmsc_call *call,
			  const struct vmsc_outcome *out, uint64_t before)
{
	if (!call->has_result || !is_error(call->result) || is_error(out->predicted))
		return;
	if (call->result == -ENOMEM || call->result == -EAGAIN || call->nr == 12)
		return;
	/* Older kernels unmap what lies there before they ask the file. */
	if ((call->nr == 9 && call->file) || call->nr == 30)
		return;
	REQUIRE(before == hash_of(world->mm), "a refused call changed something");
}

static bool are_permissions(const struct world *world, uint64_t vm_flags, uint64_t prot)
{
	uint64_t has = vm_flags & 7, asked = prot & 7;

	return has == asked || (world->implies && asked & 1 && has == (asked | 4));
}

/* What the kernel did, and the rules do not contradict, has been done. */
static void check_done(const struct world *world, const struct vmsc_call *call,
		       const struct vmsc_outcome *out)
{
	uint64_t start = call->args[0], end = start + ((call->args[1] + 4095) & ~UINT64_C(4095));
	bool fixed = call->args[3] & 0x100010;
	bool maps = call->nr == 9 && !(call->result & 4095) && (!fixed || call->result == (int64_t)start);
	struct vmsc_vma vma;

	if (!call->has_result || is_error(call->result) || out->wrong ||
	    (call->nr != 11 && call->nr != 10 && !maps))
		return;
	if (maps) {
		end = (uint64_t)call->result + (end - start);
		start = (uint64_t)call->result;
	}
	if ((start & 4095) || start >= end || end > vmsc_mm_config(world->mm)->layout.task_size)
		return;
	if (call->nr == 11) {
		REQUIRE(!vmsc_mm_find(world->mm, start, &vma) || vma.start >= end, "unmapped, and there");
		return;
	}
	for (uint64_t at = start; at < end; at = vma.end) {
		if (!vmsc_mm_find(world->mm, at, &vma) || vma.start > at) {
			REQUIRE(!maps, "mapped, and not there");
			return;
		}
		REQUIRE(maps || are_permissions(world, vma.vm_flags, call->args[2]), "other permissions");
	}
}

static void do_call(struct world *world, struct bytes *bytes)
{
	struct vmsc_call call = {.seq = ++world->seq};
	struct vmsc_outcome out;
	struct vmsc_range asks[8];
	uint8_t kind = take(bytes), how;
	uint64_t before;
	size_t nr;
	int err;

	call.nr = kind < 250 ? calls[kind % 32] : (uint16_t)take_number(bytes, 2);
	take_args(world, bytes, &call);
	how = take(bytes);
	call.has_result = how & 1;
	if (how & 1)
		call.result = how & 2 ? -(int64_t)(how >> 2) : (int64_t)take_value(world, bytes);
	SAY("call %u (%#llx, %#llx, %#llx, %#llx, %#llx, %#llx)", call.nr, (long long)call.args[0],
	    (long long)call.args[1], (long long)call.args[2], (long long)call.args[3],
	    (long long)call.args[4], (long long)call.args[5]);
	SAY(" file %u, size %#llx, range %#llx-%#llx, result %d %#llx\n", call.file, (long long)call.size,
	    (long long)call.range_start, (long long)call.range_end, call.has_result, (long long)call.result);
	nr = vmsc_mm_asks(world->mm, &call, asks, 8);
	for (size_t i = 0; i < nr && i < 8; i++)
		REQUIRE(asks[i].start < asks[i].end, "an empty range is asked for");
	world->implies |= call.nr == 135 && call.args[0] & 0x400000; /* READ_IMPLIES_EXEC */
	before = hash_of(world->mm);
	err = vmsc_mm_step(world->mm, &call, &out);
	if (err) {
		REQUIRE(err == -ENOMEM && world->memory.failed, "refused for no reason");
		REQUIRE(before == hash_of(world->mm), "a step without memory changed something");
		return;
	}
	REQUIRE(out.start <= out.end, "a reversed hull");
	check_refused(world, &call, &out, before);
	check_done(world, &call, &out);
	world->last = out.predicted;
}

/* What a VMA of a snapshot or of a parent can be. */
static struct vmsc_vma take_vma(struct bytes *bytes)
{
	struct vmsc_vma vma = {.start = take_addr(bytes)};

	vma.end = vma.start + take_length(bytes);
	vma.vm_flags = 0x70 | (take(bytes) & 0x8f);
	if (take(bytes) > 128)
		vma.vm_flags |= UINT64_C(1) << take(bytes) % 44;
	if (vma.vm_flags & VMSC_VM(SHARED))
		vma.vm_flags |= VMSC_VM(MAYSHARE);
	vma.pgoff = take(bytes) & 1 ? vma.start >> VMSC_PAGE_SHIFT : take(bytes);
	vma.file = take(bytes) % 8;
	vma.anon_vma = vma.vm_flags & VMSC_VM(SHARED) ? 0 : take(bytes) % 4;
	vma.policy = take(bytes) % 3;
	vma.traits = take(bytes) & 0x7e;
	if (vma.anon_vma)
		vma.traits |= take(bytes) & 1;
	return vma;
}

static void do_adopt(struct world *world, struct bytes *bytes)
{
	struct vmsc_vma vmas[4];
	uint64_t start = take_addr(bytes), end = start + take_length(bytes);
	size_t nr = take(bytes) % 5;
	int err;

	for (size_t i = 0; i < nr; i++)
		vmas[i] = take_vma(bytes);
	err = vmsc_mm_adopt(world->mm, start, end, vmas, nr);
	REQUIRE(err != -ENOMEM || world->memory.failed, "refused for no reason");
}

static void do_file(struct world *world, struct bytes *bytes)
{
	struct vmsc_file file = {.id = take(bytes) % 8,
				 .kind = take(bytes) % 7u,
				 .mode = take(bytes) & 127,
				 .inode = take(bytes) % 4,
				 .learned_flags = take_number(bytes, 4),
				 .huge_page_size = take(bytes) & 1 ? take_number(bytes, 4) : VMSC_PMD_SIZE};
	int err = vmsc_mm_set_file(world->mm, &file);

	REQUIRE(!err || (err == -EINVAL && !file.id) || (err == -ENOMEM && world->memory.failed),
		"a file is refused for no reason");
}

static void do_config(struct world *world, struct bytes *bytes)
{
	struct vmsc_mm_config *config = vmsc_mm_config(world->mm);
	uint8_t what = take(bytes);

	if (what & 1)
		config->limits.max_map_count = take(bytes);
	if (what & 2)
		config->limits.as = take_number(bytes, 4);
	if (what & 4)
		config->limits.memlock = take_number(bytes, 3);
	if (what & 8)
		config->limits.ipc_lock = take(bytes) & 1;
	if (what & 16)
		config->layout.mmap_base = take_addr(bytes) & ~(VMSC_PAGE_SIZE - 1);
	if (what & 32)
		config->layout.legacy = take(bytes) & 1;
	if (what & 64)
		config->layout.brk = config->layout.start_brk = take_addr(bytes);
	if (what & 128)
		config->layout.task_size = take_number(bytes, 8) & ~(VMSC_PAGE_SIZE - 1);
}

static void do_other(struct world *world, struct bytes *bytes, uint8_t what)
{
	struct vmsc_vma vma, next;
	uint64_t addr, bits;
	int err = 0;

	SAY("other %u\n", what);
	switch (what) {
	case 0:
		vma = take_vma(bytes);
		err = vmsc_mm_insert(world->mm, &vma);
		break;
	case 1:
		addr = take_addr(bytes);
		err = vmsc_mm_grow_stack(world->mm, addr, take_addr(bytes));
		break;
	case 2:
		do_adopt(world, bytes);
		break;
	case 3:
		do_file(world, bytes);
		break;
	case 4:
		do_config(world, bytes);
		break;
	case 5:
		err = vmsc_mm_fork(world->mm);
		break;
	case 6:
		vma = take_vma(bytes);
		next = take_vma(bytes);
		REQUIRE(vmsc_refusal_name(vmsc_mm_why_apart(world->mm, &vma, &next, &bits)), "no reason");
		break;
	default:
		err = vmsc_mm_fault(world->mm, take_addr(bytes));
	}
	REQUIRE(err != -ENOMEM || world->memory.failed, "refused for no reason");
}

static void begin(struct world *world, struct bytes *bytes)
{
	static const unsigned char minors[] = {1, 6, 12, 18, 19, 0, 13, 15};
	uint8_t about = take(bytes);
	const struct vmsc_allocator allocator = {fuzz_alloc, fuzz_free, &world->memory};
	struct vmsc_mm_config config = {
		.rules = vmsc_rules_of_release(about % 8 == 5 ? 7 : 6, minors[about % 8]),
		.limits = {.max_map_count = about & 8 ? 8 : 65530,
			   .as = UINT64_MAX,
			   .data = UINT64_MAX,
			   .stack = 8 << 20,
			   .memlock = about & 16 ? 8 * VMSC_PAGE_SIZE : UINT64_MAX,
			   .mmap_min_addr = 65536,
			   .stack_guard_gap = 256 * VMSC_PAGE_SIZE},
		.layout = {.task_size = (UINT64_C(1) << 47) - VMSC_PAGE_SIZE,
			   .mmap_base = BASE + (UINT64_C(1) << 30),
			   .legacy_base = BASE,
			   .start_brk = BASE,
			   .brk = BASE},
	};

	memset(world, 0, sizeof(*world));
	world->memory.most = 4 << 20;
	if (about & 32)
		config.rules |= VMSC_RULE_BIT(VMSC_RULE_ANON_VMA_NAME) | VMSC_RULE_BIT(VMSC_RULE_PKEYS);
	world->mm = vmsc_mm_new(&allocator, &config);
	REQUIRE(world->mm, "no mm");
	if (about & 64)
		world->memory.fail_at = world->memory.allocations + 1 + take(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes bytes = {data, data + size};
	struct world world;
	const char *what = "";

	begin(&world, &bytes);
	for (int ops = 0; bytes.at < bytes.end && ops < OPS_MAX; ops++) {
		uint8_t kind = take(&bytes);

		if (kind < 176)
			do_call(&world, &bytes);
		else
			do_other(&world, &bytes, kind % 10);
		REQUIRE(!vmsc_mm_validate(world.mm, &what), what);
	}
	hash_of(world.mm);
	vmsc_mm_exit(world.mm);
	REQUIRE(!vmsc_mm_validate(world.mm, &what), what);
	vmsc_mm_free(world.mm);
	REQUIRE(!world.memory.used, "memory is not freed");
	return 0;
}
