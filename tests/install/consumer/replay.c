/* SPDX-License-Identifier: MIT */
/* Replays a trace and says what the model made of it. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <vmascope/replay.h>

static void *take(void *ctx, size_t size)
{
	(void)ctx;
	return malloc(size);
}

static void give(void *ctx, void *ptr, size_t size)
{
	(void)ctx, (void)size;
	free(ptr);
}

int main(int argc, char **argv)
{
	struct vmsc_replay_config config = {.allocator = {take, give, NULL}};
	int fd = argc == 2 ? open(argv[1], O_RDONLY) : -1;
	const struct vmsc_record *record;
	const struct vmsc_tally *tally;
	struct vmsc_replay *replay;
	struct vmsc_trace trace;
	struct stat about;
	void *data;

	if (fd < 0 || fstat(fd, &about))
		return 2;
	data = mmap(NULL, about.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	replay = vmsc_replay_new(&config);
	if (data == MAP_FAILED || !replay || vmsc_trace_open(&trace, data, about.st_size))
		return 2;
	while ((record = vmsc_trace_next(&trace)))
		if (vmsc_replay_record(replay, record))
			return 2;
	tally = vmsc_replay_tally(replay);
	printf("%llu calls, %llu mispredicted, %llu checkpoints, %llu differing\n",
	       (unsigned long long)tally->calls, (unsigned long long)tally->mispredicted,
	       (unsigned long long)tally->checkpoints, (unsigned long long)tally->differing);
	vmsc_replay_free(replay);
	return 0;
}
