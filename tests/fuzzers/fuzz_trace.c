/* SPDX-License-Identifier: MIT */
/*
 * fuzz_trace.c - any bytes as a trace: walked and replayed, the model validated after each record. First as
 * they are, then as the records of an unsealed block, since hardly a mutation gets past a checksum.
 */
#include "wrap.h"

#include "vmascope/replay.h"

struct told {
	uint64_t differences, checkpoints, calls, sum;
};

static void on_difference(void *ctx, const struct vmsc_difference *difference)
{
	struct told *told = ctx;
	const struct vmsc_seen_record *seen = difference->actual;

	told->differences++;
	REQUIRE(vmsc_difference_name(difference->kind), "a difference without a name");
	REQUIRE(difference->has_modeled || difference->has_actual, "a difference of nothing");
	for (uint32_t i = 0; seen && i < seen->length; i++)
		told->sum += ((const unsigned char *)(seen + 1))[i];
}

static void on_checkpoint(void *ctx, const struct vmsc_checkpoint *checkpoint)
{
	((struct told *)ctx)->checkpoints++;
	REQUIRE(vmsc_when_name(checkpoint->when), "a checkpoint without a name");
}

static bool is_error(int64_t result)
{
	return result < 0 && result >= -4095;
}

static void on_call(void *ctx, const struct vmsc_call *call, const struct vmsc_call_record *record,
		    const struct vmsc_outcome *outcome)
{
	struct told *told = ctx;

	REQUIRE(record && call->seq == ++told->calls, "a call out of order");
	REQUIRE(outcome->start <= outcome->end, "a reversed hull");
	REQUIRE(!outcome->wrong || !outcome->undetermined || !is_error(call->result),
		"wrong and undetermined at once");
}

static void validate(struct vmsc_replay *replay)
{
	const char *what = "";

	REQUIRE(!vmsc_mm_validate(vmsc_replay_mm(replay), &what), what);
}

static void check_tally(const struct vmsc_tally *tally, const struct told *told)
{
	uint64_t by_call = 0;

	for (int i = 0; i < VMSC_NR_SYSCALLS; i++)
		by_call += tally->by_call[i];
	REQUIRE(by_call == tally->calls && told->calls == tally->calls, "calls are counted wrongly");
	REQUIRE(tally->predicted + tally->undetermined == tally->calls,
		"a call is neither predicted nor undetermined");
	REQUIRE(tally->checkpoints <= told->checkpoints, "checkpoints are counted wrongly");
	REQUIRE(tally->outside <= told->differences, "more is outside than differs");
}

static void replay_all(struct vmsc_trace *trace, const struct vmsc_replay_config *config, struct told *told)
{
	struct fuzz_memory *memory = config->allocator.ctx;
	struct vmsc_replay *replay = vmsc_replay_new(config);
	const struct vmsc_record *record;
	const char *what;

	REQUIRE(replay || memory->failed, "no replay");
	while (replay && (record = vmsc_trace_next(trace))) {
		size_t offset = (size_t)((const unsigned char *)record - trace->data);
		int err;

		REQUIRE(!vmsc_record_check(record, trace->size - offset, &what),
			"a record that is not sound");
		err = vmsc_replay_record(replay, record);
		validate(replay);
		if (err && !memory->failed)
			fprintf(stderr, "record of type %u: %d\n", record->type, err);
		REQUIRE(!err || memory->failed, "refused for no reason");
	}
	REQUIRE(!replay || trace->problem || !trace->truncated, "it ends and nothing says why");
	if (replay)
		check_tally(vmsc_replay_tally(replay), told);
	if (replay)
		vmsc_replay_finish(replay, VMSC_ENDED_EXIT);
	vmsc_replay_free(replay);
	REQUIRE(!memory->used, "memory is not freed");
}

static void run(const void *data, size_t size, uint64_t fail_at)
{
	struct fuzz_memory memory = {.most = (1 << 20) + size * 256, .fail_at = fail_at};
	struct told told = {0};
	struct vmsc_replay_config config = {.allocator = {fuzz_alloc, fuzz_free, &memory},
					    .rules = vmsc_rules_of_release(6, 18),
					    .listener = {.difference = on_difference,
							 .checkpoint = on_checkpoint,
							 .call = on_call,
							 .ctx = &told}};
	struct vmsc_trace trace;

	if (vmsc_trace_open(&trace, data, size))
		REQUIRE(trace.problem, "refused without a word");
	else
		replay_all(&trace, &config, &told);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned char *wrapped;
	uint64_t *aligned;

	if (size > VMSC_TRACE_BLOCK_SIZE / 2)
		return 0;
	aligned = malloc(size ? size : 1);
	REQUIRE(aligned, "no memory");
	memcpy(aligned, data, size);
	run(aligned, size, 0);
	free(aligned);
	wrapped = fuzz_wrap(data, size, &size);
	run(wrapped, size, 0);
	/* And once more with an allocation that fails; which one hangs on the input's length. */
	run(wrapped, size, size / 8 % 61 + 1);
	free(wrapped);
	return 0;
}
